"""Packets as the two meters send them, built field by field: the tests' own idea of the wire."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

MEASUREMENT, ZERO, INVALID, REFERENCE = 0x00, 0x10, 0x20, 0x30
SLOT_BYTES = 64

# Codes that make the HVPM's default scales round: 0.25 mA a coarse code, 1 uA a fine code.
HVPM_ZERO, HVPM_REFERENCE = (1000, 1000), (26600, 37500)
# And the LVPM's: 0.2 mA a coarse code, 2 uA a fine code.
LVPM_ZERO, LVPM_REFERENCE = (100, 100), (16700, 14500)


def hvpm_row(coarse: int, fine: int, main_v: float = 4.2, usb_v: float = 5.0, kind: int = MEASUREMENT) -> bytes:
    """18 bytes of one sample."""
    codes = (coarse, fine, 1050, 1150, 1000, 1020, round(main_v / 250e-6), round(usb_v / 125e-6))
    return struct.pack(">8HBB", *codes, 0, kind)


def hvpm_packet(rows: Sequence[bytes], counter: int, dropped: int = 0, flags: int = 0x20) -> bytes:
    """One bulk transfer: 22, 40 or 58 bytes."""
    return struct.pack("<HBB", dropped & 0xFFFF, flags | counter & 15, len(rows)) + b"".join(rows)


def slots(packets: Iterable[bytes]) -> bytes:
    """Packets as the reader keeps them."""
    return b"".join(packet.ljust(SLOT_BYTES, b"\0") for packet in packets)


def hvpm_calibrations(n_pairs: int = 5) -> list[bytes]:
    """A row of each kind of calibration, n times."""
    zero = hvpm_row(*HVPM_ZERO, kind=ZERO)
    reference = hvpm_row(*HVPM_REFERENCE, kind=REFERENCE)
    return [zero, reference] * n_pairs


def hvpm_stream(rows: Sequence[bytes], sizes: Sequence[int] = (3,)) -> list[bytes]:
    """Rows in packets whose sizes follow a repeating pattern; counters run on."""
    packets: list[bytes] = []
    at = 0
    while at < len(rows):
        size = sizes[len(packets) % len(sizes)]
        packets.append(hvpm_packet(rows[at : at + size], len(packets)))
        at += size
    return packets


def lvpm_frame(body: bytes) -> bytes:
    length = len(body) + 1
    return bytes([length]) + body + bytes([(length + sum(body)) % 256])


def lvpm_data(
    rows: Sequence[tuple[int, int, int, int]], sequence: int, kind: int = 0, over_current: bool = False
) -> bytes:
    """A data frame; rows are main, USB, aux, voltage codes."""
    first = 0x20 | (0x10 if over_current else 0) | sequence & 15
    codes = b"".join(struct.pack(">hhhH", *row) for row in rows)
    return lvpm_frame(bytes([first, kind, 0, 0]) + codes + b"\0")


def lvpm_calibrations(sequence: int = 0) -> list[bytes]:
    """A zero and a reference calibration."""
    return [
        lvpm_data([(code, code, code, 0) for code in LVPM_ZERO], sequence, kind=1),
        lvpm_data([(code, code, code, 0) for code in LVPM_REFERENCE], sequence + 1, kind=2),
    ]


def lvpm_current_code(current_a: float) -> int:
    """Nearest code: even in the fine range, odd in the coarse."""
    if current_a < 0.030:
        return 2 * round((LVPM_ZERO[0] + current_a / 2e-6) / 2)
    return 2 * round((LVPM_ZERO[1] + current_a / 0.2e-3) / 2) | 1


def lvpm_status(**fields: int) -> bytes:
    """A status frame; fields by name, the rest zero."""
    positions = {
        "firmware": 1,
        "voltage": 6,
        "setting": 11,
        "serial": 16,
        "rate_khz": 17,
        "power_up": 20,
        "run": 21,
        "revision": 27,
        "passthrough": 29,
    }
    values = [0] * 41
    values[0] = 0x10
    for name, value in fields.items():
        values[positions[name]] = value
    return lvpm_frame(struct.pack(">BBBhhhHhhhHBBBxBbHBHHHHBbbHHBBBbbbbbbbbbBH", *values))

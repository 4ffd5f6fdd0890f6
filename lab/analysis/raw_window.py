"""What is kept of a window, so that its energies can be derived again: one self-contained blob.

bytes      content
0-7        "LABWIN01"
8-15       u32 LE length of the header, u32 LE length of the phone's archive
...        header: JSON (sampling start, clock readings, calibration constants, models in order)
...        the phone's tar archive: journal, outputs, snapshots
...        packets as the reader kept them (docs/reference/raw-traces.md)
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass

from hardware.phone import ClockReading

MAGIC = b"LABWIN01"
_LENGTHS = struct.Struct("<II")


FAILED_MAGIC = b"LABFAIL1"
"""How the blob of a window begins that failed: a u32 LE length, a header (JSON: meter's kind, calibration constants,
supply setting) and its packets. There is no report of the phone to go with them."""


class NotARawWindow(Exception):
    """The bytes are not a raw window, or are cut short."""


@dataclass(frozen=True)
class RawWindow:
    """Everything that a window's analysis needs.

    Attributes:
        meter_kind: whose packets these are: "hvpm" or "lvpm".
        sampling_started_s: on the bench's clock.
        clock_before, clock_after: the phone's clock by adb, before USB was cut and after it was back.
        calibration: the meter's constants.
        supply_v: what the output was set to.
        model_sha256: of the models, in the order of the queue.
        archive: what the phone brought back.
        packets: as the meter's reader kept them.
    """

    meter_kind: str
    sampling_started_s: float
    clock_before: ClockReading
    clock_after: ClockReading
    calibration: dict[str, float]
    supply_v: float
    model_sha256: tuple[str, ...]
    archive: bytes
    packets: bytes


def pack(window: RawWindow) -> list[bytes]:
    """The blob, in pieces."""
    header = {name: value for name, value in asdict(window).items() if name not in ("archive", "packets")}
    text = json.dumps(header, sort_keys=True).encode()
    return [MAGIC, _LENGTHS.pack(len(text), len(window.archive)), text, window.archive, window.packets]


def pack_failed(meter_kind: str, calibration: dict[str, float], supply_v: float, packets: bytes) -> list[bytes]:
    """The blob of a window that failed: enough to decode its packets."""
    header = {"meter_kind": meter_kind, "calibration": calibration, "supply_v": supply_v}
    text = json.dumps(header, sort_keys=True).encode()
    return [FAILED_MAGIC, struct.pack("<I", len(text)), text, packets]


def unpack(blob: bytes) -> RawWindow:
    """The window of a blob.

    Raises:
        NotARawWindow: it is something else, or damaged.
    """
    try:
        if blob[: len(FAILED_MAGIC)] == FAILED_MAGIC:
            raise NotARawWindow("it is that of a window that failed: there is no report of the phone in it")
        if blob[: len(MAGIC)] != MAGIC:
            raise NotARawWindow("it does not begin with LABWIN01")
        n_header, n_archive = _LENGTHS.unpack_from(blob, len(MAGIC))
        start = len(MAGIC) + _LENGTHS.size
        if len(blob) < start + n_header + n_archive:
            raise NotARawWindow("it is cut short")
        header = json.loads(blob[start : start + n_header])
        for name in ("clock_before", "clock_after"):
            header[name] = ClockReading(**header[name])
        header["model_sha256"] = tuple(header["model_sha256"])
        archive_end = start + n_header + n_archive
        return RawWindow(**header, archive=blob[start + n_header : archive_end], packets=blob[archive_end:])
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise NotARawWindow(str(error)) from error

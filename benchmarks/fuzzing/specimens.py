"""Real bytes of every kind, out of the recorded sessions of the tests."""

from __future__ import annotations

import functools
from pathlib import Path

from hardware.tape.container import Record, read_records
from hardware.tape.lanes import lanes_of
from hardware.tape.packet_block import unpack_block

FOLDER = Path(__file__).resolve().parent.parent.parent / "tests" / "data" / "recordings"


@functools.cache
def records(name: str) -> tuple[Record, ...]:
    """The records of a recorded session."""
    return tuple(read_records(FOLDER / f"{name}.labrec"))


def usb_slots(name: str = "hvpm") -> bytes:
    """Packets of an HVPM in slots of 64 bytes, from the start of sampling on."""
    _, reader = lanes_of(records(name))
    blocks = [r for r in reader if r.kind == "usb packets"]
    return b"".join(unpack_block(r.head["n"], r.head["width"], r.payload)[1].tobytes() for r in blocks)


def serial_bytes() -> bytes:
    """What an LVPM sent while it sampled."""
    _, reader = lanes_of(records("lvpm"))
    return b"".join(r.payload for r in reader if r.kind == "serial read")


def adb_connections(name: str = "hvpm") -> list[tuple[bytes, bytes]]:
    """What was sent and what came, of each connection."""
    main, _ = lanes_of(records(name))
    sent, came = dict[int, bytes](), dict[int, bytes]()
    for record in main:
        if record.kind == "adb send":
            sent[record.head["connection"]] = sent.get(record.head["connection"], b"") + record.payload
        elif record.kind == "adb recv":
            came[record.head["connection"]] = came.get(record.head["connection"], b"") + record.payload
    return [(sent[number], came.get(number, b"")) for number in sent]


def archives(name: str = "hvpm") -> list[bytes]:
    """The phone's archives: journal and outputs, as `pull` brought them."""
    found = list[bytes]()
    for sent, came in adb_connections(name):
        if b"result.tar" in sent and b"RECV" in sent:
            found.append(_file_of(came))
    return found


def _file_of(came: bytes) -> bytes:
    """The content that a sync connection brought: DATA blocks after the OKAYs."""
    at, content = came.index(b"DATA"), b""
    while came[at : at + 4] == b"DATA":
        length = int.from_bytes(came[at + 4 : at + 8], "little")
        content += came[at + 8 : at + 8 + length]
        at += 8 + length
    return content

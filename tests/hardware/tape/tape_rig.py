"""A recording of a few events made by hand, for tests of what plays it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hardware.tape.container import Record
from hardware.tape.packet_block import pack_block
from hardware.tape.player import Player


def event(kind: str, seen: tuple[int, int] = (0, 0), payload: bytes = b"", at_s: float = 1.0, **about: Any) -> Record:
    """An event of the main lane."""
    return Record({"kind": kind, "seen": list(seen), "at_s": at_s, **about}, payload)


def packets(*contents: bytes) -> Record:
    """A block of the reader's lane."""
    width, payload = pack_block(contents, [1.0] * len(contents))
    head = {"kind": "usb packets", "lane": "reader", "n": len(contents), "width": width, "at_s": 1.0}
    return Record(head, payload)


def player(*records: Record, first: Mapping[str, Any] | None = None) -> Player:
    return Player([Record(first or {"recording": "energy-lab"}, b""), *records])

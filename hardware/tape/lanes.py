"""The events of a recording in their two lanes, checked once, so that a player can rely on them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.tape.container import Record
from hardware.tape.errors import RecordingDamaged
from hardware.tape.failures import raised
from hardware.tape.packet_block import unpack_block

_NOT_EVENTS = ("note", "usb device", "")
_USB_KINDS = {
    "usb enumerate", "usb open", "usb get_configuration", "usb set_configuration", "usb claim_interface",
    "usb reset_device", "usb clear_halt", "usb detach_kernel_driver", "usb control",
}  # fmt: skip
_EITHER_KINDS = {"now", "utc", "sleep", "serial read", "serial waiting", "serial write", "serial reset"} | _USB_KINDS
_MAIN_KINDS = {"serial open", "adb start", "adb open", "adb send", "adb recv"} | _EITHER_KINDS
_READER_KINDS = {"usb packet", "usb packets"} | _EITHER_KINDS


class ReaderLane:
    """What the thread that reads samples got, in order.

    Attributes:
        n_events: packets, and events of other kinds.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._next = 0
        self.n_events = sum(record.head["n"] if record.kind == "usb packets" else 1 for record in records)

    def kind_of_next(self) -> str:
        """ "" at the end."""
        return self._records[self._next].kind if self._next < len(self._records) else ""

    def next(self) -> Record | None:
        """The next record, and go past it; None at the end."""
        if self._next == len(self._records):
            return None
        self._next += 1
        return self._records[self._next - 1]

    def packets(self, record: Record) -> tuple[list[int], NDArray[np.uint8]]:
        """Lengths and slots (n, 64) of a block of packets."""
        return unpack_block(record.head["n"], record.head["width"], record.payload)


def lanes_of(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The records of the main lane and of the reader lane."""
    events = [record for record in records[1:] if record.kind not in _NOT_EVENTS]
    is_reader = [record.head.get("lane") == "reader" for record in events]
    return (
        [record for record, reads in zip(events, is_reader, strict=True) if not reads],
        [record for record, reads in zip(events, is_reader, strict=True) if reads],
    )


def check_events(records: Sequence[Record]) -> None:
    """Refuse records that no recorder writes.

    Raises:
        RecordingDamaged: with the number of the first that is wrong.
    """
    for number, record in enumerate(records[1:], 1):
        try:
            _check(record)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            hint = "Copy the file again from where it was recorded, or record the session again."
            message = f"Record {number} of the recording makes no sense ({record.kind!r:.40}): {error!r:.120}."
            raise RecordingDamaged(message, hint) from error
    main, reader = lanes_of(records)
    n_reader = ReaderLane(reader).n_events
    before = 0
    for record in main:
        began, ended = record.head["seen"]
        if not before <= began <= ended <= n_reader:
            hint = "Copy the file again from where it was recorded, or record the session again."
            raise RecordingDamaged(f"The lanes of the recording do not fit together at {record.kind!r:.40}.", hint)
        before = ended


def _check(record: Record) -> None:
    head, kind = record.head, record.kind
    if kind == "note":
        _text(head["name"])
        return
    if kind == "usb device":
        _check_device(head)
        return
    if kind not in (_READER_KINDS if head.get("lane") == "reader" else _MAIN_KINDS):
        raise ValueError("unknown kind of event")
    _number(head["at_s"])
    if head.get("lane") != "reader":
        began, ended = head["seen"]
        _count(began), _count(ended)
    if "error" in head:
        raised(head["error"])
        return
    if kind == "usb packets":
        unpack_block(_count(head["n"]), _count(head["width"]), record.payload)
    elif kind == "usb packet":
        raise ValueError("a packet by itself is an error")
    elif kind in _FIELDS:
        for name, check in _FIELDS[kind].items():
            check(head[name])


def _check_device(head: Mapping[str, Any]) -> None:
    _count(head["number"])
    for key, described in head["descriptors"].items():
        _text(key)
        for name, value in described.items():
            _text(name)
            for item in value if isinstance(value, list) else [value]:
                if not isinstance(item, int | None):
                    raise ValueError(f"a descriptor with {item!r:.40}")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"no number: {value!r:.40}")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
        raise ValueError(f"no count: {value!r:.40}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"no text: {value!r:.40}")
    return value


def _moment(value: Any) -> None:
    if dt.datetime.fromisoformat(_text(value)).tzinfo is None:
        raise ValueError("a moment without a time zone")


def _counts(value: Any) -> None:
    for item in list(value):
        _count(item)


_FIELDS: dict[str, dict[str, Any]] = {
    "now": {"now_s": _number},
    "utc": {"utc": _moment},
    "sleep": {"duration_s": _number},
    "usb enumerate": {"numbers": _counts},
    "usb get_configuration": {"value": _count},
    "usb control": {"setup": _counts, "length": _count, "n": _count},
    "serial open": {"path": _text},
    "serial waiting": {"n": _count},
    "adb open": {"connection": _count},
    "adb send": {"connection": _count},
    "adb recv": {"connection": _count},
}

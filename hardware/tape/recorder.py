"""Keeps everything that drivers and devices say to each other, in order, with times.

What the drivers do is in two lanes. The main lane is the thread that opened the bench: commands, adb, clock. The
reader lane is whatever thread reads samples. Each record of the main lane says how many events of the reader lane
were over when it began and when it ended, so that a replay can let the lanes run as they did.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from hardware.clock import Clock
from hardware.tape.container import TapeWriter
from hardware.tape.failures import described
from hardware.tape.packet_block import pack_block

T = TypeVar("T")
Shown = tuple[Mapping[str, Any], bytes]

_PACKETS_A_BLOCK = 8192
_SETTLE_S, _SETTLE_POLL_S = 0.05, 0.0002


def _nothing(result: object) -> Shown:
    return {}, b""


class Recorder:
    """Writes one session. Made by the thread whose commands are the main lane.

    Args:
        session: what its first record says.

    Raises:
        RecordingInTheWay: there is a file already, or it cannot be written.
    """

    def __init__(self, path: Path, session: Mapping[str, Any]) -> None:
        self._writer = TapeWriter(path, session)
        self._main = threading.get_ident()
        self._clock: Clock | None = None
        self._n_reader = 0
        self._packets: list[bytes] = []
        self._moments_s: list[float] = []
        self._reader: threading.Thread | None = None
        self._reader_waits = True
        self._closed = False

    @property
    def path(self) -> Path:
        """Of the file that is being written."""
        return self._writer.path

    def now_s(self) -> float:
        """The bench's clock, for stamps; 0 before there is one."""
        return self._clock.now_s() if self._clock is not None else 0.0

    def note(self, name: str, content: bytes) -> None:
        """Keep something that is no event: what was measured, what became of it."""
        self._write({"kind": "note", "name": name}, content)

    def device(self, about: Mapping[str, Any]) -> None:
        """Keep what a USB device says of itself."""
        self._write({"kind": "usb device", **about}, b"")

    def call(
        self,
        kind: str,
        about: Mapping[str, Any],
        act: Callable[[], T],
        show: Callable[[T], Shown] = _nothing,
        waits: bool = False,
    ) -> T:
        """Do something and keep what came of it, also if it was an error.

        Args:
            show: what to keep of the result: more of the head, and the payload.
            waits: a reader that is in here has dealt with everything it got.
        """
        is_main = threading.get_ident() == self._main
        began = self._n_reader
        if not is_main:
            self._reader, self._reader_waits = threading.current_thread(), waits
        try:
            result = act()
        except BaseException as error:
            self._event(is_main, began, {"kind": kind, **about, "error": described(error)}, b"")
            raise
        more, payload = show(result)
        self._event(is_main, began, {"kind": kind, **about, **more}, payload)
        return result

    def packet(self, read: Callable[[], int], buffer: Any) -> int:
        """A packet of samples: read it into the buffer, keep it; its length. Quick: 1,667 of them come a second."""
        self._reader, self._reader_waits = threading.current_thread(), True
        try:
            n_bytes = read()
        except BaseException as error:
            self._event(False, 0, {"kind": "usb packet", "error": described(error)}, b"")
            raise
        self._reader_waits = False
        self._packets.append(buffer[:n_bytes].tobytes())
        self._moments_s.append(self.now_s())
        if len(self._packets) == _PACKETS_A_BLOCK:
            self._flush_packets()
        self._n_reader += 1
        return n_bytes

    def _event(self, is_main: bool, began: int, head: dict[str, Any], payload: bytes) -> None:
        head["at_s"] = self.now_s()
        if is_main:
            self._write(head | {"seen": [began, self._n_reader]}, payload)
            return
        self._flush_packets()
        self._write(head | {"lane": "reader"}, payload)
        self._reader_waits = False
        self._n_reader += 1

    def _flush_packets(self) -> None:
        """Write the packets that are waiting; only the thread that reads them comes here, or the last one there is."""
        if not self._packets:
            return
        packets, moments_s = self._packets, self._moments_s
        self._packets, self._moments_s = [], []
        width, payload = pack_block(packets, moments_s)
        head = {"kind": "usb packets", "lane": "reader", "n": len(packets), "width": width, "at_s": moments_s[0]}
        self._write(head, payload)

    def _write(self, head: Mapping[str, Any], payload: bytes) -> None:
        # Devices are let go of by the garbage collector too, when all is over.
        if not self._closed:
            self._writer.write(head, payload)

    def wait_for_reader(self) -> None:
        """Let a reader that has just got something put it away, so that what the main lane sees next is what is kept.

        Without this, whether the newest packet is seen would be a race, and no replay could know its end.
        """
        for _ in range(round(_SETTLE_S / _SETTLE_POLL_S)):
            if self._reader_waits or self._reader is None or not self._reader.is_alive():
                return
            time.sleep(_SETTLE_POLL_S)  # noqa: TID251

    def close(self, *, keep: bool = True) -> None:
        """End the recording; without `keep` nothing of it stays."""
        if self._closed:
            return
        self._flush_packets()
        self._closed = True
        if keep:
            self._writer.close()
        else:
            self._writer.abandon()

    def clock(self, inner: Clock) -> Clock:
        """The bench's clock, every reading of which is kept."""
        self._clock = inner
        return _RecordedClock(self, inner)


class _RecordedClock:
    def __init__(self, recorder: Recorder, inner: Clock) -> None:
        self._recorder, self._inner = recorder, inner

    def now_s(self) -> float:
        return self._recorder.call("now", {}, self._inner.now_s, lambda now_s: ({"now_s": now_s}, b""))

    def utc(self) -> dt.datetime:
        return self._recorder.call("utc", {}, self._inner.utc, lambda utc: ({"utc": utc.isoformat()}, b""))

    def sleep(self, duration_s: float) -> None:
        def wait() -> None:
            self._inner.sleep(duration_s)
            self._recorder.wait_for_reader()

        self._recorder.call("sleep", {"duration_s": duration_s}, wait)

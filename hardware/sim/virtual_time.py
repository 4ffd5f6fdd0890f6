"""Time of the simulated world: virtual, as fast as the computer allows, or paced by the computer's clock.

Virtual time stands still while any thread works. It moves only when threads have asked to sleep, and then to the
earliest moment one of them waits for. While a meter samples, its data stream carries time forward: the stream says
how far it has delivered, and gets back how far it may go. So a reader is never late by the host's doing, hours pass
in minutes, and the same seed gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import heapq
import threading
import time
from typing import Protocol

# Long ago, so that many sessions, each on a day of its own, stay in the past of every reader.
EPOCH_UTC = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
# A stream that takes longer than this, in real seconds, has lost its reader: time goes on and the device overflows.
_ABANDONED_S = 5.0
_LONGEST_STEP_S = 0.5
_PACED_POLL_S = 0.0003


def epoch_of(session: int) -> dt.datetime:
    """When a session's bench was switched on: each on a day of its own, so that no two share a moment."""
    return EPOCH_UTC + dt.timedelta(days=session)


class WorldTime(Protocol):
    """A Clock that data streams can carry forward."""

    @property
    def epoch_utc(self) -> dt.datetime:
        """When the bench was switched on."""
        ...

    def now_s(self) -> float:
        """Monotonic seconds."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Waits so many seconds of this clock."""
        ...

    def utc(self) -> dt.datetime:
        """The wall clock, aware."""
        ...

    def open_stream(self) -> None:
        """A meter begins to sample."""
        ...

    def close_stream(self) -> None:
        """It ends; a waiting `advance_stream` returns."""
        ...

    def advance_stream(self, delivered_s: float) -> float:
        """Say what was delivered and wait; return up to when to deliver next.

        Args:
            delivered_s: everything before this moment is in the reader's hands.

        Returns:
            A moment later than `delivered_s`, or `delivered_s` itself once the stream is closed.
        """
        ...


class VirtualTime:
    """Virtual seconds since the simulated bench was switched on."""

    def __init__(self, epoch_utc: dt.datetime = EPOCH_UTC) -> None:
        self.epoch_utc = epoch_utc
        self._changed = threading.Condition()
        self._now_s = 0.0
        self._waits: list[float] = []
        self._stream_open = False

    def now_s(self) -> float:
        """Monotonic seconds."""
        return self._now_s

    def utc(self) -> dt.datetime:
        """The wall clock, aware."""
        return self.epoch_utc + dt.timedelta(seconds=self._now_s)

    def sleep(self, duration_s: float) -> None:
        """Waits so many seconds of this clock."""
        with self._changed:
            until_s = self._now_s + max(0.0, duration_s)
            heapq.heappush(self._waits, until_s)
            self._changed.notify_all()
            try:
                self._wait_until(until_s)
            finally:
                # Also when Ctrl-C ends the wait: a wait that nobody waits for any more would hold time up for ever.
                self._waits.remove(until_s)
                heapq.heapify(self._waits)
                self._changed.notify_all()

    def _wait_until(self, until_s: float) -> None:
        while self._now_s < until_s:
            if not self._stream_open and self._waits[0] >= until_s:
                self._now_s = until_s
                return
            before_s = self._now_s
            if not self._changed.wait(_ABANDONED_S) and self._now_s == before_s:
                self._now_s = min(until_s, self._waits[0]) if self._waits[0] > before_s else until_s

    def open_stream(self) -> None:
        """A meter begins to sample: time may be carried by its stream."""
        with self._changed:
            self._stream_open = True

    def close_stream(self) -> None:
        """The stream has ended: sleepers carry the time again."""
        with self._changed:
            self._stream_open = False
            self._changed.notify_all()

    def advance_stream(self, delivered_s: float) -> float:
        """Moves time on to what was delivered, in seconds; the moment that was reached."""
        with self._changed:
            if delivered_s > self._now_s:
                self._now_s = delivered_s
                self._changed.notify_all()
            while self._stream_open and not (self._waits and self._waits[0] > self._now_s):
                self._changed.wait()
            if not self._stream_open:
                return delivered_s
            return min(self._waits[0], self._now_s + _LONGEST_STEP_S)


class PacedTime:
    """Simulated time that runs with the computer's clock: shows whether a reader keeps up."""

    def __init__(self, epoch_utc: dt.datetime = EPOCH_UTC) -> None:
        self.epoch_utc = epoch_utc
        self._began_s = time.monotonic()
        self._stream_open = False

    def now_s(self) -> float:
        """Monotonic seconds."""
        return time.monotonic() - self._began_s

    def utc(self) -> dt.datetime:
        """The wall clock, aware."""
        return self.epoch_utc + dt.timedelta(seconds=self.now_s())

    def sleep(self, duration_s: float) -> None:
        """Waits so many seconds of this clock."""
        time.sleep(max(0.0, duration_s))  # noqa: TID251

    def open_stream(self) -> None:
        """A meter begins to sample: time may be carried by its stream."""
        self._stream_open = True

    def close_stream(self) -> None:
        """The stream has ended: sleepers carry the time again."""
        self._stream_open = False

    def advance_stream(self, delivered_s: float) -> float:
        """Moves time on to what was delivered, in seconds; the moment that was reached."""
        while self._stream_open and self.now_s() <= delivered_s:
            time.sleep(_PACED_POLL_S)  # noqa: TID251
        return self.now_s() if self._stream_open else delivered_s

"""Time, as everything in the project gets it: passed in, real or virtual.

Nothing else sleeps or reads the time.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds, a wall clock, and waiting."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Return `duration_s` later."""
        ...

    def utc(self) -> dt.datetime:
        """Now, timezone-aware, in UTC."""
        ...


class RealClock:
    """The computer's own clocks."""

    def now_s(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def sleep(self, duration_s: float) -> None:
        """Waits so many seconds of this clock."""
        time.sleep(max(0.0, duration_s))  # noqa: TID251

    def utc(self) -> dt.datetime:
        """The wall clock, aware."""
        return dt.datetime.now(dt.UTC)


class Deadline:
    """A moment after which waiting is over.

    Args:
        clock: the clock that counts.
        timeout_s: seconds from now.
    """

    def __init__(self, clock: Clock, timeout_s: float) -> None:
        self._clock = clock
        self._ends_s = clock.now_s() + timeout_s

    @property
    def left_s(self) -> float:
        """Seconds left; never below zero."""
        return max(0.0, self._ends_s - self._clock.now_s())

    @property
    def passed(self) -> bool:
        """Whether the deadline is over."""
        return self._clock.now_s() >= self._ends_s

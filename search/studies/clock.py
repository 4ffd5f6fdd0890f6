"""Where the time of studies comes from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class StudyClock:
    """A calendar, and a stopwatch.

    Attributes:
        utc: of the calendar, aware.
        wait: for so many seconds.
    """

    utc: Callable[[], datetime]
    monotonic_s: Callable[[], float]
    wait: Callable[[float], object] = lambda duration_s: None

    @classmethod
    def of_this_machine(cls) -> StudyClock:
        """The real one."""
        return cls(lambda: datetime.now(UTC), time.monotonic, threading.Event().wait)

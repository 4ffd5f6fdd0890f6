"""Where the time of studies comes from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class StudyClock:
    """A calendar, and a stopwatch.

    Attributes:
        utc: of the calendar, aware.
    """

    utc: Callable[[], datetime]
    monotonic_s: Callable[[], float]

    @classmethod
    def of_this_machine(cls) -> StudyClock:
        """The real one."""
        return cls(lambda: datetime.now(UTC), time.monotonic)

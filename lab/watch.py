"""Watches a window in the power alone, while USB is cut and adb is gone: has the queue ended, is the phone alive?

At the end of a queue the phone lets go of its wake lock and sleeps, and its current falls to a few milliamperes. A
phone that hangs, or does not sleep, is seen by a power that no longer changes.
"""

from __future__ import annotations

import enum

from hardware.meter import Glimpse

_ASLEEP_A = 0.030
_ASLEEP_AFTER_S = 2.0
_CHANGE_A = 0.030
# Longer than the phone waits for a cool skin before a run.
_STUCK_AFTER_S = 150.0


class Sight(enum.Enum):
    """What the power says."""

    RUNNING = "running"
    ASLEEP = "asleep"
    STUCK = "stuck"


class PowerWatch:
    """Judges a window from glimpses at its power."""

    def __init__(self) -> None:
        self._low_since_s: float | None = None
        self._steady_since_s: float | None = None
        self._steady_a = 0.0

    def see(self, now_s: float, glimpse: Glimpse) -> Sight:
        """Take one glimpse.

        Args:
            now_s: bench clock.
            glimpse: means over the last tenth of a second.
        """
        if not glimpse.calibrated:
            return Sight.RUNNING
        if self._steady_since_s is None or abs(glimpse.current_a - self._steady_a) > _CHANGE_A:
            self._steady_since_s, self._steady_a = now_s, glimpse.current_a
        if glimpse.current_a >= _ASLEEP_A:
            self._low_since_s = None
        elif self._low_since_s is None:
            self._low_since_s = now_s
        if self._low_since_s is not None and now_s - self._low_since_s >= _ASLEEP_AFTER_S:
            return Sight.ASLEEP
        return Sight.STUCK if now_s - self._steady_since_s >= _STUCK_AFTER_S else Sight.RUNNING

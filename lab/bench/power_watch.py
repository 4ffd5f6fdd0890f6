"""Watches a window in the power alone, while USB is cut and adb is gone: has the queue ended, is the phone alive?

At the end of a queue the phone makes one pulse of load of a known length, which nothing follows, then lets go of its
wake lock and sleeps, and its current falls to a few milliamperes. Either tells that the queue is done. A phone that
hangs is seen by a power that no longer changes.
"""

from __future__ import annotations

import enum
from collections import deque

from hardware.meter import GLIMPSE_STRETCH_S, Glimpse

_ASLEEP_A = 0.030
_ASLEEP_AFTER_S = 2.0
_CHANGE_A = 0.030
# Longer than the phone waits for a cool skin before a run.
_STUCK_AFTER_S = 150.0
_BUSY_A = 0.040
_PULSE_TOLERANCE_S = 0.12
_QUIET_BEYOND_GAP_S = 2.0
_IDLE_STRETCHES = 1500


class Sight(enum.Enum):
    """What the power says."""

    RUNNING = "running"
    DONE = "done"
    STUCK = "stuck"


class PowerWatch:
    """Judges a window from glimpses at its power.

    Args:
        pulse_s: length of the pulse that ends a queue.
        gap_s: idle time between runs.
    """

    def __init__(self, pulse_s: float, gap_s: float, n_models: int) -> None:
        self._pulse_s, self._quiet_s = pulse_s, gap_s + _QUIET_BEYOND_GAP_S
        # The sync codes have two bursts each; a model that the tool rejects may be too short to be one.
        self._fewest_bursts = 4 + n_models // 2
        self._low_since_s: float | None = None
        self._steady_since_s: float | None = None
        self._steady_a = 0.0
        self._recent_a: deque[float] = deque(maxlen=_IDLE_STRETCHES)
        self._idle_a = 0.0
        self._n_bursts = 0
        self._busy_for_s = 0.0
        self._last_burst_s = 0.0
        self._idle_for_s = 0.0

    def see(self, now_s: float, glimpse: Glimpse) -> Sight:
        """Take one glimpse.

        Args:
            glimpse: the newest of the recording.
        """
        if not glimpse.calibrated:
            return Sight.RUNNING
        self._recent_a.extend(glimpse.recent_a)
        if self._recent_a:
            self._idle_a = sorted(self._recent_a)[len(self._recent_a) // 20]
        for current_a in glimpse.recent_a:
            self._follow(current_a)
        pulse = (
            self._n_bursts > self._fewest_bursts
            and abs(self._last_burst_s - self._pulse_s) <= _PULSE_TOLERANCE_S
            and self._idle_for_s >= self._quiet_s
        )
        if pulse or self._asleep(now_s, glimpse.current_a):
            return Sight.DONE
        if self._steady_since_s is None or abs(glimpse.current_a - self._steady_a) > _CHANGE_A:
            self._steady_since_s, self._steady_a = now_s, glimpse.current_a
        return Sight.STUCK if now_s - self._steady_since_s >= _STUCK_AFTER_S else Sight.RUNNING

    def _follow(self, current_a: float) -> None:
        """Count how long the phone has been busy or idle."""
        if current_a > self._idle_a + _BUSY_A:
            self._busy_for_s += GLIMPSE_STRETCH_S
            self._idle_for_s = 0.0
            return
        if self._busy_for_s > 0.0:
            self._last_burst_s = self._busy_for_s
            self._n_bursts += 1
        self._busy_for_s = 0.0
        self._idle_for_s += GLIMPSE_STRETCH_S

    def _asleep(self, now_s: float, current_a: float) -> bool:
        # Before its first burst a phone that draws little is one that is settling.
        if current_a >= _ASLEEP_A or self._n_bursts == 0:
            self._low_since_s = None
            return False
        if self._low_since_s is None:
            self._low_since_s = now_s
        return now_s - self._low_since_s >= _ASLEEP_AFTER_S

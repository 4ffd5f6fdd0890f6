"""Control charts of the canaries: the same few models in every window tell whether the bench itself has changed.

Energy by an exponentially weighted mean (lambda = 0.2) against the session's mean so far; latency, which repeats
within half a percent where the clock is locked, by a plain limit. Only visits that passed their gates count.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

_LAMBDA = 0.2
_ALARM_SIGMAS = 4.0
_POINTS_BEFORE_ALARM = 4


@dataclass(frozen=True)
class CanaryVisit:
    """One accepted visit of a canary; `canary` says which of them it is."""

    canary: int
    energy_mj: float
    latency_ms: float


@dataclass(frozen=True)
class CanaryAlarm:
    """What is out of control, and by how much."""

    text: str


class CanaryCharts:
    """The charts of one session.

    Args:
        visit_sd_frac: noise between visits of one model.
        energy_limit_frac, latency_limit_frac: hard limits against the mean of the session's energies and of the
            campaign's latencies.
        latencies_ms: of each canary in earlier sessions of the campaign: a clock is the same in all of them.
    """

    def __init__(
        self,
        visit_sd_frac: float,
        energy_limit_frac: float,
        latency_limit_frac: float,
        latencies_ms: Mapping[int, Sequence[float]] = MappingProxyType({}),
    ) -> None:
        self._sd = visit_sd_frac
        self._energy_limit, self._latency_limit = energy_limit_frac, latency_limit_frac
        self._energies: dict[int, list[float]] = defaultdict(list)
        self._latencies: dict[int, list[float]] = defaultdict(list)
        for canary, known_ms in latencies_ms.items():
            self._latencies[canary].extend(known_ms)
        self._smoothed: dict[int, float] = {}

    def take(self, visits: Iterable[CanaryVisit]) -> CanaryAlarm | None:
        """Judge a window's canaries. With an alarm nothing of the window enters the charts."""
        visits = list(visits)
        for visit in visits:
            alarm = self._judge(visit)
            if alarm is not None:
                self._smoothed.pop(visit.canary, None)
                return alarm
        for visit in visits:
            self._smoothed[visit.canary] = self._next_smoothed(visit)
            self._energies[visit.canary].append(visit.energy_mj)
            self._latencies[visit.canary].append(visit.latency_ms)
        return None

    def _next_smoothed(self, visit: CanaryVisit) -> float:
        before = self._smoothed.get(visit.canary, _mean(self._energies[visit.canary]) or visit.energy_mj)
        return (1 - _LAMBDA) * before + _LAMBDA * visit.energy_mj

    def _judge(self, visit: CanaryVisit) -> CanaryAlarm | None:
        energies, latencies = self._energies[visit.canary], self._latencies[visit.canary]
        # One point is enough: latencies repeat within half a percent, a tenth of the limit.
        latency_off = visit.latency_ms / _mean(latencies) - 1 if latencies else 0.0
        if abs(latency_off) > self._latency_limit:
            return CanaryAlarm(
                f"canary {visit.canary}: latency {latency_off:+.1%} against the campaign's mean, "
                f"limit {self._latency_limit:.1%}"
            )
        if len(energies) < _POINTS_BEFORE_ALARM:
            return None
        mean_mj = _mean(energies)
        energy_off = visit.energy_mj / mean_mj - 1
        if abs(energy_off) > self._energy_limit:
            return CanaryAlarm(
                f"canary {visit.canary}: energy {energy_off:+.1%} against the session's mean, "
                f"limit {self._energy_limit:.1%}"
            )
        drift = self._next_smoothed(visit) / mean_mj - 1
        allowed = _ALARM_SIGMAS * self._sd * math.sqrt(_LAMBDA / (2 - _LAMBDA) + 1 / len(energies))
        if abs(drift) > allowed:
            return CanaryAlarm(f"canary {visit.canary}: energy drifts by {drift:+.1%}, limit {allowed:.1%}")
        return None


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0

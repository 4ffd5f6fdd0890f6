"""Control charts on benches that hold still, jump and drift: when a canary raises the alarm, and when it must not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lab.analysis.control_charts import CanaryCharts, CanaryVisit


def charts(sd: float = 0.01) -> CanaryCharts:
    return CanaryCharts(visit_sd_frac=sd, energy_limit_frac=0.15, latency_limit_frac=0.05)


def visits(energy: float, latency: float = 1.0) -> list[CanaryVisit]:
    return [CanaryVisit(0, 1.3 * energy, latency), CanaryVisit(1, 2.0 * energy, 1.5 * latency)]


def test_a_steady_bench_raises_no_alarm_in_two_hundred_windows() -> None:
    alarms = 0
    for seed in range(5):
        rng, chart = np.random.default_rng(seed), charts(0.034)
        alarms += sum(
            chart.take(visits(float(np.exp(rng.normal(0, 0.034))), float(np.exp(rng.normal(0, 0.005))))) is not None
            for _ in range(200)
        )
    assert alarms <= 2


def test_a_slower_clock_is_noticed_at_once_by_the_latency() -> None:
    chart = charts(0.034)
    for _ in range(5):
        assert chart.take(visits(1.0)) is None
    alarm = chart.take(visits(1.0, latency=1.33))
    assert alarm is not None
    assert "latency +33.0%" in alarm.text


def test_a_jump_of_the_energy_is_noticed_at_once() -> None:
    chart = charts(0.034)
    for _ in range(5):
        chart.take(visits(1.0))
    assert chart.take(visits(1.2)) is not None


def test_a_small_lasting_drift_is_noticed_in_time() -> None:
    chart = charts(0.034)
    for _ in range(40):
        chart.take(visits(1.0))
    assert any(chart.take(visits(1.09)) is not None for _ in range(12))


def test_a_window_with_an_alarm_does_not_enter_the_charts() -> None:
    chart = charts(0.034)
    for _ in range(5):
        chart.take(visits(1.0))
    for _ in range(10):
        assert chart.take(visits(1.0, latency=1.33)) is not None
    assert chart.take(visits(1.0)) is None


def test_a_slower_clock_is_noticed_in_the_first_window_of_a_later_start() -> None:
    chart = CanaryCharts(0.034, 0.15, 0.05, latencies_ms={0: [1.0], 1: [1.5]})
    alarm = chart.take(visits(1.0, latency=1.2))
    assert alarm is not None
    assert "latency +20.0%" in alarm.text
    assert chart.take(visits(1.0)) is None


def visit(energy_mj: float = 1.0, latency_ms: float = 1.0, canary: int = 0) -> CanaryVisit:
    return CanaryVisit(canary, energy_mj, latency_ms)


def test_an_energy_alarm_needs_four_windows_before_it_and_a_latency_alarm_one() -> None:
    for n, raised in ((3, False), (4, True)):
        chart = charts(sd=0.5)
        for _ in range(n):
            assert chart.take([visit()]) is None
        assert (chart.take([visit(1.5)]) is not None) == raised
    chart = charts()
    assert chart.take([visit(latency_ms=2.0)]) is None
    assert chart.take([visit(latency_ms=1.0)]) is not None


@pytest.mark.parametrize("sign", [-1, 1])
def test_an_energy_or_a_latency_within_its_limit_raises_no_alarm_in_either_direction(sign: int) -> None:
    for off, change in ((0.14, "energy_mj"), (0.16, "energy_mj"), (0.04, "latency_ms"), (0.06, "latency_ms")):
        chart = charts(sd=0.5)
        for _ in range(6):
            chart.take([visit()])
        limit = 0.15 if change == "energy_mj" else 0.05
        assert (chart.take([replace(visit(), **{change: 1 + sign * off})]) is not None) == (off > limit)


def test_a_drift_is_judged_by_four_deviations_of_the_smoothed_mean() -> None:
    """After ten windows: 4 sd sqrt(0.2 / 1.8 + 1 / 10); one visit moves the smoothed mean by a fifth of itself."""
    allowed = 4 * 0.01 * math.sqrt(0.2 / 1.8 + 1 / 10)
    for share, raised in ((0.98, False), (1.02, True)):
        chart = charts()
        for _ in range(10):
            chart.take([visit()])
        assert (chart.take([visit(1 + 5 * share * allowed)]) is not None) == raised


def test_after_an_alarm_the_smoothed_mean_of_that_canary_begins_anew() -> None:
    chart = charts(sd=0.02)
    for _ in range(10):
        chart.take([visit(), visit(canary=1)])
    for _ in range(3):
        chart.take([visit(1.05), visit(canary=1)])
    assert chart.take([visit(1.3), visit(canary=1)]) is not None
    assert chart.take([visit(), visit(canary=1)]) is None


def test_one_canary_out_of_control_keeps_the_whole_window_out_of_the_charts() -> None:
    chart = charts(sd=0.5)
    for _ in range(4):
        chart.take([visit(), visit(canary=1)])
    for _ in range(20):
        assert chart.take([visit(1.14), visit(2.0, canary=1)]) is not None
    alarm = chart.take([visit(0.86)])
    assert alarm is None

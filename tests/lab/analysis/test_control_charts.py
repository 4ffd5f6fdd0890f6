"""Control charts on benches that hold still, jump and drift."""

import numpy as np

from lab.analysis.control_charts import CanaryCharts, CanaryVisit


def charts() -> CanaryCharts:
    return CanaryCharts(visit_sd_frac=0.034, energy_limit_frac=0.15, latency_limit_frac=0.05)


def visits(energy: float, latency: float = 1.0) -> list[CanaryVisit]:
    return [CanaryVisit(0, 1.3 * energy, latency), CanaryVisit(1, 2.0 * energy, 1.5 * latency)]


def test_a_steady_bench_raises_no_alarm_in_two_hundred_windows() -> None:
    alarms = 0
    for seed in range(5):
        rng, chart = np.random.default_rng(seed), charts()
        alarms += sum(
            chart.take(visits(float(np.exp(rng.normal(0, 0.034))), float(np.exp(rng.normal(0, 0.005))))) is not None
            for _ in range(200)
        )
    assert alarms <= 2


def test_a_slower_clock_is_noticed_at_once_by_the_latency() -> None:
    chart = charts()
    for _ in range(5):
        assert chart.take(visits(1.0)) is None
    alarm = chart.take(visits(1.0, latency=1.33))
    assert alarm is not None
    assert "latency +33.0%" in alarm.text


def test_a_jump_of_the_energy_is_noticed_at_once() -> None:
    chart = charts()
    for _ in range(5):
        chart.take(visits(1.0))
    assert chart.take(visits(1.2)) is not None


def test_a_small_lasting_drift_is_noticed_in_time() -> None:
    chart = charts()
    for _ in range(40):
        chart.take(visits(1.0))
    assert any(chart.take(visits(1.09)) is not None for _ in range(12))


def test_a_window_with_an_alarm_does_not_enter_the_charts() -> None:
    chart = charts()
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

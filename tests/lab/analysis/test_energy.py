"""Energies of traces whose energy is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.android.benchmark_tool import ToolResult
from hardware.meter import Trace
from lab.analysis.energy import Interval, TooFewSamples, energy_of, idle_power, mean_power, student_t_95

RATE_HZ = 5000.0


def trace_of(power_w: np.ndarray, supply_v: float = 4.0, index: np.ndarray | None = None) -> Trace:
    n = len(power_w)
    return Trace(
        index=np.arange(n) if index is None else index,
        current_a=(power_w / supply_v).astype(np.float32),
        supply_v=np.full(n, supply_v, np.float32),
        usb_v=np.zeros(n, np.float32),
        rate_hz=RATE_HZ,
        n_total=n if index is None else int(index[-1]) + 1,
        n_dropped=0,
        n_calibrations=0,
        over_current=False,
    )


def noisy(level_w: float, n: int, seed: int = 1, sd: float = 0.02) -> np.ndarray:
    return level_w * (1 + np.random.default_rng(seed).normal(0, sd, n))


def test_constant_power_times_latency_is_the_energy() -> None:
    power = mean_power(trace_of(np.full(10_000, 1.25)), Interval(0.0, 2.0))
    energy = energy_of(power, (0.5, 0.0), ToolResult(n_runs=1000, latency_ms=2.0, latency_sd_ms=0.0))
    assert energy.energy_mj == pytest.approx(2.5, rel=1e-6)
    assert energy.dynamic_energy_mj == pytest.approx(1.5, rel=1e-6)


@given(level_w=st.floats(0.2, 5.0), latency_ms=st.floats(0.05, 200.0), idle_w=st.floats(0.0, 0.19))
def test_energy_scales_with_power_and_latency(level_w: float, latency_ms: float, idle_w: float) -> None:
    power = mean_power(trace_of(np.full(10_000, level_w)), Interval(0.0, 2.0))
    energy = energy_of(power, (idle_w, 0.0), ToolResult(100, latency_ms, 0.0))
    assert energy.energy_mj == pytest.approx(level_w * latency_ms, rel=1e-5)
    assert energy.energy_mj - energy.dynamic_energy_mj == pytest.approx(idle_w * latency_ms, rel=1e-4, abs=1e-6)


def test_holes_in_the_trace_do_not_change_the_energy() -> None:
    index = np.setdiff1d(np.arange(10_000), np.arange(3000, 3300))
    power = mean_power(trace_of(np.full(len(index), 1.25), index=index), Interval(0.0, 2.0))
    assert power.power_w == pytest.approx(1.25, rel=1e-6)


def test_a_background_wakeup_is_trimmed_and_counted() -> None:
    quiet = noisy(1.3, 10_000)
    disturbed = quiet.copy()
    disturbed[4000:4600] += 0.35
    clean, trimmed = (mean_power(trace_of(p), Interval(0.0, 2.0)) for p in (quiet, disturbed))
    assert trimmed.n_trimmed >= 1
    assert trimmed.power_w == pytest.approx(clean.power_w, rel=2e-3)


def test_the_standard_error_is_that_of_segments_not_of_samples() -> None:
    slow = np.repeat(np.random.default_rng(3).normal(0, 0.02, 400), 25)
    power = mean_power(trace_of(1.3 * (1 + slow)), Interval(0.0, 2.0))
    assert power.power_se_w == pytest.approx(1.3 * 0.02 / math.sqrt(400), rel=0.5)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(300):
        power = mean_power(trace_of(noisy(1.3, 10_000, seed)), Interval(0.0, 2.0))
        covered += abs(power.power_w - 1.3) <= student_t_95(19 - power.n_trimmed) * power.power_se_w
    assert 0.90 <= covered / 300 <= 0.99


def test_the_scatter_of_calibrations_widens_the_error() -> None:
    trace = trace_of(noisy(1.3, 10_000))
    plain = mean_power(trace, Interval(0.0, 2.0))
    uncertain = mean_power(replace(trace, zero_se_a=1e-3), Interval(0.0, 2.0))
    assert uncertain.power_se_w == pytest.approx(math.hypot(plain.power_se_w, 4.0e-3), rel=1e-6)


def test_a_slope_shows_as_a_trend() -> None:
    power = mean_power(trace_of(np.linspace(1.0, 1.1, 10_000)), Interval(0.0, 2.0))
    assert power.trend_frac == pytest.approx(0.1 / 1.05, rel=0.01)


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(TooFewSamples, match="samples in"):
        mean_power(trace_of(np.full(300, 1.0)), Interval(0.0, 0.06))


def test_a_run_without_samples_in_its_middle_is_refused() -> None:
    index = np.setdiff1d(np.arange(10_000), np.arange(4000, 6000))
    with pytest.raises(TooFewSamples, match="no samples"):
        mean_power(trace_of(np.full(len(index), 1.0), index=index), Interval(0.0, 2.0))


def test_idle_power_is_that_of_the_gaps() -> None:
    power = np.concatenate([np.full(1500, 0.6), np.full(5000, 1.4), np.full(1500, 0.62)])
    idle, error = idle_power(trace_of(power), [Interval(0.02, 0.28), Interval(1.32, 1.58)])
    assert idle == pytest.approx(0.61, rel=1e-4)
    assert error == pytest.approx(0.01, rel=0.1)


def test_a_wakeup_in_a_gap_does_not_move_the_idle_power() -> None:
    power = noisy(0.6, 1500)
    power[300:600] += 0.35
    idle, _ = idle_power(trace_of(power), [Interval(0.0, 0.3)])
    assert idle == pytest.approx(0.6, rel=0.01)


@pytest.mark.parametrize(
    ("degrees", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (19, 2.093), (1000, 1.962)]
)
def test_student_quantiles_are_those_of_the_tables(degrees: int, expected: float) -> None:
    assert student_t_95(degrees) == pytest.approx(expected, rel=5e-3)

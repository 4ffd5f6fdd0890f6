"""Energies of traces whose energy is known; means, errors and trimming of segments that are known to the last digit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t

from hardware.android.benchmark_tool import ToolResult
from hardware.meter import Trace
from lab.analysis.energy import Interval, PowerMean, TooFewSamples, energy_of, idle_power, mean_power, student_t_95

RATE_HZ = 5000.0
SUPPLY_V = 4.0
# Of a segment, in samples: two seconds in twenty.
WIDTH = 500


def trace_of(power_w: Sequence[float] | np.ndarray, index: np.ndarray | None = None) -> Trace:
    power_w = np.asarray(power_w, float)
    n = len(power_w)
    return Trace(
        index=np.arange(n) if index is None else index,
        current_a=(power_w / SUPPLY_V).astype(np.float32),
        supply_v=np.full(n, SUPPLY_V, np.float32),
        usb_v=np.zeros(n, np.float32),
        rate_hz=RATE_HZ,
        n_total=n if index is None else int(index[-1]) + 1,
        n_dropped=0,
        n_calibrations=0,
        over_current=False,
    )


def noisy(level_w: float, n: int, seed: int = 1, sd: float = 0.02) -> np.ndarray:
    return level_w * (1 + np.random.default_rng(seed).normal(0, sd, n))


def of_segments(*means_w: float) -> PowerMean:
    """The mean of a trace that is constant in each segment."""
    n = len(means_w)
    return mean_power(trace_of(np.repeat(means_w, WIDTH)), Interval(0.0, n * WIDTH / RATE_HZ), n)


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


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(300):
        power = mean_power(trace_of(noisy(1.3, 10_000, seed)), Interval(0.0, 2.0))
        covered += abs(power.power_w - 1.3) <= student_t_95(19 - power.n_trimmed) * power.power_se_w
    assert 0.90 <= covered / 300 <= 0.99


def test_a_run_without_samples_in_its_middle_is_refused() -> None:
    index = np.setdiff1d(np.arange(10_000), np.arange(4000, 6000))
    with pytest.raises(TooFewSamples, match="no samples"):
        mean_power(trace_of(np.full(len(index), 1.0), index=index), Interval(0.0, 2.0))


def test_a_wakeup_in_a_gap_does_not_move_the_idle_power() -> None:
    power = noisy(0.6, 1500)
    power[300:600] += 0.35
    idle, _ = idle_power(trace_of(power), [Interval(0.0, 0.3)])
    assert idle == pytest.approx(0.6, rel=0.01)


# Eighteen segments that alternate by 1 % about 1 W: their deviation is known, and none of them is an outlier.
EVEN = (0.99, 1.01) * 9
EVEN_SD = 0.01 * math.sqrt(18 / 17)


def test_the_standard_error_is_the_spread_of_segments_by_the_root_of_their_number() -> None:
    found = of_segments(*EVEN)
    assert (found.n_segments, found.n_trimmed) == (18, 0)
    assert found.power_w == pytest.approx(1.0, rel=1e-6)
    assert found.power_se_w == pytest.approx(EVEN_SD / math.sqrt(18), rel=1e-5)


@pytest.mark.parametrize("n_wakeups", [1, 2, 5])
def test_the_standard_error_counts_only_the_segments_that_were_kept(n_wakeups: int) -> None:
    found = of_segments(*EVEN, *[1.5] * n_wakeups)
    assert (found.n_segments, found.n_trimmed) == (18 + n_wakeups, n_wakeups)
    assert found.power_w == pytest.approx(1.0, rel=1e-6)
    assert found.power_se_w == pytest.approx(EVEN_SD / math.sqrt(18), rel=1e-5)


def test_the_scatter_of_the_zero_adds_to_the_error_at_the_voltage_of_the_interval() -> None:
    trace = replace(trace_of(np.repeat(EVEN, WIDTH)), zero_se_a=5e-4)
    found = mean_power(trace, Interval(0.0, 1.8), 18)
    assert found.power_se_w == pytest.approx(math.hypot(EVEN_SD / math.sqrt(18), 5e-4 * SUPPLY_V), rel=1e-5)


def test_a_segment_is_trimmed_from_five_deviations_above_the_median_on() -> None:
    """Of normal noise 1.4826 median deviations are a standard one: here 0.01 W, times 1.4826."""
    for above, n_trimmed in ((4.9, 0), (5.1, 1)):
        found = of_segments(*[0.99] * 10, *[1.01] * 9, 1.0 + above * 1.4826 * 0.01)
        assert found.n_trimmed == n_trimmed, above


def test_where_segments_are_all_equal_one_is_trimmed_from_a_quarter_of_a_percent_on() -> None:
    for level_w in (1.0, 0.2):
        for above, n_trimmed in ((0.0024, 0), (0.0026, 1)):
            assert of_segments(*[level_w] * 19, level_w * (1 + above)).n_trimmed == n_trimmed


def test_a_segment_below_the_others_is_never_trimmed() -> None:
    found = of_segments(*[1.0] * 19, 0.5)
    assert found.n_trimmed == 0
    assert found.power_w == pytest.approx((19 + 0.5) / 20, rel=1e-6)


def test_the_trend_is_the_slope_over_the_interval_and_trimmed_segments_have_no_part_in_it() -> None:
    rising = 1.0 + 0.02 * np.arange(20) / 20
    assert of_segments(*rising).trend_frac == pytest.approx(0.02 / rising.mean(), rel=1e-4)
    disturbed = rising.copy()
    disturbed[4] += 0.6
    kept = np.delete(rising, 4)
    assert of_segments(*disturbed).trend_frac == pytest.approx(0.02 / kept.mean(), rel=1e-4)


def test_three_segments_have_a_trend_and_two_have_none() -> None:
    assert of_segments(1.0, 1.0, 1.0 + 1e-3).trend_frac == pytest.approx(1e-3 * 1.5 / (1 + 1e-3 / 3), rel=1e-3)
    assert of_segments(1.0, 1.0 + 1e-3).trend_frac == 0.0


def test_a_mean_that_is_not_positive_has_no_relative_trend() -> None:
    assert of_segments(*[-1.0] * 20).trend_frac == math.inf
    assert of_segments(*[0.5] * 20).trend_frac == pytest.approx(0.0, abs=1e-9)


def test_an_interval_is_cut_into_twenty_segments_of_its_own_time() -> None:
    """From its start, not from that of the trace; holes make a segment short, not the next one early."""
    power_w = np.concatenate([np.full(1234, 9.0), np.repeat((0.99, 1.01) * 10, 250), np.full(777, 9.0)])
    interval = Interval(1234 / RATE_HZ, 6234 / RATE_HZ)
    whole = mean_power(trace_of(power_w), interval)
    assert (whole.n_segments, whole.n_samples) == (20, 5000)
    assert whole.power_se_w == pytest.approx(0.01 * math.sqrt(20 / 19) / math.sqrt(20), rel=1e-5)
    index = np.delete(np.arange(len(power_w)), slice(1500, 1700))
    holed = mean_power(trace_of(power_w[index], index), interval)
    assert holed.n_samples == 4800
    assert (holed.power_w, holed.power_se_w) == pytest.approx((whole.power_w, whole.power_se_w), rel=1e-5)


def test_twenty_samples_a_segment_are_enough_and_one_less_is_not() -> None:
    assert mean_power(trace_of([1.0] * 400), Interval(0.0, 0.08)).n_samples == 400
    with pytest.raises(TooFewSamples, match=r"399 samples in 0\.08 s"):
        mean_power(trace_of([1.0] * 399), Interval(0.0, 0.08))
    assert mean_power(trace_of([1.0] * 40), Interval(0.0, 0.008), 2).n_samples == 40


def dropping(n_found: int, n_dropped: int, n_calibrations: int = 0, n_total: int = 10_000) -> float:
    """What is said to be lost of an interval of 10,000 samples of which some are there."""
    kept = np.linspace(0, 9999, n_found).round().astype(int)
    trace = trace_of([1.0] * n_found, kept)
    trace = replace(trace, n_dropped=n_dropped, n_calibrations=n_calibrations, n_total=n_total)
    return mean_power(trace, Interval(0.0, 2.0)).dropped_frac


def test_samples_that_are_missing_are_dropped_beyond_calibrations_and_two_at_the_borders() -> None:
    assert dropping(9900, n_dropped=98) == pytest.approx(0.0098)
    assert dropping(9900, n_dropped=48, n_calibrations=50) == pytest.approx(0.0048)
    assert dropping(9900, n_dropped=48, n_calibrations=100, n_total=20_000) == pytest.approx(0.0048)
    assert dropping(9998, n_dropped=1) == 0.0
    assert dropping(10_000, n_dropped=1) == 0.0


def test_where_the_recording_lost_nothing_what_is_missing_is_calibrations() -> None:
    assert dropping(9900, n_dropped=0) == 0.0
    assert dropping(9900, n_dropped=1) > 0.0


def test_errors_of_power_and_latency_add_in_squares() -> None:
    power = PowerMean(2.0, 0.01, 9000, 20, 0, 0.0, 0.0)
    found = energy_of(power, (0.5, 0.02), ToolResult(n_runs=400, latency_ms=3.0, latency_sd_ms=0.4))
    latency_se_ms = 0.4 / 20
    assert (found.power_w, found.idle_power_w, found.latency_ms) == (2.0, 0.5, 3.0)
    assert (found.energy_mj, found.dynamic_energy_mj) == pytest.approx((6.0, 4.5))
    assert found.energy_se_mj == pytest.approx(math.hypot(0.01 * 3.0, 2.0 * latency_se_ms))
    dynamic_se_w = math.hypot(0.01, 0.02)
    assert found.dynamic_energy_se_mj == pytest.approx(math.hypot(dynamic_se_w * 3.0, 1.5 * latency_se_ms))


def test_a_latency_is_known_no_better_than_half_a_microsecond_a_run() -> None:
    power = PowerMean(2.0, 0.0, 9000, 20, 0, 0.0, 0.0)
    for sd_ms, used_ms in ((0.0, 0.0005), (0.0004, 0.0005), (0.0006, 0.0006)):
        found = energy_of(power, (0.5, 0.0), ToolResult(n_runs=100, latency_ms=3.0, latency_sd_ms=sd_ms))
        assert found.energy_se_mj == pytest.approx(2.0 * used_ms / 10)


# Ten parts of a gap: half at either side of 0.6 W.
PARTS = (0.59, 0.61) * 5
PARTS_SD = 0.01 * math.sqrt(10 / 9)


def test_the_error_of_the_idle_power_is_the_spread_of_the_ten_parts_of_a_gap() -> None:
    idle_w, idle_se_w = idle_power(trace_of(np.repeat(PARTS, 40)), [Interval(0.0, 0.08)])
    assert idle_w == pytest.approx(0.6, rel=1e-6)
    assert idle_se_w == pytest.approx(PARTS_SD / math.sqrt(10), rel=1e-5)


def test_two_gaps_are_twenty_parts_and_what_they_differ_by_adds_to_the_error() -> None:
    power_w = np.concatenate([np.repeat(PARTS, 40), np.repeat(PARTS, 40) + 0.02])
    idle_w, idle_se_w = idle_power(trace_of(power_w), [Interval(0.0, 0.08), Interval(0.08, 0.16)])
    assert idle_w == pytest.approx(0.61, rel=1e-6)
    between_w = 0.02 / math.sqrt(2) / math.sqrt(2)
    assert idle_se_w == pytest.approx(math.hypot(PARTS_SD / math.sqrt(20), between_w), rel=1e-5)


def test_a_gap_counts_by_the_median_of_its_parts() -> None:
    parts_w = [0.5, 0.51, 0.52, 0.53, 0.60, 0.62, 0.7, 0.8, 0.9, 5.0]
    idle_w, _ = idle_power(trace_of(np.repeat(parts_w, 40)), [Interval(0.0, 0.08)])
    assert idle_w == pytest.approx(0.61, rel=1e-6)


def test_a_gap_of_two_hundred_samples_counts_and_a_shorter_one_does_not() -> None:
    trace = trace_of([*[0.6] * 200, *[0.8] * 199])
    short = Interval(200 / RATE_HZ, 399 / RATE_HZ)
    assert idle_power(trace, [Interval(0.0, 0.04), short])[0] == pytest.approx(0.6, rel=1e-6)
    with pytest.raises(TooFewSamples, match="no idle stretch"):
        idle_power(trace, [short])
    with pytest.raises(TooFewSamples, match="no idle stretch"):
        idle_power(trace, [])


def test_what_does_not_fill_ten_parts_is_left_out_at_the_end_of_a_gap() -> None:
    power_w = [*np.repeat(PARTS, 40), *[9.0] * 9]
    assert idle_power(trace_of(power_w), [Interval(0.0, 409 / RATE_HZ)])[0] == pytest.approx(0.6, rel=1e-6)


@pytest.mark.parametrize(
    ("degrees", "within"), [(1, 1e-5), (2, 1e-4), (3, 2e-3), (5, 2e-4), (7, 5e-5), (10, 1e-5), (19, 1e-6), (60, 1e-7)]
)
def test_student_quantiles_come_nearer_to_the_exact_ones_the_more_degrees_there_are(
    degrees: int, within: float
) -> None:
    assert student_t_95(degrees) == pytest.approx(student_t.ppf(0.975, degrees), rel=within)


@pytest.mark.parametrize(("degrees", "value"), [(3, 3.1786170419), (4, 2.7755822595), (5, 2.5703082569)])
def test_student_quantiles_of_few_degrees_are_those_of_the_expansion_to_its_fourth_term(
    degrees: int, value: float
) -> None:
    """Computed from Abramowitz and Stegun 26.7.5: intervals that are in the record stay what they are."""
    assert student_t_95(degrees) == pytest.approx(value, rel=1e-9)


def test_without_degrees_of_freedom_nothing_is_known() -> None:
    assert (student_t_95(0), student_t_95(-1)) == (math.inf, math.inf)

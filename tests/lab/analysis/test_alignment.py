"""Sync codes in traces whose clocks are known: how near, how far and how well they must be found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from hardware.meter import Trace
from hardware.phone import ClockReading, SyncCode
from lab.analysis.alignment import AlignmentFailed, difference_ms, map_by_adb, map_by_codes

BARKER = (True, True, True, False, False, True, False)
EPOCH_S = 1_767_225_600.0
RATE_HZ, IDLE_W, BUSY_W = 5000.0, 0.6, 1.3
CHIP_S = 0.112


def code(start_s: float, pattern: Sequence[bool] = BARKER, chip_s: float = CHIP_S) -> SyncCode:
    """A code of the phone, so many seconds after EPOCH_S."""
    chips = tuple((EPOCH_S + start_s + i * chip_s, busy) for i, busy in enumerate(pattern))
    return SyncCode(chips, EPOCH_S + start_s + len(pattern) * chip_s)


def trace_of(power_w: np.ndarray) -> Trace:
    n = len(power_w)
    ones = np.ones(n, np.float32)
    return Trace(np.arange(n), (power_w / 4).astype(np.float32), 4 * ones, 0 * ones, RATE_HZ, n, 0, 0, False)


def bench_trace(codes: list[SyncCode], offset_s: float, rate: float, seconds: float, noise: float = 0.02) -> Trace:
    """A noisy trace with other work in it, in which the codes appear at offset_s + rate * (phone time - EPOCH_S)."""
    n = int(seconds * 5000)
    power = np.full(n, 0.6)
    for one in codes:
        ends = [stamp for stamp, _ in one.chips[1:]] + [one.ended_s]
        for (stamp, busy), end in zip(one.chips, ends, strict=True):
            if busy:
                low, high = ((offset_s + rate * (t - EPOCH_S)) * 5000 for t in (stamp, end))
                power[round(low) : round(high)] += 0.7
    rng = np.random.default_rng(5)
    for start in range(40_000, n - 40_000, 14_000):
        power[start : start + 10_000] += 0.7
    power = power * (1 + rng.normal(0, noise, n))
    return trace_of(power)


def trace_with(starts_s: Sequence[float], seconds: float, pattern: Sequence[bool] = BARKER) -> Trace:
    """A trace with codes at moments of the meter, and nothing else in it."""
    power_w = np.full(round(seconds * RATE_HZ), IDLE_W)
    for start_s in starts_s:
        for i in np.flatnonzero(pattern):
            low, high = (round((start_s + j * CHIP_S) * RATE_HZ) for j in (i, i + 1))
            power_w[low:high] = BUSY_W
    return trace_of(power_w)


@pytest.mark.parametrize("offset_s", [4.0, 5.3217])
@pytest.mark.parametrize("drift_ppm", [0.0, 40.0, -60.0])
def test_the_codes_are_found_to_a_millisecond_whatever_the_drift(offset_s: float, drift_ppm: float) -> None:
    first, last = code(1.0), code(58.0)
    rate = 1 + drift_ppm * 1e-6
    found = map_by_codes(bench_trace([first, last], offset_s, rate, 70.0), first, last)
    for moment in (EPOCH_S + 1.0, EPOCH_S + 30.0, EPOCH_S + 58.0):
        assert found.to_meter(moment) == pytest.approx(offset_s + rate * (moment - EPOCH_S), abs=1e-3)
    assert found.correlation > 0.9


def test_a_trace_without_codes_is_not_aligned() -> None:
    with pytest.raises(AlignmentFailed, match="not in the power trace"):
        map_by_codes(bench_trace([], 4.0, 1.0, 70.0), code(1.0), code(58.0))


def test_a_code_that_is_missing_at_the_end_is_noticed() -> None:
    first, last = code(1.0), code(58.0)
    with pytest.raises(AlignmentFailed):
        map_by_codes(bench_trace([first], 4.0, 1.0, 30.0), first, last)


def test_the_difference_of_two_maps_is_in_milliseconds() -> None:
    before, after = ClockReading(EPOCH_S, 100.0, 0.004), ClockReading(EPOCH_S + 60.0, 160.0, 0.004)
    one, other = map_by_adb(before, after, 96.0), map_by_adb(before, after, 96.020)
    assert difference_ms(one, other, EPOCH_S + 5.0) == pytest.approx(20.0, abs=1e-3)


def test_a_recording_with_more_holes_than_samples_is_refused_before_it_takes_memory() -> None:
    whole = bench_trace([], 4.0, 1.0, 20.0)
    torn = replace(whole, index=whole.index * 400)
    with pytest.raises(AlignmentFailed, match="more than half"):
        map_by_codes(torn, code(1.0), code(58.0))


@pytest.mark.parametrize("chips_s", [1e-9, 40_000.0])
def test_a_code_that_cannot_be_is_not_looked_for(chips_s: float) -> None:
    first, last = code(1.0, chip_s=chips_s), code(58.0)
    with pytest.raises(AlignmentFailed, match="sync code"):
        map_by_codes(bench_trace([last], 4.0, 1.0, 70.0), first, last)


def test_a_code_without_a_change_of_load_is_not_looked_for() -> None:
    first = SyncCode(tuple((stamp, True) for stamp, _ in code(1.0).chips), EPOCH_S + 1.8)
    with pytest.raises(AlignmentFailed, match="no change of load"):
        map_by_codes(bench_trace([], 4.0, 1.0, 70.0), first, code(58.0))


FIRST, LAST = code(1.0), code(11.0)


@pytest.mark.parametrize("start_s", [0.5, 3.0, 3.0013, 3.0026, 3.0039])
def test_a_code_is_found_to_its_sample_wherever_it_falls_between_coarse_bins(start_s: float) -> None:
    found = map_by_codes(trace_with([start_s, start_s + 10.0], 16.0), FIRST, LAST)
    assert found.to_meter(EPOCH_S + 1.0) == pytest.approx(start_s, abs=1.5 / RATE_HZ)
    assert found.rate == pytest.approx(1.0, abs=2e-5)
    assert found.correlation > 0.95


def test_the_map_goes_through_the_first_code_at_the_rate_of_both() -> None:
    found = map_by_codes(trace_with([3.0, 13.01], 16.0), FIRST, LAST)
    assert found.phone_s == EPOCH_S + 1.0
    assert found.rate == pytest.approx(1.001, abs=2e-5)
    assert found.to_meter(EPOCH_S + 6.0) == pytest.approx(8.005, abs=4e-4)


@pytest.mark.parametrize(("shift_s", "found"), [(0.055, True), (-0.055, True), (0.3, False), (-0.3, False)])
def test_the_last_code_may_be_sixty_milliseconds_from_where_the_phone_says(shift_s: float, found: bool) -> None:
    trace = trace_with([3.0, 13.0 + shift_s], 16.0)
    if not found:
        with pytest.raises(AlignmentFailed, match="correlation"):
            map_by_codes(trace, FIRST, LAST)
        return
    assert map_by_codes(trace, FIRST, LAST).to_meter(EPOCH_S + 11.0) == pytest.approx(13.0 + shift_s, abs=4e-4)


@pytest.mark.parametrize("shift_s", [0.1, -0.1])
def test_codes_are_never_found_further_apart_than_the_slack_and_the_reach_of_the_fine_search(shift_s: float) -> None:
    try:
        found = map_by_codes(trace_with([3.0, 13.0 + shift_s], 16.0), FIRST, LAST)
    except AlignmentFailed:
        return
    spacing_s = found.to_meter(EPOCH_S + 11.0) - found.to_meter(EPOCH_S + 1.0)
    assert abs(spacing_s - 10.0) <= 0.060 + 2 * 0.008


def test_one_code_of_two_is_not_enough() -> None:
    for starts_s in ([3.0], [13.0]):
        with pytest.raises(AlignmentFailed, match=r"correlation 0\.[0-6]"):
            map_by_codes(trace_with(starts_s, 16.0), FIRST, LAST)


def test_a_code_that_begins_idle_is_found_by_all_its_chips() -> None:
    pattern = tuple(not busy for busy in BARKER)
    trace = trace_with([3.0, 13.0], 16.0, pattern)
    found = map_by_codes(trace, code(1.0, pattern), code(11.0, pattern))
    assert found.to_meter(EPOCH_S + 1.0) == pytest.approx(3.0, abs=1.5 / RATE_HZ)
    assert found.correlation > 0.95


def test_the_correlation_is_one_where_codes_fill_whole_bins_and_less_beside_other_work() -> None:
    exact = map_by_codes(trace_with([3.0, 13.0], 16.0), FIRST, LAST)
    assert exact.correlation == pytest.approx(1.0, abs=1e-6)
    disturbed = trace_with([3.0, 13.0], 16.0)
    disturbed.current_a[round(3.40 * RATE_HZ) : round(3.45 * RATE_HZ)] += 0.1
    assert 0.9 < map_by_codes(disturbed, FIRST, LAST).correlation < 0.999


def test_the_trace_must_reach_to_the_end_of_the_last_code() -> None:
    """And the slack beyond it: 60 ms, so that it can be looked for there."""
    for seconds, found in ((13.0 + 7 * CHIP_S + 0.08, True), (13.0 + 7 * CHIP_S - 0.3, False)):
        trace = trace_with([3.0, 13.0], 16.0)
        n = round(seconds * RATE_HZ)
        cut = replace(trace, index=trace.index[:n], current_a=trace.current_a[:n], supply_v=trace.supply_v[:n])
        if found:
            assert map_by_codes(cut, FIRST, LAST).to_meter(EPOCH_S + 11.0) == pytest.approx(13.0, abs=4e-4)
        else:
            with pytest.raises(AlignmentFailed):
                map_by_codes(cut, FIRST, LAST)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.5, "shorter than a sync code"), (8.0, "shorter than the time between the sync codes")]
)
def test_a_recording_that_is_too_short_says_what_it_is_too_short_for(seconds: float, said: str) -> None:
    with pytest.raises(AlignmentFailed, match=said):
        map_by_codes(trace_with([], seconds), FIRST, LAST)


def test_an_empty_recording_is_refused() -> None:
    trace = trace_with([], 16.0)
    empty = replace(trace, index=trace.index[:0], current_a=trace.current_a[:0], supply_v=trace.supply_v[:0])
    with pytest.raises(AlignmentFailed, match="empty"):
        map_by_codes(empty, FIRST, LAST)


def keep(trace: Trace, kept: np.ndarray) -> Trace:
    return replace(
        trace, index=trace.index[kept], current_a=trace.current_a[kept], supply_v=trace.supply_v[kept]
    )  # fmt: skip


def test_lost_samples_move_nothing_that_follows_them() -> None:
    whole = trace_with([3.0, 13.0], 16.0)
    for low_s, high_s in ((1.0, 2.0), (3.05, 3.09), (6.0, 12.0)):
        kept = (whole.index < low_s * RATE_HZ) | (whole.index >= high_s * RATE_HZ)
        found = map_by_codes(keep(whole, kept), FIRST, LAST)
        assert found.to_meter(EPOCH_S + 1.0) == pytest.approx(3.0, abs=4e-4)
        assert found.to_meter(EPOCH_S + 11.0) == pytest.approx(13.0, abs=4e-4)
        # A hole holds the power before it.
        assert found.correlation > 0.95


def test_half_of_the_samples_suffice_and_a_third_does_not() -> None:
    whole = trace_with([3.0, 13.0], 16.0)
    half = keep(whole, whole.index % 2 == 1)
    assert map_by_codes(half, FIRST, LAST).to_meter(EPOCH_S + 11.0) == pytest.approx(13.0, abs=1e-3)
    with pytest.raises(AlignmentFailed, match="more than half"):
        map_by_codes(keep(whole, whole.index % 3 == 2), FIRST, LAST)


def test_a_bin_of_one_sample_counts_as_much_as_a_full_one() -> None:
    whole = trace_with([3.0, 13.0], 16.0)
    thinned = keep(whole, (whole.index // 20 % 2 == 0) | (whole.index % 20 == 9))
    found = map_by_codes(thinned, FIRST, LAST)
    assert found.correlation == pytest.approx(1.0, abs=1e-6)


def test_the_adb_map_goes_through_both_readings() -> None:
    before, after = ClockReading(EPOCH_S, 50.0, 0.004), ClockReading(EPOCH_S + 100.0, 150.5, 0.004)
    found = map_by_adb(before, after, sampling_started_s=40.0)
    assert found.rate == pytest.approx(1.005)
    assert (found.phone_s, found.meter_s, found.correlation) == (EPOCH_S, 10.0, 1.0)
    assert found.to_meter(EPOCH_S + 100.0) == pytest.approx(110.5)

"""Sync codes in traces whose clocks are known."""

from dataclasses import replace

import numpy as np
import pytest

from hardware.meter import Trace
from hardware.phone import ClockReading, SyncCode
from lab.analysis.alignment import AlignmentFailed, difference_ms, map_by_adb, map_by_codes

BARKER = (True, True, True, False, False, True, False)
EPOCH_S = 1_767_225_600.0


def code(start_s: float, chip_s: float = 0.112) -> SyncCode:
    return SyncCode(tuple((start_s + i * chip_s, busy) for i, busy in enumerate(BARKER)), start_s + 7 * chip_s)


def trace_with(codes: list[SyncCode], offset_s: float, rate: float, seconds: float, noise: float = 0.02) -> Trace:
    """A trace in which the codes appear at offset_s + rate * (phone time - EPOCH_S)."""
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
    return Trace(
        index=np.arange(n),
        current_a=(power / 4.2).astype(np.float32),
        supply_v=np.full(n, 4.2, np.float32),
        usb_v=np.zeros(n, np.float32),
        rate_hz=5000.0,
        n_total=n,
        n_dropped=0,
        n_calibrations=0,
        over_current=False,
    )


@pytest.mark.parametrize("offset_s", [4.0, 5.3217])
@pytest.mark.parametrize("drift_ppm", [0.0, 40.0, -60.0])
def test_the_codes_are_found_to_a_millisecond_whatever_the_drift(offset_s: float, drift_ppm: float) -> None:
    first, last = code(EPOCH_S + 1.0), code(EPOCH_S + 58.0)
    rate = 1 + drift_ppm * 1e-6
    found = map_by_codes(trace_with([first, last], offset_s, rate, 70.0), first, last)
    for moment in (EPOCH_S + 1.0, EPOCH_S + 30.0, EPOCH_S + 58.0):
        assert found.to_meter(moment) == pytest.approx(offset_s + rate * (moment - EPOCH_S), abs=1e-3)
    assert found.correlation > 0.9


def test_a_trace_without_codes_is_not_aligned() -> None:
    with pytest.raises(AlignmentFailed, match="not in the power trace"):
        map_by_codes(trace_with([], 4.0, 1.0, 70.0), code(EPOCH_S + 1.0), code(EPOCH_S + 58.0))


def test_a_code_that_is_missing_at_the_end_is_noticed() -> None:
    first, last = code(EPOCH_S + 1.0), code(EPOCH_S + 58.0)
    with pytest.raises(AlignmentFailed):
        map_by_codes(trace_with([first], 4.0, 1.0, 30.0), first, last)


def test_adb_readings_give_the_same_map_when_both_clocks_are_steady() -> None:
    before = ClockReading(EPOCH_S + 0.5, 100.5, 0.004)
    after = ClockReading(EPOCH_S + 60.5, 160.5, 0.004)
    mapped = map_by_adb(before, after, sampling_started_s=96.0)
    assert mapped.to_meter(EPOCH_S + 10.0) == pytest.approx(14.0)


def test_the_difference_of_two_maps_is_in_milliseconds() -> None:
    before, after = ClockReading(EPOCH_S, 100.0, 0.004), ClockReading(EPOCH_S + 60.0, 160.0, 0.004)
    one, other = map_by_adb(before, after, 96.0), map_by_adb(before, after, 96.020)
    assert difference_ms(one, other, EPOCH_S + 5.0) == pytest.approx(20.0, abs=1e-3)


def test_a_recording_with_more_holes_than_samples_is_refused_before_it_takes_memory() -> None:
    whole = trace_with([], 4.0, 1.0, 20.0)
    torn = replace(whole, index=whole.index * 400)
    with pytest.raises(AlignmentFailed, match="more than half"):
        map_by_codes(torn, code(EPOCH_S + 1.0), code(EPOCH_S + 58.0))


@pytest.mark.parametrize("chips_s", [1e-9, 40_000.0])
def test_a_code_that_cannot_be_is_not_looked_for(chips_s: float) -> None:
    first, last = code(EPOCH_S + 1.0, chips_s), code(EPOCH_S + 58.0)
    with pytest.raises(AlignmentFailed, match="sync code"):
        map_by_codes(trace_with([last], 4.0, 1.0, 70.0), first, last)


def test_a_code_without_a_change_of_load_is_not_looked_for() -> None:
    first = SyncCode(tuple((stamp, True) for stamp, _ in code(EPOCH_S + 1.0).chips), EPOCH_S + 1.8)
    with pytest.raises(AlignmentFailed, match="no change of load"):
        map_by_codes(trace_with([], 4.0, 1.0, 70.0), first, code(EPOCH_S + 58.0))

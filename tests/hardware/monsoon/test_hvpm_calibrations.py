"""What an HVPM's calibrations do to the samples around them, and packets beyond one block."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from packet_specimens import (
    HVPM_REFERENCE,
    HVPM_ZERO,
    REFERENCE,
    ZERO,
    hvpm_calibrations,
    hvpm_packet,
    hvpm_row,
    hvpm_stream,
    slots,
)

from hardware.meter import Trace
from hardware.monsoon.hvpm_packets import HvpmDecoder, HvpmScale, concatenate

ONE_AMPERE = hvpm_row(5000, 65535)
SPAN = HVPM_REFERENCE[0] - HVPM_ZERO[0]


def decode(rows: Sequence[bytes], sizes: Sequence[int] = (3,), scale: HvpmScale | None = None) -> Trace:
    return HvpmDecoder(scale or HvpmScale()).decode(slots(hvpm_stream(rows, sizes)))


def zeros(*coarse: int) -> list[bytes]:
    return [hvpm_row(code, HVPM_ZERO[1], kind=ZERO) for code in coarse]


def references(n: int) -> list[bytes]:
    return [hvpm_row(*HVPM_REFERENCE, kind=REFERENCE)] * n


@pytest.mark.parametrize("sizes", [(3,), (1,), (2, 3), (3, 1, 2)])
def test_a_sample_is_converted_by_what_was_seen_before_it_and_not_by_what_follows(sizes: Sequence[int]) -> None:
    """The zero moves by 5 codes in five steps of one: a fifth of a milliampere each, at 0.25 mA a code."""
    rows = [*hvpm_calibrations(), ONE_AMPERE]
    for _ in range(5):
        rows += [*zeros(1005), ONE_AMPERE, ONE_AMPERE]
    trace = decode(rows, sizes)
    zero = 1000 + np.array([0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    np.testing.assert_allclose(trace.current_a, 6.4 * (5000 - zero) / (26600 - zero), rtol=1e-6)
    assert trace.index.tolist() == [10, 12, 13, 15, 16, 18, 19, 21, 22, 24, 25]
    assert trace.n_calibrations == 15


def test_a_reference_that_moves_changes_the_scale_from_there_on() -> None:
    moved = hvpm_row(HVPM_REFERENCE[0] + 30, HVPM_REFERENCE[1] + 30, kind=REFERENCE)
    trace = decode([*hvpm_calibrations(), ONE_AMPERE, moved, ONE_AMPERE, hvpm_row(1000, 3500)])
    expected = [1.0, 6.4 * 4000 / (SPAN + 6), 0.0365 * 2500 / (36500 + 6)]
    np.testing.assert_allclose(trace.current_a, expected, rtol=1e-6)


def test_samples_become_usable_in_the_middle_of_a_block() -> None:
    rows = [ONE_AMPERE] * 3 + hvpm_calibrations(4) + [ONE_AMPERE] * 2 + hvpm_calibrations(1) + [ONE_AMPERE] * 3
    for cut in (0, 2, 4, 5):
        decoder = HvpmDecoder(HvpmScale())
        packets = hvpm_stream(rows)
        trace = concatenate([decoder.decode(slots(packets[:cut])), decoder.decode(slots(packets[cut:]))])
        assert trace.index.tolist() == [15, 16, 17]
        np.testing.assert_allclose(trace.current_a, 1.0, rtol=1e-6)
        assert (decoder.n_total, decoder.n_calibrations) == (18, 10)


def test_a_stretch_in_which_nothing_can_be_converted_is_left_out_between_others() -> None:
    """Five references at the zero, then five good ones: where the mean is not above it nothing is kept."""
    low = [hvpm_row(*HVPM_ZERO, kind=REFERENCE)] * 5
    good = references(5)
    rows = [*hvpm_calibrations(), ONE_AMPERE, *low, ONE_AMPERE, ONE_AMPERE, *good, ONE_AMPERE]
    packets = hvpm_stream(rows, (1,))
    for cut in (0, 10, 11):
        decoder = HvpmDecoder(HvpmScale())
        trace = concatenate([decoder.decode(slots(part)) for part in (packets[:cut], packets[cut:])])
        assert trace.index.tolist() == [10, 23]
        np.testing.assert_allclose(trace.current_a, 1.0, rtol=1e-6)


def test_a_reference_one_code_above_the_zero_is_enough() -> None:
    rows = [hvpm_row(1000, 1000, kind=ZERO), hvpm_row(1001, 1001, kind=REFERENCE)] * 5
    decoder = HvpmDecoder(HvpmScale())
    decoder.decode(slots(hvpm_stream(rows)))
    assert decoder.calibrated
    offset = HvpmDecoder(HvpmScale(coarse_zero_offset=1.0))
    offset.decode(slots(hvpm_stream(rows)))
    assert not offset.calibrated


def test_both_kinds_of_calibration_are_needed() -> None:
    for kind in (0, 1):
        decoder = HvpmDecoder(HvpmScale())
        assert len(decoder.decode(slots(hvpm_stream([*hvpm_calibrations()[kind::2] * 2, ONE_AMPERE]))).index) == 0
        assert not decoder.calibrated


@pytest.mark.parametrize("n_codes", [7, 8, 12])
def test_the_error_of_the_zero_is_the_scatter_of_all_zeros_by_the_root_of_five(n_codes: int) -> None:
    codes = [1000 + (-1) ** n * (3 + n % 4) for n in range(n_codes)]
    trace = decode([*zeros(*codes), *references(5), ONE_AMPERE])
    span = HVPM_REFERENCE[0] - np.mean(codes[-5:])
    expected_a = 6.4 * np.std(codes, ddof=1) / math.sqrt(5) / span if n_codes >= 8 else 0.0
    assert trace.zero_se_a == pytest.approx(expected_a, rel=1e-9)


def test_the_zero_offset_of_the_unit_is_part_of_the_span_of_its_error() -> None:
    codes = [1000 + n % 2 for n in range(10)]
    rows = [*zeros(*codes), *references(5)]
    plain, moved = decode(rows), decode(rows, scale=HvpmScale(coarse_zero_offset=600.0))
    span = HVPM_REFERENCE[0] - np.mean(codes[-5:])
    assert moved.zero_se_a / plain.zero_se_a == pytest.approx(span / (span - 600.0), rel=1e-9)


def test_the_error_of_the_zero_is_the_same_in_any_chunks() -> None:
    codes = [1000 + (7 * n) % 11 for n in range(20)]
    rows = [*references(5), *zeros(*codes), ONE_AMPERE, ONE_AMPERE]
    whole = decode(rows)
    decoder = HvpmDecoder(HvpmScale())
    parts = [decoder.decode(slots([packet])) for packet in hvpm_stream(rows)]
    assert concatenate(parts).zero_se_a == pytest.approx(whole.zero_se_a, rel=1e-12)
    assert whole.zero_se_a > 0


def test_before_the_meter_is_calibrated_its_zero_has_no_error() -> None:
    assert decode(zeros(*range(1000, 1012))).zero_se_a == 0.0


def test_a_code_32_off_the_median_counts_and_one_33_off_is_garbled() -> None:
    for off, mean in ((32, 1000 + 32 / 5), (33, 1000.0)):
        trace = decode([*references(5), *zeros(1000, 1000, 1000, 1000, 1000 + off), ONE_AMPERE])
        assert trace.current_a[0] == pytest.approx(6.4 * (5000 - mean) / (26600 - mean), rel=1e-6)


@pytest.mark.parametrize("n_packets", [8191, 8192, 8193, 16385])
def test_blocks_follow_each_other_without_a_seam(n_packets: int) -> None:
    rows = [*hvpm_calibrations(), *[ONE_AMPERE] * (3 * n_packets - 10)]
    trace = decode(rows)
    assert (trace.n_total, trace.n_dropped, trace.n_calibrations) == (3 * n_packets, 0, 10)
    np.testing.assert_array_equal(trace.index, np.arange(10, 3 * n_packets))


@pytest.mark.parametrize("sizes", [(3,), (1,), (2, 3)])
def test_packets_after_a_plain_block_go_on_where_it_ended(sizes: Sequence[int]) -> None:
    packets = hvpm_stream([*hvpm_calibrations(), *[ONE_AMPERE] * 110], sizes)
    decoder = HvpmDecoder(HvpmScale())
    head, middle, tail = packets[:20], packets[20:30], packets[31:]
    parts = [decoder.decode(slots(part)) for part in (head, middle, tail)]
    assert (parts[0].n_dropped, parts[1].n_dropped, parts[2].n_dropped) == (0, 0, 3)
    n_seen = sum(packet[3] for packet in packets[:30])
    assert parts[1].index[-1] == n_seen - 1
    assert parts[2].index[0] == n_seen + 3
    assert parts[1].n_total == sum(packet[3] for packet in middle)


def test_drops_are_counted_from_the_first_packet_after_the_first_second() -> None:
    """Not before: the first 5,000 samples that came, whether in one packet's chunk or in all at once."""
    rows = [*hvpm_calibrations(), *[ONE_AMPERE] * 4990]
    first_second = hvpm_stream(rows, (1,))
    late = hvpm_packet([ONE_AMPERE], len(first_second), dropped=9)
    assert HvpmDecoder(HvpmScale()).decode(slots([*first_second, late])).n_dropped == 9
    within = [*first_second[:-1], hvpm_packet([ONE_AMPERE], len(first_second) - 1, dropped=9)]
    assert HvpmDecoder(HvpmScale()).decode(slots(within)).n_dropped == 0


def test_the_decoders_counts_are_those_of_all_chunks() -> None:
    decoder = HvpmDecoder(HvpmScale())
    assert (decoder.n_total, decoder.n_dropped, decoder.n_calibrations, decoder.over_current) == (0, 0, 0, False)
    packets = hvpm_stream([*hvpm_calibrations(), *[ONE_AMPERE] * 20])
    decoder.decode(slots(packets[:2]))
    assert decoder.n_calibrations == 6
    decoder.decode(slots([packets[2], *packets[4:]]))
    assert (decoder.n_total, decoder.n_dropped, decoder.n_calibrations) == (30, 3, 9)


def test_traces_of_nothing_have_the_rate_that_is_asked_for() -> None:
    assert (concatenate([]).rate_hz, concatenate([], 1000.0).rate_hz) == (5000.0, 1000.0)
    part = decode([*hvpm_calibrations(), ONE_AMPERE])
    assert concatenate([part], 1000.0).rate_hz == 5000.0
    assert (len(concatenate([]).index), concatenate([]).zero_se_a, concatenate([]).over_current) == (0, 0.0, False)

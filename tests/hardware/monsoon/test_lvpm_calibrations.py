"""What an LVPM's calibrations and status frames do to the samples around them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from packet_specimens import LVPM_REFERENCE, LVPM_ZERO, lvpm_calibrations, lvpm_data, lvpm_frame, lvpm_status

from hardware.meter import Trace
from hardware.monsoon.lvpm_packets import LvpmDecoder

OFF = lvpm_status(revision=3, passthrough=0)
# Half an ampere in the coarse range: an odd code, whose lowest bit says so and counts for nothing.
HALF = (2601, 100, 100, 33600)
SPAN = LVPM_REFERENCE[1] - LVPM_ZERO[1]


def decode(frames: Sequence[bytes]) -> Trace:
    return LvpmDecoder().decode(b"".join(frames))


def zero(sequence: int, fine: tuple[int, int], coarse: tuple[int, int], n_pairs: int = 1) -> bytes:
    """A zero calibration: codes of main and USB in either range."""
    return lvpm_data([(*fine, 0, 0), (*coarse, 0, 0)] * n_pairs, sequence, kind=1)


def reference(sequence: int, fine: tuple[int, int] = (16700, 16700), coarse: tuple[int, int] = (14500, 14500)) -> bytes:
    return lvpm_data([(*fine, 0, 0), (*coarse, 0, 0)], sequence, kind=2)


def test_main_and_usb_have_calibrations_of_their_own_in_either_range() -> None:
    frames = [
        OFF,
        zero(0, fine=(100, 300), coarse=(200, 400)),
        reference(1, fine=(16700, 16900), coarse=(14600, 14800)),
        lvpm_data([(5100, 302, 0, 33600), (2701, 302, 0, 33600)], 2),
    ]
    trace = decode(frames)
    np.testing.assert_allclose(trace.current_a, [0.010, 0.5], rtol=1e-6)
    assert trace.usb_v.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("usb_code", "usb_on"), [(2600, False), (2604, True), (121, False), (127, True)])
def test_usb_counts_as_on_above_five_milliamperes_in_either_range(usb_code: int, usb_on: bool) -> None:
    trace = decode([OFF, *lvpm_calibrations(), lvpm_data([(2601, usb_code, 0, 33600)], 2)])
    assert trace.usb_v.tolist() == [5.0 if usb_on else 0.0]


def test_the_rows_of_a_calibration_frame_are_averaged_even_fine_and_odd_coarse() -> None:
    rows = [(90, 90, 0, 0), (180, 180, 0, 0), (110, 110, 0, 0), (220, 220, 0, 0)]
    frames = [OFF, lvpm_data(rows, 0, kind=1), reference(1, coarse=(14600, 14600)), lvpm_data([(2701, 200, 0, 0)], 2)]
    trace = decode([*frames, lvpm_data([(5100, 200, 0, 0)], 3)])
    np.testing.assert_allclose(trace.current_a, [0.5, 0.010], rtol=1e-6)
    assert trace.n_calibrations == 6


def test_a_calibration_frame_of_one_row_takes_its_time_and_changes_nothing() -> None:
    single = lvpm_data([(9000, 9000, 0, 0)], 3, kind=1)
    trace = decode([OFF, *lvpm_calibrations(), lvpm_data([HALF], 2), single, lvpm_data([HALF], 4)])
    np.testing.assert_allclose(trace.current_a, 0.5, rtol=1e-6)
    # The frame has one row, but the meter's frames so far had two: by rows they are numbered.
    assert trace.index.tolist() == [4, 6]


def test_samples_in_front_of_a_calibration_are_converted_by_those_before_it() -> None:
    frames = [OFF, *lvpm_calibrations(), lvpm_data([HALF], 2), zero(3, (100, 100), (110, 110)), lvpm_data([HALF], 4)]
    expected = [2.88 * (2600 - code) / (14500 - code) for code in (100.0, 105.0)]
    np.testing.assert_allclose(decode(frames).current_a, expected, rtol=1e-6)


@pytest.mark.parametrize("n_zeros", [7, 8, 11])
def test_the_error_of_the_zero_is_the_scatter_of_coarse_zeros_by_the_root_of_five(n_zeros: int) -> None:
    codes = [100 + (3 * n) % 7 for n in range(n_zeros)]
    frames = [zero(n, (50 * n, 50 * n), (code, 80 * n)) for n, code in enumerate(codes)]
    trace = decode([OFF, *frames, reference(n_zeros)])
    span = LVPM_REFERENCE[1] - np.mean(codes[-5:])
    expected_a = 2.88 * np.std(codes, ddof=1) / math.sqrt(5) / span if n_zeros >= 8 else 0.0
    assert trace.zero_se_a == pytest.approx(expected_a, rel=1e-9)


def test_before_a_reference_was_seen_the_zero_has_no_error_and_where_there_is_no_span_neither() -> None:
    codes = (100, 101, 102, 100, 100, 102, 101, 100, 102)
    zeros = [zero(n, (100, 100), (code, 100)) for n, code in enumerate(codes)]
    assert decode([OFF, *zeros]).zero_se_a == 0.0
    assert sum(codes[-5:]) == 5 * 101
    flat = decode([OFF, *zeros, reference(9, coarse=(101, 101)), lvpm_data([HALF], 10)])
    assert flat.zero_se_a == 0.0
    assert np.isnan(flat.current_a).all()


def test_a_new_decoder_has_seen_nothing() -> None:
    decoder = LvpmDecoder()
    counts = (decoder.n_total, decoder.n_dropped, decoder.n_calibrations, decoder.n_bad_frames, decoder.n_statuses)
    assert counts == (0, 0, 0, 0, 0)
    assert (decoder.over_current, decoder.calibrated, decoder.status) == (False, False, None)


def test_the_counts_of_a_decoder_are_those_of_all_chunks() -> None:
    decoder = LvpmDecoder()
    first = decoder.decode(b"".join([OFF, OFF, *lvpm_calibrations(), lvpm_data([HALF] * 2, 2)]))
    assert (first.n_total, first.n_dropped, decoder.n_statuses) == (6, 0, 2)
    second = decoder.decode(lvpm_data([HALF] * 2, 5, over_current=True))
    assert (second.n_total, second.n_dropped, second.over_current) == (6, 4, True)
    assert second.index.tolist() == [10, 11]
    third = decoder.decode(lvpm_data([HALF] * 2, 6))
    assert not third.over_current
    assert (decoder.n_total, decoder.n_dropped, decoder.n_calibrations, decoder.over_current) == (14, 4, 4, True)


def test_lost_frames_are_as_long_as_the_longest_seen() -> None:
    frames = [OFF, *lvpm_calibrations(), lvpm_data([HALF] * 7, 2), lvpm_data([HALF], 4), lvpm_data([HALF], 5)]
    trace = decode(frames)
    assert trace.n_dropped == 7
    assert trace.index.tolist() == [4, 5, 6, 7, 8, 9, 10, 18, 19]


def test_the_newest_of_several_statuses_holds() -> None:
    on, off = lvpm_status(revision=3, passthrough=1), lvpm_status(revision=3, passthrough=0)
    rest = [*lvpm_calibrations(), lvpm_data([HALF], 2)]
    assert decode([on, off, *rest]).usb_v.tolist() == [0.0]
    assert decode([off, on, *rest]).usb_v.tolist() == [5.0]


def test_the_flag_bits_of_a_voltage_and_of_a_coarse_current_count_for_nothing() -> None:
    frames = [OFF, *lvpm_calibrations(), lvpm_data([(2601, 100, 0, 33600 + flags) for flags in range(4)], 2)]
    trace = decode(frames)
    np.testing.assert_allclose(trace.supply_v, 4.2, rtol=1e-6)
    np.testing.assert_allclose(trace.current_a, 0.5, rtol=1e-6)


def test_frames_that_are_no_data_between_data_frames_are_passed_over_and_take_no_number() -> None:
    """Bit 5 clear, bits 6 and 7 set, or a kind beyond 2."""
    good = lvpm_data([HALF], 2)
    odd = []
    for first, kind in ((0x02, 0), (0x62, 0), (0xA2, 0), (0x22, 3)):
        odd.append(lvpm_frame(bytes([first, kind]) + good[3:-1]))
    trace = decode([OFF, *lvpm_calibrations(), *odd, good])
    assert (trace.index.tolist(), trace.n_dropped) == ([4], 0)

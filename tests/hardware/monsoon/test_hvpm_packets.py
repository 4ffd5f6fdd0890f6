"""HVPM packets: bytes written by hand, properties of coding and chunking, and the counters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packet_specimens import (
    HVPM_ZERO,
    INVALID,
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

_ONE_AMPERE = hvpm_row(5000, 65535)

# Zero (1000, 1000), reference (26600, 37500) in coarse and fine; then 1 A, 2.5 mA and no current, at 4.2 V.
_ZERO_ROW = "03e8 03e8 0000 0000 0000 0000 0000 0000 00 10"
_REFERENCE_ROW = "67e8 927c 0000 0000 0000 0000 0000 0000 00 30"
_GOLDEN = [
    *(f"0000 2{n:x} 02 {_ZERO_ROW} {_REFERENCE_ROW}" for n in range(5)),
    "0000 25 03"
    "1388 ffff 041a 047e 03e8 03fc 41a0 9c40 00 00"
    "03f2 0dac 041a 047e 03e8 03fc 41a0 9c40 00 00"
    "03e8 03e8 041a 047e 03e8 03fc 41a0 00a0 00 00",
]


def _decode(packets: list[bytes], scale: HvpmScale | None = None) -> Trace:
    return HvpmDecoder(scale or HvpmScale()).decode(slots(packets))


def _assert_equal(one: Trace, other: Trace) -> None:
    for name in ("index", "current_a", "supply_v", "usb_v"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in ("n_total", "n_dropped", "n_calibrations", "over_current"):
        assert getattr(one, name) == getattr(other, name), name


def test_packets_written_by_hand_decode_to_the_currents_and_volts_in_them() -> None:
    trace = _decode([bytes.fromhex(text) for text in _GOLDEN])
    np.testing.assert_allclose(trace.current_a, [1.0, 0.0025, 0.0], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(trace.supply_v, 4.2, rtol=1e-6)
    np.testing.assert_allclose(trace.usb_v, [5.0, 5.0, 0.02], rtol=1e-6)
    assert trace.index.tolist() == [10, 11, 12]
    assert (trace.n_total, trace.n_dropped, trace.n_calibrations) == (13, 0, 10)
    assert trace.rate_hz == 5000.0


def test_the_units_zero_offsets_are_added_to_the_calibrated_zeros() -> None:
    scale = HvpmScale(fine_zero_offset=500.0, coarse_zero_offset=400.0)
    rows = [*hvpm_calibrations(), hvpm_row(1400, 65535), hvpm_row(1000, 1500), hvpm_row(26600, 65535)]
    trace = _decode(hvpm_stream(rows), scale)
    np.testing.assert_allclose(trace.current_a, [0.0, 0.0, 6.4], atol=1e-9, rtol=1e-6)


def test_the_fine_range_ends_at_a_raw_code_of_64000() -> None:
    rows = [*hvpm_calibrations(), hvpm_row(3000, 63999), hvpm_row(3000, 64000)]
    trace = _decode(hvpm_stream(rows))
    np.testing.assert_allclose(trace.current_a, [0.062999, 0.5], rtol=1e-6)


@given(currents_a=st.lists(st.floats(0.0, 6.0) | st.floats(0.0, 0.05), min_size=1, max_size=50))
def test_currents_in_both_ranges_come_back_within_half_a_code(currents_a: list[float]) -> None:
    rows = hvpm_calibrations()
    for current_a in currents_a:
        fine = min(65535, round(HVPM_ZERO[1] + current_a / 1e-6))
        rows.append(hvpm_row(round(HVPM_ZERO[0] + current_a / 0.25e-3), fine))
    seen_a = _decode(hvpm_stream(rows)).current_a
    step_a = np.where(np.array(currents_a) < 0.0629, 1e-6, 0.25e-3)
    assert np.all(np.abs(seen_a - np.array(currents_a)) <= 0.5 * step_a + 1e-6 * np.array(currents_a) + 1e-9)


_HEAD = hvpm_stream([_ONE_AMPERE] * 4980)


def _troubled(rng: np.random.Generator, n_packets: int) -> list[bytes]:
    """Packets with changing calibrations, short ones, skipped ones, drops and flags, that follow `_HEAD`."""
    packets = []
    counter, dropped = len(_HEAD) - 1, 0
    for _ in range(n_packets):
        counter += int(rng.choice([1, 1, 1, 1, 3]))
        dropped += int(rng.choice([0, 0, 0, 0, 17, 70]))
        rows = []
        for _ in range(int(rng.integers(1, 4))):
            kind = int(rng.choice([0x00, 0x00, 0x10, 0x20, 0x30]))
            code = {0x00: 3000, 0x10: 1000, 0x20: 9, 0x30: 26000}[kind] + int(rng.integers(0, 9))
            rows.append(hvpm_row(code, code * int(rng.integers(1, 3)), kind=kind))
        packets.append(hvpm_packet(rows, counter, dropped, int(rng.choice([0x20, 0x20, 0x20, 0x10]))))
    return packets


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 80), max_size=8))
def test_decoding_in_chunks_equals_decoding_the_whole(seed: int, cuts: list[int]) -> None:
    packets = _HEAD + _troubled(np.random.default_rng(seed), 80)
    whole = _decode(packets)
    decoder = HvpmDecoder(HvpmScale())
    edges = sorted({0, *(len(_HEAD) + cut for cut in cuts), len(packets)})
    parts = [decoder.decode(slots(packets[start:end])) for start, end in pairwise(edges)]
    _assert_equal(concatenate(parts), whole)
    assert (decoder.n_total, decoder.n_dropped) == (whole.n_total, whole.n_dropped)


def test_a_chunk_may_end_with_the_last_sample_of_the_second_in_which_drops_are_not_counted() -> None:
    first_second = hvpm_stream([_ONE_AMPERE] * 5000, (2,))
    packets = [
        *first_second,
        hvpm_packet([], len(first_second), dropped=7),
        hvpm_packet([_ONE_AMPERE], 2501, dropped=7),
    ]
    decoder = HvpmDecoder(HvpmScale())
    parts = [decoder.decode(slots(part)) for part in (first_second, packets[2500:])]
    _assert_equal(concatenate(parts), _decode(packets))
    assert decoder.n_dropped == 0


def test_an_empty_chunk_is_an_empty_trace() -> None:
    trace = HvpmDecoder(HvpmScale()).decode(b"")
    assert (len(trace.index), trace.n_total, trace.over_current) == (0, 0, False)


def test_the_calibration_is_the_mean_of_the_last_five() -> None:
    rows = hvpm_calibrations(4)
    rows += [hvpm_row(1005, 1005, kind=0x10), hvpm_row(26600, 37500, kind=0x30)]
    rows += [hvpm_row(1001, 65535)]
    trace = _decode(hvpm_stream(rows))
    assert trace.current_a.tolist() == [0.0]


def test_samples_before_the_fifth_pair_of_calibrations_are_counted_but_left_out() -> None:
    rows = [*hvpm_calibrations(4), _ONE_AMPERE, *hvpm_calibrations(1), _ONE_AMPERE]
    trace = _decode(hvpm_stream(rows))
    assert trace.index.tolist() == [11]
    assert trace.n_total == 12


def test_invalid_samples_are_left_out_but_take_their_time() -> None:
    rows = [*hvpm_calibrations(), hvpm_row(9, 9, kind=INVALID), _ONE_AMPERE]
    assert _decode(hvpm_stream(rows)).index.tolist() == [11]


def _after_a_second(*tail: bytes) -> list[bytes]:
    """Packets 0 to 1999 of three samples, calibrated; then the tail."""
    return hvpm_stream(hvpm_calibrations() + [_ONE_AMPERE] * 5990) + list(tail)


def test_a_drop_counter_of_65535_in_the_first_milliseconds_is_ignored() -> None:
    packets = _after_a_second()
    confused = [b"\xff\xff" + packet[2:] if n < 20 else packet for n, packet in enumerate(packets)]
    _assert_equal(_decode(confused), _decode(packets))


def test_drops_after_the_first_second_move_the_samples_that_follow() -> None:
    packets = _after_a_second(hvpm_packet([_ONE_AMPERE] * 3, 2000, dropped=40))
    trace = _decode(packets)
    assert trace.index[-4:].tolist() == [5999, 6040, 6041, 6042]
    assert (trace.n_total, trace.n_dropped) == (6043, 40)


def test_the_drop_counter_may_roll_over() -> None:
    packets = [b"\xfe\xff" + packet[2:] for packet in _after_a_second()]
    packets.append(hvpm_packet([_ONE_AMPERE] * 3, 2000, dropped=65534 + 7))
    assert _decode(packets).n_dropped == 7


@pytest.mark.parametrize("n_skipped", [1, 5, 14])
def test_packets_that_the_counter_skips_count_as_three_lost_samples_each(n_skipped: int) -> None:
    packets = _after_a_second(hvpm_packet([_ONE_AMPERE] * 3, 2000 + n_skipped))
    trace = _decode(packets)
    assert trace.n_dropped == 3 * n_skipped
    assert trace.index[-1] == 6002 + 3 * n_skipped


def test_the_over_current_bit_of_any_packet_marks_the_trace() -> None:
    rows = hvpm_stream(hvpm_calibrations() + [_ONE_AMPERE] * 20)
    assert not _decode(rows).over_current
    rows[7] = rows[7][:2] + bytes([rows[7][2] | 0x10]) + rows[7][3:]
    assert _decode(rows).over_current


def _ampere_after(calibrations: list[bytes]) -> Trace:
    """What 1 A is decoded to after some calibrations, one to a packet, with samples between them."""
    rows = [row for calibration in calibrations for row in (calibration, _ONE_AMPERE, _ONE_AMPERE)]
    return _decode(hvpm_stream([*rows, *[_ONE_AMPERE] * 30]))


@pytest.mark.parametrize("codes", [(0, 0), (65535, 65535), (5000, 65535), (26600, 37500)])
@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_garbled_calibration_changes_no_current(codes: tuple[int, int], place: int) -> None:
    good = hvpm_calibrations(8)
    garbled = [*good[: 2 * place % 16], hvpm_row(*codes, kind=ZERO), *good[2 * place % 16 :]]
    expected, seen = _ampere_after(good), _ampere_after(garbled)
    np.testing.assert_allclose(seen.current_a, 1.0, rtol=1e-6)
    assert seen.zero_se_a == expected.zero_se_a


def test_two_garbled_calibrations_of_five_change_no_current_either() -> None:
    wild = [hvpm_row(code, code, kind=REFERENCE) for code in (0, 60000)]
    np.testing.assert_allclose(_ampere_after(hvpm_calibrations(8) + wild).current_a, 1.0, rtol=1e-6)


def test_a_calibration_that_really_moves_is_followed() -> None:
    zero, reference = hvpm_row(1500, 1500, kind=ZERO), hvpm_row(27100, 38000, kind=REFERENCE)
    trace = _decode(hvpm_stream([*hvpm_calibrations(), *[zero, reference] * 5, hvpm_row(5500, 65535)]))
    np.testing.assert_allclose(trace.current_a[-1], 1.0, rtol=1e-6)


def test_samples_are_left_out_while_references_do_not_lie_above_zeros() -> None:
    upside_down = [hvpm_row(26600, 37500, kind=ZERO), hvpm_row(*HVPM_ZERO, kind=REFERENCE)] * 5
    trace = _decode(hvpm_stream([*upside_down, *[_ONE_AMPERE] * 6]))
    assert len(trace.index) == 0
    assert trace.n_total == 16


@pytest.mark.parametrize("n", [4, 17, 255])
def test_a_packet_that_says_it_has_more_than_three_samples_counts_as_lost(n: int) -> None:
    packets = hvpm_stream([*hvpm_calibrations(), *[_ONE_AMPERE] * 32])
    packets[8] = packets[8][:3] + bytes([n]) + packets[8][4:]
    trace = _decode(packets)
    assert trace.n_dropped == 3
    assert trace.n_total == 42
    np.testing.assert_allclose(trace.current_a, 1.0, rtol=1e-6)


def test_no_packets_are_no_samples_at_any_moment() -> None:
    decoder = HvpmDecoder(HvpmScale())
    for packets in ([], hvpm_stream([*hvpm_calibrations(), *[_ONE_AMPERE] * 5]), []):
        assert decoder.decode(slots(packets)).n_total == sum(packet[3] for packet in packets)

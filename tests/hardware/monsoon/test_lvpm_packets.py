"""LVPM frames and samples: bytes written by hand, properties of coding and chunking, and damaged lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packet_specimens import lvpm_calibrations, lvpm_current_code, lvpm_data, lvpm_status

from hardware.meter import Trace
from hardware.monsoon.lvpm_frames import NotAFrame, frame, limit_code, read_status, split_frames, unframe, voltage_code
from hardware.monsoon.lvpm_packets import LvpmDecoder

# Half an ampere (coarse), nothing on USB, 4.2 V.
_ROW = (2601, 100, 100, 33600)
_OFF = lvpm_status(revision=3, passthrough=0)
_ON = lvpm_status(revision=3, passthrough=1)

# Zero 100 and 100, reference 16700 (fine) and 14500 (coarse); then 10 mA (fine) and 0.5 A (coarse) at 4.2 V.
_GOLDEN = """
    16 20 01 00 00  0064 0064 0064 8340  0064 0064 0064 8340  00 15
    16 21 02 00 00  413c 413c 413c 8340  38a4 38a4 38a4 8340  00 ca
    16 22 00 00 00  13ec 0064 0064 8343  0a29 0064 0064 8340  00 83
"""


def _decode(frames: Sequence[bytes]) -> Trace:
    return LvpmDecoder().decode(b"".join(frames))


def _calibrated(n_frames: int, rows: Sequence[tuple[int, int, int, int]] = (_ROW,) * 14) -> list[bytes]:
    """Status, calibrations, and data frames whose sequence runs on."""
    data = [lvpm_data(rows, 2 + n) for n in range(n_frames)]
    return [_OFF, *lvpm_calibrations(), *data]


def test_frames_written_by_hand_decode_to_the_currents_and_volts_in_them() -> None:
    trace = _decode([bytes.fromhex(_GOLDEN)])
    np.testing.assert_allclose(trace.current_a, [0.010, 0.5], rtol=1e-6)
    np.testing.assert_allclose(trace.supply_v, 4.2, rtol=1e-6)
    assert trace.index.tolist() == [4, 5]
    assert (trace.n_total, trace.n_dropped, trace.n_calibrations) == (6, 0, 4)
    assert trace.rate_hz == 5000.0


def test_a_frame_is_length_body_and_checksum() -> None:
    assert frame(b"\x01\x01\xdc") == bytes.fromhex("04 01 01 dc e2")
    assert unframe(bytes.fromhex("04 01 01 dc e2")) == b"\x01\x01\xdc"


@pytest.mark.parametrize("text", ["", "04", "04 01 01 dc e3", "05 01 01 dc e2", "01 01"])
def test_bytes_that_are_no_frame_are_refused(text: str) -> None:
    with pytest.raises(NotAFrame):
        unframe(bytes.fromhex(text))


@given(body=st.binary(min_size=1, max_size=254))
def test_any_body_survives_framing(body: bytes) -> None:
    assert unframe(frame(body)) == body


@given(supply_v=st.floats(2.01, 4.55))
def test_a_voltage_code_is_never_above_the_voltage_and_less_than_10_mv_below(supply_v: float) -> None:
    set_v = 2.0 + voltage_code(supply_v) / 100
    assert supply_v - 0.01 < set_v <= supply_v + 1e-7


@given(limit_a=st.floats(0.01, 8.0))
def test_a_limit_code_never_allows_more_than_the_limit(limit_a: float) -> None:
    allowed_a = 8.0 * (1023 - limit_code(limit_a)) / 1023
    assert limit_a - 0.008 < allowed_a <= limit_a + 1e-12


def test_a_status_gives_its_fields_in_units() -> None:
    fields = {
        "firmware": 20,
        "voltage": 33600,
        "setting": 220,
        "serial": 7536,
        "rate_khz": 5,
        "power_up": 0,
        "run": 1023,
    }
    status = read_status(lvpm_status(**fields, revision=3, passthrough=1)[1:-1])
    assert (status.serial, status.firmware, status.rate_hz, status.passthrough) == (7536, 20, 5000.0, 1)
    assert status.measured_v == pytest.approx(4.2)
    assert (status.setting_v, status.output_v) == (4.2, 4.2)
    assert (status.power_up_limit_a, status.run_limit_a) == (8.0, 0.0)


def test_an_output_without_voltage_is_off_whatever_the_setting_says() -> None:
    assert read_status(lvpm_status(voltage=12, setting=220, revision=3)[1:-1]).output_v == 0.0


def test_on_hardware_revision_1_a_code_is_half_as_many_volts() -> None:
    frames = [lvpm_status(revision=1), *_calibrated(1)[1:]]
    np.testing.assert_allclose(_decode(frames).supply_v, 2.1, rtol=1e-6)


@given(currents_a=st.lists(st.floats(0.0, 2.8) | st.floats(0.0, 0.0299), min_size=1, max_size=25))
def test_currents_in_both_ranges_come_back_within_half_a_step(currents_a: list[float]) -> None:
    rows = [(lvpm_current_code(current_a), 100, 100, 33600) for current_a in currents_a]
    seen_a = _decode(_calibrated(1, rows)).current_a
    step_a = np.where(np.array(currents_a) < 0.030, 4e-6, 0.4e-3)
    assert np.all(np.abs(seen_a - np.array(currents_a)) <= 0.5 * step_a + 1e-6)


def _damaged_line(rng: np.random.Generator) -> bytes:
    """Frames of many sizes with bytes changed, taken away and put in between."""
    frames = _calibrated(3)
    for sequence in range(5, 60):
        n_rows = int(rng.choice([14, 14, 14, 2, 7]))
        frames.append(lvpm_data([_ROW] * n_rows, sequence, kind=int(rng.choice([0, 0, 0, 0, 1, 2]))))
        if rng.random() < 0.1:
            frames.append(_ON if rng.random() < 0.5 else _OFF)
    line = bytearray(b"".join(frames))
    for _ in range(int(rng.integers(0, 6))):
        at = int(rng.integers(0, len(line)))
        kind = rng.integers(0, 3)
        if kind == 0:
            line[at] ^= int(rng.integers(1, 256))
        elif kind == 1:
            del line[at : at + int(rng.integers(1, 30))]
        else:
            line[at:at] = rng.bytes(int(rng.integers(1, 30)))
    return bytes(line)


@settings(deadline=None, max_examples=80)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.floats(0, 1), max_size=12))
def test_decoding_in_chunks_equals_decoding_the_whole_even_on_a_damaged_line(seed: int, cuts: list[float]) -> None:
    line = _damaged_line(np.random.default_rng(seed))
    whole = LvpmDecoder()
    trace = whole.decode(line)
    decoder = LvpmDecoder()
    edges = sorted({0, *(int(cut * len(line)) for cut in cuts), len(line)})
    parts = [decoder.decode(line[start:end]) for start, end in pairwise(edges)]
    for name in ("index", "current_a", "supply_v", "usb_v"):
        np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(trace, name))
    for name in ("n_total", "n_dropped", "n_calibrations", "n_bad_frames", "n_statuses"):
        assert getattr(decoder, name) == getattr(whole, name), name


def test_an_unfinished_frame_waits_for_its_rest() -> None:
    line = b"".join(_calibrated(2))
    decoder = LvpmDecoder()
    assert decoder.decode(line[:-1]).n_total == 4 + 14
    assert decoder.decode(line[-1:]).index.tolist() == list(range(18, 32))


def test_every_single_damaged_byte_costs_its_frame_and_nothing_after_it() -> None:
    clean = _calibrated(6)
    head, victim, tail = b"".join(clean[:5]), clean[5], b"".join(clean[6:])
    expected = _decode(clean).index
    expected = expected[(expected < 32) | (expected >= 46)]
    for at in range(len(victim)):
        damaged = bytearray(victim)
        damaged[at] ^= 0x55
        decoder = LvpmDecoder()
        trace = decoder.decode(head + bytes(damaged) + tail)
        np.testing.assert_array_equal(trace.index, expected, err_msg=f"byte {at}")
        assert (decoder.n_bad_frames, trace.n_dropped) == (1, 14)


@pytest.mark.parametrize("n_lost", [1, 2, 15])
def test_frames_that_the_sequence_skips_leave_a_hole_of_their_samples(n_lost: int) -> None:
    frames = _calibrated(40)
    trace = _decode(frames[:10] + frames[10 + n_lost :])
    assert trace.n_dropped == 14 * n_lost
    assert trace.index[-1] == 4 + 40 * 14 - 1
    assert np.diff(trace.index).max() == 14 * n_lost + 1


def test_noise_before_the_first_frame_is_passed_over() -> None:
    trace = _decode([b"\x00\xff\x07\x20\x13", *_calibrated(3)])
    assert len(trace.index) == 42


def test_a_line_that_never_brings_a_frame_does_not_pile_up() -> None:
    decoder = LvpmDecoder()
    for _ in range(20):
        assert decoder.decode(b"\x01" * 5000).n_total == 0
    assert decoder.decode(b"".join(_calibrated(3))).n_total > 0


def test_samples_before_both_calibrations_are_counted_but_left_out() -> None:
    zero, reference = lvpm_calibrations(1)
    data = [lvpm_data([_ROW] * 14, sequence) for sequence in (0, 3)]
    trace = _decode([data[0], zero, reference, data[1]])
    assert trace.index.tolist() == list(range(18, 32))
    assert trace.n_total == 32


def test_calibration_is_the_mean_of_the_last_five_frames() -> None:
    frames = [lvpm_data([(98 + n, 0, 0, 0)] * 2, n, kind=1) for n in range(5)]
    frames.insert(0, lvpm_data([(9, 9, 9, 0)] * 2, 15, kind=1))
    frames.append(lvpm_data([(16700, 100, 0, 0), (14500, 100, 0, 0)], 5, kind=2))
    frames.append(lvpm_data([(100, 0, 0, 33600), (101, 0, 0, 33600)], 6))
    assert _decode(frames).current_a.tolist() == [0.0, 0.0]


def test_usb_counts_as_on_until_a_status_says_that_it_is_off() -> None:
    rest = _calibrated(1)[1:]
    assert _decode(rest).usb_v.tolist() == [5.0] * 14
    assert _decode([_ON, *rest]).usb_v.tolist() == [5.0] * 14
    assert _decode([lvpm_status(revision=3, passthrough=2), *rest]).usb_v.tolist() == [5.0] * 14
    assert _decode([_OFF, *rest]).usb_v.tolist() == [0.0] * 14


def test_current_on_the_usb_channel_outweighs_a_status_that_says_off() -> None:
    flowing = (2601, lvpm_current_code(0.100), 100, 33600)
    frames = [*_calibrated(1), lvpm_data([flowing] * 14, 3)]
    assert _decode(frames).usb_v.tolist() == [0.0] * 14 + [5.0] * 14


def test_the_over_current_bit_marks_the_trace() -> None:
    frames = _calibrated(3)
    assert not _decode(frames).over_current
    assert _decode([*frames, lvpm_data([_ROW] * 14, 5, over_current=True)]).over_current


def test_frames_of_an_unknown_kind_are_passed_over() -> None:
    frames = _calibrated(2)
    frames.insert(4, frame(b"\x42 something new"))
    assert len(_decode(frames).index) == 28


def test_splitting_uses_every_byte_of_whole_frames() -> None:
    line = b"".join(_calibrated(5))
    split = split_frames(np.frombuffer(line + b"\x75\x20", np.uint8))
    assert split.n_used == len(line)
    assert b"".join(block.tobytes() for block in split.blocks) == line

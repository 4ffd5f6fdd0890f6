"""Our decoder against the PyPI package's engine, on the same bytes.

The engine applies the calibration that holds at the end of a batch of 128 samples to the whole batch; so equality is
exact where calibrations do not change, and close where they do. It leaves out the packet that completes the
calibration, which is why the calibrations come in packets of their own here.
"""

from __future__ import annotations

import numpy as np
from package_engine import as_read, run_engine
from packet_specimens import HVPM_REFERENCE, HVPM_ZERO, REFERENCE, ZERO, hvpm_packet, hvpm_row, slots

from hardware.meter import Trace
from hardware.monsoon.hvpm_packets import HvpmDecoder, HvpmScale

_SCALES = {0x1A: 36500, 0x1B: 6400, 0x1C: 14000, 0x1D: 600, 0x1E: 3100, 0x1F: 250}
_OFFSETS = {0x25: -30, 0x26: 15}
_N_SAMPLES = 6000


def _packets(rng: np.random.Generator, calibration_sd: float) -> list[bytes]:
    """Ten calibrations in packets of one, then measurements over both ranges in packets of all sizes."""

    def calibration(kind: int) -> bytes:
        coarse, fine = HVPM_ZERO if kind == ZERO else HVPM_REFERENCE
        jitter = rng.normal(0.0, calibration_sd, 2)
        return hvpm_row(round(coarse + jitter[0]), round(fine + jitter[1]), kind=kind)

    packets = [hvpm_packet([calibration(kind)], n) for n, kind in enumerate([ZERO, REFERENCE] * 5)]
    n_left = _N_SAMPLES + 1000
    while n_left > 0:
        rows = []
        for _ in range(int(rng.choice([3, 3, 3, 2, 1]))):
            current_a = float(rng.choice([0.002, 0.03, 0.07, 0.5, 3.0])) * float(rng.uniform(0.9, 1.1))
            fine = min(65535, round(HVPM_ZERO[1] + current_a / 1e-6))
            rows.append(hvpm_row(round(HVPM_ZERO[0] + current_a / 0.25e-3), fine, float(rng.uniform(4.1, 4.3))))
        n_left -= len(rows)
        if len(packets) % 400 == 0:
            rows = [calibration(ZERO), calibration(REFERENCE)]
        packets.append(hvpm_packet(rows, len(packets)))
    return packets


def _both(calibration_sd: float) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], Trace]:
    packets = _packets(np.random.default_rng(7), calibration_sd)
    theirs = run_engine(as_read(packets), _SCALES | _OFFSETS, _N_SAMPLES)
    scale = HvpmScale(36500.0, 6400.0, _OFFSETS[0x25], _OFFSETS[0x26])
    return theirs, HvpmDecoder(scale).decode(slots(packets))


def test_with_steady_calibrations_both_decoders_agree_in_every_sample() -> None:
    (current_a, main_v, usb_v), trace = _both(calibration_sd=0.0)
    assert len(current_a) == _N_SAMPLES
    np.testing.assert_allclose(trace.current_a[:_N_SAMPLES], current_a, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(trace.supply_v[:_N_SAMPLES], main_v, rtol=1e-6)
    np.testing.assert_allclose(trace.usb_v[:_N_SAMPLES], usb_v, rtol=1e-6)


def test_with_calibrations_that_move_they_differ_by_less_than_a_calibration_step() -> None:
    (current_a, _, _), trace = _both(calibration_sd=2.0)
    assert len(current_a) == _N_SAMPLES
    difference_a = np.abs(trace.current_a[:_N_SAMPLES] - current_a)
    in_fine = current_a < 0.05
    assert difference_a[in_fine].max() < 2e-6
    assert difference_a[~in_fine].max() < 0.5e-3
    assert np.mean(difference_a < 1e-6 * np.abs(current_a) + 1e-9) > 0.9

"""The packets of either Monsoon are decoded as its kind says, with the constants of that unit."""

from __future__ import annotations

import numpy as np
import pytest
from packet_specimens import (
    HVPM_REFERENCE,
    HVPM_ZERO,
    hvpm_calibrations,
    hvpm_row,
    hvpm_stream,
    lvpm_calibrations,
    lvpm_data,
    lvpm_status,
    slots,
)

from hardware.monsoon.decoding import decode_packets

CONSTANTS = {
    "main_fine_scale": 36500.0,
    "main_coarse_scale": 6400.0,
    "main_fine_zero_offset": 0.0,
    "main_coarse_zero_offset": 0.0,
}
# Two samples: 1 A in the coarse range (4,000 codes above its zero), 2 mA in the fine one (2,000 codes).
COARSE_CODE, FINE_CODE = 5000, 3000
HVPM = slots(hvpm_stream([*hvpm_calibrations(), hvpm_row(COARSE_CODE, 65535), hvpm_row(1008, FINE_CODE)]))
# 0.5 A and 0.5 A.
LVPM = b"".join([lvpm_status(revision=3), *lvpm_calibrations(), lvpm_data([(2601, 100, 100, 33600)] * 2, 2)])


def expected_a(scale: dict[str, float]) -> list[float]:
    """By hand: codes above the zero, over those from zero to reference, times full scale (mA; mA x 1,000)."""
    zero_coarse = HVPM_ZERO[0] + scale["main_coarse_zero_offset"]
    zero_fine = HVPM_ZERO[1] + scale["main_fine_zero_offset"]
    return [
        scale["main_coarse_scale"] / 1e3 * (COARSE_CODE - zero_coarse) / (HVPM_REFERENCE[0] - zero_coarse),
        scale["main_fine_scale"] / 1e6 * (FINE_CODE - zero_fine) / (HVPM_REFERENCE[1] - zero_fine),
    ]


def test_an_hvpms_packets_become_samples() -> None:
    trace = decode_packets("hvpm", CONSTANTS, HVPM)
    np.testing.assert_allclose(trace.current_a, [1.0, 0.002], rtol=1e-6)
    np.testing.assert_allclose(trace.supply_v, 4.2, rtol=1e-6)
    assert (trace.index.tolist(), trace.n_total, trace.n_calibrations) == ([10, 11], 12, 10)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("main_coarse_scale", 7000.0),
        ("main_fine_scale", 40000.0),
        ("main_coarse_zero_offset", 60.0),
        ("main_fine_zero_offset", -40.0),
    ],
)
def test_each_constant_of_an_hvpm_scales_the_range_that_it_is_of(name: str, value: float) -> None:
    constants = {**CONSTANTS, name: value}
    expected = expected_a(constants)
    assert [a != b for a, b in zip(expected, expected_a(CONSTANTS), strict=True)] == ["coarse" in name, "fine" in name]
    np.testing.assert_allclose(decode_packets("hvpm", constants, HVPM).current_a, expected, rtol=1e-6)


def test_an_hvpm_without_one_of_its_constants_is_not_decoded_with_a_guess() -> None:
    for name in CONSTANTS:
        with pytest.raises(KeyError, match=name):
            decode_packets("hvpm", {key: value for key, value in CONSTANTS.items() if key != name}, HVPM)


def test_an_lvpms_packets_become_samples_without_constants() -> None:
    trace = decode_packets("lvpm", {}, LVPM)
    np.testing.assert_allclose(trace.current_a, 0.5, rtol=1e-6)
    np.testing.assert_allclose(trace.supply_v, 4.2, rtol=1e-6)
    assert len(trace.index) == 2


@pytest.mark.parametrize("kind", ["hvpm", "lvpm"])
def test_no_packets_are_an_empty_trace(kind: str) -> None:
    trace = decode_packets(kind, CONSTANTS, b"")
    assert len(trace.index) == len(trace.current_a) == trace.n_total == 0


def test_packets_of_calibrations_alone_have_no_samples() -> None:
    trace = decode_packets("hvpm", CONSTANTS, slots(hvpm_stream(hvpm_calibrations(3))))
    assert (len(trace.index), trace.n_calibrations) == (0, 6)

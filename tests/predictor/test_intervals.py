"""Intervals hold what they say."""

import numpy as np
import pytest

from predictor.intervals import OUTSIDE_FACTOR, calibrate, coverage


def visits(n: int, seed: int, noise_frac: float = 0.05) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    true = rng.uniform(0.5, 3.0, n)
    return true * (1 + noise_frac * rng.normal(size=n)), true


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_the_stated_share_of_new_visits_is_covered(level: float) -> None:
    band = calibrate(*visits(3000, 1), level=level)
    covered = coverage(band, *visits(20_000, 2))
    assert covered.frac == pytest.approx(level, abs=0.015)


def test_noise_that_grows_with_the_energy_is_covered_at_every_size() -> None:
    covered = coverage(calibrate(*visits(3000, 1)), *visits(30_000, 2))
    assert covered.thirds_frac == pytest.approx((0.9, 0.9, 0.9), abs=0.02)


def test_a_target_that_may_be_negative_gets_a_constant_width() -> None:
    band = calibrate(np.array([-1.0, 0.0, 1.0] * 10), np.array([-0.9, 0.1, 1.1] * 10))
    assert not band.relative
    low, high = band.around(np.array([-5.0, 5.0]))
    assert (high - low).tolist() == pytest.approx([0.2, 0.2])


def test_few_errors_give_the_widest_of_them() -> None:
    assert calibrate(np.array([1.1, 1.0]), np.array([1.0, 1.0])).half_width == pytest.approx(0.1)


def test_outside_what_was_measured_the_interval_is_as_wide_as_the_errors_there() -> None:
    measured, predicted = visits(3000, 1)
    outside = np.arange(3000) % 10 == 0
    measured = np.where(outside, predicted + 3 * (measured - predicted), measured)
    band = calibrate(measured, predicted, outside=outside)
    low, high = band.around(predicted, outside)
    inside = (low <= measured) & (measured <= high)
    assert inside[outside].mean() == pytest.approx(band.level, abs=0.02)
    assert band.outside_factor > 2
    assert band.n_outside == 300


def test_too_few_rows_outside_leave_the_stated_factor_and_it_never_narrows() -> None:
    measured, predicted = visits(300, 1)
    assert calibrate(measured, predicted, outside=np.arange(300) < 9).outside_factor == OUTSIDE_FACTOR
    exact = np.where(np.arange(300) < 50, predicted, measured)
    assert calibrate(exact, predicted, outside=np.arange(300) < 50).outside_factor == 1.0

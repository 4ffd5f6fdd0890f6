"""Intervals hold what they say."""

import numpy as np
import pytest

from predictor.intervals import calibrate, coverage


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

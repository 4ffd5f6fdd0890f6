"""Metrics, the noise of a visit, and the ceiling that it sets."""

import math

import numpy as np
import pytest

from predictor.metrics import proxy, score, spread, visit_noise


def test_perfect_predictions() -> None:
    values = np.array([1.0, 2.0, 4.0])
    found = score(values, values)
    assert (found.r2, found.rmse, found.mape_frac, found.kendall_tau) == (1.0, 0.0, 0.0, pytest.approx(1.0))


def test_metrics_by_hand() -> None:
    found = score(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0]) + np.array([0, 1e-9, 2e-9]))
    assert found.r2 == pytest.approx(0.0, abs=1e-6)
    assert found.rmse == pytest.approx(math.sqrt(2 / 3))
    assert found.mape_frac == pytest.approx((1 + 0 + 1 / 3) / 3)
    assert found.kendall_tau == pytest.approx(1.0)


def test_what_cannot_be_said_is_nan() -> None:
    constant = score(np.ones(3), np.array([1.0, 2.0, 3.0]))
    assert math.isnan(constant.r2)
    assert math.isnan(constant.kendall_tau)
    assert math.isnan(score(np.array([0.0, 1.0]), np.ones(2)).mape_frac)


def test_the_spread_is_the_sample_deviation_over_folds() -> None:
    folds = [score(np.array([1.0, 2.0]), np.array([1.0, 2.0 + e])) for e in (0.1, 0.3)]
    found = spread(folds)
    assert found.mean.rmse == pytest.approx(0.2 / math.sqrt(2))
    assert found.sd.rmse == pytest.approx(0.1, rel=1e-6)
    assert math.isnan(spread(folds[:1]).sd.rmse)


def test_the_noise_of_a_visit_is_found_again() -> None:
    rng = np.random.default_rng(1)
    true = rng.uniform(1, 2, 4000)
    groups = np.repeat(np.arange(4000), 2)
    values = true[groups] + 0.05 * rng.normal(size=8000)
    noise = visit_noise(values, groups)
    assert noise is not None
    assert noise.sd == pytest.approx(0.05, rel=0.04)
    assert noise.n_repeats == 4000
    best = score(values, true[groups]).r2
    assert noise.ceiling_low < best < noise.ceiling_high


def test_nothing_visited_twice_leaves_the_noise_unknown() -> None:
    assert visit_noise(np.array([1.0, 2.0]), np.array([0, 1])) is None


def test_values_that_are_not_positive_have_no_relative_noise() -> None:
    noise = visit_noise(np.array([-1.0, 1.0, 2.0]), np.array([0, 0, 1]))
    assert noise is not None
    assert math.isnan(noise.sd_frac)


def test_a_proxy_says_how_far_the_target_spreads_at_equal_values_of_it() -> None:
    column = np.repeat([10.0, 20.0, 30.0], 101)
    values = column / 10 + np.tile(np.linspace(-0.5, 0.5, 101), 3)
    found = proxy("flops", column, values)
    assert (found.at, found.n_rows) == (20.0, 101)
    assert found.low == pytest.approx(1.55)
    assert found.high == pytest.approx(2.45)
    assert 0.9 < found.correlation < 1

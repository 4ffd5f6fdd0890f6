"""Metrics by hand, also of values near zero and near each other; the noise of a visit, and the ceiling that it sets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2

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


def test_metrics_of_values_far_below_one_are_those_of_larger_ones() -> None:
    measured, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    large, small = score(measured, predicted), score(1e-3 * measured, 1e-3 * predicted)
    assert (small.r2, small.mape_frac, small.kendall_tau) == pytest.approx(
        (large.r2, large.mape_frac, large.kendall_tau)
    )
    assert small.rmse == pytest.approx(1e-3 * large.rmse)
    assert large.r2 == pytest.approx(1 - (0.25 + 1.0) / 3 / np.var(measured))
    assert large.n_rows == 3


def test_equal_predictions_of_different_values_have_an_r2_and_no_rank_correlation() -> None:
    found = score(np.array([1.0, 2.0]), np.array([3.0, 3.0]))
    assert found.r2 == pytest.approx(1 - (4 + 1) / 2 / 0.25)
    assert math.isnan(found.kendall_tau)
    assert math.isnan(score(np.array([3.0, 3.0]), np.array([1.0, 2.0])).kendall_tau)


def test_a_rank_correlation_counts_pairs_in_the_wrong_order() -> None:
    found = score(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0]))
    assert found.kendall_tau == pytest.approx((5 - 1) / 6)


def test_negative_values_have_a_relative_error_too_and_zero_has_none() -> None:
    assert score(np.array([-2.0, 1.0]), np.array([-1.0, 1.0])).mape_frac == pytest.approx(0.25)
    assert math.isnan(score(np.array([0.0, 1.0]), np.array([0.0, 1.0])).mape_frac)


def test_a_spread_has_the_mean_number_of_rows_and_two_folds_have_a_deviation() -> None:
    folds = [score(np.arange(1.0, n + 1), np.arange(1.0, n + 1) + error) for n, error in ((3, 0.1), (4, 0.3), (6, 0.2))]
    found = spread(folds)
    assert (found.mean.n_rows, found.sd.n_rows) == (4, 4)
    assert (found.mean.rmse, found.sd.rmse) == pytest.approx((0.2, 0.1))
    two = spread(folds[:2])
    assert two.sd.rmse == pytest.approx(0.2 / math.sqrt(2))


# Three architectures: one visited three times, one twice, one once; sums of squares 2e-2 and 0.5e-2.
VALUES = np.array([1.0, 1.1, 0.9, 2.05, 1.95, 3.0])
GROUPS = np.array([7, 7, 7, 2, 2, 5])


def test_the_noise_is_pooled_over_the_visits_beyond_the_first_of_each_architecture() -> None:
    noise = visit_noise(VALUES, GROUPS)
    assert noise is not None
    assert noise.n_repeats == 3
    assert noise.sd == pytest.approx(math.sqrt(0.025 / 3))
    logs = np.log(VALUES)
    squares = ((logs[:3] - logs[:3].mean()) ** 2).sum() + ((logs[3:5] - logs[3:5].mean()) ** 2).sum()
    assert noise.sd_frac == pytest.approx(math.sqrt(squares / 3))


def test_the_ceiling_is_what_the_noise_leaves_of_the_variance_and_its_interval_that_of_chi_squared() -> None:
    noise = visit_noise(VALUES, GROUPS)
    assert noise is not None
    total = np.var(VALUES)
    assert noise.ceiling_r2 == pytest.approx(1 - 0.025 / 3 / total)
    assert noise.ceiling_low == pytest.approx(1 - 0.025 / chi2.ppf(0.025, 3) / total)
    assert noise.ceiling_high == pytest.approx(1 - 0.025 / chi2.ppf(0.975, 3) / total)
    assert noise.ceiling_low < noise.ceiling_r2 < noise.ceiling_high


def test_values_below_one_have_a_relative_noise_and_a_zero_has_none() -> None:
    small = visit_noise(1e-3 * VALUES, GROUPS)
    large = visit_noise(VALUES, GROUPS)
    assert small is not None
    assert large is not None
    assert small.sd_frac == pytest.approx(large.sd_frac)
    assert small.ceiling_r2 == pytest.approx(large.ceiling_r2)
    zero = visit_noise(np.array([0.0, 1.0, 2.0]), np.array([0, 0, 1]))
    assert zero is not None
    assert math.isnan(zero.sd_frac)
    assert zero.sd == pytest.approx(math.sqrt(0.5))


def test_equal_visits_of_one_architecture_leave_no_variance_to_explain() -> None:
    noise = visit_noise(np.array([1.0, 1.0]), np.array([0, 0]))
    assert noise is not None
    assert (noise.sd, noise.sd_frac, noise.n_repeats) == (0.0, 0.0, 1)
    assert all(math.isnan(v) for v in (noise.ceiling_r2, noise.ceiling_low, noise.ceiling_high))


def test_rows_are_near_the_median_within_two_percent_of_it() -> None:
    column = np.array([97.9, 98.1, 100.0, 101.9, 102.1])
    found = proxy("flops", column, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert (found.name, found.at, found.n_rows) == ("flops", 100.0, 3)
    assert (found.low, found.high) == pytest.approx((2.1, 3.9))
    negative = proxy("x", -column, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert (negative.n_rows, negative.correlation) == (3, pytest.approx(-found.correlation))


def test_a_column_that_is_constant_has_no_correlation_and_one_that_varies_little_has() -> None:
    values = np.array([1.0, 2.0, 3.0])
    constant = proxy("flops", np.full(3, 5.0), values)
    assert math.isnan(constant.correlation)
    assert constant.n_rows == 3
    assert proxy("flops", np.array([5.0, 5.1, 5.2]), values).correlation == pytest.approx(1.0)


def test_a_median_that_no_row_is_near_has_no_quantiles() -> None:
    found = proxy("flops", np.array([1.0, 3.0]), np.array([1.0, 2.0]))
    assert (found.at, found.n_rows) == (2.0, 0)
    assert math.isnan(found.low)
    assert math.isnan(found.high)

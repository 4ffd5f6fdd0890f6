"""A learning curve as a Gaussian process."""

from __future__ import annotations

import numpy as np
import pytest
from curve_specimens import decaying

from search.engine.stopping.curve_process import (
    DEFAULTS,
    N_PARAMETERS,
    Curves,
    make_curves,
    negative_log_likelihood,
    predict_end,
)


def test_the_gradient_is_that_of_differences_for_long_and_short_curves() -> None:
    rng = np.random.default_rng(1)
    values, _ = decaying(3)
    curves = make_curves([values[0], values[1][:7], values[2][:2]], 20)
    parameters = DEFAULTS + rng.normal(0, 0.1, (3, N_PARAMETERS))
    _, gradient = negative_log_likelihood(parameters, curves)
    for i in range(N_PARAMETERS):
        step = np.zeros(N_PARAMETERS)
        step[i] = 1e-5
        above, _ = negative_log_likelihood(parameters + step, curves)
        below, _ = negative_log_likelihood(parameters - step, curves)
        assert gradient[:, i] == pytest.approx((above - below) / 2e-5, rel=1e-3, abs=1e-4)


def test_what_was_not_seen_of_a_curve_adds_nothing() -> None:
    values, _ = decaying(1)
    times = np.arange(1, 21) / 20
    short = Curves(times[:8], values[:, :8], np.ones((1, 8), dtype=bool))
    padded = make_curves([values[0, :8]], 20)
    parameters = DEFAULTS[np.newaxis]
    alone, with_padding = negative_log_likelihood(parameters, short), negative_log_likelihood(parameters, padded)
    assert alone[0] == pytest.approx(with_padding[0])
    assert alone[1] == pytest.approx(with_padding[1])
    for one, other in zip(predict_end(parameters, short), predict_end(parameters, padded), strict=True):
        assert one == pytest.approx(other)


def test_with_the_whole_curve_seen_the_end_is_where_it_is() -> None:
    values, ends = decaying(5)
    means, sds, noise = predict_end(np.tile(DEFAULTS, (5, 1)), make_curves(list(values), 20))
    assert means == pytest.approx(ends, abs=0.015)
    assert (sds < 0.012).all()
    assert noise == pytest.approx(np.full(5, 0.008))


def test_the_less_is_seen_the_less_is_certain() -> None:
    values, _ = decaying(1)
    sds = [predict_end(DEFAULTS[np.newaxis], make_curves([values[0, :n]], 20))[1][0] for n in (2, 6, 12, 20)]
    assert sds == sorted(sds, reverse=True)


def test_the_kernel_is_a_mixture_of_decays() -> None:
    beta, alpha, sigma, s, noise = 0.5, 1.4, 0.1, 0.04, 0.008
    parameters = np.array([[0.7, *np.log([s, sigma, beta, alpha, noise, 0.15])]])
    rng = np.random.default_rng(0)
    rates = rng.gamma(alpha, 1 / beta, 400_000)
    t = np.array([0.3, 1.0])
    mixture = sigma**2 * np.mean(np.exp(-rates * (t[0] + t[1])))
    seen = Curves(t[:1], np.array([[0.7]]), np.ones((1, 1), dtype=bool))
    mean, _, _ = predict_end(parameters, seen)
    decays = np.array([np.mean(np.exp(-rates * each)) for each in t])
    own = s**2 + sigma**2 * np.mean(np.exp(-rates * 2 * t[0])) + noise**2
    expected = 0.7 - 0.15 * decays[1] + (s**2 + mixture) / own * (0.15 * decays[0])
    assert mean[0] == pytest.approx(expected, abs=1e-3)

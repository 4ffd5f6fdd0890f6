"""A learning curve as a Gaussian process."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from curve_specimens import decaying

from search.engine.stopping.curve_process import (
    DEFAULTS,
    N_PARAMETERS,
    Course,
    Curves,
    make_curves,
    negative_log_likelihood,
    no_course,
    predict_end,
)


def some_course(rng: np.random.Generator, n_points: int) -> Course:
    offset, shown, log_noise = rng.normal(0, 0.2, (3, n_points))
    return Course(0.9, offset, 1 + shown, log_noise)


def test_the_gradient_is_that_of_differences_for_long_and_short_curves() -> None:
    rng = np.random.default_rng(1)
    values, _ = decaying(3)
    curves = make_curves([values[0], values[1][:7], values[2][:2]], 20)
    parameters = DEFAULTS + rng.normal(0, 0.1, (3, N_PARAMETERS))
    course = some_course(rng, 20)
    _, gradient = negative_log_likelihood(parameters, course, curves)
    for row in range(3):
        for i in range(N_PARAMETERS):
            step = np.zeros((3, N_PARAMETERS))
            step[row, i] = 1e-5
            above, _ = negative_log_likelihood(parameters + step, course, curves)
            below, _ = negative_log_likelihood(parameters - step, course, curves)
            assert gradient.parameters[row, i] == pytest.approx((above - below) / 2e-5, rel=1e-3, abs=1e-3)
    for name in ("offset", "shown", "log_noise"):
        for i in (0, 4, 19):
            step = 1e-5 * np.eye(20)[i]
            above, _ = negative_log_likelihood(
                parameters, replace(course, **{name: getattr(course, name) + step}), curves
            )
            below, _ = negative_log_likelihood(
                parameters, replace(course, **{name: getattr(course, name) - step}), curves
            )
            assert getattr(gradient, name)[i] == pytest.approx((above - below) / 2e-5, rel=1e-3, abs=1e-3)


def test_what_was_not_seen_of_a_curve_adds_nothing() -> None:
    values, _ = decaying(1)
    parameters, course = DEFAULTS[np.newaxis], some_course(np.random.default_rng(2), 20)
    odd = values.copy()
    odd[:, 8:] = 100.0
    seen = np.arange(20)[np.newaxis] < 8
    times = np.arange(1, 21) / 20
    one, other = Curves(times, values, seen), Curves(times, odd, seen)
    assert predict_end(parameters, course, one) == predict_end(parameters, course, other)
    short = Course(0.9, course.offset[:8], course.shown[:8], course.log_noise[:8])
    alone = negative_log_likelihood(parameters, short, Curves(times[:8], values[:, :8], seen[:, :8]))
    padded = negative_log_likelihood(parameters, course, other)
    assert alone[0] == pytest.approx(padded[0])
    assert alone[1].parameters == pytest.approx(padded[1].parameters)
    assert padded[1].shown[8:] == pytest.approx(np.zeros(12))


def test_with_the_whole_curve_seen_the_end_is_where_it_is() -> None:
    values, ends = decaying(5)
    means, sds = predict_end(np.tile(DEFAULTS, (5, 1)), no_course(20), make_curves(list(values), 20))
    assert means == pytest.approx(ends, abs=0.1)
    # The noise of one more evaluation remains.
    assert ((sds > 0.06) & (sds < 0.09)).all()


def test_the_less_is_seen_the_less_is_certain() -> None:
    values, _ = decaying(1)
    seen = [make_curves([values[0, :n]], 20) for n in (2, 6, 12, 20)]
    sds = [predict_end(DEFAULTS[np.newaxis], no_course(20), each)[1][0] for each in seen]
    assert sds == sorted(sds, reverse=True)


def test_what_hardly_shows_yet_says_little_and_counts_for_more() -> None:
    curve = make_curves([np.array([0.3])], 2)

    def end(shown: float) -> tuple[float, float]:
        course = Course(0.0, np.zeros(2), np.array([shown, 1.0]), np.zeros(2))
        flat = DEFAULTS.copy()
        flat[[0, 2, 6]] = 0.0, np.log(0.02), np.log(0.01)
        mean, sd = predict_end(flat[np.newaxis], course, curve)
        return float(mean[0]), float(sd[0])

    assert end(0.5)[0] > 1.7 * end(1.0)[0]
    assert end(0.1)[1] > 1.5 * end(1.0)[1]


def test_the_kernel_is_a_mixture_of_decays() -> None:
    beta, alpha, sigma, s, noise = 0.5, 1.4, 0.1, 0.04, 0.02
    parameters = np.array([[0.7, *np.log([s, sigma, beta, alpha, noise, 0.15])]])
    rng = np.random.default_rng(0)
    rates = rng.gamma(alpha, 1 / beta, 400_000)
    t = np.array([0.3, 1.0])
    mixture = sigma**2 * np.mean(np.exp(-rates * (t[0] + t[1])))
    seen = Curves(t, np.array([[0.7, 0.0]]), np.array([[True, False]]))
    mean, _ = predict_end(parameters, no_course(2), seen)
    decays = np.array([np.mean(np.exp(-rates * each)) for each in t])
    own = s**2 + sigma**2 * np.mean(np.exp(-rates * 2 * t[0])) + noise**2
    expected = 0.7 - 0.15 * decays[1] + (s**2 + mixture) / own * (0.15 * decays[0])
    assert mean[0] == pytest.approx(expected, abs=1e-3)

"""Kendall's tau, its interval, and what noise leaves of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from search.supernet.rank_correlation import correlations, kendall_tau, noise_ceiling


def test_tau_is_one_for_the_same_order_and_minus_one_for_the_reverse() -> None:
    values = np.array([1.0, 2.0, 5.0, 9.0])
    assert kendall_tau(values, values**3) == 1
    assert kendall_tau(values, -values) == -1


def test_the_interval_holds_the_tau_and_narrows_with_the_number_of_networks() -> None:
    rng = np.random.default_rng(2)
    widths = []
    for n in (20, 200):
        truth = rng.normal(size=n)
        (found,) = correlations({"noisy": truth + rng.normal(size=n)}, truth)
        assert found.low < found.tau < found.high
        # Of two normal variables with correlation r, tau is 2/pi asin(r).
        assert found.low < 2 / math.pi * math.asin(math.sqrt(0.5)) < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


def test_the_ceiling_is_the_tau_of_the_truth_itself() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=400)
    trainings = truth[:, None] + 0.7 * rng.normal(size=(400, 2))
    real = kendall_tau(truth, trainings.mean(1))
    assert noise_ceiling(trainings.tolist()) == pytest.approx(real, abs=0.04)


def test_without_repeats_no_ceiling_is_known() -> None:
    assert math.isnan(noise_ceiling([[0.5], [0.6], [0.7]]))

"""The Gaussian process of accuracy and the acquisition that knows the penalty."""

from __future__ import annotations

import numpy as np
import pytest
from engine_specimens import AUDIO, SMALL, Formula, new_study, run_trials
from scipy.stats import norm

from search.engine.dominated import KnownPenalties, is_dominated
from search.engine.samplers.accuracy_model import (
    AccuracyProcess,
    BlockAttributes,
    Kernel,
    _negative_log_likelihood,
    fit_kernel,
)
from search.engine.samplers.known_penalty import KnownPenaltySampler, log_expected_improvement
from search.engine.stopping.curve_stop import CurveStop
from search.networks.blocks import BlockType


def test_it_never_proposes_what_is_hopeless_when_something_better_is_there() -> None:
    objective = Formula(SMALL, penalty=0.2)
    study = new_study(KnownPenaltySampler(SMALL, 1, KnownPenalties(SMALL, objective.penalties), n_startup=5))
    incumbent = -np.inf
    for outcome in run_trials(study, SMALL, objective, 40):
        assert not is_dominated(outcome.trial.user_attrs["penalty"], incumbent)
        incumbent = max(incumbent, outcome.trial.values[0])
    penalties = objective.penalties([SMALL.decoded(row) for row in SMALL.random(np.random.default_rng(0), 200)])
    assert np.mean([is_dominated(each, incumbent) for each in penalties]) > 0.1


def test_of_equal_accuracies_it_proposes_the_unpenalised() -> None:
    objective = Formula(AUDIO, penalty=0.02)
    study = new_study(KnownPenaltySampler(AUDIO, 1, KnownPenalties(AUDIO, objective.penalties)))
    outcomes = run_trials(study, AUDIO, objective, 40)
    later = np.mean([outcome.trial.user_attrs["penalty"] for outcome in outcomes[20:]])
    drawn = AUDIO.random(np.random.default_rng(0), 300)
    assert later < 0.7 * objective.penalties([AUDIO.decoded(row) for row in drawn]).mean()


def test_it_learns_from_stopped_trials_too() -> None:
    objective = Formula(AUDIO, n_evaluations=20)
    sampler = KnownPenaltySampler(AUDIO, 1, KnownPenalties(AUDIO, objective.penalties), n_random=100, n_best=1)
    outcomes = run_trials(new_study(sampler), AUDIO, objective, 50, CurveStop(1, n_startup=15))
    assert any(outcome.stopped for outcome in outcomes)
    rewards = [objective.accuracy(o.architecture) - o.trial.user_attrs["penalty"] for o in outcomes]
    assert np.mean(rewards[35:]) > np.mean(rewards[:15])


def test_expected_improvement_is_the_integral_and_finite_far_below() -> None:
    means, sds = np.array([0.5, 0.7, 0.9, -3.0]), np.array([0.1, 0.05, 0.2, 0.01])
    logs = log_expected_improvement(means, sds, 0.7)
    grid = np.linspace(0.7, 3, 400_001)
    for mean, sd, log in zip(means[:3], sds[:3], logs[:3], strict=True):
        integral = np.trapezoid((grid - 0.7) * norm.pdf(grid, mean, sd), grid)
        assert log == pytest.approx(np.log(integral), abs=1e-4)
    assert np.isfinite(logs[3])
    assert logs[3] < -1e4


def accuracies_of(n: int) -> tuple[np.ndarray, np.ndarray]:
    """An effect of each type at each place, and one of filters that grows with them."""
    rng = np.random.default_rng(0)
    codes = AUDIO.random(rng, n)
    networks = [AUDIO.decoded(row).blocks for row in codes]
    effects = [dict(zip(BlockType, rng.normal(0, 0.02, len(BlockType)), strict=True)) for _ in networks[0]]
    types = [sum(effect[block.type] for effect, block in zip(effects, blocks, strict=True)) for blocks in networks]
    filters = [sum(np.log(max(block.filters, 8)) for block in blocks) for blocks in networks]
    return codes, 0.7 + np.array(types) + 0.01 * np.array(filters)


def test_the_gradient_of_the_likelihood_is_that_of_differences() -> None:
    attributes = BlockAttributes(SMALL)
    rng = np.random.default_rng(0)
    columns = attributes.columns(SMALL.random(rng, 30))
    outputs, extra = rng.normal(size=30), rng.uniform(0, 0.1, 30)
    logs = rng.normal(-1, 0.5, attributes.n_attributes + 2)

    def value(at: np.ndarray) -> tuple[float, np.ndarray]:
        values = np.exp(at)
        kernel = Kernel(values[:-2], values[-2], values[-1], values[:-2][attributes.group])
        return _negative_log_likelihood(kernel, columns, attributes.group, outputs, extra)

    gradient = value(logs)[1]
    for i in range(len(logs)):
        step = np.zeros(len(logs))
        step[i] = 1e-5
        difference = (value(logs + step)[0] - value(logs - step)[0]) / 2e-5
        assert gradient[i] == pytest.approx(difference, rel=1e-4, abs=1e-5)


def test_the_model_predicts_unseen_architectures_within_its_own_error() -> None:
    codes, accuracies = accuracies_of(260)
    attributes = BlockAttributes(AUDIO)
    columns = attributes.columns(codes)
    seen, unseen = slice(0, 200), slice(200, 260)
    centre, spread = accuracies[seen].mean(), accuracies[seen].std()
    trained = accuracies[seen] + np.random.default_rng(1).normal(0, 0.01, 200)
    kernel = fit_kernel(columns[seen], attributes.group, (trained - centre) / spread, np.zeros(200))
    model = AccuracyProcess(kernel, columns[seen], trained, np.zeros(200), centre, spread)
    means, sds = model.predict(columns[unseen])
    errors = means - accuracies[unseen]
    assert np.sqrt((errors**2).mean()) < 0.5 * accuracies[unseen].std()
    assert 0.4 < np.sqrt(((errors / sds) ** 2).mean()) < 1.8


def test_a_prediction_weighs_less_than_an_observation() -> None:
    codes, accuracies = accuracies_of(40)
    attributes = BlockAttributes(AUDIO)
    columns = attributes.columns(codes)
    kernel = fit_kernel(columns, attributes.group, (accuracies - accuracies.mean()) / accuracies.std(), np.zeros(40))
    off = accuracies.copy()
    off[0] += 0.2

    def shift(sd: float) -> float:
        sds = np.zeros(40)
        sds[0] = sd
        model = AccuracyProcess(kernel, columns, off, sds, accuracies.mean(), accuracies.std())
        return float(model.predict(columns[:1])[0][0] - accuracies[0])

    assert shift(0.5) < 0.3 * shift(0.0)

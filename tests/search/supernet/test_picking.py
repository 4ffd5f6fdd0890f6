"""Picking for a budget: nothing beyond it, better with more scores, and what cannot be had is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from predictor.artefact import load
from search.costs import PredictedCosts
from search.engine.reward import PAPER_B
from search.errors import BudgetTooSmall
from search.networks.architecture import Architecture
from search.networks.count import count_graph
from search.networks.graph import build_graph
from search.networks.spaces import AUDIO_2D
from search.supernet.picking import Costs, EnergyBudget, pick
from search.supernet.shared_accuracy import SharedScore

MODEL = Path(__file__).resolve().parents[3] / "benchmarks" / "data" / "energy_model"


@pytest.fixture(scope="module")
def known() -> PredictedCosts:
    return PredictedCosts(load(MODEL).predictor, PAPER_B)


def costs_with(known: PredictedCosts):  # type: ignore[no-untyped-def]
    def costs_of(architectures: Sequence[Architecture]) -> Costs:
        energies, sizes = known.costs(architectures)
        return Costs(energies, sizes, energies / 1.4)

    return costs_of


def work_is_good(architecture: Architecture) -> SharedScore:
    """A figure with a known best direction: work, which costs energy."""
    return SharedScore(0.5, -float(count_graph(build_graph(architecture)).total.flops))


@pytest.mark.parametrize("mj", [1.1, 1.3, 1.6])
def test_nothing_that_is_picked_costs_more_than_its_budget(known: PredictedCosts, mj: float) -> None:
    for budget in (EnergyBudget(mj), EnergyBudget(mj, memory_kb=55.0), EnergyBudget(3.0, latency_ms=mj / 1.4)):
        found = pick(AUDIO_2D, budget, costs_with(known), work_is_good, 40, seed=1)
        energies, sizes = known.costs([found.architecture])
        assert energies[0] <= mj + 1e-9
        assert budget.memory_kb is None or sizes[0] <= 55e3
        assert found.n_scored == 40


def test_more_energy_and_more_scores_find_better_ones(known: PredictedCosts) -> None:
    def best(mj: float, n_scores: int) -> float:
        return pick(AUDIO_2D, EnergyBudget(mj), costs_with(known), work_is_good, n_scores, seed=3).score.loss

    assert best(1.6, 60) < best(1.1, 60)
    assert best(1.3, 150) < best(1.3, 20)


def test_the_same_seed_picks_the_same(known: PredictedCosts) -> None:
    picks = [pick(AUDIO_2D, EnergyBudget(1.2), costs_with(known), work_is_good, 30, seed) for seed in (5, 5)]
    assert picks[0] == picks[1]


def test_a_budget_that_nothing_satisfies_says_the_least_that_can_be_had(known: PredictedCosts) -> None:
    with pytest.raises(BudgetTooSmall) as caught:
        pick(AUDIO_2D, EnergyBudget(0.01), costs_with(known), work_is_good, 10, seed=1)
    least = float(caught.value.problem.partition("found takes ")[2].split()[0])
    found = pick(AUDIO_2D, EnergyBudget(least + 1e-3), costs_with(known), work_is_good, 10, seed=2)
    assert found.energy_mj <= least + 1e-3
    drawn = [AUDIO_2D.sample(np.random.default_rng(i)) for i in range(300)]
    assert known.costs(drawn)[0].min() >= least

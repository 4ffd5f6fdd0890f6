"""An objective that answers without training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna  # noqa: TID253
import pytest
from numpy.typing import NDArray
from surrogate_objective import SurrogateObjective

from search.engine.algorithms import Settings, build_sampler
from search.engine.encoding import Encoding
from search.engine.reward import PAPER_B
from search.engine.stopping.rule import NeverStop
from search.engine.trials import run_trial
from search.networks.architecture import Architecture
from search.networks.count import count_graph
from search.networks.graph import build_graph
from search.networks.spaces import AUDIO_2D, TABLE_2


class Flat:
    """Every network is as accurate, and 0.75 mJ and 30 kB above the limits."""

    name = "flat"
    n_evaluations = 3

    def accuracy(self, architecture: Architecture) -> float:
        return 0.7

    def curve(self, architecture: Architecture, rng: np.random.Generator) -> NDArray[np.float64]:
        return 0.7 + rng.normal(0, 0.01, self.n_evaluations)

    def costs(self, architectures: Sequence[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.full(len(architectures), 2.0), np.full(len(architectures), 90_000.0)


def test_the_true_reward_has_the_penalty_and_not_the_luck() -> None:
    objective = SurrogateObjective(Flat(), PAPER_B, seed=1)
    assert objective.true_reward(TABLE_2) == pytest.approx(0.66)
    assert objective.penalties([TABLE_2, TABLE_2]) == pytest.approx([0.04, 0.04])


def test_the_luck_of_a_training_follows_from_seed_and_trial() -> None:
    def curve(seed: int, trial: int) -> list[float]:
        return SurrogateObjective(Flat(), PAPER_B, seed).curve(TABLE_2, trial)

    assert curve(1, 5) == curve(1, 5)
    assert len({tuple(curve(*which)) for which in ((1, 5), (1, 6), (2, 5))}) == 3


def test_a_study_on_it_has_the_counts_of_the_real_network() -> None:
    objective = SurrogateObjective(Flat(), PAPER_B, seed=1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    encoding = Encoding(AUDIO_2D)
    study = optuna.create_study(direction="maximize", sampler=build_sampler("random", Settings(encoding, 1)))
    outcome = run_trial(study, encoding, objective, NeverStop())
    cost = count_graph(build_graph(outcome.architecture)).total
    assert outcome.trial.user_attrs["flops"] == cost.flops
    assert outcome.trial.user_attrs["n_params"] == cost.n_params
    assert outcome.trial.values[0] == pytest.approx(0.66, abs=0.05)

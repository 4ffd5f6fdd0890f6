"""What cannot beat the best is known before training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from engine_specimens import SMALL, Formula, new_study, run_trials
from numpy.typing import NDArray

from search.engine.algorithms import Settings, build_sampler
from search.engine.dominated import KnownPenalties, is_dominated
from search.networks.architecture import Architecture


def test_hopeless_is_what_the_bound_cannot_save() -> None:
    assert is_dominated(0.3, 0.7)
    assert not is_dominated(0.29, 0.7)
    assert is_dominated(0.11, 0.7, accuracy_bound=0.8)
    assert not is_dominated(5.0, -math.inf)


def test_an_architectures_penalty_is_asked_for_once() -> None:
    asked: list[Architecture] = []

    def penalties(architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        asked.extend(architectures)
        return np.arange(len(architectures), dtype=float)

    known = KnownPenalties(SMALL, penalties)
    rows = SMALL.random(np.random.default_rng(0), 3)
    assert known.of(np.concatenate([rows, rows[:1]])).tolist() == [0.0, 1.0, 2.0, 0.0]
    assert known.of(rows[::-1]).tolist() == [2.0, 1.0, 0.0]
    assert len(asked) == 3


def test_with_the_screen_random_search_trains_nothing_hopeless_once_there_is_an_incumbent() -> None:
    objective = Formula(SMALL, penalty=0.2)

    def n_dominated(skip_dominated: bool) -> int:
        sampler = build_sampler("random", Settings(SMALL, 1, objective.penalties, skip_dominated=skip_dominated))
        incumbent, n = -math.inf, 0
        for outcome in run_trials(new_study(sampler), SMALL, objective, 60):
            n += is_dominated(float(objective.penalties([outcome.architecture])[0]), incumbent)
            incumbent = max(incumbent, outcome.trial.values[0])
        return n

    assert n_dominated(skip_dominated=False) > 10
    assert n_dominated(skip_dominated=True) == 0

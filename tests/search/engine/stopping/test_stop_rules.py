"""Rules for stopping by name."""

from __future__ import annotations

import pytest
from engine_specimens import SMALL, Formula, new_study, run_trials, settings

from search.engine.algorithms import build_sampler
from search.engine.stopping.rules import DEFAULT_STOP_RULE, STOP_RULE_NAMES, build_stop_rule
from search.errors import UnknownStopRule


def test_an_unknown_rule_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownStopRule) as caught:
        build_stop_rule("asha", 1)
    assert all(name in caught.value.hint for name in STOP_RULE_NAMES)
    assert DEFAULT_STOP_RULE in STOP_RULE_NAMES


@pytest.mark.parametrize("name", STOP_RULE_NAMES)
def test_a_training_too_short_to_judge_is_never_stopped(name: str) -> None:
    objective = Formula(SMALL, n_evaluations=5)
    study = new_study(build_sampler("random", settings(SMALL, objective)))
    outcomes = run_trials(study, SMALL, objective, 30, build_stop_rule(name, 1))
    assert all(outcome.n_evaluations == 5 for outcome in outcomes)


def test_none_predicts_what_it_saw_last() -> None:
    objective = Formula(SMALL, n_evaluations=8)
    study = new_study(build_sampler("random", settings(SMALL, objective)))
    (outcome,) = run_trials(study, SMALL, objective, 1, build_stop_rule("none", 1))
    assert build_stop_rule("none", 1).decide(study, outcome.trial, 8).predicted == outcome.trial.values[0]

"""One trial's way: costs, evaluations, reward."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engine_specimens import SMALL, Formula, new_study, run_trials, settings
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial, TrialState  # noqa: TID253

from search.engine.algorithms import build_sampler
from search.engine.record import HELD_OUT, PREDICTED, PREDICTED_SD, STOPPED_AT, best_trained, penalty_of
from search.engine.stopping.rule import Decision, NeverStop
from search.engine.trials import run_trial
from search.networks.architecture import Architecture


class StopsAt:
    """Flags every trial after so many evaluations."""

    def __init__(self, n: int, *, audit: bool = False) -> None:
        self.n, self.audit = n, audit

    def decide(self, study: Study, trial: FrozenTrial, n_evaluations: int) -> Decision:
        flagged = len(trial.intermediate_values) >= self.n
        return Decision(flagged and not self.audit, 0.25, 0.01, 0.0, flagged)


class Counted(Formula):
    """Counts the evaluations that are made."""

    n_made = 0

    def accuracies(self, architecture: Architecture, trial_number: int) -> Iterator[float]:
        for accuracy in super().accuracies(architecture, trial_number):
            self.n_made += 1
            yield accuracy


def study_of(objective: Formula) -> Study:
    return new_study(build_sampler("random", settings(SMALL, objective)))


def test_costs_are_known_before_the_first_evaluation() -> None:
    class Looks(Formula):
        def accuracies(self, architecture: Architecture, trial_number: int) -> Iterator[float]:
            assert study.trials[trial_number].user_attrs["architecture_hash"] == architecture.architecture_hash
            assert study.trials[trial_number].state is TrialState.RUNNING
            yield 0.5

    objective = Looks(SMALL)
    study = study_of(objective)
    outcome = run_trial(study, SMALL, objective, NeverStop())
    assert outcome.n_evaluations == 1


def test_intermediate_values_and_the_value_are_rewards() -> None:
    objective = Formula(SMALL, n_evaluations=5, penalty=0.1)
    (outcome,) = run_trials(study_of(objective), SMALL, objective, 1)
    accuracies = list(objective.accuracies(outcome.architecture, 0))
    penalty = penalty_of(outcome.trial)
    assert penalty == objective.penalties([outcome.architecture])[0]
    assert outcome.trial.intermediate_values == {
        k: pytest.approx(accuracy - penalty) for k, accuracy in enumerate(accuracies, 1)
    }
    assert outcome.trial.values == [pytest.approx(accuracies[-1] - penalty)]


def test_a_stopped_trial_trains_no_further_and_is_told_complete_with_its_predicted_end() -> None:
    objective = Counted(SMALL, n_evaluations=10)
    study = study_of(objective)
    outcome = run_trial(study, SMALL, objective, StopsAt(4))
    assert outcome.stopped
    assert objective.n_made == outcome.n_evaluations == 4
    assert outcome.trial.state is TrialState.COMPLETE
    assert outcome.trial.values == [0.25]
    assert outcome.trial.user_attrs[STOPPED_AT] == 4
    assert outcome.trial.user_attrs[PREDICTED_SD] == 0.01
    assert best_trained(study) is None


def test_an_audited_trial_is_trained_to_the_end_and_keeps_what_was_predicted_first() -> None:
    objective = Counted(SMALL, n_evaluations=10)
    outcome = run_trial(study_of(objective), SMALL, objective, StopsAt(4, audit=True))
    assert not outcome.stopped
    assert objective.n_made == 10
    assert outcome.trial.user_attrs[HELD_OUT] == 4
    assert outcome.trial.user_attrs[PREDICTED] == 0.25
    assert outcome.trial.values[0] > 0.4


def test_a_training_that_raises_fails_its_trial_and_the_error_reaches_the_caller() -> None:
    class Breaks(Formula):
        def accuracies(self, architecture: Architecture, trial_number: int) -> Iterator[float]:
            yield 0.5
            raise OSError("disk full")

    objective = Breaks(SMALL)
    study = study_of(objective)
    with pytest.raises(OSError, match="disk full"):
        run_trial(study, SMALL, objective, NeverStop())
    assert [trial.state for trial in study.trials] == [TrialState.FAIL]


def test_a_training_without_evaluations_is_an_error() -> None:
    class Silent(Formula):
        def accuracies(self, architecture: Architecture, trial_number: int) -> Iterator[float]:
            yield from ()

    objective = Silent(SMALL)
    with pytest.raises(ValueError, match="Silent"):
        run_trial(study_of(objective), SMALL, objective, NeverStop())

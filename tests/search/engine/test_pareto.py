"""Several objectives and their front."""

from __future__ import annotations

import optuna  # noqa: TID253
from engine_specimens import SMALL, Formula, new_study, run_trials, settings
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial  # noqa: TID253

from search.engine.algorithms import build_sampler
from search.engine.pareto import DIRECTIONS, Point, front
from search.engine.record import TrialCosts, trained
from search.engine.stopping.rule import Decision


def pareto_study(objective: Formula, seed: int = 3) -> Study:
    return optuna.create_study(directions=DIRECTIONS, sampler=build_sampler("pareto", settings(SMALL, objective, seed)))


def points_of_rewards(study: Study) -> list[Point]:
    costs = [TrialCosts.read(trial) for trial in trained(study)]
    return [
        Point(trial.number, trial.values[0] + known.penalty, known.energy_mj, known.size_bytes)
        for trial, known in zip(trained(study), costs, strict=True)
    ]


def test_the_front_has_what_nothing_dominates_most_accurate_first() -> None:
    candidates = [
        Point(0, 0.7, 1.0, 50.0),
        Point(1, 0.8, 2.0, 60.0),
        Point(2, 0.7, 1.0, 51.0),
        Point(3, 0.6, 3.0, 40.0),
        Point(4, 0.75, 2.1, 61.0),
        Point(5, 0.7, 1.0, 50.0),
    ]
    assert [each.trial_number for each in front(candidates)] == [1, 0, 5, 3]
    assert front([]) == []


def test_a_study_of_several_objectives_finds_a_front_that_random_search_does_not_dominate() -> None:
    objective = Formula(SMALL, noise_sd=0.0)
    study = pareto_study(objective)
    run_trials(study, SMALL, objective, 200)
    found = front([Point(trial.number, *trial.values) for trial in trained(study)])
    random = new_study(build_sampler("random", settings(SMALL, objective)))
    run_trials(random, SMALL, objective, 200)
    both = front([*found, *front(points_of_rewards(random))])
    share = sum(each in found for each in both) / len(both)
    assert share > 0.6
    assert len(found) >= 4


def test_a_trial_of_several_objectives_is_told_them_all_reports_nothing_and_asks_no_rule() -> None:
    class Impatient:
        def decide(self, study: Study, trial: FrozenTrial, n_evaluations: int) -> Decision:
            return Decision(stop=True, predicted=0.0)

    objective = Formula(SMALL, n_evaluations=5, penalty=0.1, noise_sd=0.0)
    (outcome,) = run_trials(pareto_study(objective), SMALL, objective, 1, Impatient())
    known = objective.known(outcome.architecture)
    *_, accuracy = objective.accuracies(outcome.architecture, 0)
    assert outcome.trial.values == [accuracy, known.energy_mj, known.size_bytes]
    assert outcome.trial.intermediate_values == {}
    assert outcome.n_evaluations == 5

"""Several objectives and their front."""

from __future__ import annotations

import optuna  # noqa: TID253
from engine_specimens import SMALL, Formula, new_study, run_trials, settings
from optuna.study import Study  # noqa: TID253

from search.engine.algorithms import build_sampler
from search.engine.pareto import DIRECTIONS, Point, front, points, run_pareto_trial


def pareto_study(objective: Formula, seed: int = 3) -> Study:
    return optuna.create_study(directions=DIRECTIONS, sampler=build_sampler("pareto", settings(SMALL, objective, seed)))


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
    for _ in range(200):
        run_pareto_trial(study, SMALL, objective)
    found = front(points(study))
    random = new_study(build_sampler("random", settings(SMALL, objective)))
    run_trials(random, SMALL, objective, 200)
    both = front([*found, *front(points(random))])
    share = sum(each in found for each in both) / len(both)
    assert share > 0.6
    assert len(found) >= 4


def test_points_of_a_study_of_the_reward_have_the_accuracy_without_the_penalty() -> None:
    objective = Formula(SMALL, penalty=0.1, noise_sd=0.0)
    study = new_study(build_sampler("random", settings(SMALL, objective)))
    outcomes = run_trials(study, SMALL, objective, 5)
    for point, outcome in zip(points(study), outcomes, strict=True):
        assert abs(point.accuracy - objective.accuracy(outcome.architecture)) < 1e-9
        assert point.energy_mj == objective.known(outcome.architecture).energy_mj

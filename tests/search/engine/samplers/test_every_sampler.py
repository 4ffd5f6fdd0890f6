"""What all samplers must keep: the space, the seed, no repeats, and no memory but the study."""

from __future__ import annotations

import optuna  # noqa: TID253
import pytest
from engine_specimens import AUDIO, NINE, SMALL, Formula, new_study, proposals, run_trials, settings
from optuna.study import Study  # noqa: TID253
from optuna.trial import TrialState  # noqa: TID253

from search.engine.algorithms import ALGORITHM_NAMES, PARETO, build_sampler
from search.engine.encoding import Encoding, params_of
from search.engine.pareto import DIRECTIONS
from search.errors import OutsideSpace, SpaceExhausted
from search.networks.spaces import TABLE_2

SINGLE = tuple(name for name in ALGORITHM_NAMES if name != PARETO)
WITHOUT_TORCH = tuple(name for name in SINGLE if name not in ("bayesian", "hybrid"))
N_TRIALS = {"bayesian": 14, "hybrid": 26, "known-penalty": 24, "hyperfirefly": 110, "tpe": 50}


def make_study(name: str, encoding: Encoding, seed: int) -> Study:
    sampler = build_sampler(name, settings(encoding, Formula(encoding), seed, switch_at=13))
    if name == PARETO:
        return optuna.create_study(directions=DIRECTIONS, sampler=sampler)
    return new_study(sampler)


def run(study: Study, encoding: Encoding, n: int) -> None:
    run_trials(study, encoding, Formula(encoding), n)


def searched(name: str, encoding: Encoding, seed: int = 3, *, rebuild_every: int | None = None) -> Study:
    n = N_TRIALS.get(name, 130)
    study = make_study(name, encoding, seed)
    if rebuild_every is None:
        run(study, encoding, n)
        return study
    while len(study.trials) < n:
        study.sampler = build_sampler(name, settings(encoding, Formula(encoding), seed, switch_at=13))
        run(study, encoding, min(rebuild_every, n - len(study.trials)))
    return study


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
def test_a_sampler_built_anew_goes_on_as_the_uninterrupted_one(name: str) -> None:
    uninterrupted = proposals(searched(name, AUDIO), AUDIO)
    assert proposals(searched(name, AUDIO, rebuild_every=7), AUDIO) == uninterrupted


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
def test_nothing_is_proposed_twice_and_another_seed_proposes_otherwise(name: str) -> None:
    proposed = proposals(searched(name, SMALL), SMALL)
    assert len(set(proposed)) == len(proposed)
    assert proposals(searched(name, SMALL, seed=4), SMALL) != proposed


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_a_space_is_searched_to_its_last_architecture_and_then_exhausted(name: str) -> None:
    study = make_study(name, NINE, 1)
    run(study, NINE, 9)
    assert sorted(proposals(study, NINE)) == [(i,) for i in range(9)]
    with pytest.raises(SpaceExhausted):
        run(study, NINE, 1)


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_what_runs_elsewhere_is_not_proposed(name: str) -> None:
    study = make_study(name, NINE, 1)
    for _ in range(4):
        study.ask(NINE.distributions)
    run(study, NINE, 5)
    assert sorted(proposals(study, NINE)) == [(i,) for i in range(9)]


@pytest.mark.parametrize("name", SINGLE)
def test_an_architecture_put_in_by_a_person_is_run_as_it_is_and_learned_from(name: str) -> None:
    study = make_study(name, AUDIO, 1)
    run(study, AUDIO, 3)
    study.enqueue_trial(params_of(TABLE_2))
    run(study, AUDIO, 12)
    assert AUDIO.architecture(study.trials[3].params) == TABLE_2
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)


@pytest.mark.parametrize("name", ["evolution", "firefly", "hyperfirefly", "known-penalty", "tpe"])
def test_it_finds_better_than_random_search_does(name: str) -> None:
    def mean_best(each: str) -> float:
        bests = []
        for seed in (1, 2):
            study = make_study(each, AUDIO, seed)
            objective = Formula(AUDIO)
            outcomes = run_trials(study, AUDIO, objective, 40 if name == "known-penalty" else 150)
            bests.append(max(objective.accuracy(o.architecture) - o.trial.user_attrs["penalty"] for o in outcomes))
        return sum(bests) / len(bests)

    assert mean_best(name) > mean_best("random") + 0.01


def test_a_study_asked_for_what_the_space_does_not_have_is_refused() -> None:
    study = make_study("random", NINE, 1)
    trial = study.ask()
    with pytest.raises(OutsideSpace, match="learning_rate"):
        trial.suggest_float("learning_rate", 0.0, 1.0)


def test_trials_of_another_space_are_refused() -> None:
    study = make_study("random", SMALL, 1)
    run(study, SMALL, 1)
    study.sampler = build_sampler("random", settings(AUDIO, Formula(AUDIO)))
    with pytest.raises(OutsideSpace) as caught:
        study.ask(AUDIO.distributions)
    assert "made for this space" in caught.value.hint

"""Firefly, HyperFirefly and the hybrid in a study."""

from __future__ import annotations

import numpy as np
import pytest
from engine_specimens import AUDIO, Formula, new_study, run_trials
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial  # noqa: TID253

from search.engine.encoding import Codes
from search.engine.history import HistoryReader, StudyHistory
from search.engine.samplers.firefly import FLY, PARAMETERS, WINDOW_NUMBER, FireflySampler, HybridSampler
from search.engine.samplers.firefly_pool import FireflyParameters
from search.engine.samplers.from_optuna import BayesianSampler
from search.engine.samplers.hyperparameters import TUNED, HyperLevel


def history_of(study: Study) -> StudyHistory:
    return HistoryReader(AUDIO).read(study, study.ask(AUDIO.distributions)._cached_frozen_trial)


def test_hyperfirefly_changes_its_parameters_at_every_fiftieth_trial() -> None:
    study = new_study(FireflySampler(AUDIO, 1, tuned=True))
    run_trials(study, AUDIO, Formula(AUDIO), 160)
    by_trial = [trial.system_attrs[PARAMETERS] for trial in study.trials]
    changes = [n for n in range(1, 160) if by_trial[n] != by_trial[n - 1]]
    assert changes == [50, 100, 150]
    assert by_trial[0]["gravity"] == FireflyParameters().gravity
    assert [study.trials[n].system_attrs[WINDOW_NUMBER] for n in (49, 50, 100)] == [0, 1, 2]


def test_tuned_parameters_stay_in_their_ranges_and_the_others_at_their_defaults() -> None:
    level = HyperLevel(5, FireflyParameters())
    for window in range(60):
        parameters = level.parameters
        for name, each in TUNED.items():
            assert each.low - 1e-9 <= getattr(parameters, name) <= each.high + 1e-9
        assert parameters.negative_gravity == FireflyParameters().negative_gravity
        level.close_window(0.5 + window / 1000)


def test_the_upper_level_is_drawn_to_parameters_whose_windows_were_better() -> None:
    def mean_resample(better_when_high: bool) -> float:
        level = HyperLevel(5, FireflyParameters())
        seen = []
        for _ in range(200):
            resample = TUNED["resample"].unit(level.parameters.resample)
            seen.append(resample)
            level.close_window(resample if better_when_high else -resample)
        return float(np.mean(seen[100:]))

    assert mean_resample(True) > mean_resample(False) + 0.3


def test_the_pool_is_kept_when_the_parameters_change() -> None:
    sampler = FireflySampler(AUDIO, 1, tuned=True)
    study = new_study(sampler)
    run_trials(study, AUDIO, Formula(AUDIO), 50)
    before = set(sampler.swarm_after(history_of(study)).pool.flies)
    assert sampler.swarm_after(history_of(study)).window == 1
    assert len(before) == FireflyParameters().pool_size


def test_a_trial_that_finishes_late_gives_the_swarm_that_any_process_would_have() -> None:
    objective = Formula(AUDIO)
    sampler = FireflySampler(AUDIO, 1, tuned=True)
    study = new_study(sampler)
    late = study.ask(AUDIO.distributions)
    run_trials(study, AUDIO, objective, 60)
    sampler.swarm_after(history_of(study))
    study.tell(late, 0.9)
    run_trials(study, AUDIO, objective, 1)
    history = history_of(study)
    seen, anew = sampler.swarm_after(history), FireflySampler(AUDIO, 1, tuned=True).swarm_after(history)
    assert seen.folded == anew.folded == sorted(seen.folded)
    assert {i: fly.value for i, fly in seen.pool.flies.items()} == {i: fly.value for i, fly in anew.pool.flies.items()}
    assert seen.pool.parameters == anew.pool.parameters


@pytest.fixture
def bayesian_is_random(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch does not need what comes before it to be clever."""

    def propose(
        self: BayesianSampler, study: Study, trial: FrozenTrial, history: StudyHistory, rng: np.random.Generator
    ) -> Codes:
        return AUDIO.random(rng)

    monkeypatch.setattr(BayesianSampler, "propose", propose)


@pytest.mark.usefixtures("bayesian_is_random")
def test_the_hybrid_switches_and_its_first_flies_are_the_best_distinct_trials() -> None:
    study = new_study(HybridSampler(AUDIO, 1, switch_at=60))
    run_trials(study, AUDIO, Formula(AUDIO), 62)
    assert all(FLY not in trial.system_attrs for trial in study.trials[:60])
    assert study.trials[60].system_attrs[FLY] < 60
    swarm = FireflySampler(AUDIO, 1, tuned=True, seeded_by=60).swarm_after(history_of(study))
    best = sorted(study.trials[:60], key=lambda trial: -trial.values[0])[:26]
    assert set(swarm.pool.flies) == {trial.number for trial in best}
    assert swarm.window == 0


@pytest.mark.usefixtures("bayesian_is_random")
def test_the_hybrids_windows_begin_at_the_switch() -> None:
    study = new_study(HybridSampler(AUDIO, 1, switch_at=60))
    run_trials(study, AUDIO, Formula(AUDIO), 112)
    windows = [trial.system_attrs[WINDOW_NUMBER] for trial in study.trials[60:]]
    assert windows == [0] * 50 + [1] * 2

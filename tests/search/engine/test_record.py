"""What trials carry, and which of them counts as the best."""

from __future__ import annotations

import optuna  # noqa: TID253
import pytest
from engine_specimens import SMALL, Formula
from optuna.trial import FrozenTrial, TrialState, create_trial  # noqa: TID253

from search.engine.record import STOPPED_AT, TrialCosts, best_trained, finished, held_out, stopped, trained
from search.networks.spaces import AUDIO_2D, TABLE_2


def told(value: float, **attributes: object) -> FrozenTrial:
    return create_trial(value=value, user_attrs=attributes)


def test_a_stopped_trial_is_never_the_best() -> None:
    study = optuna.create_study(direction="maximize")
    study.add_trials([told(0.7), told(0.9, stopped_at=6), told(0.8), told(0.8)])
    best = best_trained(study)
    assert best is not None
    assert best.number == 2
    assert [trial.number for trial in finished(study)] == [0, 1, 2, 3]
    assert [trial.number for trial in trained(study)] == [0, 2, 3]


def test_there_is_no_best_before_a_trial_was_trained_to_the_end() -> None:
    study = optuna.create_study(direction="maximize")
    assert best_trained(study) is None
    study.add_trial(told(0.9, stopped_at=6))
    study.add_trial(create_trial(state=TrialState.FAIL))
    assert best_trained(study) is None


def test_marks_are_read_from_the_attributes() -> None:
    assert stopped(told(0.5, **{STOPPED_AT: 7}))
    assert not stopped(told(0.5, audited=7))
    assert held_out(told(0.5, audited=7))


def test_what_is_known_before_training_is_read_back_whole() -> None:
    study = optuna.create_study(direction="maximize")
    known = Formula(SMALL).known(TABLE_2)
    trial = study.ask()
    known.write(trial)
    study.tell(trial, 0.5)
    assert TrialCosts.read(study.trials[0]) == known
    assert known.architecture_hash == TABLE_2.architecture_hash


def test_a_trial_that_never_got_so_far_says_what_it_lacks() -> None:
    with pytest.raises(KeyError, match="energy_mj"):
        TrialCosts.read(told(0.5, space=AUDIO_2D.name))

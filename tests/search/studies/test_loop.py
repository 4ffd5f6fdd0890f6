"""A worker's trials: told, recorded, stopped, and taken up again after a violent death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState  # noqa: TID253
from study_rig import NOW, a_worker, quick_trainer, save_predictor, settings

from db.rows import TrialSpec
from db.studies import list_trials
from predictor.errors import BadTable
from search.engine.record import FAILURE, TrialCosts
from search.errors import StorageUnusable, TrialsFailing
from search.networks.architecture import Architecture
from search.networks.spaces import AUDIO_2D
from search.studies.ownership import WORKER, ask, signature
from search.studies.process_identity import this_process
from search.training.result import CurveEvaluation, TrainingResult, Watch

# Trains as usual, but dies at the second evaluation of the third trial.
DYING = """
import os, signal, sys
from pathlib import Path
from study_rig import a_worker, quick_trainer, settings
n_started = 0
def dying(architecture, seed, watch):
    global n_started
    n_started += 1
    n_seen = 0
    def seen(evaluation):
        nonlocal n_seen
        n_seen += 1
        if n_started == 3 and n_seen == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return watch(evaluation)
    return quick_trainer(architecture, seed, seen)
with a_worker(Path(sys.argv[1]), Path(sys.argv[2]), settings(), dying) as worker:
    worker.run(6, lambda: False)
"""

DEAD = signature(replace(this_process(), pid=999_999_999), NOW)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictor") / "model"
    save_predictor(folder, AUDIO_2D)
    return folder


def run(folder: Path, predictor: Path, n: int, **chosen: object) -> list[TrialSpec]:
    folder.mkdir(exist_ok=True)
    with a_worker(folder, predictor, settings(**chosen)) as worker:  # type: ignore[arg-type]
        worker.run(n, lambda: False)
        return list_trials(worker.db, worker.study_id)


def outcomes(trials: Sequence[TrialSpec]) -> list[tuple[int, str, float, str | None]]:
    return [(t.number, t.architecture.text, t.reward, t.model and t.model.sha256) for t in trials]


def test_every_trial_is_told_recorded_and_its_file_kept(tmp_path: Path, predictor: Path) -> None:
    trials = run(tmp_path, predictor, 5)
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]
    assert len({trial.architecture.hash for trial in trials}) == 5
    for trial in trials:
        assert trial.state == "trained"
        assert trial.accuracy is not None
        assert trial.reward == pytest.approx(trial.accuracy - trial.penalty)
        assert trial.model is not None
        assert (tmp_path / "networks" / trial.model.name).stat().st_size == trial.model.size_bytes
    with a_worker(tmp_path, predictor, settings()) as worker:
        assert [t.value for t in worker.study.trials] == [trial.reward for trial in trials]


def test_a_search_in_two_goes_is_the_search_in_one(tmp_path: Path, predictor: Path) -> None:
    run(tmp_path / "two", predictor, 3)
    two = run(tmp_path / "two", predictor, 6)
    assert outcomes(two) == outcomes(run(tmp_path / "one", predictor, 6))


def test_a_worker_that_was_killed_in_a_trial_is_succeeded_without_loss(tmp_path: Path, predictor: Path) -> None:
    script = tmp_path / "dying.py"
    script.write_text(DYING)
    (tmp_path / "killed").mkdir()
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    command = [sys.executable, str(script), str(tmp_path / "killed"), str(predictor)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with a_worker(tmp_path / "killed", predictor, settings()) as worker:
        assert [trial.state for trial in worker.study.trials] == [TrialState.COMPLETE] * 2 + [TrialState.RUNNING]
    killed = run(tmp_path / "killed", predictor, 6)
    assert outcomes(killed) == outcomes(run(tmp_path / "whole", predictor, 6))


def test_a_trial_that_a_living_worker_trains_is_left_to_it(tmp_path: Path, predictor: Path) -> None:
    inner: list[TrialSpec] = []

    def meanwhile(architecture: Architecture, seed: int, watch: Watch) -> TrainingResult:
        if not inner:
            inner.append(run(tmp_path, predictor, 2)[0])
        return quick_trainer(architecture, seed, watch)

    with a_worker(tmp_path, predictor, settings(), meanwhile) as worker:
        worker.run(2, lambda: False)
        trials = list_trials(worker.db, worker.study_id)
    assert inner[0].number == 1
    assert [trial.number for trial in trials] == [0, 1]


def test_a_record_that_lags_behind_is_brought_up_to_date(tmp_path: Path, predictor: Path) -> None:
    whole = run(tmp_path, predictor, 3)
    (tmp_path / "lab.db").unlink()
    for path in tmp_path.glob("lab.db-*"):
        path.unlink()
    assert run(tmp_path, predictor, 3) == whole


def test_what_is_stopped_has_a_predicted_reward_no_file_and_is_never_best(tmp_path: Path, predictor: Path) -> None:
    trials = run(tmp_path, predictor, 40, algorithm="random", stopping="median", n_evaluations=8)
    stopped = [trial for trial in trials if trial.state == "stopped"]
    trained = [trial for trial in trials if trial.state == "trained"]
    assert len(stopped) > 3
    assert all(trial.model is None and trial.accuracy is None and trial.n_evaluations < 8 for trial in stopped)
    assert max(trial.reward for trial in trained) >= max(trial.reward for trial in stopped)


def test_a_search_ends_when_it_is_asked_to(tmp_path: Path, predictor: Path) -> None:
    seen: list[TrialSpec] = []
    with a_worker(tmp_path, predictor, settings()) as worker:
        counted = replace(worker, observe=seen.append)
        assert counted.run(10, lambda: len(seen) == 2) == 2


def test_the_rule_sees_of_a_trial_taken_up_again_only_what_was_evaluated_again(tmp_path: Path, predictor: Path) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.lengths: list[int] = []

        def decide(self, study, trial, n_evaluations):  # type: ignore[no-untyped-def]
            from search.engine.stopping.rule import NeverStop

            self.lengths.append(len(trial.intermediate_values))
            return NeverStop().decide(study, trial, n_evaluations)

    def interrupted(architecture: Architecture, seed: int, watch: Watch) -> TrainingResult:
        for k in (1, 2, 3):
            watch(CurveEvaluation(k, k / 4, 0.5, False))
        raise KeyboardInterrupt

    with a_worker(tmp_path, predictor, settings(), interrupted) as worker, pytest.raises(KeyboardInterrupt):
        worker.run(1, lambda: False)
    with a_worker(tmp_path, predictor, settings()) as worker:
        (trial,) = worker.study.trials
        worker.study._storage.set_trial_user_attr(trial._trial_id, WORKER, DEAD)
        recorder = Recorder()
        assert replace(worker, rule=recorder).run(1, lambda: False) == 1
    assert recorder.lengths == [1, 2, 3, 4]


def test_a_mark_of_the_worker_that_died_does_not_make_a_trained_trial_a_stopped_one(
    tmp_path: Path, predictor: Path
) -> None:
    def interrupted(architecture: Architecture, seed: int, watch: Watch) -> TrainingResult:
        raise KeyboardInterrupt

    with a_worker(tmp_path, predictor, settings(), interrupted) as worker, pytest.raises(KeyboardInterrupt):
        worker.run(1, lambda: False)
    with a_worker(tmp_path, predictor, settings()) as worker:
        (trial,) = worker.study.trials
        for name, value in ((WORKER, DEAD), ("stopped_at", 2)):
            worker.study._storage.set_trial_user_attr(trial._trial_id, name, value)
        worker.run(1, lambda: False)
        (row,) = list_trials(worker.db, worker.study_id)
    assert row.state == "trained"
    assert row.model is not None


def test_a_trial_is_signed_as_it_comes_into_being(tmp_path: Path, predictor: Path) -> None:
    class Killed(BaseException):
        pass

    def killed(*arguments: object) -> None:
        raise Killed

    with a_worker(tmp_path, predictor, settings()) as worker:
        with pytest.MonkeyPatch.context() as patched:
            # The process ends as soon as the study has the trial.
            patched.setattr("search.studies.ownership._write", killed)
            with pytest.raises(Killed):
                ask(worker.study, NOW)
        (trial,) = worker.study.trials
        assert (trial.state, trial.user_attrs[WORKER]["pid"]) == (TrialState.RUNNING, os.getpid())
        worker.study._storage.set_trial_user_attr(trial._trial_id, WORKER, DEAD)
    assert outcomes(run(tmp_path, predictor, 3)) == outcomes(run(tmp_path / "whole", predictor, 3))


def test_a_training_that_raises_an_error_is_not_taken_up_for_ever(tmp_path: Path, predictor: Path) -> None:
    def broken(architecture: Architecture, seed: int, watch: Watch) -> TrainingResult:
        raise ArithmeticError("no network of this kind can be trained here")

    with a_worker(tmp_path, predictor, settings(), broken) as worker, pytest.raises(ArithmeticError):
        worker.run(2, lambda: False)
    assert [trial.number for trial in run(tmp_path, predictor, 2)] == [1, 2]


def test_of_two_trials_of_one_architecture_the_later_gives_way(tmp_path: Path, predictor: Path) -> None:
    with a_worker(tmp_path, predictor, settings("random")) as worker:
        worker.run(2, lambda: False)
        taken = worker.study.trials[0].params
        # As if another worker had finished it between the proposal and the training.
        trial = ask(worker.study, NOW)
        for name, block in taken.items():
            kinds = worker._encoding.distributions[name]
            worker.study._storage.set_trial_param(trial._trial_id, name, kinds.to_internal_repr(block), kinds)
        assert not worker._finish(trial)
        assert worker.study.trials[2].state is TrialState.FAIL
        assert worker.run(3, lambda: False) == 1
        trials = list_trials(worker.db, worker.study_id)
    assert [trial.number for trial in trials] == [0, 1, 3]
    assert len({trial.architecture.hash for trial in trials}) == 3


def test_a_storage_that_is_not_that_of_the_record_is_refused(tmp_path: Path, predictor: Path) -> None:
    whole = run(tmp_path, predictor, 3)
    (tmp_path / "lab.trials.db").rename(tmp_path / "kept.db")
    with pytest.raises(StorageUnusable, match="trial 1 of study s"):
        run(tmp_path, predictor, 4)
    (tmp_path / "kept.db").rename(tmp_path / "lab.trials.db")
    assert run(tmp_path, predictor, 3) == whole


def test_what_cannot_be_evaluated_is_failed_with_its_reason_and_the_search_goes_on(
    tmp_path: Path, predictor: Path
) -> None:
    told = []
    with a_worker(tmp_path, predictor, settings()) as worker:
        wrong = dict.fromkeys(worker._encoding.names, "no such block")
        worker.study.enqueue_trial(wrong)
        chosen = replace(worker, failed=lambda number, reason: told.append((number, reason)))
        assert chosen.run(2, lambda: False) == 2
        failed = worker.study.trials[0]
    assert failed.state is TrialState.FAIL
    assert "no such block" in failed.user_attrs[FAILURE]
    ((number, reason),) = told
    assert number == 0
    assert "no such block" in reason


def test_a_trial_that_an_earlier_version_died_at_for_ever_is_given_up(tmp_path: Path, predictor: Path) -> None:
    with a_worker(tmp_path, predictor, settings()) as worker:
        trial = ask(worker.study, NOW)
        trial.set_user_attr(WORKER, DEAD)
        strange = replace(worker, costs=_Ignorant(1))
        assert strange.run(2, lambda: False) == 2
        assert [t.state for t in worker.study.trials] == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
        assert worker.study.trials[0].params != worker.study.trials[1].params


def test_after_three_failures_on_end_a_search_stops_and_the_study_stays_usable(tmp_path: Path, predictor: Path) -> None:
    with a_worker(tmp_path, predictor, settings()) as worker:
        with pytest.raises(TrialsFailing, match="3 trials on end"):
            replace(worker, costs=_Ignorant(10)).run(2, lambda: False)
        assert [t.state for t in worker.study.trials] == [TrialState.FAIL] * 3
    assert len(run(tmp_path, predictor, 2)) == 2


class _Ignorant:
    """Costs of a predictor that cannot predict for the first architectures that it is asked about."""

    def __init__(self, n: int) -> None:
        self._n = n

    def known(self, architecture: Architecture) -> TrialCosts:
        self._n -= 1
        if self._n >= 0:
            raise BadTable("b06_type is 'Identity' in row 1, which was never measured", "measure more")
        return TrialCosts(1.0, 0.9, 1.1, 50_000, 0.0, 1_000_000, 9_000, architecture.architecture_hash)

"""Trials and the processes that work on them: who is dead, who only sleeps, who cannot be looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState  # noqa: TID253
from study_rig import NOW, a_worker, quick_trainer, save_predictor, settings

from search.engine.trials import TrialLost
from search.networks.architecture import Architecture
from search.networks.spaces import AUDIO_2D
from search.studies import ownership
from search.studies.clock import StudyClock
from search.studies.ownership import WORKER, adopt_abandoned, ask, sign, signature
from search.studies.process_identity import ProcessIdentity, Standing, this_process
from search.training.result import TrainingResult, Watch

HERE = this_process()
CONTAINER = replace(HERE, namespace="pid:[4026539999]", pid=1)
OTHER_MACHINE = replace(HERE, boot="00000000-0000-0000-0000-000000000000")


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictor") / "model"
    save_predictor(folder, AUDIO_2D)
    return folder


def left_by(worker: Any, who: ProcessIdentity | dict[str, Any], at: datetime = NOW) -> Any:
    """A running trial that another process has signed."""
    trial = ask(worker.study, NOW)
    signed = signature(who, at) if isinstance(who, ProcessIdentity) else who
    worker.study._storage.set_trial_user_attr(trial._trial_id, WORKER, signed)
    return trial


def test_a_process_knows_itself_and_its_dead() -> None:
    assert HERE.standing() is Standing.ALIVE
    assert ProcessIdentity.read(HERE.plain) == HERE
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        began = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
        alive = replace(HERE, pid=child.pid, began=began)
        assert alive.standing() is Standing.ALIVE
        # The same number, given again.
        assert replace(alive, began=str(int(began) - 1)).standing() is Standing.DEAD
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        # Dead, and not buried yet.
        assert alive.standing() is Standing.DEAD
    assert alive.standing() is Standing.DEAD


def test_what_cannot_be_looked_at_is_near_or_far() -> None:
    assert CONTAINER.standing() is Standing.NEAR
    assert OTHER_MACHINE.standing() is Standing.FAR
    assert replace(OTHER_MACHINE, host="another").standing() is Standing.FAR
    # Of an earlier version, which kept host and number alone.
    earlier = ProcessIdentity.read({"host": HERE.host, "pid": 999_999_999})
    assert earlier.standing() is Standing.DEAD
    assert ProcessIdentity.read({"host": HERE.host, "pid": os.getpid()}).standing() is Standing.FAR
    assert ProcessIdentity.read({"host": "another", "pid": 1}).standing() is Standing.FAR


@pytest.mark.parametrize(
    ("who", "age", "adopted"),
    [
        (replace(HERE, pid=999_999_999), timedelta(0), True),
        (HERE, timedelta(days=1), False),
        (CONTAINER, timedelta(seconds=60), False),
        (CONTAINER, timedelta(seconds=100), True),
        (OTHER_MACHINE, timedelta(minutes=20), False),
        (OTHER_MACHINE, timedelta(minutes=40), True),
    ],
)
def test_a_trial_is_adopted_when_its_worker_is_dead_or_long_silent(
    tmp_path: Path, predictor: Path, who: ProcessIdentity, age: timedelta, adopted: bool
) -> None:
    with a_worker(tmp_path, predictor, settings()) as worker:
        left_by(worker, who, NOW - age)
        found = adopt_abandoned(worker.study, NOW)
        assert (found is not None) == adopted
        if found is not None:
            assert ProcessIdentity.read(worker.study.trials[0].user_attrs[WORKER]) == HERE


def test_a_damaged_signature_is_none(tmp_path: Path, predictor: Path) -> None:
    with a_worker(tmp_path, predictor, settings()) as worker:
        left_by(worker, {"host": "h", "pid": "no number", "seen_utc": "never"})
        assert adopt_abandoned(worker.study, NOW) is None


def test_a_worker_that_slept_lets_go_of_a_trial_that_another_one_trains(tmp_path: Path, predictor: Path) -> None:
    def asleep(architecture: Architecture, seed: int, watch: Watch) -> TrainingResult:
        # While it slept, another worker took its trial over.
        trial = worker.study.trials[-1]
        if trial.number == 0:
            worker.study._storage.set_trial_user_attr(trial._trial_id, WORKER, signature(CONTAINER, NOW))
        return quick_trainer(architecture, seed, watch)

    with a_worker(tmp_path, predictor, settings(), asleep) as worker:
        done = []
        observed = replace(worker, observe=done.append)
        assert observed.run(2, lambda: bool(done)) == 1
        first, second = worker.study.trials
    assert (first.state, second.state) == (TrialState.RUNNING, TrialState.COMPLETE)


def test_a_trial_that_another_worker_has_finished_is_let_go(tmp_path: Path, predictor: Path) -> None:
    def overtaken(architecture: Architecture, seed: int, watch: Watch) -> TrainingResult:
        running = [t for t in worker.study.trials if t.state is TrialState.RUNNING]
        if running[0].number == 0:
            worker.study.tell(0, 0.5)
        return quick_trainer(architecture, seed, watch)

    with a_worker(tmp_path, predictor, settings(), overtaken) as worker:
        # The record cannot say what the other one's training was; here nobody wrote it down.
        assert worker.run(2, lambda: False) == 1
        assert worker.study.trials[0].value == 0.5


def test_the_thread_that_signs_notices_it_and_ends(
    tmp_path: Path, predictor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "BEAT_S", 0.01)
    with a_worker(tmp_path, predictor, settings()) as worker:
        trial = ask(worker.study, NOW)
        later = NOW + timedelta(minutes=5)
        with ownership.kept_signed(trial, lambda: later) as check:
            while worker.study.trials[0].user_attrs[WORKER]["seen_utc"] != later.isoformat():
                check()
            theirs = signature(CONTAINER, NOW)

            def taken_over() -> None:
                while True:
                    # Again, should the thread just be writing.
                    worker.study._storage.set_trial_user_attr(trial._trial_id, WORKER, theirs)
                    check()

            with pytest.raises(TrialLost):
                taken_over()
        with pytest.raises(TrialLost):
            sign(trial, NOW)


def test_a_worker_with_nothing_else_to_do_waits_until_it_knows(tmp_path: Path, predictor: Path) -> None:
    """Restarted in a container: the trial that its predecessor died at is taken up, not left for ever."""
    minutes = iter(range(100))
    told: list[int] = []
    with a_worker(tmp_path, predictor, settings()) as worker:
        left_by(worker, CONTAINER)
        clock = StudyClock(lambda: NOW + timedelta(minutes=next(minutes)), lambda: 0.0)
        assert replace(worker, clock=clock, waits=told.append).run(1, lambda: False) == 1
        assert worker.study.trials[0].state is TrialState.COMPLETE
    assert told == [1]


def test_it_does_not_wait_for_one_that_signs(tmp_path: Path, predictor: Path) -> None:
    with a_worker(tmp_path, predictor, settings()) as worker:
        trial = left_by(worker, CONTAINER)

        def signs(duration_s: float) -> None:
            signed = signature(CONTAINER, NOW + timedelta(seconds=20))
            worker.study._storage.set_trial_user_attr(trial._trial_id, WORKER, signed)

        clock = StudyClock(lambda: NOW, lambda: 0.0, signs)
        assert replace(worker, clock=clock).run(1, lambda: False) == 0
        assert worker.study.trials[0].state is TrialState.RUNNING

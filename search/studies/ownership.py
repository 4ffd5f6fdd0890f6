"""Which process works on a trial; a trial whose process is dead is taken up by another.

Every worker signs the trial it works on, as it comes into being, and again every twenty seconds. One whose worker is
known to be dead is adopted at once; one that cannot be looked at is adopted when its signature has become old: after
a minute and a half on this machine (another container), after half an hour elsewhere, where the clock may differ. It
is trained again under its own number, so that a search that was killed ends with the same trials as one that was not.

A worker that was only asleep (a suspended laptop) finds that its trial is another's, or finished, and lets it go.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError  # noqa: TID253
from optuna.trial import FrozenTrial, Trial, TrialState  # noqa: TID253
from sqlalchemy.exc import SQLAlchemyError

from search.engine.trials import TrialLost
from search.studies.process_identity import ProcessIdentity, Standing, this_process

log = logging.getLogger(__name__)

WORKER = "worker"
BEAT_S = 20.0
"""A worker signs at least as often."""

_LEASE_NEAR = timedelta(seconds=90)
_LEASE_FAR = timedelta(minutes=30)
_UNSIGNED = timedelta(minutes=1)
_SEEN = "seen_utc"


def signature(worker: ProcessIdentity, now: datetime) -> dict[str, Any]:
    """What a worker leaves on its trial, in one piece: under the name WORKER."""
    return {**worker.plain, _SEEN: now.astimezone(UTC).isoformat()}


def _own_signature(now: datetime) -> dict[str, Any]:
    return signature(this_process(), now)


def sign(trial: Trial, now: datetime) -> None:
    """Say that this process works on a trial.

    Raises:
        TrialLost: another process does by now, or the trial is finished.
    """
    stored = trial.storage.get_trial(trial._trial_id)
    worker = _worker_of(stored)
    if stored.state.is_finished() or (worker is not None and worker != this_process()):
        raise TrialLost(f"trial {trial.number} is another worker's by now")
    _write(trial, now)


def _write(trial: Trial, now: datetime) -> None:
    try:
        trial.set_user_attr(WORKER, _own_signature(now))
    except UpdateFinishedTrialError as error:
        raise TrialLost(f"trial {trial.number} was finished by another worker") from error


@contextmanager
def kept_signed(trial: Trial, utc: Callable[[], datetime]) -> Iterator[Callable[[], None]]:
    """Signs a trial from a thread of its own for the length of the block.

    Yields a check: it raises TrialLost once the trial is no longer this process's.
    """
    ended, lost = threading.Event(), threading.Event()

    def beat() -> None:
        try:
            while not ended.wait(BEAT_S):
                sign(trial, utc())
        except TrialLost:
            lost.set()
        except (StorageInternalError, SQLAlchemyError) as error:
            # The worker's own writes say it better; until then the trial only looks older than it is.
            log.warning("trial %d could not be signed: %s", trial.number, error)
        finally:
            # The thread's own connection.
            getattr(trial.storage, "remove_session", lambda: None)()

    def check() -> None:
        if lost.is_set():
            raise TrialLost(f"trial {trial.number} is another worker's by now")

    thread = threading.Thread(target=beat, name="trial signer", daemon=True)
    thread.start()
    try:
        yield check
    finally:
        ended.set()
        thread.join()


def ask(study: Any, now: datetime) -> Trial:
    """A new trial, or one that was queued, signed by this process.

    The study gets the trial together with its signature: no worker can die between the two.
    """
    if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial({}, user_attrs={WORKER: _own_signature(now)})
    trial: Trial = study.ask()
    # What was queued may be signed by another worker, which then got another trial of the queue.
    _write(trial, now)
    return trial


def under_way(study: Any) -> list[FrozenTrial]:
    """The trials that workers are at, or died at."""
    trials: list[FrozenTrial] = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return trials


def adopt_abandoned(study: Any, now: datetime) -> Trial | None:
    """A running trial that nobody works on any more, signed by this process; None when there is none."""
    for frozen in under_way(study):
        if _abandoned(frozen, now):
            trial = Trial(study, frozen._trial_id)
            try:
                _write(trial, now)
            except TrialLost:
                continue
            return trial
    return None


def doubtful(study: Any) -> dict[int, str]:
    """By number, when the running trials were signed of whose workers nothing is known but that they are near."""
    found = {}
    for frozen in under_way(study):
        worker = _worker_of(frozen)
        if worker is not None and worker.standing() is Standing.NEAR:
            found[frozen.number] = str(frozen.user_attrs[WORKER].get(_SEEN))
    return found


def _worker_of(trial: FrozenTrial) -> ProcessIdentity | None:
    stored = trial.user_attrs.get(WORKER)
    try:
        return ProcessIdentity.read(stored) if isinstance(stored, dict) else None
    except (KeyError, ValueError):
        return None


def _abandoned(trial: FrozenTrial, now: datetime) -> bool:
    worker = _worker_of(trial)
    if worker is None:
        # Two workers asked at once, or a user queued it: its worker is between two lines, or dead.
        started = trial.datetime_start
        return started is not None and now.astimezone(UTC) - started.astimezone(UTC) > _UNSIGNED
    if worker == this_process():
        return False
    age = now.astimezone(UTC) - datetime.fromisoformat(trial.user_attrs[WORKER][_SEEN])
    match worker.standing():
        case Standing.ALIVE:
            return False
        case Standing.DEAD:
            return True
        case Standing.NEAR:
            return age > _LEASE_NEAR
        case Standing.FAR:
            return age > _LEASE_FAR

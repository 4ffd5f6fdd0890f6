"""Which process works on a trial; a trial whose process is dead is taken up by another.

Every worker signs the trial it works on, as it comes into being, and again at each evaluation. One whose worker is a
dead process of this computer, or has not signed for half an hour, is adopted: trained again under its own number, so
that a search that was killed ends with the same trials as one that was not.
"""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

from optuna.trial import FrozenTrial, Trial, TrialState  # noqa: TID253

WORKER = "worker"
_SILENT = timedelta(minutes=30)
_UNSIGNED = timedelta(minutes=1)


def signature(host: str, pid: int, now: datetime) -> dict[str, Any]:
    """What a worker leaves on its trial, in one piece: under the name WORKER."""
    return {"host": host, "pid": pid, "seen_utc": now.astimezone(UTC).isoformat()}


def _own_signature(now: datetime) -> dict[str, Any]:
    return signature(socket.gethostname(), os.getpid(), now)


def sign(trial: Trial, now: datetime) -> None:
    """Say that this process works on a trial."""
    trial.set_user_attr(WORKER, _own_signature(now))


def ask(study: Any, now: datetime) -> Trial:
    """A new trial, or one that was queued, signed by this process.

    The study gets the trial together with its signature: no worker can die between the two.
    """
    if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial({}, user_attrs={WORKER: _own_signature(now)})
    trial: Trial = study.ask()
    sign(trial, now)
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
            sign(trial, now)
            return trial
    return None


def _abandoned(trial: FrozenTrial, now: datetime) -> bool:
    worker = trial.user_attrs.get(WORKER)
    if not isinstance(worker, dict):
        # Two workers asked at once, or a user queued it: its worker is between two lines, or dead.
        started = trial.datetime_start
        return started is not None and now.astimezone(UTC) - started.astimezone(UTC) > _UNSIGNED
    if worker["host"] == socket.gethostname():
        return bool(worker["pid"] != os.getpid() and not _alive(worker["pid"]))
    return now.astimezone(UTC) - datetime.fromisoformat(worker["seen_utc"]) > _SILENT


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A dead child that nobody has waited for still has its number.
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True

"""Which process works on a trial; a trial whose process is dead is taken up by another.

Every worker signs the trial it works on, and again at each evaluation. One whose worker is a dead process of this
computer, or has not signed for half an hour, is adopted: trained again under its own number, so that a search
that was killed ends with the same trials as one that was not.
"""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

from optuna.trial import FrozenTrial, Trial, TrialState  # noqa: TID253

_WORKER, _SEEN = "worker", "worker_seen_utc"
_SILENT = timedelta(minutes=30)


def sign(trial: Trial, now: datetime) -> None:
    """Say that this process works on a trial."""
    trial.set_user_attr(_WORKER, f"{socket.gethostname()}:{os.getpid()}")
    trial.set_user_attr(_SEEN, now.astimezone(UTC).isoformat())


def adopt_abandoned(study: Any, now: datetime) -> Trial | None:
    """A running trial that nobody works on any more, signed by this process; None when there is none.

    Trials that were killed between being asked for and being given an architecture are told as failed: nothing is
    lost with them.
    """
    for frozen in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if _abandoned(frozen, now):
            trial = Trial(study, frozen._trial_id)
            sign(trial, now)
            return trial
    return None


def _abandoned(trial: FrozenTrial, now: datetime) -> bool:
    worker, seen = trial.user_attrs.get(_WORKER), trial.user_attrs.get(_SEEN)
    if worker is None or seen is None:
        # Asked for and not yet signed: its worker is between two lines, or dead for long.
        started = trial.datetime_start
        return started is not None and now.astimezone(UTC) - started.astimezone(UTC) > _SILENT
    host, _, pid = worker.rpartition(":")
    if host == socket.gethostname():
        return int(pid) != os.getpid() and not _alive(int(pid))
    return now.astimezone(UTC) - datetime.fromisoformat(seen) > _SILENT


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

"""Writing windows: their start, and their end with all results in one transaction.

A window is either wholly in the record or not at all: whatever kills the process, the next start finds it
finished, or running without a visit, which `db.sessions.recover_lost` turns into lost.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.database import Database, in_batches
from db.errors import RecordRefused
from db.faults import REFUSED_HINT
from db.kinds import TRUSTED_OUTCOMES, FailureKind, IncidentKind
from db.rows import IncidentSpec, TaskUpdate, VisitSpec, WindowMeasures, WindowResult, WindowSpec, fields_of
from db.schema import BenchSessionTable, EnergyTable, GateResultTable, TaskTable, VisitTable, WindowTable
from db.sessions import add_incident
from db.tasks import release_session

NOTHING_MEASURED = WindowMeasures()
NO_UPDATES: Mapping[int, TaskUpdate] = MappingProxyType({})


def start_window(db: Database, spec: WindowSpec) -> int:
    """Record the start of the session's next window; returns its id.

    Raises:
        RecordRefused: the session has ended, or has a window running.
    """
    with db.write() as tx:
        session = tx.get(BenchSessionTable, spec.session_id)
        if session is None or session.ended_utc is not None:
            raise RecordRefused(f"session {spec.session_id} is not an open one", REFUSED_HINT)
        mine = WindowTable.session_id == spec.session_id
        running = tx.scalar(select(WindowTable.id).where(mine, WindowTable.state == "running").limit(1))
        if running is not None:
            what = f"window {running} of session {spec.session_id} is still running"
            raise RecordRefused(what, "finish it or let it fail before the next one starts")
        n_before = tx.scalar(select(func.count()).select_from(WindowTable).where(mine))
        window = WindowTable(**fields_of(spec), ordinal=n_before, state="running")
        tx.add(window)
        tx.flush()
        return window.id


def finish_window(db: Database, window_id: int, result: WindowResult) -> None:
    """Record everything a window brought, and settle its tasks. ONE transaction: all of it or nothing.

    Each visited task has one attempt more, then the state that `task_updates` gives it. Tasks that the
    session had claimed and that have no update go back to pending.

    Raises:
        RecordRefused: the window is not running; an accepted visit without a positive, finite energy; a
            visit out of order or of an unknown model. Nothing is then written.
    """
    for visit in result.visits:
        _check_visit(visit, len(result.task_ids))
    with db.write() as tx:
        window = _running(tx, window_id)
        _end(window, "done", None, result.ended_utc, result.measures)
        _add_visits(tx, window_id, result)
        _count_attempts(tx, {result.task_ids[visit.order_in_window] for visit in result.visits})
        _settle(tx, result.task_updates)
        release_session(tx, window.session_id)
        _add_incidents(tx, window, result.incidents)


def fail_window(
    db: Database,
    window_id: int,
    state: Literal["failed", "lost"],
    reason: str,
    ended_utc: datetime,
    *,
    measures: WindowMeasures = NOTHING_MEASURED,
    incidents: Sequence[IncidentSpec] = (),
    crashed_task_ids: Collection[int] = (),
    task_updates: Mapping[int, TaskUpdate] = NO_UPDATES,
) -> None:
    """Record that a window brought nothing; the tasks claimed for it are pending again.

    Args:
        crashed_task_ids: tasks that count it as an attempt, so that a model that kills every window it is
            in comes to the end of its attempts.
        task_updates: what becomes of some of its tasks.

    Raises:
        RecordRefused: the window is not running.
    """
    with db.write() as tx:
        window = _running(tx, window_id)
        _end(window, state, reason, ended_utc, measures)
        _count_attempts(tx, crashed_task_ids)
        _settle(tx, task_updates)
        release_session(tx, window.session_id)
        _add_incidents(tx, window, incidents)


def quarantine_window(db: Database, window_id: int, reason: str, at_utc: datetime) -> None:
    """Take back a finished window that is no longer trusted, with an incident that says why.

    Its accepted and marginal visits are rejected for `reason`. The tasks it visited get their attempt back
    and are pending again, unless another window has claimed them by now. Where the model failed, all stays
    as it is: a crash is not undone by a drift of the bench.

    Raises:
        RecordRefused: the window is not done.
    """
    with db.write() as tx:
        window = tx.get(WindowTable, window_id)
        if window is None or window.state != "done":
            raise RecordRefused(f"window {window_id} is not one that is done", REFUSED_HINT)
        window.state = "quarantined"
        window.reason = reason
        here = VisitTable.window_id == window_id
        again = here & (VisitTable.outcome != "model_failed")
        task_ids = list(tx.scalars(select(VisitTable.task_id).where(again).distinct()))
        untrusted = here & VisitTable.outcome.in_(TRUSTED_OUTCOMES)
        tx.execute(
            update(VisitTable)
            .where(untrusted)
            .values(outcome="rejected", reason=reason, failure_kind=FailureKind.DISTRUSTED)
        )
        _count_attempts(tx, task_ids, by=-1)
        for ids in in_batches(task_ids):
            settled = TaskTable.id.in_(ids) & TaskTable.state.in_(("done", "failed"))
            tx.execute(update(TaskTable).where(settled).values(state="pending", failure=None))
        n_tasks = len(task_ids)
        incident = IncidentSpec(
            at_utc=at_utc,
            kind=IncidentKind.QUARANTINE,
            detail=reason,
            action=f"{n_tasks} tasks are to be measured again",
        )
        add_incident(tx, window.session_id, window_id, incident)


def _running(tx: Session, window_id: int) -> WindowTable:
    window = tx.get(WindowTable, window_id)
    if window is None or window.state != "running":
        state = "unknown" if window is None else window.state
        raise RecordRefused(f"window {window_id} is {state}, not running", REFUSED_HINT)
    return window


def _end(window: WindowTable, state: str, reason: str | None, ended_utc: datetime, measures: WindowMeasures) -> None:
    window.state = state
    window.reason = reason
    window.ended_utc = ended_utc
    for name, value in fields_of(measures).items():
        setattr(window, name, value)


def _check_visit(visit: VisitSpec, n_tasks: int) -> None:
    if not 0 <= visit.order_in_window < n_tasks:
        raise RecordRefused(f"visit {visit.order_in_window} is of a window of {n_tasks} tasks", REFUSED_HINT)
    if visit.outcome not in TRUSTED_OUTCOMES:
        return
    energy = visit.energy
    if energy is None or not (0 < energy.energy_mj < math.inf and 0 < energy.latency_ms < math.inf):
        what = f"visit {visit.order_in_window} is {visit.outcome} without a positive energy and latency"
        raise RecordRefused(what, "a number that cannot be trusted is not stored as accepted: reject it")


def _add_visits(tx: Session, window_id: int, result: WindowResult) -> None:
    specs = result.visits
    visits = [
        VisitTable(
            window_id=window_id, task_id=result.task_ids[spec.order_in_window], **fields_of(spec, "energy", "gates")
        )
        for spec in specs
    ]
    tx.add_all(visits)
    tx.flush()
    for visit, spec in zip(visits, specs, strict=True):
        if spec.energy is not None:
            tx.add(EnergyTable(visit_id=visit.id, **fields_of(spec.energy)))
        tx.add_all(GateResultTable(visit_id=visit.id, **fields_of(gate)) for gate in spec.gates)
    tx.flush()


def _count_attempts(tx: Session, task_ids: Collection[int], by: int = 1) -> None:
    for ids in in_batches(sorted(task_ids)):
        counted = TaskTable.id.in_(ids) & (TaskTable.n_attempts + by >= 0)
        tx.execute(update(TaskTable).where(counted).values(n_attempts=TaskTable.n_attempts + by))


def _settle(tx: Session, updates: Mapping[int, TaskUpdate]) -> None:
    changes = [{"id": task, "claimed_by": None, **fields_of(change)} for task, change in updates.items()]
    if changes:
        tx.execute(update(TaskTable), changes)


def _add_incidents(tx: Session, window: WindowTable, specs: Sequence[IncidentSpec]) -> None:
    for spec in specs:
        add_incident(tx, window.session_id, window.id, spec)

"""Claiming tasks for the windows of a session.

A session claims for one window at a time: when the window ends, however it ends, `db.windows` gives back
every claim that it did not settle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, case, select, update
from sqlalchemy.orm import Session

from db.database import Database, in_batches
from db.errors import RecordRefused
from db.faults import REFUSED_HINT
from db.rows import ArchitectureSpec, ModelSpec, TaskRow
from db.schema import ArchitectureTable, BenchSessionTable, ModelFileTable, TaskTable


def claim(db: Database, campaign_id: int, session_id: int, n: int, max_attempts: int) -> list[TaskRow]:
    """Take up to `n` pending architecture tasks for the session's next window; no one else gets them.

    Those already visited come first, so that revisits are not left for the end; then by ordinal. Tasks with
    `max_attempts` attempts stay where they are.

    Raises:
        RecordRefused: the session has ended or is another campaign's.
    """
    with db.write() as tx:
        session = tx.get(BenchSessionTable, session_id)
        if session is None or session.campaign_id != campaign_id or session.ended_utc is not None:
            what = f"session {session_id} is not an open one of campaign {campaign_id}"
            raise RecordRefused(what, REFUSED_HINT)
        # On engines with row locks, two claims pass each other; SQLite has let only one of them begin.
        chosen = _pending(campaign_id, n, max_attempts).with_for_update(skip_locked=True, of=TaskTable)
        rows = [_task_row(row) for row in tx.execute(chosen)]
        for ids in in_batches([row.task_id for row in rows]):
            tx.execute(update(TaskTable).where(TaskTable.id.in_(ids)).values(state="claimed", claimed_by=session_id))
        return [replace(row, state="claimed") for row in rows]


def peek(db: Database, campaign_id: int, n: int, max_attempts: int | None = None) -> list[TaskRow]:
    """The tasks that `claim` would take next, left as they are: to build their files ahead."""
    with db.read() as tx:
        return [_task_row(row) for row in tx.execute(_pending(campaign_id, n, max_attempts))]


def canaries(db: Database, campaign_id: int) -> list[TaskRow]:
    """The canaries of the campaign by ordinal. They are never claimed: each window visits them all."""
    with db.read() as tx:
        statement = _tasks().where(TaskTable.campaign_id == campaign_id, TaskTable.role == "canary")
        return [_task_row(row) for row in tx.execute(statement.order_by(TaskTable.ordinal))]


def reopen(db: Database, task_ids: Sequence[int]) -> None:
    """Make tasks that are done pending again: they are to be visited more often."""
    with db.write() as tx:
        for ids in in_batches(list(task_ids)):
            tx.execute(
                update(TaskTable).where(TaskTable.id.in_(ids), TaskTable.state == "done").values(state="pending")
            )


def revive(db: Database, campaign_id: int) -> int:
    """Give the campaign's failed tasks a fresh start, with no attempt counted; returns how many there were.

    Their visits stay in the record.
    """
    failed = (TaskTable.campaign_id == campaign_id) & (TaskTable.state == "failed")
    with db.write() as tx:
        ids = tx.scalars(select(TaskTable.id).where(failed)).all()
        tx.execute(update(TaskTable).where(failed).values(state="pending", failure=None, n_attempts=0))
        return len(ids)


def done_tasks(db: Database, campaign_id: int) -> list[TaskRow]:
    """The architecture tasks that are done, by ordinal."""
    with db.read() as tx:
        mine = (TaskTable.campaign_id == campaign_id, TaskTable.role == "architecture", TaskTable.state == "done")
        return [_task_row(row) for row in tx.execute(_tasks().where(*mine).order_by(TaskTable.ordinal))]


def tasks_by_place(db: Database, campaign_id: int) -> dict[tuple[str, int], TaskRow]:
    """All tasks of a campaign by role and ordinal."""
    with db.read() as tx:
        rows = [_task_row(row) for row in tx.execute(_tasks().where(TaskTable.campaign_id == campaign_id))]
    return {(row.role, row.ordinal): row for row in rows}


def release_session(tx: Session, session_id: int) -> int:
    """Give back all claims of a session; returns how many there were."""
    ids = tx.scalars(select(TaskTable.id).where(TaskTable.claimed_by == session_id)).all()
    tx.execute(_unclaimed().where(TaskTable.claimed_by == session_id))
    return len(ids)


def _unclaimed() -> Any:
    return update(TaskTable).where(TaskTable.state == "claimed").values(state="pending", claimed_by=None)


def _tasks() -> Select[*tuple[Any, ...]]:
    return (
        select(TaskTable, ArchitectureTable, ModelFileTable)
        .outerjoin(ArchitectureTable, ArchitectureTable.id == TaskTable.architecture_id)
        .outerjoin(ModelFileTable, ModelFileTable.id == TaskTable.model_file_id)
    )


def _pending(campaign_id: int, n: int, max_attempts: int | None) -> Select[*tuple[Any, ...]]:
    statement = _tasks().where(
        TaskTable.campaign_id == campaign_id, TaskTable.role == "architecture", TaskTable.state == "pending"
    )
    if max_attempts is not None:
        statement = statement.where(TaskTable.n_attempts < max_attempts)
    return statement.order_by(case((TaskTable.n_attempts > 0, 0), else_=1), TaskTable.ordinal).limit(n)


def _task_row(row: Any) -> TaskRow:
    task, architecture, model = row
    return TaskRow(
        task_id=task.id,
        role=task.role,
        ordinal=task.ordinal,
        n_wanted=task.n_wanted,
        state=task.state,
        n_attempts=task.n_attempts,
        failure=task.failure,
        architecture=architecture
        and ArchitectureSpec(
            hash=architecture.hash,
            space=architecture.space,
            text=architecture.text,
            params=architecture.params,
            flops=architecture.flops,
            n_params=architecture.n_params,
        ),
        model=model and ModelSpec(sha256=model.sha256, size_bytes=model.size_bytes, name=model.name),
    )

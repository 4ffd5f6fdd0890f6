"""Writing sessions: one start of the bench by one process, its incidents, and what its death leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.database import Database
from db.errors import CampaignMismatch, RecordRefused
from db.faults import REFUSED_HINT
from db.kinds import IncidentKind, SessionEnd
from db.rows import IncidentSpec, LostWindow, MeterSpec, PhoneSpec, SessionSpec, fields_of
from db.schema import BenchSessionTable, CampaignTable, IncidentTable, MeterTable, PhoneTable, WindowTable
from db.tasks import release_session


def start_session(db: Database, spec: SessionSpec) -> int:
    """Record the start of a session with all its provenance; returns its id.

    Raises:
        CampaignMismatch: a simulated bench on a measured campaign, or the other way round.
        RecordRefused: no such campaign.
    """
    with db.write() as tx:
        campaign = tx.get(CampaignTable, spec.campaign_id)
        if campaign is None:
            raise RecordRefused(f"there is no campaign {spec.campaign_id}", REFUSED_HINT)
        if campaign.simulated != spec.simulated:
            kinds = {True: "simulated", False: "real"}
            what = f"campaign {campaign.name} is of a {kinds[campaign.simulated]} bench"
            hint = f"give measurements of the {kinds[spec.simulated]} bench a campaign of their own"
            raise CampaignMismatch(what, hint)
        session = BenchSessionTable(
            **fields_of(spec, "meter", "phone"),
            meter_id=_meter_id(tx, spec.meter, spec.simulated),
            meter_firmware=spec.meter.firmware,
            phone_id=_phone_id(tx, spec.phone, spec.simulated),
            profile_sha256=hashlib.sha256(spec.profile_toml.encode()).hexdigest(),
        )
        tx.add(session)
        tx.flush()
        return session.id


def end_session(db: Database, session_id: int, kind: SessionEnd, reason: str, ended_utc: datetime) -> None:
    """End a session: claims go back to pending, a window still running is lost. Ending it twice is harmless.

    Raises:
        RecordRefused: no such session.
    """
    with db.write() as tx:
        session = tx.get(BenchSessionTable, session_id)
        if session is None:
            raise RecordRefused(f"there is no session {session_id}", REFUSED_HINT)
        if session.ended_utc is None:
            _end(tx, session, kind, reason, ended_utc)


def recover_lost(
    db: Database, campaign_id: int, is_alive: Callable[[str, int], bool], at_utc: datetime
) -> list[LostWindow]:
    """Put the campaign in order after sessions that died without an end. One transaction.

    Each such session is ended as lost, its running windows are lost, its claimed tasks pending again, and
    there is an incident for each lost window (or one for the session, if it had none).

    Args:
        is_alive: whether the process (host, pid) of a session is still there; those sessions are left alone.
    """
    lost = []
    with db.write() as tx:
        statement = select(BenchSessionTable).where(
            BenchSessionTable.campaign_id == campaign_id, BenchSessionTable.ended_utc.is_(None)
        )
        for session in tx.scalars(statement).all():
            if is_alive(session.host, session.pid):
                continue
            n_tasks, windows = _end(tx, session, SessionEnd.LOST, "lost", at_utc)
            detail = f"process {session.pid} on {session.host} ended without a word; {n_tasks} tasks given back"
            incident = IncidentSpec(
                at_utc=at_utc, kind=IncidentKind.SESSION_LOST, detail=detail, action="tasks are pending again"
            )
            window_ids: list[int | None] = [window.id for window in windows]
            for window_id in window_ids or [None]:
                add_incident(tx, session.id, window_id, incident)
            lost += [_lost_window(session, window, n_tasks) for window in windows]
    return lost


def record_incident(db: Database, session_id: int, spec: IncidentSpec, window_id: int | None = None) -> None:
    """Record an incident at once, outside the end of a window."""
    with db.write() as tx:
        add_incident(tx, session_id, window_id, spec)


def add_incident(tx: Session, session_id: int, window_id: int | None, spec: IncidentSpec) -> None:
    """Add an incident in the transaction of the verb it belongs to."""
    tx.add(IncidentTable(session_id=session_id, window_id=window_id, **fields_of(spec)))


def _lost_window(session: BenchSessionTable, window: WindowTable, n_tasks: int) -> LostWindow:
    return LostWindow(
        window_id=window.id,
        session_id=session.id,
        host=session.host,
        pid=session.pid,
        started_utc=window.started_utc,
        n_tasks=n_tasks,
    )


def _end(
    tx: Session, session: BenchSessionTable, kind: SessionEnd, reason: str, ended_utc: datetime
) -> tuple[int, list[WindowTable]]:
    session.ended_utc = ended_utc
    session.end_kind = kind
    session.end_reason = reason
    running = select(WindowTable).where(WindowTable.session_id == session.id, WindowTable.state == "running")
    windows = list(tx.scalars(running.order_by(WindowTable.ordinal)))
    for window in windows:
        window.state = "lost"
        window.ended_utc = ended_utc
        window.reason = f"its session ended: {reason}"
    return release_session(tx, session.id), windows


def _meter_id(tx: Session, spec: MeterSpec, simulated: bool) -> int:
    same = (MeterTable.kind == spec.kind, MeterTable.serial == spec.serial, MeterTable.simulated == simulated)
    known = tx.scalar(select(MeterTable.id).where(*same))
    if known is not None:
        tx.execute(update(MeterTable).where(MeterTable.id == known).values(firmware=spec.firmware))
        return known
    return _added(tx, MeterTable(**fields_of(spec), simulated=simulated))


def _phone_id(tx: Session, spec: PhoneSpec, simulated: bool) -> int:
    same = [getattr(PhoneTable, name) == value for name, value in fields_of(spec).items()]
    known = tx.scalar(select(PhoneTable.id).where(*same, PhoneTable.simulated == simulated))
    return _added(tx, PhoneTable(**fields_of(spec), simulated=simulated)) if known is None else known


def _added(tx: Session, row: Any) -> int:
    tx.add(row)
    tx.flush()
    row_id: int = row.id
    return row_id

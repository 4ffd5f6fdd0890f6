"""All that the record holds of one session as plain values, by what it is about instead of by numbers of rows.

Two sessions that were measured alike have equal rows here, whatever databases they are in: what `lab replay` compares.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.columns import Base
from db.database import Database
from db.errors import RecordRefused
from db.schema import (
    BenchSessionTable,
    CampaignTable,
    EnergyTable,
    GateResultTable,
    IncidentTable,
    MeterTable,
    PhoneTable,
    TaskTable,
    VisitTable,
    WindowTable,
)

SessionRows = dict[str, list[dict[str, Any]]]
"""By table: rows of plain values (text, numbers, None, and dicts of them); moments as ISO text."""

KEYS: dict[str, tuple[str, ...]] = {
    "session": (),
    "window": ("ordinal",),
    "visit": ("window", "order_in_window"),
    "energy": ("window", "order_in_window", "analysis_version"),
    "gate": ("window", "order_in_window", "analysis_version", "gate"),
    "incident": ("number",),
}
"""By table: the columns that say which row it is."""


def find_session(db: Database, campaign: str, started_utc: datetime) -> int | None:
    """The session of a campaign that began at a moment; None if there is none."""
    statement = (
        select(BenchSessionTable.id)
        .join(CampaignTable, CampaignTable.id == BenchSessionTable.campaign_id)
        .where(CampaignTable.name == campaign, BenchSessionTable.started_utc == started_utc)
    )
    with db.read() as tx:
        return tx.scalars(statement.limit(1)).first()


def session_rows(db: Database, session_id: int) -> SessionRows:
    """All rows of a session.

    Raises:
        RecordRefused: there is no such session.
    """
    with db.read() as tx:
        session = tx.get(BenchSessionTable, session_id)
        if session is None:
            raise RecordRefused(f"there is no session {session_id}", "see `lab status` for what there is")
        windows = list(
            tx.scalars(select(WindowTable).where(WindowTable.session_id == session_id).order_by(WindowTable.ordinal))
        )
        ordinals = {window.id: window.ordinal for window in windows}
        rows: SessionRows = {"session": [_session(tx, session)], "window": [_plain(w, "session_id") for w in windows]}
        rows["visit"], rows["energy"], rows["gate"] = [], [], []
        for window in windows:
            _add_visits(tx, window, rows)
        rows["incident"] = _incidents(tx, session_id, ordinals)
        return rows


def _session(tx: Session, session: BenchSessionTable) -> dict[str, Any]:
    campaign, meter, phone = (
        tx.get_one(CampaignTable, session.campaign_id),
        tx.get_one(MeterTable, session.meter_id),
        tx.get_one(PhoneTable, session.phone_id),
    )
    row = _plain(session, "campaign_id", "meter_id", "phone_id") | {"campaign": campaign.name}
    row |= {"meter_kind": meter.kind, "meter_serial": meter.serial}
    return row | {"phone_serial": phone.serial, "phone_model": phone.model, "phone_build": phone.build_fingerprint}


def _add_visits(tx: Session, window: WindowTable, rows: SessionRows) -> None:
    visits = select(VisitTable, TaskTable.role, TaskTable.ordinal).join(TaskTable, TaskTable.id == VisitTable.task_id)
    for visit, role, ordinal in tx.execute(
        visits.where(VisitTable.window_id == window.id).order_by(VisitTable.order_in_window)
    ):
        where = {"window": window.ordinal, "order_in_window": visit.order_in_window}
        rows["visit"].append(where | _plain(visit, "window_id", "task_id") | {"task": f"{role} {ordinal}"})
        energies = select(EnergyTable).where(EnergyTable.visit_id == visit.id).order_by(EnergyTable.analysis_version)
        rows["energy"] += [where | _plain(energy, "visit_id") for energy in tx.scalars(energies)]
        gates = select(GateResultTable).where(GateResultTable.visit_id == visit.id)
        ordered = gates.order_by(GateResultTable.analysis_version, GateResultTable.gate)
        rows["gate"] += [where | _plain(gate, "visit_id") for gate in tx.scalars(ordered)]


def _incidents(tx: Session, session_id: int, ordinals: dict[int, int]) -> list[dict[str, Any]]:
    found = tx.execute(
        select(IncidentTable, TaskTable.role, TaskTable.ordinal)
        .outerjoin(TaskTable, TaskTable.id == IncidentTable.task_id)
        .where(IncidentTable.session_id == session_id)
        .order_by(IncidentTable.id)
    )
    return [
        {"number": number, "window": ordinals.get(incident.window_id or 0)}
        | _plain(incident, "session_id", "window_id", "task_id")
        | {"task": None if role is None else f"{role} {ordinal}"}
        for number, (incident, role, ordinal) in enumerate(found)
    ]


def _plain(row: Base, *leave_out: str) -> dict[str, Any]:
    """The columns of a row but its number, under the names of the model."""
    names = [name for name in row.__mapper__.column_attrs.keys() if name not in ("id", *leave_out)]  # noqa: SIM118
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}

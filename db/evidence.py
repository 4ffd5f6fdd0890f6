"""What the record holds of a campaign, as it stands, for `lab audit`.

Nothing is chosen or judged here: lost sessions, failed windows and rejected visits come too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from db.database import Database
from db.kinds import SessionEnd, TaskRole, TaskState, VisitOutcome, WindowState
from db.results import newest_energy
from db.schema import (
    BenchSessionTable,
    EnergyTable,
    GateResultTable,
    MeterTable,
    ModelFileTable,
    PhoneTable,
    TaskTable,
    VerdictTable,
    VisitTable,
    WindowTable,
)


@dataclass(frozen=True, kw_only=True)
class SessionEvidence:
    """A start of the bench; `end_kind` is None while it runs."""

    session_id: int
    started_utc: datetime
    end_kind: SessionEnd | None
    simulated: bool
    meter_serial: str
    meter_simulated: bool
    phone_serial: str
    phone_simulated: bool
    profile_name: str
    profile_toml: str
    profile_sha256: str
    tool_sha256: str
    settings: Mapping[str, Any]
    clock_freq_khz: int


@dataclass(frozen=True, kw_only=True)
class WindowEvidence:
    """A window with where its raw trace is; the paths are None for one that brought nothing."""

    window_id: int
    session_id: int
    state: WindowState
    raw_path: str | None
    raw_sha256: str | None


@dataclass(frozen=True)
class GateEvidence:
    """One gate of a visit."""

    gate: str
    outcome: str
    value: float | None
    limit_value: float


@dataclass(frozen=True, kw_only=True)
class VisitEvidence:
    """A visit as its newest analysis has it: its outcome, its energy, where it has one, and that energy's gates."""

    visit_id: int
    window_id: int
    task_id: int
    order_in_window: int
    model_sha256: str
    outcome: VisitOutcome
    analysis_version: int | None
    power_w: float | None
    latency_ms: float | None
    energy_mj: float | None
    gates: tuple[GateEvidence, ...]


@dataclass(frozen=True, kw_only=True)
class TaskEvidence:
    """A task; `model_sha256` is None for one whose file was not built yet."""

    task_id: int
    role: TaskRole
    state: TaskState
    n_wanted: int
    model_sha256: str | None


def sessions_of(db: Database, campaign_id: int) -> list[SessionEvidence]:
    """All starts of a campaign, in order."""
    columns: dict[str, Any] = {
        "session_id": BenchSessionTable.id,
        "meter_serial": MeterTable.serial,
        "meter_simulated": MeterTable.simulated,
        "phone_serial": PhoneTable.serial,
        "phone_simulated": PhoneTable.simulated,
    }
    for field in fields(SessionEvidence):
        columns.setdefault(field.name, getattr(BenchSessionTable, field.name, None))
    statement = (
        select(*columns.values())
        .join(MeterTable, MeterTable.id == BenchSessionTable.meter_id)
        .join(PhoneTable, PhoneTable.id == BenchSessionTable.phone_id)
        .where(BenchSessionTable.campaign_id == campaign_id)
        .order_by(BenchSessionTable.id)
    )
    with db.read() as tx:
        return [SessionEvidence(**_named(columns, row)) for row in tx.execute(statement)]


def windows_of(db: Database, campaign_id: int) -> list[WindowEvidence]:
    """All windows of a campaign, in order."""
    columns = (WindowTable.id, WindowTable.session_id, WindowTable.state, WindowTable.raw_path, WindowTable.raw_sha256)
    names = [field.name for field in fields(WindowEvidence)]
    mine = (
        select(*columns)
        .join(BenchSessionTable)
        .where(BenchSessionTable.campaign_id == campaign_id)
        .order_by(WindowTable.id)
    )
    with db.read() as tx:
        return [WindowEvidence(**_named(names, row)) for row in tx.execute(mine)]


def tasks_of(db: Database, campaign_id: int) -> list[TaskEvidence]:
    """All tasks of a campaign, canaries included."""
    columns = (TaskTable.id, TaskTable.role, TaskTable.state, TaskTable.n_wanted, ModelFileTable.sha256)
    names = [field.name for field in fields(TaskEvidence)]
    mine = (
        select(*columns)
        .outerjoin(ModelFileTable, ModelFileTable.id == TaskTable.model_file_id)
        .where(TaskTable.campaign_id == campaign_id)
    )
    with db.read() as tx:
        return [TaskEvidence(**_named(names, row)) for row in tx.execute(mine.order_by(TaskTable.id))]


def visits_of(db: Database, window_id: int) -> list[VisitEvidence]:
    """All visits of a window, in the order of its queue."""
    columns = (
        VisitTable.id, VisitTable.window_id, VisitTable.task_id, VisitTable.order_in_window, VisitTable.model_sha256,
        func.coalesce(VerdictTable.outcome, VisitTable.outcome),
        EnergyTable.analysis_version, EnergyTable.power_w, EnergyTable.latency_ms, EnergyTable.energy_mj,
    )  # fmt: skip
    names = [field.name for field in fields(VisitEvidence) if field.name != "gates"]
    newer = aliased(VerdictTable)
    verdicts = select(func.max(newer.analysis_version)).where(newer.visit_id == VisitTable.id)
    newest_verdict = VerdictTable.analysis_version == verdicts.correlate(VisitTable).scalar_subquery()
    statement = (
        select(*columns)
        .select_from(VisitTable)
        .outerjoin(VerdictTable, (VerdictTable.visit_id == VisitTable.id) & newest_verdict)
        .outerjoin(EnergyTable, (EnergyTable.visit_id == VisitTable.id) & newest_energy())
        .where(VisitTable.window_id == window_id)
        .order_by(VisitTable.order_in_window)
    )
    with db.read() as tx:
        found = [_named(names, row) for row in tx.execute(statement)]
        gates = defaultdict[tuple[int, int], list[GateEvidence]](list)
        for gate in _gates(tx, window_id):
            place = (gate.visit_id, gate.analysis_version)
            gates[place].append(GateEvidence(gate.gate, gate.outcome, gate.value, gate.limit_value))
    return [
        VisitEvidence(**values, gates=tuple(gates[values["visit_id"], values["analysis_version"]])) for values in found
    ]


def _named(names: Iterable[str], row: Any) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))


def _gates(tx: Any, window_id: int) -> Iterator[GateResultTable]:
    statement = (
        select(GateResultTable)
        .join(VisitTable, VisitTable.id == GateResultTable.visit_id)
        .where(VisitTable.window_id == window_id)
    )
    yield from tx.scalars(statement)

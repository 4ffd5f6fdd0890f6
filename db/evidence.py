"""What the record holds of a campaign, as it stands, for whoever checks it: `lab audit`.

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
from db.results import newest_energy
from db.rows import TaskRole, TaskState, VisitOutcome, WindowState
from db.schema import BenchSession, Energy, GateResult, Meter, ModelFile, Phone, Task, Verdict, Visit, Window


@dataclass(frozen=True, kw_only=True)
class SessionEvidence:
    """A start of the bench; `end_reason` is None while it runs."""

    session_id: int
    started_utc: datetime
    end_reason: str | None
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
        "session_id": BenchSession.id,
        "meter_serial": Meter.serial,
        "meter_simulated": Meter.simulated,
        "phone_serial": Phone.serial,
        "phone_simulated": Phone.simulated,
    }
    for field in fields(SessionEvidence):
        columns.setdefault(field.name, getattr(BenchSession, field.name, None))
    statement = (
        select(*columns.values())
        .join(Meter, Meter.id == BenchSession.meter_id)
        .join(Phone, Phone.id == BenchSession.phone_id)
        .where(BenchSession.campaign_id == campaign_id)
        .order_by(BenchSession.id)
    )
    with db.read() as tx:
        return [SessionEvidence(**_named(columns, row)) for row in tx.execute(statement)]


def windows_of(db: Database, campaign_id: int) -> list[WindowEvidence]:
    """All windows of a campaign, in order."""
    columns = (Window.id, Window.session_id, Window.state, Window.raw_path, Window.raw_sha256)
    names = [field.name for field in fields(WindowEvidence)]
    mine = select(*columns).join(BenchSession).where(BenchSession.campaign_id == campaign_id).order_by(Window.id)
    with db.read() as tx:
        return [WindowEvidence(**_named(names, row)) for row in tx.execute(mine)]


def tasks_of(db: Database, campaign_id: int) -> list[TaskEvidence]:
    """All tasks of a campaign, canaries included."""
    columns = (Task.id, Task.role, Task.state, Task.n_wanted, ModelFile.sha256)
    names = [field.name for field in fields(TaskEvidence)]
    mine = (
        select(*columns).outerjoin(ModelFile, ModelFile.id == Task.model_file_id).where(Task.campaign_id == campaign_id)
    )
    with db.read() as tx:
        return [TaskEvidence(**_named(names, row)) for row in tx.execute(mine.order_by(Task.id))]


def visits_of(db: Database, window_id: int) -> list[VisitEvidence]:
    """All visits of a window, in the order of its queue."""
    columns = (
        Visit.id, Visit.window_id, Visit.task_id, Visit.order_in_window, Visit.model_sha256,
        func.coalesce(Verdict.outcome, Visit.outcome),
        Energy.analysis_version, Energy.power_w, Energy.latency_ms, Energy.energy_mj,
    )  # fmt: skip
    names = [field.name for field in fields(VisitEvidence) if field.name != "gates"]
    newer = aliased(Verdict)
    verdicts = select(func.max(newer.analysis_version)).where(newer.visit_id == Visit.id)
    newest_verdict = Verdict.analysis_version == verdicts.correlate(Visit).scalar_subquery()
    statement = (
        select(*columns)
        .select_from(Visit)
        .outerjoin(Verdict, (Verdict.visit_id == Visit.id) & newest_verdict)
        .outerjoin(Energy, (Energy.visit_id == Visit.id) & newest_energy())
        .where(Visit.window_id == window_id)
        .order_by(Visit.order_in_window)
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


def _gates(tx: Any, window_id: int) -> Iterator[GateResult]:
    statement = select(GateResult).join(Visit, Visit.id == GateResult.visit_id).where(Visit.window_id == window_id)
    yield from tx.scalars(statement)

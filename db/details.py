"""Everything that the record holds of one model, or of one visit: what `lab show` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import aliased

from db.database import Database
from db.kinds import TRUSTED_OUTCOMES, FailureKind, TaskRole, TaskState, VisitOutcome, WindowState
from db.results import newest_energy
from db.schema import (
    ArchitectureTable,
    BenchSessionTable,
    CampaignTable,
    EnergyTable,
    GateResultTable,
    IncidentTable,
    ModelFileTable,
    TaskTable,
    VisitTable,
    WindowTable,
)

_SHORTEST_HASH = 6


@dataclass(frozen=True, kw_only=True)
class ModelDetail:
    """A model file.

    Attributes:
        flops: of one inference; None where the graph does not tell.
        arch_text, arch_hash: of the architecture that it was built of, or was found to hold; None for any other.
    """

    sha256: str
    name: str
    size_bytes: int
    flops: int | None
    arch_text: str | None
    arch_hash: str | None


@dataclass(frozen=True, kw_only=True)
class TaskDetail:
    """A model's part in a campaign; `failure` says why it was given up."""

    campaign: str
    simulated: bool
    role: TaskRole
    state: TaskState
    n_wanted: int
    failure: str | None


@dataclass(frozen=True, kw_only=True)
class GateDetail:
    """What a gate said of a visit; None where its value could not be computed."""

    gate: str
    outcome: str
    value: float | None
    limit_value: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class VisitDetail:
    """A visit with its newest energy; what it lacks is None.

    Attributes:
        started_utc: when its window began.
        trace: the window's raw trace, beside the record.
    """

    visit_id: int
    campaign: str
    simulated: bool
    session_id: int
    window_id: int
    order_in_window: int
    window_state: WindowState
    started_utc: datetime
    model_sha256: str
    model_name: str
    role: TaskRole
    outcome: VisitOutcome
    reason: str | None
    failure_kind: FailureKind | None
    exit_code: int | None
    n_runs: int | None
    latency_ms: float | None
    latency_sd_ms: float | None
    temp_before_c: float | None
    temp_after_c: float | None
    freq_khz: int | None
    power_w: float | None
    idle_power_w: float | None
    energy_mj: float | None
    energy_se_mj: float | None
    dynamic_energy_mj: float | None
    analysis_version: int | None
    trace: str | None
    tool_output: str


@dataclass(frozen=True, kw_only=True)
class MeasuredEnergy:
    """The mean energy of the trusted visits of a model file; `simulated` says of what bench."""

    energy_mj: float
    n_visits: int
    simulated: bool


def models_like(db: Database, text: str) -> list[ModelDetail]:
    """Model files of a name, of an architecture's text, or whose SHA-256 (or the architecture's) begins so.

    A name may lack the folder before it and the suffix, as tables print it.
    """
    names = (text, f"{text}.tflite") if text else ()
    wanted = [ArchitectureTable.text == text, ModelFileTable.name.in_(names)]
    wanted += [ModelFileTable.name.endswith(f"/{name}", autoescape=True) for name in names]
    digits = text.lower()
    if len(text) >= _SHORTEST_HASH and all(digit in "0123456789abcdef" for digit in digits):
        wanted += [ModelFileTable.sha256.startswith(digits), ArchitectureTable.hash.startswith(digits)]
    with db.read() as tx:
        return [ModelDetail(**row._mapping) for row in tx.execute(_models().where(or_(*wanted)))]


def model_names(db: Database, n: int) -> list[str]:
    """The names of some model files, the newest first."""
    with db.read() as tx:
        return list(tx.scalars(select(ModelFileTable.name).order_by(ModelFileTable.id.desc()).limit(n)))


def tasks_of_model(db: Database, sha256: str) -> list[TaskDetail]:
    """The campaigns that measure a model, canaries included, oldest first."""
    statement = (
        select(
            CampaignTable.name.label("campaign"),
            CampaignTable.simulated,
            TaskTable.role,
            TaskTable.state,
            TaskTable.n_wanted,
            TaskTable.failure,
        )
        .join(TaskTable, TaskTable.campaign_id == CampaignTable.id)
        .join(ModelFileTable, ModelFileTable.id == TaskTable.model_file_id)
        .where(ModelFileTable.sha256 == sha256)
        .order_by(TaskTable.id)
    )
    with db.read() as tx:
        return [TaskDetail(**row._mapping) for row in tx.execute(statement)]


def visits_of_model(db: Database, sha256: str) -> list[VisitDetail]:
    """All visits of a model, whatever became of them, in the order of measurement."""
    with db.read() as tx:
        found = tx.execute(_visits().where(VisitTable.model_sha256 == sha256).order_by(VisitTable.id))
        return [VisitDetail(**row._mapping) for row in found]


def visit_of(db: Database, visit_id: int) -> VisitDetail | None:
    """A visit by its number; None when there is none."""
    with db.read() as tx:
        row = tx.execute(_visits().where(VisitTable.id == visit_id)).first()
    return None if row is None else VisitDetail(**row._mapping)


def gates_of(db: Database, visit_id: int, analysis_version: int | None) -> list[GateDetail]:
    """The gates of a visit by one analysis."""
    columns = (
        GateResultTable.gate, GateResultTable.outcome, GateResultTable.value, GateResultTable.limit_value,
        GateResultTable.unit,
    )  # fmt: skip
    mine = (GateResultTable.visit_id == visit_id, GateResultTable.analysis_version == analysis_version)
    with db.read() as tx:
        return [GateDetail(**row._mapping) for row in tx.execute(select(*columns).where(*mine))]


def incidents_in(db: Database, window_id: int) -> list[tuple[str, str]]:
    """Kind and detail of what went wrong in a window."""
    statement = select(IncidentTable.kind, IncidentTable.detail).where(IncidentTable.window_id == window_id)
    with db.read() as tx:
        return [(str(kind), detail) for kind, detail in tx.execute(statement.order_by(IncidentTable.id))]


def measured_energies(db: Database, sha256s: Sequence[str]) -> dict[str, MeasuredEnergy]:
    """The mean measured energy of model files, by SHA-256; those without a trusted visit are left out.

    Visits of the same file with a description, as `search export` writes it, count too: it holds the same network.
    Where a file was measured on a real bench and on a simulated one, the real one counts.
    """
    network = func.coalesce(ModelFileTable.network_sha256, ModelFileTable.sha256)
    statement = (
        select(
            network,
            BenchSessionTable.simulated,
            func.avg(EnergyTable.energy_mj),
            func.count(),
        )
        .select_from(VisitTable)
        .join(EnergyTable, EnergyTable.visit_id == VisitTable.id)
        .join(WindowTable, WindowTable.id == VisitTable.window_id)
        .join(BenchSessionTable, BenchSessionTable.id == WindowTable.session_id)
        .join(ModelFileTable, ModelFileTable.sha256 == VisitTable.model_sha256)
        .where(network.in_(list(sha256s)), VisitTable.outcome.in_(TRUSTED_OUTCOMES))
        .where(WindowTable.state == "done", newest_energy())
        .group_by(network, BenchSessionTable.simulated)
        .order_by(BenchSessionTable.simulated.desc())
    )
    with db.read() as tx:
        return {
            sha256: MeasuredEnergy(energy_mj=energy_mj, n_visits=n, simulated=simulated)
            for sha256, simulated, energy_mj, n in tx.execute(statement)
        }


def _models() -> Select[*tuple[Any, ...]]:
    return (
        select(
            ModelFileTable.sha256,
            ModelFileTable.name,
            ModelFileTable.size_bytes,
            func.coalesce(ArchitectureTable.flops, ModelFileTable.flops).label("flops"),
            ArchitectureTable.text.label("arch_text"),
            ArchitectureTable.hash.label("arch_hash"),
        )
        .outerjoin(ArchitectureTable, ArchitectureTable.id == ModelFileTable.architecture_id)
        .order_by(ModelFileTable.id)
    )


def _visits() -> Select[*tuple[Any, ...]]:
    newest = aliased(EnergyTable)
    version = select(func.max(newest.analysis_version)).where(newest.visit_id == VisitTable.id)
    its_energy = (EnergyTable.visit_id == VisitTable.id) & (
        EnergyTable.analysis_version == version.correlate(VisitTable).scalar_subquery()
    )
    visit, window, energy = VisitTable, WindowTable, EnergyTable
    return (
        select(
            visit.id.label("visit_id"), CampaignTable.name.label("campaign"), BenchSessionTable.simulated,
            window.session_id, visit.window_id, visit.order_in_window, window.state.label("window_state"),
            window.started_utc, visit.model_sha256, ModelFileTable.name.label("model_name"), TaskTable.role,
            visit.outcome, visit.reason, visit.failure_kind, visit.exit_code, visit.n_runs, visit.latency_ms,
            visit.latency_sd_ms, visit.temp_before_c, visit.temp_after_c, visit.freq_khz, energy.power_w,
            energy.idle_power_w, energy.energy_mj, energy.energy_se_mj, energy.dynamic_energy_mj,
            energy.analysis_version, window.raw_path.label("trace"), visit.tool_output,
        )
        .select_from(VisitTable)
        .join(WindowTable, WindowTable.id == VisitTable.window_id)
        .join(BenchSessionTable, BenchSessionTable.id == WindowTable.session_id)
        .join(CampaignTable, CampaignTable.id == BenchSessionTable.campaign_id)
        .join(TaskTable, TaskTable.id == VisitTable.task_id)
        .join(ModelFileTable, ModelFileTable.sha256 == VisitTable.model_sha256)
        .outerjoin(EnergyTable, its_energy)
    )  # fmt: skip

"""The results, one flat row a visit: what the predictor, the reports and exports read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import aliased

from db.database import Database
from db.kinds import TRUSTED_OUTCOMES, TaskRole, VisitOutcome
from db.naming import check_campaign
from db.schema import (
    ArchitectureTable,
    BenchSessionTable,
    CampaignTable,
    EnergyTable,
    MeterTable,
    ModelFileTable,
    PhoneTable,
    TaskTable,
    VerdictTable,
    VisitTable,
    WindowTable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """An accepted or marginal visit with all that its energy rests on; fields are named as columns of an export.

    Attributes:
        started_utc_s: by the phone's own clock, in Unix seconds.
        arch_hash, arch_space, arch_text, n_params: None for a user's own model file.
        flops: of one inference; None for such a file whose graph does not tell.
        params: of the architecture, by name.
    """

    campaign: str
    simulated: bool
    session_id: int
    window_id: int
    visit_id: int
    task_id: int
    role: TaskRole
    ordinal: int
    order_in_window: int
    window_started_utc: datetime
    phone_model: str
    phone_build: str
    phone_serial: str
    meter_kind: str
    meter_serial: str
    clock_freq_khz: int
    core: int
    profile_name: str
    profile_sha256: str
    tool_sha256: str
    model_sha256: str
    model_name: str
    size_bytes: int
    arch_hash: str | None
    arch_space: str | None
    arch_text: str | None
    flops: int | None
    n_params: int | None
    outcome: VisitOutcome
    started_utc_s: float | None
    n_segments: int
    n_segments_trimmed: int
    n_runs: int | None
    latency_ms: float
    latency_sd_ms: float | None
    analysis_version: int
    power_w: float
    idle_power_w: float
    energy_mj: float
    energy_se_mj: float
    dynamic_energy_mj: float
    dynamic_energy_se_mj: float
    temp_before_c: float | None
    temp_after_c: float | None
    freq_khz: int | None
    params: Mapping[str, Any]

    def flat(self) -> dict[str, Any]:
        """The fields by name, then the parameters under their own names: a line of a table."""
        return {name: getattr(self, name) for name in _COLUMNS} | dict(self.params)


_COLUMNS: dict[str, Any] = {
    "campaign": CampaignTable.name,
    "simulated": BenchSessionTable.simulated,
    "session_id": BenchSessionTable.id,
    "window_id": WindowTable.id,
    "visit_id": VisitTable.id,
    "task_id": TaskTable.id,
    "role": TaskTable.role,
    "ordinal": TaskTable.ordinal,
    "order_in_window": VisitTable.order_in_window,
    "window_started_utc": WindowTable.started_utc,
    "phone_model": PhoneTable.model,
    "phone_build": PhoneTable.build_fingerprint,
    "phone_serial": PhoneTable.serial,
    "meter_kind": MeterTable.kind,
    "meter_serial": MeterTable.serial,
    "clock_freq_khz": BenchSessionTable.clock_freq_khz,
    "core": BenchSessionTable.core,
    "profile_name": BenchSessionTable.profile_name,
    "profile_sha256": BenchSessionTable.profile_sha256,
    "tool_sha256": BenchSessionTable.tool_sha256,
    "model_sha256": VisitTable.model_sha256,
    "model_name": ModelFileTable.name,
    "size_bytes": ModelFileTable.size_bytes,
    "arch_hash": ArchitectureTable.hash,
    "arch_space": ArchitectureTable.space,
    "arch_text": ArchitectureTable.text,
    "flops": func.coalesce(ArchitectureTable.flops, ModelFileTable.flops),
    "n_params": ArchitectureTable.n_params,
    "outcome": func.coalesce(VerdictTable.outcome, VisitTable.outcome),
    "started_utc_s": VisitTable.started_utc_s,
    "n_segments": EnergyTable.n_segments,
    "n_segments_trimmed": EnergyTable.n_segments_trimmed,
    "n_runs": VisitTable.n_runs,
    "latency_ms": EnergyTable.latency_ms,
    "latency_sd_ms": VisitTable.latency_sd_ms,
    "analysis_version": EnergyTable.analysis_version,
    "power_w": EnergyTable.power_w,
    "idle_power_w": EnergyTable.idle_power_w,
    "energy_mj": EnergyTable.energy_mj,
    "energy_se_mj": EnergyTable.energy_se_mj,
    "dynamic_energy_mj": EnergyTable.dynamic_energy_mj,
    "dynamic_energy_se_mj": EnergyTable.dynamic_energy_se_mj,
    "temp_before_c": VisitTable.temp_before_c,
    "temp_after_c": VisitTable.temp_after_c,
    "freq_khz": VisitTable.freq_khz,
}

MEASURED: tuple[TaskRole, ...] = ("architecture",)

FIXED_COLUMNS = frozenset(_COLUMNS)
"""Names that every result row has, and that no parameter of an architecture may have."""


def result_rows(
    db: Database, campaign: str | None = None, *, roles: Collection[TaskRole] = MEASURED
) -> Iterator[ResultRow]:
    """The accepted and marginal visits, in the order of measurement.

    Each comes with its newest analysis, unless the database is seen by another one (`Database.seen_by`): a visit that
    this one rejects, or has not dealt with, is left out.

    Rows are read as they are asked for, from one unchanging view, in flat memory. Measured and simulated campaigns both
    come with `campaign=None`: every row says which it is.

    Args:
        campaign: name of the only campaign wanted.
        roles: canaries are left out unless asked for: they would outweigh all else in a fit.

    Raises:
        CampaignUnknown: no campaign of that name.
    """
    if campaign is not None:
        check_campaign(db, campaign)
    with db.read() as tx:
        statement = _statement(db.analysis_version).where(
            _COLUMNS["outcome"].in_(TRUSTED_OUTCOMES), WindowTable.state == "done", TaskTable.role.in_(roles)
        )
        if campaign is not None:
            statement = statement.where(CampaignTable.name == campaign)
        for row in tx.execute(statement.execution_options(yield_per=1000)):
            *values, params = row
            yield ResultRow(**dict(zip(_COLUMNS, values, strict=True)), params=params or {})


def newest_energy() -> Any:
    """The condition that a row of `EnergyTable` is the newest analysis of its visit."""
    other = aliased(EnergyTable)
    newest = select(func.max(other.analysis_version)).where(other.visit_id == EnergyTable.visit_id)
    return EnergyTable.analysis_version == newest.correlate(EnergyTable).scalar_subquery()


def _seen_energy(version: int | None) -> Any:
    """The condition that a row of `EnergyTable` is what the analysis says of its visit; None: the newest analysis.

    A newer analysis that found no energy is the newest all the same.
    """
    if version is not None:
        return EnergyTable.analysis_version == version
    newer = aliased(VerdictTable)
    without = exists().where(
        newer.visit_id == EnergyTable.visit_id, newer.analysis_version > EnergyTable.analysis_version
    )
    return newest_energy() & ~without.correlate(EnergyTable)


def _statement(version: int | None) -> Select[*tuple[Any, ...]]:
    of_energy = (VerdictTable.visit_id == EnergyTable.visit_id) & (
        VerdictTable.analysis_version == EnergyTable.analysis_version
    )
    return (
        select(*(column.label(name) for name, column in _COLUMNS.items()), ArchitectureTable.params)
        .select_from(VisitTable)
        .join(EnergyTable, EnergyTable.visit_id == VisitTable.id)
        .outerjoin(VerdictTable, of_energy)
        .join(TaskTable, TaskTable.id == VisitTable.task_id)
        .join(WindowTable, WindowTable.id == VisitTable.window_id)
        .join(BenchSessionTable, BenchSessionTable.id == WindowTable.session_id)
        .join(CampaignTable, CampaignTable.id == BenchSessionTable.campaign_id)
        .join(MeterTable, MeterTable.id == BenchSessionTable.meter_id)
        .join(PhoneTable, PhoneTable.id == BenchSessionTable.phone_id)
        .join(ModelFileTable, ModelFileTable.sha256 == VisitTable.model_sha256)
        .outerjoin(ArchitectureTable, ArchitectureTable.id == TaskTable.architecture_id)
        .where(_seen_energy(version))
        .order_by(VisitTable.id)
    )


def planned_architectures(db: Database) -> list[str]:
    """Texts of all architectures that are in a task of any campaign, measured or not; canaries are left out."""
    statement = (
        select(ArchitectureTable.text)
        .join(TaskTable, TaskTable.architecture_id == ArchitectureTable.id)
        .where(TaskTable.role.in_(MEASURED))
        .distinct()
        .order_by(ArchitectureTable.text)
    )
    with db.read() as tx:
        return list(tx.scalars(statement))

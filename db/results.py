"""The results, one flat row a visit: what the predictor, the reports and exports read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import aliased

from db.database import Database
from db.errors import RecordRefused
from db.rows import TRUSTED_OUTCOMES, TaskRole
from db.schema import (
    Architecture,
    BenchSession,
    Campaign,
    Energy,
    Meter,
    ModelFile,
    Phone,
    Task,
    Verdict,
    Visit,
    Window,
)

_COLUMNS: dict[str, Any] = {
    "campaign": Campaign.name,
    "simulated": BenchSession.simulated,
    "session_id": BenchSession.id,
    "window_id": Window.id,
    "visit_id": Visit.id,
    "task_id": Task.id,
    "role": Task.role,
    "ordinal": Task.ordinal,
    "order_in_window": Visit.order_in_window,
    "window_started_utc": Window.started_utc,
    "phone_model": Phone.model,
    "phone_build": Phone.build_fingerprint,
    "phone_serial": Phone.serial,
    "meter_kind": Meter.kind,
    "meter_serial": Meter.serial,
    "clock_freq_khz": BenchSession.clock_freq_khz,
    "core": BenchSession.core,
    "profile_name": BenchSession.profile_name,
    "profile_sha256": BenchSession.profile_sha256,
    "tool_sha256": BenchSession.tool_sha256,
    "model_sha256": Visit.model_sha256,
    "model_name": ModelFile.name,
    "size_bytes": ModelFile.size_bytes,
    "arch_hash": Architecture.hash,
    "arch_space": Architecture.space,
    "arch_text": Architecture.text,
    "flops": Architecture.flops,
    "n_params": Architecture.n_params,
    "outcome": func.coalesce(Verdict.outcome, Visit.outcome),
    "started_utc_s": Visit.started_utc_s,
    "n_segments": Energy.n_segments,
    "n_segments_trimmed": Energy.n_segments_trimmed,
    "n_runs": Visit.n_runs,
    "latency_ms": Energy.latency_ms,
    "latency_sd_ms": Visit.latency_sd_ms,
    "analysis_version": Energy.analysis_version,
    "power_w": Energy.power_w,
    "idle_power_w": Energy.idle_power_w,
    "energy_mj": Energy.energy_mj,
    "energy_se_mj": Energy.energy_se_mj,
    "dynamic_energy_mj": Energy.dynamic_energy_mj,
    "dynamic_energy_se_mj": Energy.dynamic_energy_se_mj,
    "temp_before_c": Visit.temp_before_c,
    "temp_after_c": Visit.temp_after_c,
    "freq_khz": Visit.freq_khz,
}

MEASURED: tuple[TaskRole, ...] = ("architecture",)

FIXED_COLUMNS = frozenset(_COLUMNS)
"""Names that every result row has, and that no parameter of an architecture may have."""


def result_rows(
    db: Database, campaign: str | None = None, *, roles: Collection[TaskRole] = MEASURED
) -> Iterator[dict[str, Any]]:
    """One dict for each accepted or marginal visit, in the order of measurement.

    With its newest analysis, unless the database is seen by another one (`Database.seen_by`): a visit that this one
    rejects, or has not dealt with, is left out.

    Keys are `FIXED_COLUMNS`, then the parameters of the architecture under their own names; `arch_...`,
    `flops` and `n_params` are None for a model file without one. Rows are read as they are asked for, from
    one unchanging view, in flat memory. Measured and simulated campaigns both come with `campaign=None`:
    every row says which it is.

    Args:
        campaign: name of the only campaign wanted.
        roles: canaries are left out unless asked for: they would outweigh all else in a fit.

    Raises:
        RecordRefused: no campaign of that name.
    """
    with db.read() as tx:
        statement = _statement(db.analysis_version).where(
            _COLUMNS["outcome"].in_(TRUSTED_OUTCOMES), Window.state == "done", Task.role.in_(roles)
        )
        if campaign is not None:
            names = list(tx.scalars(select(Campaign.name).order_by(Campaign.name)))
            if campaign not in names:
                hint = f"it has: {', '.join(names)}" if names else "it has none yet: start with `lab measure`"
                raise RecordRefused(f"{db.shown} has no campaign {campaign}", hint)
            statement = statement.where(Campaign.name == campaign)
        for row in tx.execute(statement.execution_options(yield_per=1000)):
            *values, params = row
            yield dict(zip(_COLUMNS, values, strict=True)) | (params or {})


def newest_energy() -> Any:
    """The condition that a row of `Energy` is the newest analysis of its visit."""
    other = aliased(Energy)
    newest = select(func.max(other.analysis_version)).where(other.visit_id == Energy.visit_id)
    return Energy.analysis_version == newest.correlate(Energy).scalar_subquery()


def _seen_energy(version: int | None) -> Any:
    """The condition that a row of `Energy` is what the analysis says of its visit; None: the newest analysis.

    A newer analysis that found no energy is the newest all the same.
    """
    if version is not None:
        return Energy.analysis_version == version
    newer = aliased(Verdict)
    without = exists().where(newer.visit_id == Energy.visit_id, newer.analysis_version > Energy.analysis_version)
    return newest_energy() & ~without.correlate(Energy)


def _statement(version: int | None) -> Select[*tuple[Any, ...]]:
    of_energy = (Verdict.visit_id == Energy.visit_id) & (Verdict.analysis_version == Energy.analysis_version)
    return (
        select(*(column.label(name) for name, column in _COLUMNS.items()), Architecture.params)
        .select_from(Visit)
        .join(Energy, Energy.visit_id == Visit.id)
        .outerjoin(Verdict, of_energy)
        .join(Task, Task.id == Visit.task_id)
        .join(Window, Window.id == Visit.window_id)
        .join(BenchSession, BenchSession.id == Window.session_id)
        .join(Campaign, Campaign.id == BenchSession.campaign_id)
        .join(Meter, Meter.id == BenchSession.meter_id)
        .join(Phone, Phone.id == BenchSession.phone_id)
        .join(ModelFile, ModelFile.sha256 == Visit.model_sha256)
        .outerjoin(Architecture, Architecture.id == Task.architecture_id)
        .where(_seen_energy(version))
        .order_by(Visit.id)
    )


def planned_architectures(db: Database) -> list[str]:
    """Texts of all architectures that are in a task of any campaign, measured or not; canaries are left out."""
    statement = (
        select(Architecture.text)
        .join(Task, Task.architecture_id == Architecture.id)
        .where(Task.role.in_(MEASURED))
        .distinct()
        .order_by(Architecture.text)
    )
    with db.read() as tx:
        return list(tx.scalars(statement))

"""Reading a campaign: where it stands, what the control charts and the revisits are decided from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from db.campaigns import campaign_row
from db.database import Database, in_batches
from db.kinds import TRUSTED_OUTCOMES, IncidentKind, TaskState, VisitOutcome, WindowState
from db.results import newest_energy
from db.rows import CampaignRow, EnergyRow, EnergySpec, IncidentRow, IncidentSpec
from db.schema import (
    ArchitectureTable,
    BenchSessionTable,
    CampaignTable,
    EnergyTable,
    IncidentTable,
    MeterTable,
    ModelFileTable,
    PhoneTable,
    TaskTable,
    VisitTable,
    WindowTable,
)

CAUSES = ("push", "settle", "reconnect", "other")
"""Where bench time goes besides measuring."""


@dataclass(frozen=True, kw_only=True)
class CanaryPoint:
    """One visit of a canary, for the control charts. `ordinal` says which canary it is."""

    session_id: int
    window_id: int
    window_state: WindowState
    visit_id: int
    task_id: int
    ordinal: int
    order_in_window: int
    window_started_utc: datetime
    outcome: VisitOutcome
    analysis_version: int
    energy_mj: float
    energy_se_mj: float
    latency_ms: float
    power_w: float
    idle_power_w: float


@dataclass(frozen=True, kw_only=True)
class VisitNoise:
    """Relative standard deviation between visits of one task; NaN while `degrees_of_freedom` is 0."""

    sd_frac: float
    degrees_of_freedom: int


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a campaign stands. Tasks and visits are those of architectures; canaries are counted apart.

    `lost_s` is the duration of windows that failed, were lost or were quarantined; the other causes and
    `useful_s` are of windows done. `first_utc` and `last_utc` are None before the first window.
    """

    n_tasks: Mapping[TaskState, int]
    n_visits: Mapping[VisitOutcome, int]
    n_canary_visits: int
    n_windows: Mapping[WindowState, int]
    n_incidents: int
    bench_s: float
    useful_s: float
    lost_s: float
    overhead_s: Mapping[str, float]
    first_utc: datetime | None
    last_utc: datetime | None


def list_campaigns(db: Database) -> list[CampaignRow]:
    """All campaigns, oldest first."""
    with db.read() as tx:
        return [campaign_row(stored) for stored in tx.scalars(select(CampaignTable).order_by(CampaignTable.id))]


def count_sessions(db: Database, campaign_id: int | None = None) -> int:
    """How many times the campaign, or any of the record, was started, ended sessions and lost ones included."""
    counted = select(func.count()).select_from(BenchSessionTable)
    if campaign_id is not None:
        counted = counted.where(BenchSessionTable.campaign_id == campaign_id)
    with db.read() as tx:
        return tx.scalar(counted) or 0


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """What a session was measured with."""

    meter_serial: str
    phone_serial: str
    phone_model: str
    build_fingerprint: str
    tool_sha256: str


def equipment_of(db: Database, campaign_id: int) -> Equipment | None:
    """What the campaign's first session was measured with; None before there was one."""
    statement = (
        select(
            MeterTable.serial,
            PhoneTable.serial,
            PhoneTable.model,
            PhoneTable.build_fingerprint,
            BenchSessionTable.tool_sha256,
        )
        .join(MeterTable, MeterTable.id == BenchSessionTable.meter_id)
        .join(PhoneTable, PhoneTable.id == BenchSessionTable.phone_id)
        .where(BenchSessionTable.campaign_id == campaign_id)
        .order_by(BenchSessionTable.id)
        .limit(1)
    )
    names = [field.name for field in fields(Equipment)]
    with db.read() as tx:
        row = tx.execute(statement).first()
    return None if row is None else Equipment(**dict(zip(names, row, strict=True)))


def energies_of(db: Database, task_ids: Sequence[int], analysis_version: int) -> dict[int, list[EnergyRow]]:
    """By task id, the energies of its accepted and marginal visits in the order of measurement.

    Tasks without any have an empty list.
    """
    found: dict[int, list[EnergyRow]] = {task_id: [] for task_id in task_ids}
    with db.read() as tx:
        for ids in in_batches(list(found)):
            statement = (
                select(
                    EnergyTable,
                    VisitTable.task_id,
                    VisitTable.id,
                    VisitTable.window_id,
                    VisitTable.outcome,
                    WindowTable.session_id,
                )
                .join(VisitTable, VisitTable.id == EnergyTable.visit_id)
                .join(WindowTable, WindowTable.id == VisitTable.window_id)
                .where(VisitTable.task_id.in_(ids), VisitTable.outcome.in_(TRUSTED_OUTCOMES))
                .where(EnergyTable.analysis_version == analysis_version)
                .order_by(VisitTable.id)
            )
            for energy, *where in tx.execute(statement):
                names = ("task_id", "visit_id", "window_id", "outcome", "session_id")
                values: dict[str, Any] = dict(zip(names, where, strict=True))
                values |= {field.name: getattr(energy, field.name) for field in fields(EnergySpec)}
                row = EnergyRow(**values)
                found[row.task_id].append(row)
    return found


def canary_points(db: Database, campaign_id: int) -> list[CanaryPoint]:
    """Every visit of a canary that has an energy, rejected and quarantined ones too, in order of time."""
    columns = {
        "session_id": WindowTable.session_id,
        "window_id": WindowTable.id,
        "window_state": WindowTable.state,
        "visit_id": VisitTable.id,
        "task_id": TaskTable.id,
        "ordinal": TaskTable.ordinal,
        "order_in_window": VisitTable.order_in_window,
        "window_started_utc": WindowTable.started_utc,
        "outcome": VisitTable.outcome,
        "analysis_version": EnergyTable.analysis_version,
        "energy_mj": EnergyTable.energy_mj,
        "energy_se_mj": EnergyTable.energy_se_mj,
        "latency_ms": EnergyTable.latency_ms,
        "power_w": EnergyTable.power_w,
        "idle_power_w": EnergyTable.idle_power_w,
    }
    statement = _visited(select(*columns.values()), campaign_id).where(TaskTable.role == "canary")
    with db.read() as tx:
        rows = tx.execute(statement.order_by(WindowTable.started_utc, WindowTable.id, VisitTable.order_in_window))
        return [CanaryPoint(**dict(zip(columns, row, strict=True))) for row in rows]


def visit_noise(db: Database, campaign_id: int) -> VisitNoise:
    """How much the accepted visits of one architecture differ, pooled over those with at least two.

    The standard deviation of log energies, which for small values is the relative one; `degrees_of_freedom` is its
    degrees of freedom (visits less one, summed over tasks).
    """
    statement = _visited(select(VisitTable.task_id, EnergyTable.energy_mj), campaign_id).where(
        TaskTable.role == "architecture", VisitTable.outcome == "accepted"
    )
    squares, degrees_of_freedom = 0.0, 0
    with db.read() as tx:
        rows = tx.execute(statement.order_by(VisitTable.task_id, VisitTable.id))
        for _, visits in groupby(rows, key=lambda row: row[0]):
            logs = [math.log(energy_mj) for _, energy_mj in visits]
            mean = math.fsum(logs) / len(logs)
            squares += math.fsum((value - mean) ** 2 for value in logs)
            degrees_of_freedom += len(logs) - 1
    return VisitNoise(
        sd_frac=math.sqrt(squares / degrees_of_freedom) if degrees_of_freedom else math.nan,
        degrees_of_freedom=degrees_of_freedom,
    )


def incidents(db: Database, campaign_id: int) -> list[IncidentRow]:
    """The incidents of the campaign in order of time."""
    statement = (
        select(IncidentTable)
        .join(BenchSessionTable, BenchSessionTable.id == IncidentTable.session_id)
        .where(BenchSessionTable.campaign_id == campaign_id)
        .order_by(IncidentTable.at_utc, IncidentTable.id)
    )
    with db.read() as tx:
        return [
            IncidentRow(
                **{field.name: getattr(row, field.name) for field in fields(IncidentSpec)},
                incident_id=row.id,
                session_id=row.session_id,
                window_id=row.window_id,
            )
            for row in tx.scalars(statement)
        ]


def crashed_models(db: Database, campaign_id: int) -> list[int]:
    """Ordinals of the campaign's models under which the phone died, in order of time; a model may be there twice."""
    statement = (
        select(TaskTable.ordinal)
        .join(IncidentTable, IncidentTable.task_id == TaskTable.id)
        .where(TaskTable.campaign_id == campaign_id, IncidentTable.kind == IncidentKind.PHONE_DIED)
        .order_by(IncidentTable.at_utc, IncidentTable.id)
    )
    with db.read() as tx:
        return list(tx.scalars(statement))


@dataclass(frozen=True, kw_only=True)
class ModelWithoutResult:
    """An architecture or file that was visited, or given up, and has no accepted or marginal visit.

    `name` is the file's, or the architecture's text; `outcome` is `failed` for one that was given up, else that of its
    last visit; `reason` goes with it; `n_visits` are recorded.
    """

    name: str
    outcome: str
    reason: str
    n_visits: int


def without_result(db: Database, campaign_id: int) -> list[ModelWithoutResult]:
    """What a campaign has tried and has no result for, by ordinal, each with the reason."""
    other = aliased(VisitTable)
    trusted = exists().where(other.task_id == TaskTable.id, other.outcome.in_(TRUSTED_OUTCOMES))
    statement = (
        select(
            TaskTable.id,
            TaskTable.state,
            TaskTable.failure,
            ArchitectureTable.text,
            ModelFileTable.name,
            VisitTable.outcome,
            VisitTable.reason,
        )
        .outerjoin(VisitTable, VisitTable.task_id == TaskTable.id)
        .outerjoin(ArchitectureTable, ArchitectureTable.id == TaskTable.architecture_id)
        .outerjoin(ModelFileTable, ModelFileTable.id == TaskTable.model_file_id)
        .where(TaskTable.campaign_id == campaign_id, TaskTable.role == "architecture", ~trusted)
        .where((TaskTable.state == "failed") | VisitTable.id.is_not(None))
        .order_by(TaskTable.ordinal, VisitTable.id)
    )
    found = []
    with db.read() as tx:
        for _, visits in groupby(tx.execute(statement), key=lambda row: row[0]):
            rows = list(visits)
            _, state, failure, text, name, outcome, reason = rows[-1]
            given_up = state == "failed"
            found.append(
                ModelWithoutResult(
                    name=text or name or "",
                    outcome="failed" if given_up else outcome,
                    reason=(failure if given_up else reason) or "",
                    n_visits=sum(row[5] is not None for row in rows),
                )
            )
    return found


def progress(db: Database, campaign_id: int) -> Progress:
    """Where the campaign stands; see `Progress`."""
    in_campaign = BenchSessionTable.campaign_id == campaign_id
    mine = WindowTable.session_id.in_(select(BenchSessionTable.id).where(in_campaign))
    its_tasks = TaskTable.campaign_id == campaign_id
    with db.read() as tx:
        windows = _counts(tx, select(WindowTable.state, func.count()).where(mine).group_by(WindowTable.state))
        tasks = select(TaskTable.state, func.count()).where(its_tasks, TaskTable.role == "architecture")
        visits = (
            select(VisitTable.outcome, func.count())
            .join(TaskTable, TaskTable.id == VisitTable.task_id)
            .where(its_tasks)
        )
        canary_visits = visits.where(TaskTable.role == "canary").group_by(VisitTable.outcome)
        n_incidents = select(func.count()).select_from(IncidentTable).join(BenchSessionTable).where(in_campaign)
        spent = _seconds(tx, mine)
        first_utc, last_utc = tx.execute(
            select(func.min(WindowTable.started_utc), func.max(WindowTable.ended_utc)).where(mine)
        ).one()
        return Progress(
            n_tasks=_counts(tx, tasks.group_by(TaskTable.state)),
            n_visits=_counts(tx, visits.where(TaskTable.role == "architecture").group_by(VisitTable.outcome)),
            n_canary_visits=sum(_counts(tx, canary_visits).values()),
            n_windows=windows,
            n_incidents=tx.scalar(n_incidents) or 0,
            bench_s=spent["bench"],
            useful_s=spent["useful"],
            lost_s=spent["lost"],
            overhead_s={cause: spent[cause] for cause in CAUSES},
            first_utc=first_utc,
            last_utc=last_utc,
        )


def _seconds(tx: Session, mine: ColumnElement[bool]) -> dict[str, float]:
    done = WindowTable.state == "done"
    causes = {cause: getattr(WindowTable, f"{cause}_s") for cause in ("useful", *CAUSES)}
    sums = [func.sum(case((done, column), else_=0.0)) for column in causes.values()]
    lost = func.sum(case((done, 0.0), else_=WindowTable.duration_s))
    row = tx.execute(select(func.sum(WindowTable.duration_s), lost, *sums).where(mine)).one()
    return dict(zip(("bench", "lost", *causes), (value or 0.0 for value in row), strict=True))


def _counts(tx: Session, statement: Select[*tuple[Any, ...]]) -> dict[Any, int]:
    return {row[0]: row[1] for row in tx.execute(statement)}


def _visited(statement: Select[*tuple[Any, ...]], campaign_id: int) -> Select[*tuple[Any, ...]]:
    """`statement` over the visits of a campaign, each with its newest energy."""
    return (
        statement.select_from(VisitTable)
        .join(EnergyTable, EnergyTable.visit_id == VisitTable.id)
        .join(TaskTable, TaskTable.id == VisitTable.task_id)
        .join(WindowTable, WindowTable.id == VisitTable.window_id)
        .where(TaskTable.campaign_id == campaign_id, newest_energy())
    )

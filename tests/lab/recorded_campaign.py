"""Campaigns in a database as measuring leaves them, for the tests of what reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from db.campaigns import add_tasks, ensure_campaign
from db.database import Database
from db.kinds import CampaignSource, IncidentKind
from db.rows import (
    ArchitectureSpec,
    CampaignSpec,
    EnergySpec,
    IncidentSpec,
    MeterSpec,
    ModelSpec,
    PhoneSpec,
    SessionSpec,
    TaskRow,
    TaskSpec,
    TaskUpdate,
    VisitSpec,
    WindowMeasures,
    WindowResult,
    WindowSpec,
)
from db.sessions import start_session
from db.tasks import claim
from db.windows import fail_window, finish_window, start_window

BEGAN_UTC = datetime(2026, 6, 1, 7, tzinfo=UTC)
MEASURES = WindowMeasures(duration_s=500.0, useful_s=350.0, push_s=20.0, settle_s=60.0, reconnect_s=30.0, other_s=40.0)
LOST_MEASURES = WindowMeasures(duration_s=100.0)


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def record_campaign(
    db: Database,
    name: str = "first",
    *,
    simulated: bool = True,
    params: Sequence[dict[str, Any]] = ({"width": 8},) * 4,
    source: CampaignSource = CampaignSource.SAMPLED,
    source_of: Mapping[str, Any] = MappingProxyType({"space": "audio2d"}),
) -> tuple[int, int]:
    """A campaign with a task for each dict of parameters and a session that is open: ids of campaign and session."""
    campaign = ensure_campaign(
        db,
        CampaignSpec(
            name=name, created_utc=BEGAN_UTC, seed=7, source=source, source_of=dict(source_of),
            simulated=simulated, config={},
        ),
    )  # fmt: skip
    add_tasks(db, campaign.campaign_id, [_task(name, n, values) for n, values in enumerate(params)])
    session_id = start_session(
        db,
        SessionSpec(
            campaign_id=campaign.campaign_id,
            meter=MeterSpec(kind="hvpm", serial="26511", firmware="32"),
            phone=PhoneSpec(serial="98AY", model="Pixel 4 XL", build_fingerprint="google/coral/13"),
            simulated=simulated, started_utc=BEGAN_UTC, host="bench-1", pid=4711, profile_name="bench",
            profile_toml='name = "bench"\n', tool_sha256=sha256_of("tool"), tool_banner="", versions={},
            calibration={}, settings={}, seed=7, clock_freq_khz=1_804_800, core=7,
        ),
    )  # fmt: skip
    return campaign.campaign_id, session_id


def _task(name: str, n: int, params: dict[str, Any]) -> TaskSpec:
    text = f"{name} {n}"
    architecture = ArchitectureSpec(
        hash=sha256_of(text), space="audio2d", text=text, params=params, flops=1_000_000 + n, n_params=1000 + n
    )
    model = ModelSpec(sha256=sha256_of(f"file of {text}"), size_bytes=4000 + n, name=f"{n}.tflite")
    return TaskSpec(role="architecture", ordinal=n, n_wanted=1, architecture=architecture, model=model)


def measure_window(
    db: Database, campaign_id: int, session_id: int, energies_mj: Sequence[float | None], *, again: bool = False
) -> int:
    """A window of as many tasks as energies (None: the visit is rejected, and the task pending); its id.

    With `again` its tasks stay pending, so that the next window visits them once more.
    """
    tasks = claim(db, campaign_id, session_id, len(energies_mj), max_attempts=9)
    window_id = start_window(db, WindowSpec(session_id=session_id, started_utc=BEGAN_UTC, started_s=0.0))
    visits = [_visit(task, n, mj) for n, (task, mj) in enumerate(zip(tasks, energies_mj, strict=True))]
    updates = {
        tasks[visit.order_in_window].task_id: TaskUpdate(
            state="pending" if again or visit.outcome != "accepted" else "done", n_wanted=2
        )
        for visit in visits
    }
    ended_utc = BEGAN_UTC + timedelta(minutes=9)
    task_ids = [task.task_id for task in tasks]
    result = WindowResult(
        ended_utc=ended_utc, measures=MEASURES, task_ids=task_ids, visits=visits, task_updates=updates
    )
    finish_window(db, window_id, result)
    return window_id


def lose_window(db: Database, session_id: int, reason: str = "USB was lost") -> None:
    """A window that brought nothing but an incident."""
    window_id = start_window(db, WindowSpec(session_id=session_id, started_utc=BEGAN_UTC, started_s=0.0))
    incident = IncidentSpec(
        at_utc=BEGAN_UTC, kind=IncidentKind.USB_LOST, detail=reason, action="measured again", lost_s=100.0
    )
    fail_window(
        db, window_id, "failed", reason, BEGAN_UTC, measures=LOST_MEASURES, incidents=[incident]
    )  # fmt: skip


def _visit(task: TaskRow, order: int, energy_mj: float | None) -> VisitSpec:
    assert task.model is not None
    accepted = energy_mj is not None
    return VisitSpec(
        order_in_window=order,
        model_sha256=task.model.sha256,
        outcome="accepted" if accepted else "rejected",
        reason=None if accepted else "skin: 45 degC, limit 43 degC",
        n_runs=800,
        latency_ms=5.0,
        energy=_energy(energy_mj) if energy_mj is not None else None,
    )


def _energy(energy_mj: float) -> EnergySpec:
    return EnergySpec(
        analysis_version=1, power_w=2.4, idle_power_w=1.1, latency_ms=5.0, energy_mj=energy_mj, energy_se_mj=0.05,
        dynamic_energy_mj=energy_mj / 2, dynamic_energy_se_mj=0.06, n_samples=20_000, n_segments=10,
        n_segments_trimmed=0,
    )  # fmt: skip

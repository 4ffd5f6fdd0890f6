"""Plausible values to put into the record, for its tests and for the processes that they start."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from db.campaigns import add_tasks, ensure_campaign, set_models
from db.database import Database
from db.kinds import CampaignSource
from db.rows import (
    ArchitectureSpec,
    CampaignSpec,
    EnergySpec,
    GateSpec,
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
from db.tasks import claim, peek
from db.windows import start_window

START_UTC = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def a_moment(minutes: float = 0.0) -> datetime:
    return START_UTC + timedelta(minutes=minutes)


def a_campaign(name: str = "first", *, seed: int = 7, simulated: bool = True) -> CampaignSpec:
    return CampaignSpec(
        name=name,
        created_utc=START_UTC,
        seed=seed,
        source=CampaignSource.SAMPLED,
        source_of={"space": "audio"},
        simulated=simulated,
        config={"n": 15000},
    )


def an_architecture(n: int) -> ArchitectureSpec:
    return ArchitectureSpec(
        hash=sha256_of(f"architecture {n}"),
        space="audio",
        text=f"width={n}",
        params={"width": n, "kernel": "3x3"},
        flops=1_000_000 * (n + 1),
        n_params=1000 * (n + 1),
    )


def a_model(n: int) -> ModelSpec:
    return ModelSpec(sha256=sha256_of(f"model {n}"), size_bytes=4000 + n, name=f"a{n:05}.tflite")


def a_task(n: int) -> TaskSpec:
    return TaskSpec(role="architecture", ordinal=n, n_wanted=1, architecture=an_architecture(n))


def a_canary(n: int) -> TaskSpec:
    return TaskSpec(role="canary", ordinal=n, n_wanted=1, model=a_model(900_000 + n))


def a_session(campaign_id: int, *, simulated: bool = True, pid: int = 4711) -> SessionSpec:
    return SessionSpec(
        campaign_id=campaign_id,
        meter=MeterSpec(kind="HVPM", serial="20001", firmware="36"),
        phone=PhoneSpec(serial="98AY", model="Pixel 4 XL", build_fingerprint="google/coral/13"),
        simulated=simulated,
        started_utc=START_UTC,
        host="bench-1",
        pid=pid,
        profile_name="pixel4",
        profile_toml="supply_v = 4.2\n",
        tool_sha256=sha256_of("benchmark_model"),
        tool_banner="benchmark_model 2.21",
        versions={"numpy": "2.4"},
        calibration={"scale": 1.0},
        settings={"airplane_mode": True},
        seed=11,
        clock_freq_khz=1_804_800,
        core=7,
    )


def an_energy(energy_mj: float = 12.0, *, analysis_version: int = 1) -> EnergySpec:
    return EnergySpec(
        analysis_version=analysis_version,
        power_w=2.4,
        idle_power_w=1.1,
        latency_ms=5.0,
        energy_mj=energy_mj,
        energy_se_mj=0.05,
        dynamic_energy_mj=energy_mj / 2,
        dynamic_energy_se_mj=0.06,
        n_samples=20_000,
        n_segments=1,
        n_segments_trimmed=0,
    )


def a_visit(task: TaskRow, order: int, energy_mj: float = 12.0) -> VisitSpec:
    assert task.model is not None
    return VisitSpec(
        order_in_window=order,
        model_sha256=task.model.sha256,
        outcome="accepted",
        exit_code=0,
        n_runs=800,
        latency_ms=5.0,
        latency_sd_ms=0.1,
        started_utc_s=1.7e9 + order,
        duration_s=4.0,
        temp_before_c=31.0,
        temp_after_c=31.5,
        freq_khz=1_804_800,
        tool_output="count=800 avg=5000",
        energy=an_energy(energy_mj),
        gates=(
            GateSpec(analysis_version=1, gate="align", outcome="pass", value=0.4, limit_value=2.0, unit="ms"),
            GateSpec(analysis_version=1, gate="heat", outcome="pass", value=31.5, limit_value=40.0, unit="C"),
        ),
    )


def a_result(tasks: Sequence[TaskRow], visits: Sequence[VisitSpec], *, minutes: float = 9.0) -> WindowResult:
    measures = WindowMeasures(
        duration_s=540.0, useful_s=400.0, push_s=20.0, settle_s=60.0, reconnect_s=50.0, other_s=10.0,
        raw_path="traces/ab/abc.zst", raw_sha256=sha256_of("trace"), raw_bytes=1_000_000,
        n_samples=2_700_000, n_dropped=0, usb_max_v=0.02,
    )  # fmt: skip
    updates = {tasks[visit.order_in_window].task_id: TaskUpdate(state="done", n_wanted=1) for visit in visits}
    return WindowResult(
        ended_utc=a_moment(minutes),
        measures=measures,
        task_ids=[task.task_id for task in tasks],
        visits=visits,
        task_updates=updates,
    )


def a_started_campaign(db: Database, n_tasks: int = 6, n_canaries: int = 1) -> int:
    """A campaign whose tasks all have their files; returns its id."""
    campaign_id = ensure_campaign(db, a_campaign()).campaign_id
    add_tasks(db, campaign_id, [a_task(n) for n in range(n_tasks)])
    add_tasks(db, campaign_id, [a_canary(n) for n in range(n_canaries)])
    set_models(db, {task.task_id: a_model(task.ordinal) for task in peek(db, campaign_id, n_tasks)})
    return campaign_id


def a_running_window(db: Database, campaign_id: int, n: int = 3) -> tuple[int, int, list[TaskRow]]:
    """Session id, window id and the tasks claimed for it."""
    session_id = start_session(db, a_session(campaign_id))
    tasks = claim(db, campaign_id, session_id, n, max_attempts=9)
    window_id = start_window(db, WindowSpec(session_id=session_id, started_utc=a_moment(), started_s=1.0))
    return session_id, window_id, tasks

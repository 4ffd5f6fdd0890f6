"""The tables, as typed models. The one statement of what a valid record is.

Units are in the column names; CHECK, UNIQUE and FOREIGN KEY constraints hold whichever program writes. `simulated`
is part of the foreign keys from a session to its campaign, meter and phone, so that simulated and measured
rows cannot meet. Only this package imports these classes; a change here needs a migration beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import Base, Big, EnumText, Id, Name, Sha256, Word, known, not_negative, sha256_length
from db.kinds import (
    CampaignSource,
    FailureKind,
    GateOutcome,
    IncidentKind,
    SessionEnd,
    TaskRole,
    TaskState,
    TrialState,
    VisitOutcome,
    WindowState,
)

SCHEMA_REVISION = "0008"
"""The migration that leads to these tables; a test holds it equal to the newest file of `migrations`."""

VERSION_TABLE = "energy_lab_schema"
"""Where the revision is kept. Its presence is what makes a database one of this project's."""


class CampaignTable(Base):
    """A campaign."""

    __tablename__ = "campaign"
    __table_args__ = (known("source", CampaignSource), UniqueConstraint("id", "simulated"))

    id: Mapped[Id]
    name: Mapped[Name] = mapped_column(unique=True)
    created_utc: Mapped[datetime]
    seed: Mapped[Big]
    source: Mapped[CampaignSource] = mapped_column(EnumText(CampaignSource, 16))
    source_of: Mapped[Mapping[str, Any]] = mapped_column("source_json")
    simulated: Mapped[bool]
    config: Mapped[Mapping[str, Any]] = mapped_column("config_json")


class MeterTable(Base):
    """A power monitor."""

    __tablename__ = "meter"
    __table_args__ = (UniqueConstraint("kind", "serial", "simulated"), UniqueConstraint("id", "simulated"))

    id: Mapped[Id]
    kind: Mapped[Name]
    serial: Mapped[Name]
    firmware: Mapped[Name]
    simulated: Mapped[bool]


class PhoneTable(Base):
    """A phone with the build it ran."""

    __tablename__ = "phone"
    __table_args__ = (
        UniqueConstraint("serial", "model", "build_fingerprint", "simulated"),
        UniqueConstraint("id", "simulated"),
    )

    id: Mapped[Id]
    serial: Mapped[Name]
    model: Mapped[Name]
    build_fingerprint: Mapped[Name]
    simulated: Mapped[bool]


class BenchSessionTable(Base):
    """A start of the bench by one process."""

    __tablename__ = "bench_session"
    __table_args__ = (
        ForeignKeyConstraint(["campaign_id", "simulated"], ["campaign.id", "campaign.simulated"]),
        ForeignKeyConstraint(["meter_id", "simulated"], ["meter.id", "meter.simulated"]),
        ForeignKeyConstraint(["phone_id", "simulated"], ["phone.id", "phone.simulated"]),
        CheckConstraint("(ended_utc IS NULL) = (end_reason IS NULL)", name="end_has_reason"),
        known("end_kind", SessionEnd),
        CheckConstraint("clock_freq_khz > 0", name="clock_runs"),
        sha256_length("profile_sha256"),
        sha256_length("tool_sha256"),
    )

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(index=True)
    meter_id: Mapped[int]
    # The meter's row holds the newest firmware; this is the one that these windows were measured with.
    meter_firmware: Mapped[Name]
    phone_id: Mapped[int]
    simulated: Mapped[bool]
    started_utc: Mapped[datetime]
    ended_utc: Mapped[datetime | None]
    end_kind: Mapped[SessionEnd | None] = mapped_column(EnumText(SessionEnd, 16))
    end_reason: Mapped[str | None]
    host: Mapped[Name]
    pid: Mapped[int]
    profile_name: Mapped[Name]
    profile_toml: Mapped[str]
    profile_sha256: Mapped[Sha256]
    tool_sha256: Mapped[Sha256]
    tool_banner: Mapped[str]
    versions: Mapped[Mapping[str, Any]] = mapped_column("versions_json")
    calibration: Mapped[Mapping[str, Any]] = mapped_column("calibration_json")
    settings: Mapped[Mapping[str, Any]] = mapped_column("settings_json")
    seed: Mapped[Big]
    clock_freq_khz: Mapped[int]
    core: Mapped[int]


class ArchitectureTable(Base):
    """A network as a text, with its parameters and counts."""

    __tablename__ = "architecture"
    __table_args__ = tuple(not_negative("flops", "n_params"))

    id: Mapped[Id]
    hash: Mapped[Sha256] = mapped_column(unique=True)
    space: Mapped[Name]
    text: Mapped[str]
    params: Mapped[Mapping[str, Any]] = mapped_column("params_json")
    flops: Mapped[Big]
    n_params: Mapped[Big]


class ModelFileTable(Base):
    """A model file by its hash."""

    __tablename__ = "model_file"
    __table_args__ = (
        sha256_length("sha256"),
        sha256_length("network_sha256"),
        CheckConstraint("size_bytes > 0", name="not_empty"),
        *not_negative("flops"),
    )

    id: Mapped[Id]
    sha256: Mapped[Sha256] = mapped_column(unique=True)
    architecture_id: Mapped[int | None] = mapped_column(ForeignKey("architecture.id"))
    size_bytes: Mapped[Big]
    name: Mapped[Name]
    flops: Mapped[Big | None]
    network_sha256: Mapped[Sha256 | None]


class TaskTable(Base):
    """A model to be measured."""

    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("campaign_id", "role", "ordinal"),
        Index(None, "campaign_id", "role", "state"),
        known("role", TaskRole),
        known("state", TaskState),
        *not_negative("ordinal", "n_attempts"),
        CheckConstraint("n_wanted >= 1", name="is_wanted"),
        CheckConstraint("(state = 'claimed') = (claimed_by IS NOT NULL)", name="claim_has_session"),
        CheckConstraint("state <> 'failed' OR failure IS NOT NULL", name="failure_has_text"),
    )

    id: Mapped[Id]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    ordinal: Mapped[int]
    role: Mapped[Word]
    architecture_id: Mapped[int | None] = mapped_column(ForeignKey("architecture.id"))
    model_file_id: Mapped[int | None] = mapped_column(ForeignKey("model_file.id"))
    state: Mapped[Word]
    n_wanted: Mapped[int]
    n_attempts: Mapped[int]
    claimed_by: Mapped[int | None] = mapped_column(ForeignKey("bench_session.id"), index=True)
    failure: Mapped[str | None]


class WindowTable(Base):
    """A window: USB cut once, many models."""

    __tablename__ = "window"
    __table_args__ = (
        UniqueConstraint("session_id", "ordinal"),
        known("state", WindowState),
        *not_negative(
            "ordinal", "duration_s", "useful_s", "push_s", "settle_s", "reconnect_s", "other_s",
            "raw_bytes", "n_samples", "n_dropped",
        ),
        CheckConstraint("(state = 'running') = (ended_utc IS NULL)", name="ends_once"),
        CheckConstraint("state IN ('running', 'done') OR reason IS NOT NULL", name="failure_has_reason"),
        CheckConstraint("(raw_path IS NULL) = (raw_sha256 IS NULL)", name="trace_has_hash"),
        sha256_length("raw_sha256"),
    )  # fmt: skip

    id: Mapped[Id]
    session_id: Mapped[int] = mapped_column(ForeignKey("bench_session.id"))
    ordinal: Mapped[int]
    state: Mapped[Word]
    started_utc: Mapped[datetime]
    ended_utc: Mapped[datetime | None]
    started_s: Mapped[float]
    duration_s: Mapped[float | None]
    useful_s: Mapped[float | None]
    push_s: Mapped[float | None]
    settle_s: Mapped[float | None]
    reconnect_s: Mapped[float | None]
    other_s: Mapped[float | None]
    raw_path: Mapped[str | None]
    raw_sha256: Mapped[Sha256 | None]
    raw_bytes: Mapped[Big | None]
    n_samples: Mapped[Big | None]
    n_dropped: Mapped[Big | None]
    usb_max_v: Mapped[float | None]
    clock_offset_s: Mapped[float | None]
    clock_drift_ppm: Mapped[float | None]
    align_difference_ms: Mapped[float | None]
    reason: Mapped[str | None]


class VisitTable(Base):
    """One run of one model."""

    __tablename__ = "visit"
    __table_args__ = (
        UniqueConstraint("window_id", "order_in_window"),
        known("outcome", VisitOutcome),
        known("failure_kind", FailureKind),
        *not_negative("order_in_window", "n_runs", "latency_ms", "latency_sd_ms", "duration_s"),
        CheckConstraint("outcome = 'accepted' OR reason IS NOT NULL", name="outcome_has_reason"),
    )

    id: Mapped[Id]
    window_id: Mapped[int] = mapped_column(ForeignKey("window.id"))
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), index=True)
    order_in_window: Mapped[int]
    model_sha256: Mapped[Sha256] = mapped_column(ForeignKey("model_file.sha256"))
    outcome: Mapped[Word]
    reason: Mapped[str | None]
    failure_kind: Mapped[FailureKind | None] = mapped_column(EnumText(FailureKind, 16))
    exit_code: Mapped[int | None]
    n_runs: Mapped[int | None]
    latency_ms: Mapped[float | None]
    latency_sd_ms: Mapped[float | None]
    started_utc_s: Mapped[float | None]
    duration_s: Mapped[float | None]
    temp_before_c: Mapped[float | None]
    temp_after_c: Mapped[float | None]
    freq_khz: Mapped[int | None]
    tool_output: Mapped[str]


class EnergyTable(Base):
    """The energy of a visit by one version of the analysis."""

    __tablename__ = "energy"
    __table_args__ = (
        UniqueConstraint("visit_id", "analysis_version"),
        *not_negative(
            "latency_ms", "energy_se_mj", "dynamic_energy_se_mj", "n_samples", "n_segments",
            "n_segments_trimmed",
        ),
    )  # fmt: skip

    id: Mapped[Id]
    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id"))
    analysis_version: Mapped[int]
    power_w: Mapped[float]
    idle_power_w: Mapped[float]
    latency_ms: Mapped[float]
    energy_mj: Mapped[float]
    energy_se_mj: Mapped[float]
    dynamic_energy_mj: Mapped[float]
    dynamic_energy_se_mj: Mapped[float]
    n_samples: Mapped[int]
    n_segments: Mapped[int]
    n_segments_trimmed: Mapped[int]


class AnalysisTable(Base):
    """A way of deriving energies from stored traces, beside the one of measuring (see `db.analyses`)."""

    __tablename__ = "analysis"
    __table_args__ = (CheckConstraint("version >= 1000", name="version_is_beside"),)

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_utc: Mapped[datetime]
    method: Mapped[int]
    settings: Mapped[Mapping[str, Any]] = mapped_column("settings_json")
    versions: Mapped[Mapping[str, Any]] = mapped_column("versions_json")


class VerdictTable(Base):
    """What such an analysis makes of a visit; that of measuring stands in the visit's own row."""

    __tablename__ = "verdict"
    __table_args__ = (
        UniqueConstraint("visit_id", "analysis_version"),
        known("outcome", VisitOutcome),
        CheckConstraint("outcome = 'accepted' OR reason IS NOT NULL", name="outcome_has_reason"),
    )

    id: Mapped[Id]
    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id"))
    analysis_version: Mapped[int] = mapped_column(ForeignKey("analysis.version"))
    outcome: Mapped[Word]
    reason: Mapped[str | None]


class GateResultTable(Base):
    """What a quality gate said of a visit."""

    __tablename__ = "gate_result"
    __table_args__ = (
        UniqueConstraint("visit_id", "analysis_version", "gate"),
        known("outcome", GateOutcome),
    )

    id: Mapped[Id]
    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id"))
    analysis_version: Mapped[int]
    gate: Mapped[Name]
    outcome: Mapped[Word]
    value: Mapped[float | None]
    limit_value: Mapped[float]
    unit: Mapped[Word]


class IncidentTable(Base):
    """Something that went wrong, or was worked around."""

    __tablename__ = "incident"
    __table_args__ = tuple(not_negative("lost_s"))

    id: Mapped[Id]
    session_id: Mapped[int] = mapped_column(ForeignKey("bench_session.id"), index=True)
    window_id: Mapped[int | None] = mapped_column(ForeignKey("window.id"))
    at_utc: Mapped[datetime]
    kind: Mapped[IncidentKind] = mapped_column(EnumText(IncidentKind, 200, IncidentKind.OTHER))
    detail: Mapped[str]
    action: Mapped[str]
    lost_s: Mapped[float]
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"))


class StudyTable(Base):
    """A search."""

    __tablename__ = "study"

    id: Mapped[Id]
    name: Mapped[Name] = mapped_column(unique=True)
    created_utc: Mapped[datetime]
    settings: Mapped[Mapping[str, Any]] = mapped_column("settings_json")
    simulated: Mapped[bool]
    synthetic: Mapped[bool]


class TrialTable(Base):
    """A finished trial of a search."""

    __tablename__ = "trial"
    __table_args__ = (
        UniqueConstraint("study_id", "number"),
        known("state", TrialState),
        *not_negative("number", "penalty", "n_evaluations", "duration_s"),
        CheckConstraint("accuracy BETWEEN 0 AND 1", name="accuracy_is_share"),
        CheckConstraint("float_accuracy BETWEEN 0 AND 1", name="float_accuracy_is_share"),
        CheckConstraint(
            "(state = 'trained') = (accuracy IS NOT NULL AND model_file_id IS NOT NULL)", name="trained_has_accuracy"
        ),
    )

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    number: Mapped[int]
    state: Mapped[Word]
    architecture_id: Mapped[int] = mapped_column(ForeignKey("architecture.id"), index=True)
    model_file_id: Mapped[int | None] = mapped_column(ForeignKey("model_file.id"))
    reward: Mapped[float]
    penalty: Mapped[float]
    energy_mj: Mapped[float]
    energy_low_mj: Mapped[float]
    energy_high_mj: Mapped[float]
    accuracy: Mapped[float | None]
    float_accuracy: Mapped[float | None]
    n_evaluations: Mapped[int]
    duration_s: Mapped[float]
    seed: Mapped[Big]
    finished_utc: Mapped[datetime]


class RetrainingTable(Base):
    """A final training of a network."""

    __tablename__ = "retraining"
    __table_args__ = (
        *not_negative("duration_s"),
        CheckConstraint("float_accuracy BETWEEN 0 AND 1", name="float_accuracy_is_share"),
        CheckConstraint("accuracy BETWEEN 0 AND 1", name="accuracy_is_share"),
        CheckConstraint("test_accuracy BETWEEN 0 AND 1", name="test_accuracy_is_share"),
        sha256_length("network_hash"),
        sha256_length("data_sha256"),
    )

    id: Mapped[Id]
    network_hash: Mapped[Sha256] = mapped_column(index=True)
    network_text: Mapped[str]
    recipe: Mapped[Mapping[str, Any]] = mapped_column("recipe_json")
    data: Mapped[Name]
    data_sha256: Mapped[Sha256]
    synthetic: Mapped[bool]
    seed: Mapped[Big]
    model_file_id: Mapped[int] = mapped_column(ForeignKey("model_file.id"))
    float_accuracy: Mapped[float]
    accuracy: Mapped[float]
    test_accuracy: Mapped[float]
    duration_s: Mapped[float]
    finished_utc: Mapped[datetime]

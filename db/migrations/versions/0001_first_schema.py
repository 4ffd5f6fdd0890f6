"""The first schema: campaigns, their tasks and models, sessions, windows, visits, energies and gates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_architecture()
    _create_campaign()
    _create_meter()
    _create_phone()
    _create_bench_session()
    _create_model_file()
    _create_task()
    _create_window()
    _create_incident()
    _create_visit()
    _create_energy()
    _create_gate_result()


def downgrade() -> None:
    tables = (
        "gate_result",
        "energy",
        "visit",
        "incident",
        "window",
        "task",
        "model_file",
        "bench_session",
        "phone",
        "meter",
        "campaign",
        "architecture",
    )
    for table in tables:
        op.drop_table(table)


def _not_negative(table: str, *columns: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(f"{column} >= 0", name=op.f(f"ck_{table}_{column}_not_negative")) for column in columns]


def _create_architecture() -> None:
    op.create_table(
        "architecture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("space", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("params_json", sa.JSON(), nullable=False),
        sa.Column("flops", sa.BigInteger(), nullable=False),
        sa.Column("n_params", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_architecture")),
        sa.UniqueConstraint("hash", name=op.f("uq_architecture_hash")),
        *_not_negative("architecture", "flops", "n_params"),
    )


def _create_campaign() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_utc", sa.DateTime(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("source_detail", sa.Text(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("config_json", sa.JSON(), nullable=False),
        sa.CheckConstraint("source IN ('sampled', 'models')", name=op.f("ck_campaign_source_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("id", "simulated", name=op.f("uq_campaign_id_simulated")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_name")),
    )


def _create_meter() -> None:
    op.create_table(
        "meter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=200), nullable=False),
        sa.Column("serial", sa.String(length=200), nullable=False),
        sa.Column("firmware", sa.String(length=200), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter")),
        sa.UniqueConstraint("id", "simulated", name=op.f("uq_meter_id_simulated")),
        sa.UniqueConstraint("kind", "serial", "simulated", name=op.f("uq_meter_kind_serial_simulated")),
    )


def _create_phone() -> None:
    op.create_table(
        "phone",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(length=200), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("build_fingerprint", sa.String(length=200), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone")),
        sa.UniqueConstraint("id", "simulated", name=op.f("uq_phone_id_simulated")),
        sa.UniqueConstraint(
            "serial",
            "model",
            "build_fingerprint",
            "simulated",
            name=op.f("uq_phone_serial_model_build_fingerprint_simulated"),
        ),
    )


def _create_bench_session() -> None:
    op.create_table(
        "bench_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("meter_firmware", sa.String(length=200), nullable=False),
        sa.Column("phone_id", sa.Integer(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("started_utc", sa.DateTime(), nullable=False),
        sa.Column("ended_utc", sa.DateTime(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("profile_name", sa.String(length=200), nullable=False),
        sa.Column("profile_toml", sa.Text(), nullable=False),
        sa.Column("profile_sha256", sa.String(length=64), nullable=False),
        sa.Column("tool_sha256", sa.String(length=64), nullable=False),
        sa.Column("tool_banner", sa.Text(), nullable=False),
        sa.Column("versions_json", sa.JSON(), nullable=False),
        sa.Column("calibration_json", sa.JSON(), nullable=False),
        sa.Column("settings_json", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("clock_freq_khz", sa.Integer(), nullable=False),
        sa.Column("core", sa.Integer(), nullable=False),
        sa.CheckConstraint("(ended_utc IS NULL) = (end_reason IS NULL)", name=op.f("ck_bench_session_end_has_reason")),
        sa.CheckConstraint("clock_freq_khz > 0", name=op.f("ck_bench_session_clock_runs")),
        sa.CheckConstraint("length(profile_sha256) = 64", name=op.f("ck_bench_session_profile_sha256_length")),
        sa.CheckConstraint("length(tool_sha256) = 64", name=op.f("ck_bench_session_tool_sha256_length")),
        sa.ForeignKeyConstraint(
            ["campaign_id", "simulated"],
            ["campaign.id", "campaign.simulated"],
            name=op.f("fk_bench_session_campaign_id_simulated"),
        ),
        sa.ForeignKeyConstraint(
            ["meter_id", "simulated"],
            ["meter.id", "meter.simulated"],
            name=op.f("fk_bench_session_meter_id_simulated"),
        ),
        sa.ForeignKeyConstraint(
            ["phone_id", "simulated"],
            ["phone.id", "phone.simulated"],
            name=op.f("fk_bench_session_phone_id_simulated"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bench_session")),
    )
    op.create_index("ix_bench_session_campaign_id", "bench_session", ["campaign_id"])


def _create_model_file() -> None:
    op.create_table(
        "model_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("architecture_id", sa.Integer(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_model_file_sha256_length")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_model_file_not_empty")),
        sa.ForeignKeyConstraint(["architecture_id"], ["architecture.id"], name=op.f("fk_model_file_architecture_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_file")),
        sa.UniqueConstraint("sha256", name=op.f("uq_model_file_sha256")),
    )


def _create_task() -> None:
    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("architecture_id", sa.Integer(), nullable=True),
        sa.Column("model_file_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("n_wanted", sa.Integer(), nullable=False),
        sa.Column("n_attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.Integer(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'claimed') = (claimed_by IS NOT NULL)", name=op.f("ck_task_claim_has_session")),
        sa.CheckConstraint("role IN ('architecture', 'canary')", name=op.f("ck_task_role_known")),
        sa.CheckConstraint("state <> 'failed' OR failure IS NOT NULL", name=op.f("ck_task_failure_has_text")),
        sa.CheckConstraint("state IN ('pending', 'claimed', 'done', 'failed')", name=op.f("ck_task_state_known")),
        sa.CheckConstraint("n_wanted >= 1", name=op.f("ck_task_is_wanted")),
        sa.ForeignKeyConstraint(["architecture_id"], ["architecture.id"], name=op.f("fk_task_architecture_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_task_campaign_id")),
        sa.ForeignKeyConstraint(["claimed_by"], ["bench_session.id"], name=op.f("fk_task_claimed_by")),
        sa.ForeignKeyConstraint(["model_file_id"], ["model_file.id"], name=op.f("fk_task_model_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("campaign_id", "role", "ordinal", name=op.f("uq_task_campaign_id_role_ordinal")),
        *_not_negative("task", "n_attempts", "ordinal"),
    )
    op.create_index("ix_task_campaign_id_role_state", "task", ["campaign_id", "role", "state"])
    op.create_index("ix_task_claimed_by", "task", ["claimed_by"])


def _create_window() -> None:
    op.create_table(
        "window",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_utc", sa.DateTime(), nullable=False),
        sa.Column("ended_utc", sa.DateTime(), nullable=True),
        sa.Column("started_s", sa.Double(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("useful_s", sa.Double(), nullable=True),
        sa.Column("push_s", sa.Double(), nullable=True),
        sa.Column("settle_s", sa.Double(), nullable=True),
        sa.Column("reconnect_s", sa.Double(), nullable=True),
        sa.Column("other_s", sa.Double(), nullable=True),
        sa.Column("raw_path", sa.Text(), nullable=True),
        sa.Column("raw_sha256", sa.String(length=64), nullable=True),
        sa.Column("raw_bytes", sa.BigInteger(), nullable=True),
        sa.Column("n_samples", sa.BigInteger(), nullable=True),
        sa.Column("n_dropped", sa.BigInteger(), nullable=True),
        sa.Column("usb_max_v", sa.Double(), nullable=True),
        sa.Column("clock_offset_s", sa.Double(), nullable=True),
        sa.Column("clock_drift_ppm", sa.Double(), nullable=True),
        sa.Column("align_difference_ms", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'running') = (ended_utc IS NULL)", name=op.f("ck_window_ends_once")),
        sa.CheckConstraint(
            "state IN ('running', 'done') OR reason IS NOT NULL", name=op.f("ck_window_failure_has_reason")
        ),
        sa.CheckConstraint(
            "state IN ('running', 'done', 'failed', 'lost', 'quarantined')",
            name=op.f("ck_window_state_known"),
        ),
        sa.CheckConstraint("(raw_path IS NULL) = (raw_sha256 IS NULL)", name=op.f("ck_window_trace_has_hash")),
        sa.CheckConstraint("length(raw_sha256) = 64", name=op.f("ck_window_raw_sha256_length")),
        sa.ForeignKeyConstraint(["session_id"], ["bench_session.id"], name=op.f("fk_window_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window")),
        sa.UniqueConstraint("session_id", "ordinal", name=op.f("uq_window_session_id_ordinal")),
        *_not_negative(
            "window",
            "duration_s",
            "n_dropped",
            "n_samples",
            "ordinal",
            "other_s",
            "push_s",
            "raw_bytes",
            "reconnect_s",
            "settle_s",
            "useful_s",
        ),
    )


def _create_incident() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("window_id", sa.Integer(), nullable=True),
        sa.Column("at_utc", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("lost_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["bench_session.id"], name=op.f("fk_incident_session_id")),
        sa.ForeignKeyConstraint(["window_id"], ["window.id"], name=op.f("fk_incident_window_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        *_not_negative("incident", "lost_s"),
    )
    op.create_index("ix_incident_session_id", "incident", ["session_id"])


def _create_visit() -> None:
    op.create_table(
        "visit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("window_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("order_in_window", sa.Integer(), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("n_runs", sa.Integer(), nullable=True),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("latency_sd_ms", sa.Double(), nullable=True),
        sa.Column("started_utc_s", sa.Double(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("temp_before_c", sa.Double(), nullable=True),
        sa.Column("temp_after_c", sa.Double(), nullable=True),
        sa.Column("freq_khz", sa.Integer(), nullable=True),
        sa.Column("tool_output", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome = 'accepted' OR reason IS NOT NULL", name=op.f("ck_visit_outcome_has_reason")),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'marginal', 'rejected', 'model_failed')",
            name=op.f("ck_visit_outcome_known"),
        ),
        sa.ForeignKeyConstraint(["model_sha256"], ["model_file.sha256"], name=op.f("fk_visit_model_sha256")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_visit_task_id")),
        sa.ForeignKeyConstraint(["window_id"], ["window.id"], name=op.f("fk_visit_window_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        sa.UniqueConstraint("window_id", "order_in_window", name=op.f("uq_visit_window_id_order_in_window")),
        *_not_negative("visit", "duration_s", "latency_ms", "latency_sd_ms", "n_runs", "order_in_window"),
    )
    op.create_index("ix_visit_task_id", "visit", ["task_id"])


def _create_energy() -> None:
    op.create_table(
        "energy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("visit_id", sa.Integer(), nullable=False),
        sa.Column("analysis_version", sa.Integer(), nullable=False),
        sa.Column("power_w", sa.Double(), nullable=False),
        sa.Column("idle_power_w", sa.Double(), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.Column("energy_mj", sa.Double(), nullable=False),
        sa.Column("energy_se_mj", sa.Double(), nullable=False),
        sa.Column("dynamic_energy_mj", sa.Double(), nullable=False),
        sa.Column("dynamic_energy_se_mj", sa.Double(), nullable=False),
        sa.Column("n_samples", sa.Integer(), nullable=False),
        sa.Column("n_segments", sa.Integer(), nullable=False),
        sa.Column("n_segments_trimmed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_energy_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_energy")),
        sa.UniqueConstraint("visit_id", "analysis_version", name=op.f("uq_energy_visit_id_analysis_version")),
        *_not_negative(
            "energy",
            "dynamic_energy_se_mj",
            "energy_se_mj",
            "latency_ms",
            "n_samples",
            "n_segments",
            "n_segments_trimmed",
        ),
    )


def _create_gate_result() -> None:
    op.create_table(
        "gate_result",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("visit_id", sa.Integer(), nullable=False),
        sa.Column("analysis_version", sa.Integer(), nullable=False),
        sa.Column("gate", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("limit_value", sa.Double(), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.CheckConstraint("outcome IN ('pass', 'mark', 'reject')", name=op.f("ck_gate_result_outcome_known")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_gate_result_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_result")),
        sa.UniqueConstraint(
            "visit_id", "analysis_version", "gate", name=op.f("uq_gate_result_visit_id_analysis_version_gate")
        ),
    )

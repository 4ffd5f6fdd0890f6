"""Studies of the architecture search, and their finished trials."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_utc", sa.DateTime(), nullable=False),
        sa.Column("settings_json", sa.JSON(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("name", name=op.f("uq_study_name")),
    )
    op.create_table(
        "trial",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("architecture_id", sa.Integer(), nullable=False),
        sa.Column("model_file_id", sa.Integer(), nullable=True),
        sa.Column("reward", sa.Double(), nullable=False),
        sa.Column("penalty", sa.Double(), nullable=False),
        sa.Column("energy_mj", sa.Double(), nullable=False),
        sa.Column("energy_low_mj", sa.Double(), nullable=False),
        sa.Column("energy_high_mj", sa.Double(), nullable=False),
        sa.Column("accuracy", sa.Double(), nullable=True),
        sa.Column("float_accuracy", sa.Double(), nullable=True),
        sa.Column("n_evaluations", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("finished_utc", sa.DateTime(), nullable=False),
        *(
            sa.CheckConstraint(f"{column} >= 0", name=op.f(f"ck_trial_{column}_not_negative"))
            for column in ("number", "penalty", "n_evaluations", "duration_s")
        ),
        sa.CheckConstraint("accuracy BETWEEN 0 AND 1", name=op.f("ck_trial_accuracy_is_share")),
        sa.CheckConstraint("float_accuracy BETWEEN 0 AND 1", name=op.f("ck_trial_float_accuracy_is_share")),
        sa.CheckConstraint(
            "(state = 'trained') = (accuracy IS NOT NULL AND model_file_id IS NOT NULL)",
            name=op.f("ck_trial_trained_has_accuracy"),
        ),
        sa.CheckConstraint("state IN ('trained', 'stopped', 'untrained')", name=op.f("ck_trial_state_known")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_trial_study_id")),
        sa.ForeignKeyConstraint(["architecture_id"], ["architecture.id"], name=op.f("fk_trial_architecture_id")),
        sa.ForeignKeyConstraint(["model_file_id"], ["model_file.id"], name=op.f("fk_trial_model_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_trial_study_id_number")),
    )
    op.create_index(op.f("ix_trial_architecture_id"), "trial", ["architecture_id"])


def downgrade() -> None:
    op.drop_table("trial")
    op.drop_table("study")

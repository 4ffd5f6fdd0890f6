"""Analyses beside the one of measuring, and what each made of every visit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "analysis",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_utc", sa.DateTime(), nullable=False),
        sa.Column("method", sa.Integer(), nullable=False),
        sa.Column("settings_json", sa.JSON(), nullable=False),
        sa.Column("versions_json", sa.JSON(), nullable=False),
        sa.CheckConstraint("version >= 1000", name=op.f("ck_analysis_version_is_beside")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_analysis")),
    )
    op.create_table(
        "verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("visit_id", sa.Integer(), nullable=False),
        sa.Column("analysis_version", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'marginal', 'rejected', 'model_failed')", name=op.f("ck_verdict_outcome_known")
        ),
        sa.CheckConstraint("outcome = 'accepted' OR reason IS NOT NULL", name=op.f("ck_verdict_outcome_has_reason")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_verdict_visit_id")),
        sa.ForeignKeyConstraint(["analysis_version"], ["analysis.version"], name=op.f("fk_verdict_analysis_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
        sa.UniqueConstraint("visit_id", "analysis_version", name=op.f("uq_verdict_visit_id_analysis_version")),
    )


def downgrade() -> None:
    op.drop_table("verdict")
    op.drop_table("analysis")

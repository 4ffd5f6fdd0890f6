"""Networks trained again, several times each, and judged by the test split."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None

_SHARES = ("float_accuracy", "accuracy", "test_accuracy")


def upgrade() -> None:
    op.create_table(
        "retraining",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("network_hash", sa.String(length=64), nullable=False),
        sa.Column("network_text", sa.Text(), nullable=False),
        sa.Column("recipe_json", sa.JSON(), nullable=False),
        sa.Column("data", sa.String(length=200), nullable=False),
        sa.Column("data_sha256", sa.String(length=64), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("model_file_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in _SHARES),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("finished_utc", sa.DateTime(), nullable=False),
        *(
            sa.CheckConstraint(f"{name} BETWEEN 0 AND 1", name=op.f(f"ck_retraining_{name}_is_share"))
            for name in _SHARES
        ),
        sa.CheckConstraint("duration_s >= 0", name=op.f("ck_retraining_duration_s_not_negative")),
        *(
            sa.CheckConstraint(f"length({name}) = 64", name=op.f(f"ck_retraining_{name}_length"))
            for name in ("network_hash", "data_sha256")
        ),
        sa.ForeignKeyConstraint(["model_file_id"], ["model_file.id"], name=op.f("fk_retraining_model_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraining")),
    )
    op.create_index(op.f("ix_retraining_network_hash"), "retraining", ["network_hash"])


def downgrade() -> None:
    op.drop_table("retraining")

"""FLOPs of a user's own model files, counted in their graphs."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; files measured before keep it empty."""
    op.execute(
        "ALTER TABLE model_file ADD COLUMN flops BIGINT CONSTRAINT ck_model_file_flops_not_negative CHECK (flops >= 0)"
    )


def downgrade() -> None:
    """Not offered, as for every step."""
    raise NotImplementedError("a database of schema 0007 stays one")

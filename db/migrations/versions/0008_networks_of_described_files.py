"""The hash of the file without its description, by which a study knows the network of a file that was exported."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; files measured before keep it empty until they are measured again."""
    op.execute(
        "ALTER TABLE model_file ADD COLUMN network_sha256 VARCHAR(64) "
        "CONSTRAINT ck_model_file_network_sha256_length CHECK (length(network_sha256) = 64)"
    )


def downgrade() -> None:
    """Not offered, as for every step."""
    raise NotImplementedError("a database of schema 0008 stays one")

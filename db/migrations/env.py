"""What Alembic runs: the migrations, on the connection and in the transaction handed over by `db.migrate`."""

from __future__ import annotations

from alembic import context

from db.columns import Base
from db.schema import VERSION_TABLE


def _migrate() -> None:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        version_table=VERSION_TABLE,
        # SQLite cannot alter most of a table: Alembic then copies it, row by row, into its new shape.
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_migrate()

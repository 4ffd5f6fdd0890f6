"""Bringing a database to the tables of `db.schema`, by the migrations shipped in `db/migrations`.

Alembic is imported only when there is something to migrate: a database of today opens without it.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from db.errors import ForeignFile, NewerSchema, Unreachable
from db.schema import SCHEMA_REVISION, VERSION_TABLE

MIGRATIONS = Path(__file__).parent / "migrations"


def is_up_to_date(connection: Connection, shown: str, create: bool) -> bool:
    """Whether the tables are today's; False for an empty database (with `create`) and for an older one.

    Raises:
        ForeignFile: the database holds tables, and they are not this project's.
        NewerSchema: a newer version of the project has migrated it.
        Unreachable: it is empty and `create` is False.
    """
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE not in tables:
        if tables:
            found = ", ".join(sorted(tables)[:3])
            hint = "give another path: this project's tables are not put into another program's database"
            raise ForeignFile(f"{shown} belongs to another program (tables {found})", hint)
        if not create:
            raise Unreachable(f"{shown} is an empty database", "check the path; `lab measure` fills a database")
        return False
    revision = connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()
    if revision == SCHEMA_REVISION:
        return True
    if revision not in _known_revisions():
        hint = "update this installation, or use the version that last opened it"
        raise NewerSchema(f"{shown} has schema {revision}, newer than {SCHEMA_REVISION}", hint)
    return False


def bring_up_to_date(connection: Connection, revision: str = "head") -> None:
    """Run the missing migrations, up to a revision, in the transaction of `connection`."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", _scripts())
    config.set_main_option("path_separator", "os")
    before = _n_orphans(connection)
    command.upgrade(config, revision)
    if _n_orphans(connection) > before:
        what = "migrating it would leave rows that refer to rows that are not there"
        raise ForeignFile(f"the database is damaged: {what}", "copy it again from a backup; nothing was changed")


def _n_orphans(connection: Connection) -> int:
    """Rows that refer to rows that are not there; foreign keys are not held while migrating (SQLite)."""
    if connection.dialect.name != "sqlite":
        return 0
    return len(connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall())


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def _scripts() -> str:
    # The configuration interpolates %: a folder with one in its name needs it doubled.
    return str(MIGRATIONS).replace("%", "%%")

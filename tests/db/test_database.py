"""Opening: what is created, migrated, refused; transactions and what they raise."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from db_specimens import a_campaign
from sqlalchemy import create_engine, text

from db import migrate
from db.campaigns import ensure_campaign
from db.columns import Base
from db.database import Database, open_database
from db.errors import DatabaseLocked, DbError, DiskFull, ForeignFile, NewerSchema, TransientDbError, Unreachable
from db.queries import list_campaigns
from db.schema import SCHEMA_REVISION, VERSION_TABLE

HALF_A_CAMPAIGN = "INSERT INTO campaign VALUES (1, 'half', '2026-05-04 00:00:00', 1, 'sampled', '{}', 1, '{}')"
REPOSITORY = Path(migrate.__file__).parents[1]


def tables_of(path: Path) -> dict[str, list[str]]:
    """The columns and constraints of each table, and each index, without their order."""
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: sorted(parts_of(sql)) for name, sql in rows if name != VERSION_TABLE}


def parts_of(sql: str) -> Iterator[str]:
    """Columns and constraints; one that was added beside its column, as SQLite must, stands as one of the table."""
    text = re.sub(r"\s+", " ", sql).strip()
    if not text.startswith("CREATE TABLE"):
        yield text
        return
    part, depth = "", 0
    for character in text[text.index("(") + 1 : text.rindex(")")] + ",":
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character != "," or depth:
            part += character
            continue
        column, beside, constraint = part.strip().partition(" CONSTRAINT ")
        yield column
        if beside:
            of_table = constraint.replace(" REFERENCES", f" FOREIGN KEY({column.split()[0]}) REFERENCES")
            yield f"CONSTRAINT {of_table}"
        part = ""


def test_migrating_from_empty_gives_the_same_tables_and_constraints_as_the_models(tmp_path: Path) -> None:
    open_database(tmp_path / "migrated.db").close()
    engine = create_engine(f"sqlite:///{tmp_path / 'created.db'}")
    Base.metadata.create_all(engine)
    engine.dispose()
    assert tables_of(tmp_path / "migrated.db") == tables_of(tmp_path / "created.db")


def test_alembic_finds_no_difference_between_migrations_and_models(db: Database) -> None:
    with db.read() as tx:
        context = MigrationContext.configure(tx.connection(), opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []


def test_the_revision_of_the_models_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(migrate.MIGRATIONS)).get_current_head() == SCHEMA_REVISION


def test_opening_again_keeps_what_was_written(tmp_path: Path) -> None:
    for _ in range(2):
        with open_database(tmp_path / "lab.db") as database:
            ensure_campaign(database, a_campaign())
    with open_database(tmp_path / "lab.db", create=False) as database:
        assert [row.name for row in list_campaigns(database)] == ["first"]


def test_a_url_and_a_path_open_the_same_file_and_the_same_folder_of_files(tmp_path: Path) -> None:
    with (
        open_database(tmp_path / "lab.db") as by_path,
        open_database(f"sqlite:///{tmp_path / 'lab.db'}") as by_url,
    ):
        ensure_campaign(by_path, a_campaign())
        assert [row.name for row in list_campaigns(by_url)] == ["first"]
        assert by_path.files_dir == by_url.files_dir == tmp_path / "lab.db.files"


def test_a_folder_with_a_percent_sign_in_its_name_can_hold_a_database(tmp_path: Path) -> None:
    (tmp_path / "50%(x)s").mkdir()
    with open_database(tmp_path / "50%(x)s" / "lab.db") as database:
        assert list_campaigns(database) == []


def test_the_file_is_in_wal_mode_with_foreign_keys_and_full_synchronisation(db: Database) -> None:
    with db.write() as tx:
        values = [
            tx.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys", "synchronous")
        ]
    assert values == ["wal", 1, 2]


def test_processes_that_create_the_same_database_at_once_all_succeed(tmp_path: Path) -> None:
    program = "import sys; from db.database import open_database; open_database(sys.argv[1]).close()"
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, str(tmp_path / "lab.db")],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    outcomes = [(child.communicate()[1].decode(), child.returncode) for child in children]
    assert outcomes == [("", 0)] * 4


def test_a_reader_does_not_create_a_missing_database(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="there is no database"):
        open_database(tmp_path / "lab.db", create=False)
    assert not (tmp_path / "lab.db").exists()


def test_a_reader_refuses_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "lab.db").touch()
    with pytest.raises(Unreachable, match="an empty database"):
        open_database(tmp_path / "lab.db", create=False)


@pytest.mark.parametrize("target", ["no/such/folder/lab.db", ".", "sqlite:///no/such/folder/lab.db"])
def test_a_place_that_cannot_hold_a_file_is_refused(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unreachable):
        open_database(target)


@pytest.mark.parametrize("url", ["nosuchengine://host/lab", "postgresql+nosuchdriver://host/lab"])
def test_a_url_without_a_driver_is_refused(url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        open_database(url)
    assert "driver" in caught.value.hint


def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    open_database(tmp_path / "lab.db").close()
    with closing(sqlite3.connect(tmp_path / "lab.db")) as connection, connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    connection.close()
    with pytest.raises(NewerSchema, match="0999") as caught:
        open_database(tmp_path / "lab.db")
    assert "update" in caught.value.hint
    with pytest.raises(NewerSchema):
        open_database(tmp_path / "lab.db")


def test_another_programs_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(ForeignFile, match="recipes"):
        open_database(tmp_path / "other.db")
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database " * 100)
    with pytest.raises(ForeignFile, match="not an SQLite database"):
        open_database(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "not a database " * 100


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    open_database(path).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xa5" * 4000 + whole[4100:])
    with pytest.raises(ForeignFile, match="damaged"):
        open_database(path)


def test_a_locked_database_is_a_transient_error_with_a_hint(tmp_path: Path) -> None:
    with (
        open_database(tmp_path / "lab.db") as holder,
        open_database(tmp_path / "lab.db", busy_timeout_s=0.05) as waiter,
    ):
        with holder.write(), pytest.raises(DatabaseLocked, match="locked") as caught, waiter.write():
            pass
        assert isinstance(caught.value, TransientDbError)
        assert "another process" in caught.value.hint
        ensure_campaign(waiter, a_campaign())


def test_readers_are_not_held_up_by_a_writer_and_do_not_see_its_half(tmp_path: Path) -> None:
    with (
        open_database(tmp_path / "lab.db") as writer,
        open_database(tmp_path / "lab.db", create=False, busy_timeout_s=0.05) as reader,
        writer.write() as tx,
    ):
        tx.execute(text(HALF_A_CAMPAIGN))
        assert list_campaigns(reader) == []


def test_a_full_disk_is_an_error_with_a_hint_and_what_was_committed_stays(db: Database) -> None:
    def fill_the_disk() -> None:
        with db.write() as tx:
            tx.execute(text("PRAGMA max_page_count = 1"))
            tx.execute(text("CREATE TABLE filler AS SELECT zeroblob(100000) AS filling"))

    ensure_campaign(db, a_campaign("before"))
    with pytest.raises(DiskFull) as caught:
        fill_the_disk()
    assert "space" in caught.value.hint
    assert [row.name for row in list_campaigns(db)] == ["before"]


def test_an_exception_inside_a_transaction_undoes_it(db: Database) -> None:
    def break_off() -> None:
        with db.write() as tx:
            tx.execute(text(HALF_A_CAMPAIGN))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert list_campaigns(db) == []


def of_release_0_1(path: Path, *statements: str) -> Path:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as tx:
        migrate.bring_up_to_date(tx, "0005")
        for statement in statements:
            tx.exec_driver_sql(statement)
    engine.dispose()
    return path


def test_a_view_of_a_users_own_does_not_keep_a_database_from_being_migrated(tmp_path: Path) -> None:
    path = of_release_0_1(tmp_path / "lab.db", "CREATE VIEW mine AS SELECT name FROM campaign")
    with open_database(path) as db:
        assert list_campaigns(db) == []
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("SELECT * FROM mine").fetchall() == []
    connection.close()


def test_a_row_that_was_an_orphan_before_does_not_keep_a_database_from_being_migrated(tmp_path: Path) -> None:
    orphan = "INSERT INTO model_file (sha256, architecture_id, size_bytes, name) VALUES ('{}', 99, 1, 'n')"
    path = of_release_0_1(tmp_path / "lab.db", orphan.format("a" * 64))
    with open_database(path) as db:
        assert list_campaigns(db) == []


def test_foreign_keys_hold_again_after_a_migration(tmp_path: Path) -> None:
    with open_database(of_release_0_1(tmp_path / "lab.db")) as db, db.read() as tx:
        assert tx.connection().exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("target", ["sqlite://", "sqlite:///:memory:", ":memory:"])
def test_a_record_in_memory_is_refused(target: str) -> None:
    with pytest.raises(Unreachable, match="in memory"):
        open_database(target)


def test_a_record_in_a_folder_that_cannot_be_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(tmp_path / "lab.db").close()
    before = sorted(path.name for path in tmp_path.iterdir())
    # Who runs the tests may write anywhere.
    monkeypatch.setattr("db.database._is_writable", lambda folder: False)
    with open_database(tmp_path / "lab.db", create=False) as db:
        with db.read() as tx:
            assert tx.execute(text("SELECT count(*) FROM campaign")).scalar() == 0
        with pytest.raises(DbError), db.write() as tx:
            tx.execute(text("DELETE FROM campaign"))
    assert sorted(path.name for path in tmp_path.iterdir()) == before

"""A database that a stranger has sent is read, shown and refused, and nothing in it is carried out."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from recorded_campaign import BEGAN_UTC, measure_window, record_campaign
from typer.testing import CliRunner, Result

from db.database import open_database
from db.errors import DbError
from db.kinds import CampaignSource, IncidentKind
from db.rows import IncidentSpec
from db.sessions import record_incident
from db.traces import store_trace
from lab.cli import app, main, register

FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
    "pickle.find_class",
    "shutil.rmtree",
    "sqlite3.load_extension",
)
ESCAPES = "evil \x1b]0;title\x07\x1b[2J[bold]name[/] $(reboot)"
COMMANDS = (["status"], ["status", "--json"], ["incidents"], ["incidents", "--json"], ["audit"], ["audit", "--json"])

_watching = False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event in FORBIDDEN:
        raise AssertionError(f"{event} {arguments}")


sys.addaudithook(_hook)


@contextmanager
def watched() -> Iterator[None]:
    """Inside, starting a program, connecting or unpickling is an error."""
    global _watching
    _watching = True
    try:
        yield
    finally:
        _watching = False


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A campaign in which every text that reaches a user or a path is hostile."""
    path = tmp_path / "stranger.db"
    with open_database(path) as db:
        campaign_id, session_id = record_campaign(
            db, ESCAPES, source=CampaignSource.LISTED, source_of={"path": "$(reboot); rm -rf /"}
        )
        measure_window(db, campaign_id, session_id, [1.0, 2.0, None])
        store_trace(db.files_dir, [b"whatever"])
    (tmp_path / "secret").write_bytes(b"of no concern to strangers")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE window SET raw_path = '../secret', raw_sha256 = ?", ["0" * 64])
        connection.execute("UPDATE bench_session SET profile_toml = ?", ["import os; os.system('reboot')"])
        connection.execute("UPDATE task SET failure = ?", [ESCAPES])
        connection.execute("UPDATE model_file SET name = ?", ["../../etc/passwd"])
        connection.execute(
            "INSERT INTO incident (session_id, at_utc, kind, detail, action, lost_s) "
            "VALUES (1, '2026-06-01 07:00:00.000000', ?, ?, ?, 0)", [ESCAPES] * 3
        )  # fmt: skip
        connection.execute("CREATE TRIGGER t AFTER INSERT ON incident BEGIN SELECT load_extension('/tmp/evil'); END")
        connection.commit()
    return path


def lab(*arguments: str) -> Result:
    if not app.registered_commands:
        register(app)
    with watched():
        return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_a_stranger_wrote_is_shown_and_not_carried_out(hostile: Path, command: list[str]) -> None:
    done = lab(*command, "--db", str(hostile))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "\x1b" not in done.output
    assert "\x07" not in done.output


def test_a_trace_outside_the_folder_of_the_record_is_not_read(hostile: Path) -> None:
    done = lab("audit", "--json", "--db", str(hostile))
    assert done.exit_code == 1
    assert "outside" in done.output
    assert "of no concern" not in done.output


def test_a_trigger_that_loads_a_library_loads_none(hostile: Path) -> None:
    incident = IncidentSpec(at_utc=BEGAN_UTC, kind=IncidentKind.OTHER, detail="", action="")
    with watched(), open_database(hostile) as db, pytest.raises(DbError, match=r"load_extension|not authorized"):
        record_incident(db, 1, incident)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE campaign SET source = 'evil'",
        "UPDATE campaign SET source_json = '{}'",
        "UPDATE campaign SET source_json = '[]'",
        "UPDATE bench_session SET end_kind = 'evil', end_reason = 'evil', ended_utc = '2026-06-01 07:00:00.000000'",
    ],
)
def test_a_value_that_is_none_of_its_kind_is_said_and_is_no_defect(
    hostile: Path, statement: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(hostile)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement)
    monkeypatch.setattr(sys, "argv", ["lab", "audit", "--db", str(hostile)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in (1, 5)
    assert "Traceback" not in capsys.readouterr().err

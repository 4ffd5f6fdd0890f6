"""A database that release 0.1.0 measured into: today's release migrates it, goes on with its campaign and audits it.

`tests/data/databases/release-0.1.0.tar.xz` holds one: campaign `night` (sampled; a model that took the phone down
twice, then killed without an end), `files` and `listed`; with the traces of `night` that count, and the profile.
"""

from __future__ import annotations

import socket
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from lab_command import Bench

from db.database import open_database
from db.kinds import CampaignSource, IncidentKind, SessionEnd
from db.queries import crashed_models, incidents, list_campaigns
from db.schema import SCHEMA_REVISION
from lab.campaign.status import read_status

ARCHIVE = Path(__file__).resolve().parent.parent / "data" / "databases" / "release-0.1.0.tar.xz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def rows(folder: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "lab.db")) as connection:
        return connection.execute(statement).fetchall()


def test_what_stood_in_sentences_is_typed_and_nothing_else_has_changed(folder: Path) -> None:
    statement = "SELECT id, energy_mj, energy_se_mj FROM energy ORDER BY id"
    energies, n_gates = rows(folder, statement), rows(folder, "SELECT count(*) FROM gate_result")
    with open_database(folder / "lab.db") as db:
        campaigns = {campaign.name: campaign for campaign in list_campaigns(db)}
        night = incidents(db, campaigns["night"].campaign_id)
        crashed = crashed_models(db, campaigns["night"].campaign_id)
    assert rows(folder, "SELECT version_num FROM energy_lab_schema") == [(SCHEMA_REVISION,)]
    assert {name: (c.source, dict(c.source_of)) for name, c in campaigns.items()} == {
        "night": (CampaignSource.SAMPLED, {"space": "audio2d"}),
        "files": (CampaignSource.MODELS, {"folder": "/home/user/own"}),
        "listed": (CampaignSource.LISTED, {"path": "/home/user/list.txt"}),
    }
    crash, lost = IncidentKind.PHONE_DIED, IncidentKind.SETTINGS_LOST
    assert [incident.kind for incident in night] == [crash, lost, crash, lost]
    assert crashed == [4, 4]
    assert rows(folder, "SELECT end_kind FROM bench_session ORDER BY id") == [
        (None,),
        (SessionEnd.DONE,),
        (SessionEnd.DONE,),
    ]
    assert rows(folder, statement) == energies
    assert rows(folder, "SELECT count(*) FROM gate_result") == n_gates
    assert rows(folder, "PRAGMA foreign_key_check") == []


def test_its_campaigns_say_what_continues_them(folder: Path) -> None:
    with open_database(folder / "lab.db") as db:
        commands = {status.name: status.next_command for status in read_status(db)}
    assert "lab export" in commands["files"]
    assert "lab export" in commands["listed"]


def test_its_campaign_goes_on_and_passes_the_audit(folder: Path) -> None:
    # The process that was killed ran on this computer.
    with closing(sqlite3.connect(folder / "lab.db")) as connection, connection:
        connection.execute("UPDATE bench_session SET host = ?", [socket.gethostname()])
    wanted = ["--n", "9", "--bench", "./small.toml", "--db", "lab.db", "--campaign", "night"]
    bench = Bench(folder, folder / "small.toml", folder / "truth", folder / "lab.db")
    done = bench.run("measure", *wanted)
    # One model is left out since 0.1.0: it took the phone down twice.
    assert done.returncode == 1, done.stderr
    audit = bench.run("audit", "--db", "lab.db", "--campaign", "night")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    states = "SELECT state, count(*) FROM task WHERE campaign_id = 1 AND role = 'architecture' GROUP BY 1"
    assert rows(folder, states) == [("done", 8), ("failed", 1)]

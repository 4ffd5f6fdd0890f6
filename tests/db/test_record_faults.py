"""A record that fails on purpose fails as a real one does, and what was committed before stands."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from db_specimens import a_session, a_started_campaign

from db.database import Database, open_database
from db.errors import DatabaseLocked, DiskFull, Unreachable
from db.kinds import IncidentKind
from db.queries import list_campaigns, progress
from db.record_faults import N_TRANSACTIONS, RECORD_FAULTS, with_record_faults
from db.rows import IncidentSpec
from db.sessions import record_incident, start_session


def write_until_it_fails(db: Database, n: int = 4 * N_TRANSACTIONS) -> int:
    """Incidents one by one, each a page of text; how many were committed."""
    spec = IncidentSpec(
        at_utc=datetime(2026, 6, 1, tzinfo=UTC), kind=IncidentKind.OTHER, detail="x" * 5000, action="none"
    )
    for done in range(n):
        try:
            record_incident(db, 1, spec)
        except (DiskFull, DatabaseLocked):
            return done
    return n


def n_incidents(path: Path) -> int:
    with open_database(path) as db:
        return progress(db, list_campaigns(db)[0].campaign_id).n_incidents


@pytest.mark.parametrize("name", ["disk_full", "database_locked"])
def test_the_record_fails_for_real_and_keeps_what_was_committed(tmp_path: Path, name: str) -> None:
    path = tmp_path / "lab.db"
    with open_database(path, busy_timeout_s=0.1) as db:
        start_session(db, a_session(a_started_campaign(db, n_tasks=2)))
        with with_record_faults(db, [name], seed=3) as failing:
            n_done = write_until_it_fails(failing)
    assert n_done < 4 * N_TRANSACTIONS
    assert n_incidents(path) == n_done
    with open_database(path) as db:
        assert write_until_it_fails(db, 3) == 3


def test_the_process_is_killed_at_a_commit_and_the_record_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    with open_database(path) as db:
        start_session(db, a_session(a_started_campaign(db, n_tasks=2)))
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path; from db.database import open_database\n"
        "from db.record_faults import with_record_faults\n"
        "from test_record_faults import write_until_it_fails\n"
        "with open_database(sys.argv[1]) as db, with_record_faults(db, ['power_loss'], int(sys.argv[3])) as failing:\n"
        "    write_until_it_fails(failing)\n"
    )
    for seed in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", code, path, Path(__file__).parent, str(seed)],
            capture_output=True,
            check=False,
        )
        assert done.returncode == -9, done.stderr
    assert 0 < n_incidents(path) <= 2 * N_TRANSACTIONS


def test_faults_of_devices_leave_the_record_alone(tmp_path: Path) -> None:
    with open_database(tmp_path / "lab.db") as db, with_record_faults(db, ["adb_gone"], seed=1) as same:
        assert same is db


def test_a_record_that_is_no_file_cannot_be_made_to_fail(tmp_path: Path) -> None:
    with (
        open_database(f"sqlite:///{tmp_path}/lab.db") as db,
        pytest.raises(Unreachable, match="cannot be made to fail"),
        with_record_faults(db, RECORD_FAULTS, seed=1),
    ):
        pytest.fail("it was")

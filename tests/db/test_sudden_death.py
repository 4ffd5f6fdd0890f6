"""SIGKILL at any moment: the record is consistent, and nothing that was said to be written is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

from db_endless_writer import VISITS_A_WINDOW
from db_specimens import a_moment, a_started_campaign
from sqlalchemy import text

from db import migrate
from db.database import Database, open_database
from db.queries import progress
from db.sessions import recover_lost
from db.traces import load_trace

N_KILLS = 12


def write_until_killed(path: Path, campaign_id: int, rng: random.Random) -> set[int]:
    """The windows that the process said were finished before it was killed."""
    here = Path(__file__).parent
    child = subprocess.Popen(
        [sys.executable, here / "db_endless_writer.py", path, str(campaign_id)],
        env=os.environ | {"PYTHONPATH": str(Path(migrate.__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(rng.randint(1, 6))]
    threading.Event().wait(rng.uniform(0.0, 0.03))
    child.kill()
    lines += child.communicate()[0].splitlines(keepends=True)
    assert child.returncode == -9
    # The last line may be cut short by the kill.
    return {int(line.split()[1]) for line in lines if line.startswith("finished") and line.endswith("\n")}


def assert_consistent(db: Database) -> None:
    n = VISITS_A_WINDOW
    here = "visit WHERE window_id = window.id"
    whole = f"""
        SELECT count(*) FROM window WHERE
            (SELECT count(*) FROM {here}) <> iif(state = 'done', {n}, 0)
            OR (SELECT count(*) FROM energy WHERE visit_id IN (SELECT id FROM {here}))
                <> iif(state = 'done', {n}, 0)
            OR (SELECT count(*) FROM gate_result WHERE visit_id IN (SELECT id FROM {here}))
                <> iif(state = 'done', {2 * n}, 0)
    """
    with db.read() as tx:
        assert tx.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
        assert tx.execute(text("PRAGMA foreign_key_check")).all() == []
        assert tx.execute(text(whole)).scalar() == 0
        attempts = tx.execute(text("SELECT sum(n_attempts) FROM task")).scalar()
        assert attempts == tx.execute(text("SELECT count(*) FROM visit")).scalar()
        traces = tx.execute(text("SELECT raw_path, raw_sha256 FROM window WHERE state = 'done'")).all()
    for raw_path, raw_sha256 in traces:
        load_trace(db.files_dir / raw_path, raw_sha256)


def test_a_process_killed_at_random_moments_loses_nothing_and_leaves_nothing_half(tmp_path: Path) -> None:
    rng = random.Random(20260504)
    path = tmp_path / "lab.db"
    with open_database(path) as db:
        campaign_id = a_started_campaign(db, n_tasks=VISITS_A_WINDOW - 1)
    announced: set[int] = set()
    n_lost = 0
    for _ in range(N_KILLS):
        announced |= write_until_killed(path, campaign_id, rng)
        with open_database(path) as db:
            assert_consistent(db)
            n_lost += len(recover_lost(db, campaign_id, lambda host, pid: False, a_moment(60)))
            with db.read() as tx:
                done = set(tx.execute(text("SELECT id FROM window WHERE state = 'done'")).scalars())
            assert announced <= done
            stand = progress(db, campaign_id)
            assert stand.n_tasks == {"pending": VISITS_A_WINDOW - 1}
            assert stand.n_windows.get("running", 0) == 0
    # The moments were such that the test means something: windows were finished, and windows were cut off.
    assert announced
    assert n_lost

"""Claiming: each task to one session, revisits first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from db_specimens import (
    a_campaign,
    a_moment,
    a_result,
    a_running_window,
    a_session,
    a_started_campaign,
    a_task,
    a_visit,
)

from db import migrate
from db.campaigns import add_tasks, ensure_campaign
from db.database import Database, open_database
from db.errors import RecordRefused
from db.kinds import SessionEnd
from db.rows import TaskUpdate
from db.sessions import end_session, start_session
from db.tasks import canaries, claim, peek
from db.windows import finish_window

CLAIM_UNTIL_NONE_IS_LEFT = """
import sys
from db.database import open_database
from db.tasks import claim
with open_database(sys.argv[1]) as db:
    while rows := claim(db, int(sys.argv[2]), int(sys.argv[3]), 7, max_attempts=3):
        print(*(row.task_id for row in rows), flush=True)
"""


def test_claims_come_in_order_and_never_twice(db: Database) -> None:
    campaign_id = a_started_campaign(db, n_tasks=5)
    session_id = start_session(db, a_session(campaign_id))
    first = claim(db, campaign_id, session_id, 3, max_attempts=3)
    second = claim(db, campaign_id, session_id, 3, max_attempts=3)
    assert [row.ordinal for row in first + second] == [0, 1, 2, 3, 4]
    assert {row.state for row in first} == {"claimed"}
    assert claim(db, campaign_id, session_id, 3, max_attempts=3) == []


def test_processes_that_claim_at_once_never_get_the_same_task(tmp_path: Path) -> None:
    with open_database(tmp_path / "lab.db") as db:
        campaign_id = ensure_campaign(db, a_campaign()).campaign_id
        add_tasks(db, campaign_id, [a_task(n) for n in range(200)])
        sessions = [start_session(db, a_session(campaign_id)) for _ in range(3)]
    children = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                CLAIM_UNTIL_NONE_IS_LEFT,
                tmp_path / "lab.db",
                str(campaign_id),
                str(session),
            ],
            env=os.environ | {"PYTHONPATH": str(Path(migrate.__file__).parents[1])},
            stdout=subprocess.PIPE,
            text=True,
        )
        for session in sessions
    ]
    claimed = [int(word) for child in children for word in child.communicate()[0].split()]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert len(claimed) == 200
    assert len(set(claimed)) == 200


def test_tasks_visited_before_come_first_until_their_attempts_are_used_up(db: Database) -> None:
    campaign_id = a_started_campaign(db, n_tasks=4)
    _, window_id, tasks = a_running_window(db, campaign_id, n=3)
    result = a_result(tasks, [a_visit(tasks[2], 2)])
    again = {tasks[2].task_id: TaskUpdate(state="pending", n_wanted=2)}
    finish_window(db, window_id, type(result)(**(vars(result) | {"task_updates": again})))
    session_id = start_session(db, a_session(campaign_id))
    assert [row.ordinal for row in peek(db, campaign_id, 9)] == [2, 0, 1, 3]
    assert [row.ordinal for row in peek(db, campaign_id, 9, max_attempts=1)] == [0, 1, 3]
    first = claim(db, campaign_id, session_id, 1, max_attempts=2)
    assert [(row.ordinal, row.n_attempts, row.n_wanted) for row in first] == [(2, 1, 2)]


def test_peeking_shows_what_the_next_claim_takes_and_takes_nothing(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    session_id = start_session(db, a_session(campaign_id))
    seen = [row.task_id for row in peek(db, campaign_id, 2)]
    assert seen == [row.task_id for row in claim(db, campaign_id, session_id, 2, max_attempts=3)]


def test_canaries_are_never_claimed(db: Database) -> None:
    campaign_id = a_started_campaign(db, n_tasks=1, n_canaries=2)
    session_id = start_session(db, a_session(campaign_id))
    assert {row.role for row in claim(db, campaign_id, session_id, 99, max_attempts=3)} == {"architecture"}
    assert [(row.ordinal, row.state) for row in canaries(db, campaign_id)] == [(0, "pending"), (1, "pending")]


def test_a_session_that_has_ended_or_is_another_campaigns_claims_nothing(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    other_id = ensure_campaign(db, a_campaign("other")).campaign_id
    session_id = start_session(db, a_session(campaign_id))
    with pytest.raises(RecordRefused):
        claim(db, other_id, session_id, 1, max_attempts=3)
    end_session(db, session_id, SessionEnd.DONE, "finished", a_moment())
    with pytest.raises(RecordRefused):
        claim(db, campaign_id, session_id, 1, max_attempts=3)

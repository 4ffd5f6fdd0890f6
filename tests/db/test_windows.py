"""Windows: everything or nothing, and what becomes of their tasks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from db_specimens import (
    a_moment,
    a_result,
    a_running_window,
    a_started_campaign,
    a_visit,
    an_energy,
)
from sqlalchemy import text

from db.database import Database
from db.errors import RecordRefused
from db.kinds import IncidentKind, SessionEnd
from db.queries import energies_of, incidents, progress
from db.rows import IncidentSpec, TaskUpdate, WindowMeasures, WindowSpec
from db.sessions import end_session
from db.tasks import peek
from db.windows import fail_window, finish_window, quarantine_window, start_window

TABLES_OF_RESULTS = ("visit", "energy", "gate_result", "incident")


def n_rows(db: Database, *tables: str) -> list[int | None]:
    with db.read() as tx:
        return [tx.execute(text(f"SELECT count(*) FROM {table}")).scalar() for table in tables]


def test_a_finished_window_is_recorded_whole(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    _, window_id, tasks = a_running_window(db, campaign_id)
    visits = [a_visit(task, order, 10.0 + order) for order, task in enumerate(tasks)]
    finish_window(db, window_id, a_result(tasks, visits))
    assert n_rows(db, *TABLES_OF_RESULTS) == [3, 3, 6, 0]
    energies = energies_of(db, [task.task_id for task in tasks], analysis_version=1)
    assert [[row.energy_mj for row in rows] for rows in energies.values()] == [[10.0], [11.0], [12.0]]
    assert progress(db, campaign_id).n_tasks == {"done": 3, "pending": 3}


@pytest.mark.parametrize("fault", ["order", "model", "task", "place", "update", "incident"])
def test_a_fault_anywhere_in_a_result_leaves_nothing_of_it(fault: str, db: Database) -> None:
    campaign_id = a_started_campaign(db)
    _, window_id, tasks = a_running_window(db, campaign_id)
    good = [a_visit(task, order) for order, task in enumerate(tasks)]
    result = a_result(tasks, good)
    broken = {
        "order": replace(result, visits=[*good[:2], replace(good[2], order_in_window=0)]),
        "model": replace(result, visits=[*good[:2], replace(good[2], model_sha256="f" * 64)]),
        "task": replace(result, task_ids=[*result.task_ids[:2], 9999]),
        "place": replace(result, visits=[*good[:2], replace(good[2], order_in_window=3)]),
        "update": replace(result, task_updates={9999: TaskUpdate(state="done", n_wanted=1)}),
        "incident": replace(
            result,
            incidents=[IncidentSpec(at_utc=a_moment(), kind=IncidentKind.OTHER, detail="d", action="a", lost_s=-1.0)],
        ),
    }
    with pytest.raises(RecordRefused):
        finish_window(db, window_id, broken[fault])
    assert n_rows(db, *TABLES_OF_RESULTS) == [0, 0, 0, 0]
    stand = progress(db, campaign_id)
    assert (stand.n_windows, stand.n_tasks) == ({"running": 1}, {"claimed": 3, "pending": 3})
    finish_window(db, window_id, result)
    assert progress(db, campaign_id).n_visits == {"accepted": 3}


def test_a_window_cannot_be_finished_twice(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    _, window_id, tasks = a_running_window(db, campaign_id)
    finish_window(db, window_id, a_result(tasks, [a_visit(tasks[0], 0)]))
    with pytest.raises(RecordRefused, match="is done, not running"):
        finish_window(db, window_id, a_result(tasks, [a_visit(tasks[0], 1)]))


@pytest.mark.parametrize("energy_mj", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_a_visit_without_a_sound_energy_is_not_stored_as_accepted(energy_mj: float | None, db: Database) -> None:
    campaign_id = a_started_campaign(db)
    _, window_id, tasks = a_running_window(db, campaign_id)
    energy = None if energy_mj is None else an_energy(energy_mj)
    visit = replace(a_visit(tasks[0], 0), energy=energy)
    with pytest.raises(RecordRefused, match="without a positive energy"):
        finish_window(db, window_id, a_result(tasks, [visit]))


def test_a_model_that_failed_is_a_row_without_an_energy(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    _, window_id, tasks = a_running_window(db, campaign_id)
    visit = replace(a_visit(tasks[0], 0), outcome="model_failed", reason="exit code 139", energy=None, gates=())
    update = TaskUpdate(state="failed", n_wanted=1, failure="exit code 139")
    finish_window(db, window_id, replace(a_result(tasks, [visit]), task_updates={tasks[0].task_id: update}))
    stand = progress(db, campaign_id)
    assert stand.n_visits == {"model_failed": 1}
    assert stand.n_tasks == {"failed": 1, "pending": 5}


def test_claimed_tasks_that_a_window_did_not_reach_are_pending_without_an_attempt(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    _, window_id, tasks = a_running_window(db, campaign_id)
    finish_window(db, window_id, a_result(tasks, [a_visit(tasks[0], 0)]))
    assert [(row.ordinal, row.n_attempts) for row in peek(db, campaign_id, 2)] == [(1, 0), (2, 0)]


def test_a_failed_window_gives_its_tasks_back_and_keeps_what_was_measured_of_it(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    _, window_id, tasks = a_running_window(db, campaign_id)
    fail_window(
        db,
        window_id,
        "failed",
        "adb never came back",
        a_moment(4),
        measures=WindowMeasures(duration_s=240.0, push_s=20.0),
        incidents=[IncidentSpec(at_utc=a_moment(4), kind=IncidentKind.ADB_LOST, detail="d", action="a", lost_s=240.0)],
        crashed_task_ids=[tasks[1].task_id],
    )
    stand = progress(db, campaign_id)
    assert (stand.n_tasks, stand.n_windows) == ({"pending": 6}, {"failed": 1})
    assert (stand.bench_s, stand.lost_s, stand.useful_s) == (240.0, 240.0, 0.0)
    assert [(row.window_id, row.lost_s) for row in incidents(db, campaign_id)] == [(window_id, 240.0)]
    assert [(row.ordinal, row.n_attempts) for row in peek(db, campaign_id, 2)] == [(1, 1), (0, 0)]


def test_windows_of_a_session_are_numbered_and_run_one_at_a_time(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    session_id, first, tasks = a_running_window(db, campaign_id)
    spec = WindowSpec(session_id=session_id, started_utc=a_moment(9), started_s=540.0)
    with pytest.raises(RecordRefused, match="still running"):
        start_window(db, spec)
    finish_window(db, first, a_result(tasks, []))
    start_window(db, spec)
    with db.read() as tx:
        assert tx.execute(text("SELECT ordinal FROM window ORDER BY id")).scalars().all() == [0, 1]


def test_a_session_that_has_ended_starts_no_window(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    session_id, _, _ = a_running_window(db, campaign_id)
    end_session(db, session_id, SessionEnd.DONE, "finished", a_moment())
    with pytest.raises(RecordRefused, match="not an open one"):
        start_window(db, WindowSpec(session_id=session_id, started_utc=a_moment(), started_s=0.0))


def test_a_quarantined_window_counts_for_nothing_and_its_tasks_are_measured_again(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    _, window_id, tasks = a_running_window(db, campaign_id)
    visits = [a_visit(task, order) for order, task in enumerate(tasks)]
    visits[2] = replace(visits[2], outcome="model_failed", reason="exit code 1", energy=None)
    updates = {
        tasks[0].task_id: TaskUpdate(state="done", n_wanted=1),
        tasks[1].task_id: TaskUpdate(state="pending", n_wanted=2),
        tasks[2].task_id: TaskUpdate(state="failed", n_wanted=1, failure="exit code 1"),
    }
    finish_window(db, window_id, replace(a_result(tasks, visits), task_updates=updates))
    quarantine_window(db, window_id, "canary 0 is 2.4 % off", a_moment(10))
    stand = progress(db, campaign_id)
    assert stand.n_windows == {"quarantined": 1}
    assert stand.n_visits == {"rejected": 2, "model_failed": 1}
    assert stand.n_tasks == {"pending": 5, "failed": 1}
    assert [row.n_attempts for row in peek(db, campaign_id, 9)] == [0] * 5
    assert energies_of(db, [tasks[0].task_id], analysis_version=1) == {tasks[0].task_id: []}
    assert [row.kind for row in incidents(db, campaign_id)] == ["quarantine"]
    with pytest.raises(RecordRefused):
        quarantine_window(db, window_id, "again", a_moment(11))


def test_quarantine_leaves_a_task_that_is_being_revisited_with_its_claim(db: Database) -> None:
    campaign_id = a_started_campaign(db, n_tasks=1)
    _, window_id, tasks = a_running_window(db, campaign_id)
    again = {tasks[0].task_id: TaskUpdate(state="pending", n_wanted=2)}
    finish_window(db, window_id, replace(a_result(tasks, [a_visit(tasks[0], 0)]), task_updates=again))
    a_running_window(db, campaign_id)
    quarantine_window(db, window_id, "drift", a_moment(10))
    assert progress(db, campaign_id).n_tasks == {"claimed": 1}

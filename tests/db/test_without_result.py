"""What a campaign has tried and has no result for: which models, why, and after how many visits."""

from __future__ import annotations

from dataclasses import replace

from db_specimens import (
    a_campaign,
    a_model,
    a_moment,
    a_result,
    a_running_window,
    a_session,
    a_started_campaign,
    a_visit,
)

from db.campaigns import add_tasks, ensure_campaign
from db.database import Database
from db.kinds import FailureKind, VisitOutcome
from db.queries import ModelWithoutResult, without_result
from db.rows import TaskRow, TaskSpec, TaskUpdate, WindowSpec
from db.sessions import start_session
from db.tasks import canaries, claim
from db.windows import fail_window, finish_window, start_window

HOT = "skin: 45 degC, limit 43 degC"
AGAIN = TaskUpdate(state="pending", n_wanted=5)


def window(db: Database, campaign_id: int, *said: tuple[VisitOutcome, str | None], given_up: str = "") -> list[TaskRow]:
    """A window over the first tasks, then the canary, whose visit is rejected; with `given_up` the first one ends."""
    _, window_id, tasks = a_running_window(db, campaign_id, n=len(said))
    tasks.sort(key=lambda task: task.ordinal)
    queue = [*tasks, *canaries(db, campaign_id)]
    visits = []
    for order, (task, (outcome, reason)) in enumerate(zip(queue, [*said, ("rejected", HOT)], strict=True)):
        failure = {"rejected": FailureKind.GATE, "model_failed": FailureKind.DIED}.get(outcome)
        visits.append(replace(a_visit(task, order), outcome=outcome, reason=reason, failure_kind=failure))
    updates = {task.task_id: AGAIN for task in tasks}
    if given_up:
        updates[tasks[0].task_id] = TaskUpdate(state="failed", n_wanted=1, failure=given_up)
    finish_window(db, window_id, replace(a_result(queue, visits), task_updates=updates))
    return tasks


def test_nothing_that_was_not_tried_is_without_a_result(db: Database) -> None:
    assert without_result(db, a_started_campaign(db)) == []


def test_of_several_visits_the_last_one_says_why_and_all_are_counted(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    window(db, campaign_id, ("rejected", HOT), ("accepted", None))
    window(db, campaign_id, ("model_failed", "died: exit code 134"), ("rejected", HOT))
    assert without_result(db, campaign_id) == [ModelWithoutResult(
        name="width=0", outcome="model_failed", reason="died: exit code 134", n_visits=2
    )]  # fmt: skip


def test_one_trusted_visit_is_a_result_of_its_own_model_alone(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    window(db, campaign_id, ("rejected", HOT), ("marginal", "trend: 0.02"), ("rejected", HOT))
    assert [model.name for model in without_result(db, campaign_id)] == ["width=0", "width=2"]
    window(db, campaign_id, ("accepted", None), ("rejected", HOT), ("rejected", HOT))
    (left,) = without_result(db, campaign_id)
    assert (left.name, left.n_visits) == ("width=2", 2)


def test_a_model_that_was_given_up_says_why_it_was_and_not_what_became_of_its_last_visit(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    window(db, campaign_id, ("rejected", HOT), given_up="every visit was rejected")
    (found,) = without_result(db, campaign_id)
    assert (found.outcome, found.reason, found.n_visits) == ("failed", "every visit was rejected", 1)


def test_a_model_that_was_given_up_without_a_visit_is_there_too(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    _, window_id, tasks = a_running_window(db, campaign_id, n=1)
    update = TaskUpdate(state="failed", n_wanted=1, failure="it restarts the phone")
    fail_window(db, window_id, "failed", "why", a_moment(6), task_updates={tasks[0].task_id: update})
    assert without_result(db, campaign_id) == [
        ModelWithoutResult(name="width=0", outcome="failed", reason="it restarts the phone", n_visits=0)
    ]


def test_model_files_go_by_the_names_of_their_files_and_campaigns_by_themselves(db: Database) -> None:
    other_id = a_started_campaign(db)
    window(db, other_id, ("rejected", HOT))
    campaign_id = ensure_campaign(db, a_campaign("second")).campaign_id
    models = [a_model(n) for n in (7, 3)]
    add_tasks(
        db, campaign_id, [TaskSpec(role="architecture", ordinal=n, n_wanted=1, model=m) for n, m in enumerate(models)]
    )
    session_id = start_session(db, a_session(campaign_id, pid=4712))
    tasks = claim(db, campaign_id, session_id, 2, max_attempts=9)
    window_id = start_window(db, WindowSpec(session_id=session_id, started_utc=a_moment(), started_s=1.0))
    visits = [
        replace(a_visit(task, order), outcome="rejected", reason=HOT, failure_kind=FailureKind.GATE)
        for order, task in enumerate(tasks)
    ]
    finish_window(db, window_id, replace(a_result(tasks, visits), task_updates={}))
    assert [model.name for model in without_result(db, campaign_id)] == [model.name for model in models]
    assert [model.name for model in without_result(db, other_id)] == ["width=0"]

"""Which visits the noise between visits is taken from, and what else a campaign's readers leave out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

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
from sqlalchemy import text

from db.campaigns import add_tasks, ensure_campaign
from db.database import Database
from db.kinds import FailureKind, IncidentKind, VisitOutcome
from db.queries import (
    canary_points,
    count_sessions,
    energies_of,
    equipment_of,
    incidents,
    list_campaigns,
    progress,
    visit_noise,
)
from db.rows import IncidentSpec, TaskRow, TaskUpdate, VisitSpec
from db.sessions import start_session
from db.tasks import canaries
from db.windows import fail_window, finish_window

Seen = tuple[float, VisitOutcome]


def window(db: Database, campaign_id: int, *visits: Seen, canary: Seen | None = None) -> list[TaskRow]:
    """A window over the first tasks, which stay pending: energy and outcome of each, and of a canary."""
    _, window_id, tasks = a_running_window(db, campaign_id, n=len(visits))
    tasks.sort(key=lambda row: row.ordinal)
    queue, seen = list(tasks), list(visits)
    if canary is not None:
        queue.append(canaries(db, campaign_id)[0])
        seen.append(canary)
    stored = [_visit(task, order, one) for order, (task, one) in enumerate(zip(queue, seen, strict=True))]
    updates = {task.task_id: TaskUpdate(state="pending", n_wanted=5) for task in tasks}
    finish_window(db, window_id, replace(a_result(queue, stored), task_updates=updates))
    return tasks


def _visit(task: TaskRow, order: int, seen: Seen) -> VisitSpec:
    energy_mj, outcome = seen
    reason = None if outcome == "accepted" else "skin: 45 degC, limit 43 degC"
    failure = FailureKind.GATE if outcome == "rejected" else None
    return replace(a_visit(task, order, energy_mj), outcome=outcome, reason=reason, failure_kind=failure)


def pooled(*pairs: Sequence[float]) -> float:
    """The relative deviation by hand."""
    squares = 0.0
    for values in pairs:
        logs = [math.log(value) for value in values]
        squares += sum((value - sum(logs) / len(logs)) ** 2 for value in logs)
    return math.sqrt(squares / sum(len(values) - 1 for values in pairs))


@pytest.mark.parametrize("outcome", ["rejected", "marginal"])
def test_only_accepted_visits_count_for_the_noise(db: Database, outcome: VisitOutcome) -> None:
    """A rejected visit keeps its energy: with it the noise would be that of what the gates are there to leave out."""
    campaign_id = a_started_campaign(db)
    window(db, campaign_id, (10.0, "accepted"), (20.0, "accepted"))
    window(db, campaign_id, (10.2, "accepted"), (30.0, outcome))
    noise = visit_noise(db, campaign_id)
    assert noise.degrees_of_freedom == 1
    assert noise.sd_frac == pytest.approx(pooled([10.0, 10.2]))


def test_a_task_with_three_visits_has_two_degrees_of_freedom(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    for first, second in ((10.0, 20.0), (10.3, 20.5), (10.1, 19.0)):
        window(db, campaign_id, (first, "accepted"), (second, "accepted"))
    noise = visit_noise(db, campaign_id)
    assert noise.degrees_of_freedom == 4
    assert noise.sd_frac == pytest.approx(pooled([10.0, 10.3, 10.1], [20.0, 20.5, 19.0]))


def test_canaries_and_other_campaigns_have_no_part_in_the_noise(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    for canary_mj in (8.0, 9.0):
        window(db, campaign_id, (10.0, "accepted"), canary=(canary_mj, "accepted"))
    noise = visit_noise(db, campaign_id)
    assert (noise.degrees_of_freedom, noise.sd_frac) == (1, 0.0)
    other = ensure_campaign(db, a_campaign("second")).campaign_id
    assert visit_noise(db, other).degrees_of_freedom == 0


def test_of_several_analyses_the_newest_is_what_the_noise_is_taken_from(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    for _ in range(2):
        window(db, campaign_id, (10.0, "accepted"))
    with db.write() as tx:
        tx.execute(
            text(
                "INSERT INTO energy SELECT 999, visit_id, 2, power_w, idle_power_w, latency_ms, 11.0, energy_se_mj,"
                " dynamic_energy_mj, dynamic_energy_se_mj, n_samples, n_segments, n_segments_trimmed"
                " FROM energy WHERE visit_id = 1"
            )
        )
    noise = visit_noise(db, campaign_id)
    assert (noise.degrees_of_freedom, noise.sd_frac) == (1, pytest.approx(pooled([11.0, 10.0])))


def test_energies_of_tasks_are_those_of_visits_that_can_be_trusted_in_order(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    first = window(db, campaign_id, (10.0, "accepted"), (20.0, "rejected"))
    window(db, campaign_id, (9.0, "marginal"), (21.0, "accepted"))
    ids = [task.task_id for task in first]
    found = energies_of(db, [*ids, 4711], 1)
    assert [row.energy_mj for row in found[ids[0]]] == [10.0, 9.0]
    assert [row.outcome for row in found[ids[0]]] == ["accepted", "marginal"]
    assert [row.energy_mj for row in found[ids[1]]] == [21.0]
    assert found[4711] == []
    assert energies_of(db, ids, 2) == {task_id: [] for task_id in ids}


def test_canary_points_are_those_of_canaries_alone(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    window(db, campaign_id, (10.0, "accepted"), canary=(8.0, "accepted"))
    window(db, campaign_id, (10.0, "accepted"), canary=(8.5, "rejected"))
    points = canary_points(db, campaign_id)
    assert [(p.energy_mj, p.outcome, p.ordinal, p.order_in_window) for p in points] == [
        (8.0, "accepted", 0, 1),
        (8.5, "rejected", 0, 1),
    ]


def test_the_equipment_of_a_campaign_is_that_of_its_first_session(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    assert equipment_of(db, campaign_id) is None
    assert count_sessions(db, campaign_id) == 0
    spec = a_session(campaign_id)
    start_session(db, spec)
    start_session(db, replace(spec, tool_sha256="f" * 64, pid=4712))
    found = equipment_of(db, campaign_id)
    assert found is not None
    assert (found.meter_serial, found.phone_serial, found.phone_model) == ("20001", "98AY", "Pixel 4 XL")
    assert (found.build_fingerprint, found.tool_sha256) == ("google/coral/13", spec.tool_sha256)
    assert count_sessions(db, campaign_id) == 2


def test_a_campaign_between_two_others_has_its_own_sessions_tasks_and_visits(db: Database) -> None:
    ids = [a_started_campaign(db)]
    ids += [ensure_campaign(db, a_campaign(name)).campaign_id for name in ("second", "third")]
    add_tasks(db, ids[1], [a_task(0), a_task(1)])
    add_tasks(db, ids[2], [a_task(0)])
    for number, campaign_id in enumerate(ids):
        spec = a_session(campaign_id, pid=4711 + number)
        start_session(db, replace(spec, tool_sha256=f"{number}" * 64))
    for number, (campaign_id, n_pending) in enumerate(zip(ids, (6, 2, 1), strict=True)):
        found = equipment_of(db, campaign_id)
        assert found is not None
        assert found.tool_sha256 == f"{number}" * 64
        assert count_sessions(db, campaign_id) == 1
        assert progress(db, campaign_id).n_tasks == {"pending": n_pending}


def test_incidents_are_the_campaigns_own_in_order_of_time(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    session_id, window_id, _ = a_running_window(db, campaign_id, n=1)
    late, early = (
        IncidentSpec(at_utc=a_moment(minutes), kind=kind, detail="d", action="a", lost_s=minutes)
        for minutes, kind in ((5.0, IncidentKind.USB_LOST), (3.0, IncidentKind.ADB_LOST))
    )
    fail_window(
        db, window_id, "failed", "why", a_moment(6), measures=a_result([], []).measures, incidents=[late, early]
    )
    found = incidents(db, campaign_id)
    assert [(i.kind, i.lost_s, i.session_id, i.window_id) for i in found] == [
        (IncidentKind.ADB_LOST, 3.0, session_id, window_id),
        (IncidentKind.USB_LOST, 5.0, session_id, window_id),
    ]
    other = ensure_campaign(db, a_campaign("second")).campaign_id
    assert incidents(db, other) == []
    stand = progress(db, campaign_id)
    assert (stand.n_incidents, stand.lost_s, stand.useful_s) == (2, 540.0, 0.0)
    assert progress(db, other).n_incidents == 0


def test_campaigns_are_listed_oldest_first(db: Database) -> None:
    names = ["first", "second", "a third"]
    for name in names:
        add_tasks(db, ensure_campaign(db, a_campaign(name)).campaign_id, [])
    assert [row.name for row in list_campaigns(db)] == names

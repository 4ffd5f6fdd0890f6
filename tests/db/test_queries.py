"""What is read of a campaign agrees with what was written."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

import pytest
from db_specimens import (
    a_campaign,
    a_moment,
    a_result,
    a_running_window,
    a_started_campaign,
    a_visit,
    an_energy,
    sha256_of,
)
from sqlalchemy import text

from db.campaigns import ensure_campaign
from db.database import Database
from db.errors import CampaignUnknown
from db.queries import canary_points, progress, visit_noise
from db.results import FIXED_COLUMNS, result_rows
from db.rows import TaskUpdate, VisitSpec
from db.tasks import canaries
from db.windows import finish_window, quarantine_window

AGAIN = TaskUpdate(state="pending", n_wanted=5)


def run_window(db: Database, campaign_id: int, energies_mj: list[float], canary_mj: float = 8.0) -> int:
    """A window over the first tasks, which stay pending, and after them the canary."""
    _, window_id, tasks = a_running_window(db, campaign_id, n=len(energies_mj))
    tasks.sort(key=lambda row: row.ordinal)
    visits = [a_visit(task, order, energies_mj[order]) for order, task in enumerate(tasks)]
    canary = canaries(db, campaign_id)[0]
    visits.append(a_visit(canary, len(visits), canary_mj))
    updates = {task.task_id: AGAIN for task in tasks}
    finish_window(db, window_id, replace(a_result([*tasks, canary], visits), task_updates=updates))
    return window_id


def store_later_analysis(db: Database, energy_mj: float) -> None:
    """A second version for the first visit only."""
    with db.write() as tx:
        tx.execute(
            text(
                "INSERT INTO energy SELECT 999, visit_id, 2, power_w, idle_power_w, latency_ms, :energy_mj,"
                " energy_se_mj, dynamic_energy_mj, dynamic_energy_se_mj, n_samples, n_segments,"
                " n_segments_trimmed FROM energy WHERE visit_id = 1"
            ),
            {"energy_mj": energy_mj},
        )


def test_noise_between_visits_is_the_pooled_relative_deviation(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    run_window(db, campaign_id, [10.0, 20.0, 30.0])
    run_window(db, campaign_id, [10.0 * math.exp(0.02), 20.0 * math.exp(-0.02)])
    noise = visit_noise(db, campaign_id)
    assert noise.degrees_of_freedom == 2
    assert noise.sd_frac == pytest.approx(0.02 / math.sqrt(2))


def test_noise_of_single_visits_is_unknown(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    run_window(db, campaign_id, [10.0, 20.0])
    noise = visit_noise(db, campaign_id)
    assert noise.degrees_of_freedom == 0
    assert math.isnan(noise.sd_frac)


def test_canary_points_come_in_time_order_with_quarantined_ones(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    windows = [run_window(db, campaign_id, [10.0], canary_mj) for canary_mj in (8.0, 8.4, 8.1)]
    quarantine_window(db, windows[1], "drift", a_moment(10))
    points = canary_points(db, campaign_id)
    assert [point.energy_mj for point in points] == [8.0, 8.4, 8.1]
    assert [point.window_id for point in points] == windows
    assert [point.outcome for point in points] == ["accepted", "rejected", "accepted"]
    assert [point.window_state for point in points] == ["done", "quarantined", "done"]


def test_progress_adds_up_the_seconds_by_cause(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    windows = [run_window(db, campaign_id, [10.0, 20.0]) for _ in range(3)]
    quarantine_window(db, windows[2], "drift", a_moment(10))
    stand = progress(db, campaign_id)
    assert stand.n_windows == {"done": 2, "quarantined": 1}
    assert stand.n_visits == {"accepted": 4, "rejected": 2}
    assert stand.n_canary_visits == 3
    assert (stand.bench_s, stand.useful_s, stand.lost_s) == (1620.0, 800.0, 540.0)
    assert stand.overhead_s == {"push": 40.0, "settle": 120.0, "reconnect": 100.0, "other": 20.0}
    assert (stand.first_utc, stand.last_utc) == (a_moment(0), a_moment(9))


def test_progress_of_a_campaign_that_has_not_begun_is_empty(db: Database) -> None:
    stand = progress(db, ensure_campaign(db, a_campaign()).campaign_id)
    assert (stand.n_tasks, stand.bench_s, stand.first_utc) == ({}, 0.0, None)


def test_a_result_row_has_provenance_features_and_energy(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    run_window(db, campaign_id, [10.0, 20.0])
    rows = list(result_rows(db, "first"))
    assert [row.energy_mj for row in rows] == [10.0, 20.0]
    assert all(row.flat().keys() == FIXED_COLUMNS | {"width", "kernel"} for row in rows)
    last = rows[1]
    assert (last.params["width"], last.params["kernel"], last.flops, last.size_bytes) == (1, "3x3", 2_000_000, 4001)
    assert (last.campaign, last.simulated, last.meter_kind) == ("first", True, "HVPM")
    assert (last.phone_model, last.clock_freq_khz, last.core) == ("Pixel 4 XL", 1_804_800, 7)
    assert (last.tool_sha256, last.order_in_window) == (sha256_of("benchmark_model"), 1)


def test_result_rows_are_of_accepted_and_marginal_visits_only(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    _, window_id, tasks = a_running_window(db, campaign_id)

    def judged(order: int, **change: object) -> VisitSpec:
        return replace(a_visit(tasks[order], order), **change)  # type: ignore[arg-type]

    visits = [
        judged(0),
        judged(1, outcome="marginal", reason="warm"),
        judged(2, outcome="rejected", reason="hot", energy=an_energy(-3.0)),
    ]
    finish_window(db, window_id, a_result(tasks, visits))
    assert [row.outcome for row in result_rows(db)] == ["accepted", "marginal"]


def test_the_newest_analysis_of_a_visit_is_its_only_row(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    run_window(db, campaign_id, [10.0, 20.0])
    store_later_analysis(db, 10.5)
    rows = list(result_rows(db))
    assert [(row.analysis_version, row.energy_mj) for row in rows] == [(2, 10.5), (1, 20.0)]


def test_canaries_are_in_the_results_only_when_asked_for(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    run_window(db, campaign_id, [10.0])
    rows = list(result_rows(db, roles=["canary"]))
    assert [(row.role, row.energy_mj, row.arch_hash) for row in rows] == [("canary", 8.0, None)]


def test_reading_results_can_stop_anywhere_while_another_writes(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    run_window(db, campaign_id, [10.0, 20.0, 30.0])
    rows = result_rows(db)
    first = list(islice(rows, 1))
    run_window(db, campaign_id, [11.0])
    assert [row.energy_mj for row in first + list(rows)] == [10.0, 20.0, 30.0]
    assert len(list(result_rows(db))) == 4


def test_an_unknown_campaign_is_an_error_that_names_those_there_are(db: Database) -> None:
    ensure_campaign(db, a_campaign())
    with pytest.raises(CampaignUnknown) as caught:
        list(result_rows(db, "second"))
    assert "first" in caught.value.hint

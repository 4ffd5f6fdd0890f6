"""Analyses made again stand beside the one of measuring; results are read by the newest, or by the one asked for."""

from __future__ import annotations

import pytest
from db_specimens import a_moment, a_result, a_running_window, a_started_campaign, a_visit, an_energy

from db.analyses import (
    AnalysisSpec,
    VisitAnalysis,
    add_analysis,
    energies_beside,
    known_versions,
    list_analyses,
    open_analysis,
    windows_to_analyse,
)
from db.database import Database
from db.errors import CampaignUnknown, RecordRefused
from db.results import result_rows
from db.windows import finish_window, quarantine_window


def a_spec(gates: str = "of the session", method: int = 1) -> AnalysisSpec:
    return AnalysisSpec(created_utc=a_moment(), method=method, settings={"gates": gates}, versions={"numpy": "2.4"})


def a_window(db: Database) -> int:
    """A window of three accepted visits of 12 mJ each."""
    _, window_id, tasks = a_running_window(db, a_started_campaign(db))
    finish_window(db, window_id, a_result(tasks, [a_visit(task, order) for order, task in enumerate(tasks)]))
    return window_id


def again(order: int, version: int, energy_mj: float | None, outcome: str = "accepted") -> VisitAnalysis:
    energy = None if energy_mj is None else an_energy(energy_mj, analysis_version=version)
    reason = None if outcome == "accepted" else "trend: 5 %, limit 3 %"
    return VisitAnalysis(order_in_window=order, outcome=outcome, reason=reason, energy=energy, gates=())  # type: ignore[arg-type]


def energies(db: Database) -> list[float]:
    return [row.energy_mj for row in result_rows(db)]


def test_the_same_way_of_deriving_is_the_same_version_and_another_is_a_new_one(db: Database) -> None:
    assert open_analysis(db, a_spec()) == 1001
    assert open_analysis(db, a_spec("strict")) == 1002
    assert open_analysis(db, a_spec()) == 1001
    assert open_analysis(db, a_spec(method=2)) == 2001
    assert [analysis.version for analysis in list_analyses(db)] == [1001, 1002, 2001]


def test_the_old_energies_stay_beside_the_new_ones(db: Database) -> None:
    window_id, version = a_window(db), open_analysis(db, a_spec())
    add_analysis(db, window_id, version, [again(0, version, 12.5), again(1, version, 12.0), again(2, version, 13.0)])
    assert energies(db) == [12.5, 12.0, 13.0]
    assert energies(db.seen_by(1)) == [12.0, 12.0, 12.0]
    assert energies(db.seen_by(version)) == [12.5, 12.0, 13.0]
    assert known_versions(db) == [1, version]
    assert [(row.energy_then_mj, row.energy_mj) for row in energies_beside(db, version)] == [
        (12.0, 12.5),
        (12.0, 12.0),
        (12.0, 13.0),
    ]


def test_what_the_newest_analysis_rejects_is_no_result_but_still_is_one_by_the_old(db: Database) -> None:
    window_id, version = a_window(db), open_analysis(db, a_spec())
    results = [again(0, version, 12.5), again(1, version, 12.1, "rejected"), again(2, version, None, "rejected")]
    add_analysis(db, window_id, version, results)
    assert energies(db) == [12.5]
    assert energies(db.seen_by(1)) == [12.0, 12.0, 12.0]
    assert [row.outcome for row in result_rows(db)] == ["accepted"]


def test_a_visit_that_measuring_rejected_can_be_a_result_of_a_later_analysis(db: Database) -> None:
    _, window_id, tasks = a_running_window(db, a_started_campaign(db))
    visit = a_visit(tasks[0], 0)
    rejected = type(visit)(**(vars(visit) | {"outcome": "rejected", "reason": "skin: 45 degC"}))
    finish_window(db, window_id, a_result(tasks, [rejected]))
    assert energies(db) == []
    version = open_analysis(db, a_spec())
    add_analysis(db, window_id, version, [again(0, version, 12.5)])
    assert energies(db) == [12.5]
    assert energies(db.seen_by(1)) == []


def test_what_is_measured_later_is_read_as_measured_and_is_there_to_be_analysed(db: Database) -> None:
    window_id, version = a_window(db), open_analysis(db, a_spec())
    (before,) = windows_to_analyse(db, version)
    assert (before.window_id, before.orders) == (window_id, (0, 1, 2))
    add_analysis(db, window_id, version, [again(0, version, 12.5)])
    assert energies(db) == [12.5, 12.0, 12.0]
    (after,) = windows_to_analyse(db, version)
    assert after.orders == (1, 2)


def test_a_visit_is_dealt_with_once_and_a_refused_window_leaves_nothing(db: Database) -> None:
    window_id, version = a_window(db), open_analysis(db, a_spec())
    add_analysis(db, window_id, version, [again(0, version, 12.5)])
    with pytest.raises(RecordRefused):
        add_analysis(db, window_id, version, [again(1, version, 12.5), again(0, version, 12.5)])
    with pytest.raises(RecordRefused, match="no visit 9"):
        add_analysis(db, window_id, version, [again(1, version, 12.5), again(9, version, 12.5)])
    assert energies(db.seen_by(version)) == [12.5]


def test_quarantined_windows_are_left_out_even_if_they_were_analysed_before(db: Database) -> None:
    window_id, version = a_window(db), open_analysis(db, a_spec())
    add_analysis(db, window_id, version, [again(0, version, 12.5)])
    quarantine_window(db, window_id, "canaries", a_moment(20))
    assert windows_to_analyse(db, version) == []
    assert energies(db) == []


def test_an_unknown_campaign_is_named(db: Database) -> None:
    a_window(db)
    with pytest.raises(CampaignUnknown, match="no campaign other"):
        windows_to_analyse(db, 1001, "other")

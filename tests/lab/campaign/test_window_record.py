"""Windows in the record: one that brought results, one that failed, one that was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made_window import MadeWindow, profile
from recorded_campaign import record_campaign
from sqlalchemy import select

from db.database import Database, open_database
from db.evidence import windows_of
from db.kinds import FailureKind, IncidentKind
from db.queries import energies_of, incidents, list_campaigns
from db.rows import IncidentRow, TaskRow, TaskUpdate, VisitSpec
from db.schema import TaskTable, VisitTable, WindowTable
from db.tasks import claim
from db.traces import load_trace
from hardware.errors import AdbLost, HardwareError, SettingRefused
from lab.analysis.control_charts import CanaryAlarm
from lab.analysis.raw_window import FAILED_MAGIC, unpack
from lab.analysis.window import AnalysedWindow, WindowUnusable, analyse
from lab.bench.procedure import WindowRun, WindowTimes
from lab.bench.recovery import Recovery
from lab.campaign.judgement import BenchSuspected, JudgedWindow
from lab.campaign.state import CampaignState
from lab.campaign.window_record import WindowRecord

PROFILE = profile()
START_UTC = datetime(2026, 6, 1, tzinfo=UTC)
NO_CODE = WindowUnusable("the phone did not get to its last sync code")
TIMES = WindowTimes(started_s=50.0, push_s=8.0, unplugged_s=60.0, reconnect_s=5.0, ended_s=150.0)


class Clock:
    """Each look at the wall clock is a second later."""

    def __init__(self) -> None:
        self._n = 0

    def now_s(self) -> float:
        return 50.0

    def utc(self) -> datetime:
        self._n += 1
        return START_UTC + timedelta(seconds=self._n)


@dataclass(frozen=True)
class Kept:
    """A record with a campaign of four models in it, and the windows of its session."""

    db: Database
    record: WindowRecord

    def window(self) -> tuple[int, list[TaskRow]]:
        """The next one, with two models."""
        tasks = claim(self.db, 1, 1, 2, max_attempts=9)
        return self.record.begin(), tasks

    @property
    def states(self) -> list[tuple[str, str | None]]:
        with self.db.read() as tx:
            return [(row.state, row.reason) for row in tx.scalars(select(WindowTable).order_by(WindowTable.id))]

    @property
    def incidents(self) -> list[IncidentRow]:
        return incidents(self.db, 1)

    def task(self, task_id: int) -> TaskRow:
        return next(task for task in every_task(self.db) if task.task_id == task_id)


def every_task(db: Database) -> list[TaskRow]:
    with db.read() as tx:
        return [
            TaskRow(
                role=row.role, ordinal=row.ordinal, n_wanted=row.n_wanted, task_id=row.id, state=row.state,
                n_attempts=row.n_attempts, failure=row.failure,
            )
            for row in tx.scalars(select(TaskTable))
        ]  # fmt: skip


def opened(db: Database, state: CampaignState) -> Kept:
    record_campaign(db)
    meter = SimpleNamespace(info=SimpleNamespace(kind="hvpm", calibration={"main_fine_scale": 1.0}))
    bench: Any = SimpleNamespace(clock=Clock(), meter=meter)
    return Kept(db, WindowRecord(db, PROFILE, list_campaigns(db)[0], bench, state, session_id=1))


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    with open_database(tmp_path / "lab.db") as db:
        yield opened(db, CampaignState())


def result_of(tasks: list[TaskRow], *outcomes: str) -> AnalysedWindow:
    """A window drawn by hand, its visits those of these tasks."""
    window = MadeWindow()
    found = analyse(window.raw(), PROFILE, window.trace())
    visits = []
    for task, visit, outcome in zip(tasks, found.visits, outcomes, strict=True):
        assert task.model is not None
        visits.append(of_outcome(replace(visit, model_sha256=task.model.sha256), outcome))
    return replace(found, visits=tuple(visits))


def of_outcome(visit: VisitSpec, outcome: Any) -> VisitSpec:
    reason = None if outcome == "accepted" else "trend: 0.04 fraction, limit 0.03 fraction"
    failure = FailureKind.GATE if outcome == "rejected" else None
    return replace(visit, outcome=outcome, reason=reason, failure_kind=failure)


def test_a_window_is_judged_and_recorded_whole(kept: Kept) -> None:
    window_id, tasks = kept.window()
    analysed = replace(result_of(tasks, "accepted", "rejected"), usb_max_v=0.7)
    updates = {task.task_id: TaskUpdate(state="done", n_wanted=1) for task in tasks[:1]}
    lost = AdbLost("phone 98AY", "wait", "it was away", "Look at the cable.")
    recovery = Recovery(lost, "it was away", "USB off and on", 12.0)
    raw = MadeWindow().raw()
    run = WindowRun(TIMES, raw, recoveries=[recovery], n_samples=1000, n_dropped=3)
    stored = kept.record.keep_trace(run)
    kept.record.finish(window_id, tasks, run, JudgedWindow(analysed, updates, None), stored)
    assert kept.states == [("done", None)]
    assert [incident.kind for incident in kept.incidents] == [
        IncidentKind.ADB_LOST,
        IncidentKind.DROPS,
        IncidentKind.USB_ON,
    ]
    assert [(kept.task(t.task_id).state, kept.task(t.task_id).n_attempts) for t in tasks] == [
        ("done", 1),
        ("pending", 1),
    ]
    assert [len(rows) for rows in energies_of(kept.db, [t.task_id for t in tasks], 1).values()] == [1, 0]
    window = windows_of(kept.db, 1)[0]
    assert window.raw_path is not None
    assert window.raw_sha256 is not None
    assert unpack(load_trace(kept.db.files_dir / window.raw_path, window.raw_sha256)) == raw


def test_the_tools_words_are_kept_where_they_may_be_looked_at_again(kept: Kept) -> None:
    window_id, tasks = kept.window()
    analysed = result_of(tasks, "accepted", "marginal")
    kept.record.finish(window_id, tasks, WindowRun(TIMES), JudgedWindow(analysed, {}, None), None)
    with kept.db.read() as tx:
        words = {row.outcome: row.tool_output for row in tx.scalars(select(VisitTable))}
    assert words == {"accepted": "", "marginal": analysed.visits[1].tool_output}
    assert words["marginal"]


def test_a_window_whose_canaries_are_out_of_control_is_quarantined_at_once(kept: Kept) -> None:
    window_id, tasks = kept.window()
    judged = JudgedWindow(result_of(tasks, "rejected", "rejected"), {}, CanaryAlarm("canary 0: drifts"))
    kept.record.finish(window_id, tasks, WindowRun(TIMES), judged, None)
    assert kept.states == [("quarantined", "canary 0: drifts")]
    assert [(incident.kind, incident.detail) for incident in kept.incidents] == [
        (IncidentKind.QUARANTINE, "canary 0: drifts")
    ]
    assert [kept.task(task.task_id).n_attempts for task in tasks] == [0, 0]


def test_a_window_that_failed_says_why_what_it_cost_and_what_is_done_about_it(kept: Kept) -> None:
    window_id, tasks = kept.window()
    run = WindowRun(TIMES, n_samples=1000, n_dropped=3)
    assert kept.record.fail(window_id, run, NO_CODE, "measured again", None) is None
    assert kept.states == [("failed", str(NO_CODE))]
    assert [(one.kind, one.action, one.lost_s, one.task_id) for one in kept.incidents if one.lost_s] == [
        (IncidentKind.WINDOW_UNUSABLE, "measured again", 100.0, None)
    ]
    assert IncidentKind.DROPS in {incident.kind for incident in kept.incidents}
    assert [(kept.task(t.task_id).state, kept.task(t.task_id).n_attempts) for t in tasks] == [("pending", 0)] * 2


def test_a_window_of_a_suspected_bench_keeps_what_is_known_of_it_and_no_visit(kept: Kept) -> None:
    window_id, tasks = kept.window()
    analysed = result_of(tasks, "rejected", "rejected")
    kept.record.fail(window_id, WindowRun(TIMES), BenchSuspected("hot", analysed), "measured again", None, analysed)
    with kept.db.read() as tx:
        window = tx.scalars(select(WindowTable)).one()
        assert (window.n_samples, window.align_difference_ms) == (analysed.n_samples, analysed.align_difference_ms)
        assert list(tx.scalars(select(VisitTable))) == []


def test_a_model_under_which_the_phone_dies_is_tried_again_once_and_then_left_out(kept: Kept) -> None:
    window_id, tasks = kept.window()
    suspect = tasks[1]
    first = kept.record.fail(window_id, WindowRun(TIMES), NO_CODE, "measured again", None, suspect=suspect)
    assert first is not None
    assert first.update is None
    assert (kept.task(suspect.task_id).state, kept.task(suspect.task_id).n_attempts) == ("pending", 1)
    window_id, again = kept.window()
    assert suspect.task_id in {task.task_id for task in again}
    second = kept.record.fail(window_id, WindowRun(TIMES), NO_CODE, "measured again", None, suspect=suspect)
    assert second is not None
    assert second.update is not None
    task = kept.task(suspect.task_id)
    assert (task.state, task.n_attempts, task.failure) == ("failed", 2, second.update.failure)
    assert [(one.kind, one.task_id, one.lost_s) for one in kept.incidents] == [
        (IncidentKind.PHONE_DIED, suspect.task_id, 100.0)
    ] * 2
    assert [one.action for one in kept.incidents] == ["measured again", second.incident.action]
    others = {task.task_id: task.state for task in every_task(kept.db) if task.task_id != suspect.task_id}
    assert set(others.values()) == {"pending"}


def test_a_death_under_another_model_does_not_count(kept: Kept) -> None:
    for n, suspects in enumerate((0, 1)):
        window_id, tasks = kept.window()
        tasks.sort(key=lambda task: task.ordinal)
        found = kept.record.fail(window_id, WindowRun(TIMES), NO_CODE, "again", None, suspect=tasks[suspects])
        assert found is not None
        assert found.update is None, n


def test_a_death_in_an_earlier_start_counts_also_where_a_replay_knows_it_only_from_the_state(tmp_path: Path) -> None:
    with open_database(tmp_path / "lab.db") as db:
        kept = opened(db, CampaignState(crashed_models=(0,)))
        window_id, tasks = kept.window()
        suspect = next(task for task in tasks if task.ordinal == 0)
        found = kept.record.fail(window_id, WindowRun(TIMES), NO_CODE, "again", None, suspect=suspect)
        assert found is not None
        assert found.update is not None
        assert kept.task(suspect.task_id).state == "failed"


@pytest.mark.parametrize(
    ("kind", "incident", "action"),
    [
        (SettingRefused, IncidentKind.SETTING_REFUSED, "stopped for a user"),
        (AdbLost, IncidentKind.ADB_LOST, "stopped"),
    ],
)
def test_a_window_that_a_device_cut_off_has_failed_and_its_incident_says_of_what(
    kept: Kept, kind: type[HardwareError], incident: IncidentKind, action: str
) -> None:
    window_id, tasks = kept.window()
    error = kind("phone 98AY", "lock the clock", "it did not", "Look at it.")
    kept.record.cut_off(window_id, error)
    assert kept.states == [("failed", str(error))]
    assert [(one.kind, one.detail, one.action, one.window_id) for one in kept.incidents] == [
        (incident, str(error), action, window_id)
    ]
    assert {kept.task(task.task_id).state for task in tasks} == {"pending"}


@pytest.mark.parametrize(
    ("error", "reason"), [(KeyboardInterrupt(), "KeyboardInterrupt: "), (ValueError("a fault"), "ValueError: a fault")]
)
def test_a_window_that_ctrl_c_or_a_fault_of_the_program_cut_off_is_lost_without_an_incident(
    kept: Kept, error: BaseException, reason: str
) -> None:
    window_id, tasks = kept.window()
    kept.record.cut_off(window_id, error)
    assert kept.states == [("lost", reason)]
    assert kept.incidents == []
    assert [(kept.task(t.task_id).state, kept.task(t.task_id).n_attempts) for t in tasks] == [("pending", 0)] * 2


def test_of_a_window_that_failed_what_the_meter_had_sent_is_kept(kept: Kept) -> None:
    stored = kept.record.keep_trace(WindowRun(TIMES, packets=b"packets" * 100))
    assert stored is not None
    blob = load_trace(kept.db.files_dir / stored.raw_path, stored.sha256)
    assert blob.startswith(FAILED_MAGIC)
    assert blob.endswith(b"packets" * 100)
    assert b'"supply_v": 4.2' in blob
    assert b'"main_fine_scale": 1.0' in blob


def test_of_a_window_in_which_the_meter_sent_nothing_nothing_is_kept(kept: Kept) -> None:
    assert kept.record.keep_trace(WindowRun(TIMES)) is None
    assert not any(path.is_file() for path in kept.db.files_dir.rglob("*"))

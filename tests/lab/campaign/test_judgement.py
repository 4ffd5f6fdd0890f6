"""What a window is worth: its canaries, its bench, and what becomes of its tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made_window import MadeRun, MadeWindow, profile
from recorded_campaign import measure_window, record_campaign

from db.campaigns import add_tasks
from db.database import Database, open_database
from db.kinds import FailureKind
from db.queries import list_campaigns
from db.rows import CampaignRow, ModelSpec, TaskRow, TaskSpec
from db.tasks import canaries, peek
from lab.analysis.window import WindowUnusable
from lab.campaign.judgement import BenchSuspected, JudgedWindow, WindowJudge
from lab.campaign.state import CampaignState

PROFILE = profile()
CANARY = MadeRun(level_w=1.7, latency_ms=2.5)
MODELS = MadeRun(), MadeRun(level_w=2.0, latency_ms=4.0)
REFUSED = MadeRun(exit_code=1, output="ERROR: no such op\n")
HOT = MadeRun(temp_c=45.0)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "lab.db") as database:
        campaign_id, _ = record_campaign(database)
        canary = TaskSpec(
            role="canary", ordinal=0, n_wanted=1, model=ModelSpec(sha256="c" * 64, size_bytes=9, name="c")
        )
        add_tasks(database, campaign_id, [canary])
        yield database


def campaign(db: Database) -> CampaignRow:
    return list_campaigns(db)[0]


def judge_of(db: Database, **canary_latencies_ms: float) -> WindowJudge:
    """With the latency of canary 0 in earlier starts, if there was one."""
    state = CampaignState({0: tuple(canary_latencies_ms.values())} if canary_latencies_ms else {})
    return WindowJudge(db, PROFILE, campaign(db), state)


def queue(db: Database, n: int = 2) -> list[TaskRow]:
    """So many models, then the canary."""
    return [*peek(db, campaign(db).campaign_id, n), *canaries(db, campaign(db).campaign_id)]


def judged(judge: WindowJudge, tasks: list[TaskRow], *runs: MadeRun) -> JudgedWindow:
    window = MadeWindow(*runs)
    return judge.judge(window.raw(), window.trace(), tasks)


def test_a_window_without_flaw_finishes_its_models_and_says_nothing_of_its_canary(db: Database) -> None:
    tasks = queue(db)
    found = judged(judge_of(db), tasks, *MODELS, CANARY)
    assert found.flawless
    assert found.alarm is None
    assert [visit.outcome for visit in found.analysed.visits] == ["accepted"] * 3
    assert {task_id: update.state for task_id, update in found.task_updates.items()} == {
        tasks[0].task_id: "done",
        tasks[1].task_id: "done",
    }


def test_a_canary_out_of_control_rejects_every_result_of_its_window_and_keeps_their_energies(db: Database) -> None:
    tasks = queue(db)
    found = judged(judge_of(db, earlier_ms=2.0), tasks, *MODELS, CANARY)
    assert found.alarm is not None
    assert "canary 0: latency +25.0%" in found.alarm.text
    assert not found.flawless
    for visit in found.analysed.visits:
        assert (visit.outcome, visit.failure_kind) == ("rejected", FailureKind.DISTRUSTED)
        assert visit.reason == found.alarm.text
        assert visit.energy is not None
    assert [(update.state, update.failure) for update in found.task_updates.values()] == [("pending", None)] * 2


def test_a_model_that_failed_in_a_window_with_an_alarm_has_failed_all_the_same(db: Database) -> None:
    tasks = queue(db)
    tasks[0] = replace(tasks[0], n_attempts=1)
    found = judged(judge_of(db, earlier_ms=2.0), tasks, REFUSED, MODELS[1], CANARY)
    assert [visit.outcome for visit in found.analysed.visits] == ["model_failed", "rejected", "rejected"]
    update = found.task_updates[tasks[0].task_id]
    assert (update.state, update.failure) == ("failed", "rejected: ERROR: no such op")


@pytest.mark.parametrize("canary", [REFUSED, HOT, MadeRun(log="")], ids=["refused", "hot", "without markers"])
def test_a_window_whose_canary_cannot_be_trusted_is_not_trusted(db: Database, canary: MadeRun) -> None:
    found = judged(judge_of(db), queue(db), *MODELS, canary)
    assert found.alarm is not None
    assert "no canary" in found.alarm.text
    assert [visit.outcome for visit in found.analysed.visits[:2]] == ["rejected", "rejected"]


def test_the_canary_is_the_one_of_the_queue_wherever_it_stands(db: Database) -> None:
    first, second, canary = queue(db)
    found = judged(judge_of(db, earlier_ms=2.5), [canary, first, second], CANARY, *MODELS)
    assert found.alarm is None
    assert set(found.task_updates) == {first.task_id, second.task_id}


def test_a_window_without_canaries_raises_no_alarm(db: Database) -> None:
    assert judged(judge_of(db), queue(db)[:2], *MODELS).flawless


def test_the_canaries_of_one_window_are_what_the_next_one_is_held_against(db: Database) -> None:
    judge, tasks = judge_of(db), queue(db)
    assert judged(judge, tasks, *MODELS, CANARY).alarm is None
    slower = replace(CANARY, latency_ms=3.2)
    assert judged(judge, tasks, *MODELS, slower).alarm is not None
    assert judged(judge, tasks, *MODELS, CANARY).alarm is None


def test_a_window_that_says_something_of_the_bench_is_suspected_with_what_is_known_of_it(db: Database) -> None:
    with pytest.raises(BenchSuspected, match="skin: 45 degC") as raised:
        judged(judge_of(db), queue(db), HOT, REFUSED, HOT)
    assert isinstance(raised.value, WindowUnusable)
    assert raised.value.unfinished is None
    assert [visit.outcome for visit in raised.value.analysed.visits] == ["rejected", "model_failed", "rejected"]


def test_a_canary_on_which_the_tool_fails_makes_the_bench_suspect_where_nothing_else_can_be_trusted(
    db: Database,
) -> None:
    with pytest.raises(BenchSuspected, match="exit code 134"):
        judged(judge_of(db), queue(db), REFUSED, REFUSED, MadeRun(exit_code=134, output=""))


def test_models_that_all_fail_by_themselves_are_judged_and_given_up_the_second_time(db: Database) -> None:
    first, second = queue(db)[:2]
    found = judged(judge_of(db), [first, replace(second, n_attempts=1)], REFUSED, REFUSED)
    assert not found.flawless
    assert [update.state for update in found.task_updates.values()] == ["pending", "failed"]


def test_a_window_that_cannot_be_analysed_is_unusable(db: Database) -> None:
    window = MadeWindow()
    with pytest.raises(WindowUnusable, match="damaged") as raised:
        judge_of(db).judge(window.raw(archive=b"not a tar"), window.trace(), queue(db)[:2])
    assert not isinstance(raised.value, BenchSuspected)


def test_earlier_visits_in_the_record_count_for_a_task(db: Database) -> None:
    """Two are wanted of each: of the first there is one, so that this one is the second."""
    row = campaign(db)
    measure_window(db, row.campaign_id, 1, [2.8], again=True)
    tasks = [replace(task, n_wanted=2) for task in queue(db)]
    assert tasks[0].n_attempts == 1
    found = judged(judge_of(db), tasks, *MODELS, CANARY)
    assert [update.state for update in found.task_updates.values()] == ["done", "pending"]


def test_a_visit_that_a_gate_rejects_is_made_again_and_the_window_is_looked_at(db: Database) -> None:
    tasks = queue(db)
    found = judged(judge_of(db), tasks, HOT, MODELS[1], CANARY)
    assert found.alarm is None
    assert not found.flawless
    assert [update.state for update in found.task_updates.values()] == ["pending", "done"]

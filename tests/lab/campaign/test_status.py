from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from recorded_campaign import lose_window, measure_window, record_campaign
from typer.testing import CliRunner

from db.database import Database, open_database
from db.errors import Unreachable
from db.queries import ModelWithoutResult
from lab.campaign.status import read_status, without_result_lines
from lab.commands.status import status

app = typer.Typer()
app.command()(status)
runner = CliRunner()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "lab.db") as database:
        yield database


def printed(*arguments: str) -> str:
    result = runner.invoke(app, list(arguments), env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_tasks_visits_and_windows_are_counted_by_state(db: Database) -> None:
    campaign_id, session_id = record_campaign(db)
    measure_window(db, campaign_id, session_id, [12.0, 13.0, None])
    lose_window(db, session_id)
    (found,) = read_status(db)
    assert found.n_tasks == {"pending": 2, "claimed": 0, "done": 2, "failed": 0}
    assert found.n_visits == {"accepted": 2, "marginal": 0, "rejected": 1, "model_failed": 0}
    assert found.n_windows == {"running": 0, "done": 1, "failed": 1, "lost": 0, "quarantined": 0}
    assert (found.n_settled, found.n_left) == (2, 2)


def test_every_bench_second_has_a_cause_and_the_shares_add_up_to_one(db: Database) -> None:
    campaign_id, session_id = record_campaign(db)
    measure_window(db, campaign_id, session_id, [12.0])
    lose_window(db, session_id)
    (found,) = read_status(db)
    assert found.bench_s == 600.0
    times_s = {share.cause: share.time_s for share in found.time_shares}
    assert times_s == {
        "useful": 350.0, "push": 20.0, "settle": 60.0, "reconnect": 30.0, "other": 40.0,
        "lost windows": 100.0, "unaccounted": 0.0,
    }  # fmt: skip
    assert math.fsum(share.share_frac for share in found.time_shares) == pytest.approx(1.0)
    assert found.useful_frac == pytest.approx(350 / 600)


def test_the_forecast_is_the_pace_so_far_times_what_is_left(db: Database) -> None:
    campaign_id, session_id = record_campaign(db, params=[{"width": 8}] * 10)
    measure_window(db, campaign_id, session_id, [12.0, 13.0])
    (found,) = read_status(db)
    assert found.models_per_hour == pytest.approx(2 / (500 / 3600))
    assert found.left_s == pytest.approx(8 * 250.0)


def test_nothing_measured_gives_no_pace_no_share_and_no_noise(db: Database) -> None:
    record_campaign(db)
    (found,) = read_status(db)
    assert math.isnan(found.useful_frac)
    assert math.isnan(found.models_per_hour)
    assert math.isnan(found.left_s)
    assert found.noise.degrees_of_freedom == 0


def test_the_noise_between_visits_comes_with_the_number_of_pairs(db: Database) -> None:
    campaign_id, session_id = record_campaign(db)
    measure_window(db, campaign_id, session_id, [10.0, 20.0], again=True)
    measure_window(db, campaign_id, session_id, [10.1, 20.2])
    (found,) = read_status(db)
    assert found.noise.degrees_of_freedom == 2
    assert found.noise.sd_frac == pytest.approx(math.log(1.01) / math.sqrt(2))


def test_the_last_incidents_come_newest_first_and_no_more_than_five(db: Database) -> None:
    _, session_id = record_campaign(db)
    for n in range(7):
        lose_window(db, session_id, f"loss {n}")
    (found,) = read_status(db)
    assert [incident.detail for incident in found.last_incidents] == [f"loss {n}" for n in (6, 5, 4, 3, 2)]
    assert found.n_incidents == 7


def test_a_campaign_with_work_left_is_to_be_measured_on(db: Database) -> None:
    record_campaign(db, "night run")
    (found,) = read_status(db)
    words = shlex.split(found.next_command)
    assert words[:2] == ["lab", "measure"]
    assert dict(zip(words[2::2], words[3::2], strict=True)) == {
        "--db": db.shown, "--campaign": "night run", "--bench": "simulated", "--n": "4", "--seed": "7",
    }  # fmt: skip


@pytest.mark.parametrize(("space", "words"), [("audio1d", ["--space", "audio1d"]), ("audio2d", [])])
def test_the_next_command_names_the_space_that_is_not_the_default(db: Database, space: str, words: list[str]) -> None:
    record_campaign(db, source_of={"space": space})
    (found,) = read_status(db)
    assert shlex.split(found.next_command)[10:-2] == words


def test_the_next_command_of_a_real_campaign_does_not_ask_for_the_simulated_bench(db: Database) -> None:
    record_campaign(db, simulated=False)
    (found,) = read_status(db)
    assert "simulated" not in found.next_command


def test_a_finished_campaign_is_to_be_exported(db: Database) -> None:
    campaign_id, session_id = record_campaign(db)
    measure_window(db, campaign_id, session_id, [12.0, 13.0, 14.0, 15.0])
    (found,) = read_status(db)
    assert found.left_s == 0.0
    assert found.next_command.startswith("lab export")


def test_the_table_of_a_simulated_campaign_says_simulated_and_that_of_a_real_one_does_not(db: Database) -> None:
    record_campaign(db, "bench run", simulated=False)
    real = printed("--db", db.shown)
    assert "bench run" in real
    assert "SIMULATED" not in real
    record_campaign(db, "play", simulated=True)
    assert printed("--db", db.shown).count("SIMULATED") == 1


def test_the_tables_show_lost_time_forecast_and_incident(db: Database) -> None:
    campaign_id, session_id = record_campaign(db)
    measure_window(db, campaign_id, session_id, [12.0, 13.0])
    lose_window(db, session_id, "the cable [left] came off")
    shown = printed("--db", db.shown)
    assert "lost windows" in shown
    assert "2 to measure, about 10.0 min of bench time" in shown
    assert "the cable [left] came off" in shown


def test_json_has_null_where_a_figure_is_not_known(db: Database) -> None:
    record_campaign(db)
    answer = json.loads(printed("--db", db.shown, "--json"))
    (found,) = answer["campaigns"]
    assert found["simulated"] is True
    assert found["useful_frac"] is None
    assert found["noise"] == {"sd_frac": None, "degrees_of_freedom": 0}
    assert found["created_utc"] == "2026-06-01T07:00:00+00:00"


def test_a_missing_database_is_an_error_that_names_the_command_which_makes_one(tmp_path: Path) -> None:
    result = runner.invoke(app, ["--db", str(tmp_path / "none.db")])
    assert isinstance(result.exception, Unreachable)
    assert "lab measure" in result.exception.hint
    assert not (tmp_path / "none.db").exists()


def test_a_database_without_campaigns_says_how_to_start_one(db: Database) -> None:
    assert f"lab measure --db {db.shown}" in printed("--db", db.shown)


def test_a_model_without_a_result_is_listed_with_the_reason(db: Database, tmp_path: Path) -> None:
    campaign_id, session_id = record_campaign(db)
    measure_window(db, campaign_id, session_id, [12.0, None])
    (found,) = read_status(db)
    (model,) = found.without_result
    assert (model.outcome, model.n_visits) == ("rejected", 1)
    assert model.reason
    shown = printed("--db", str(tmp_path / "lab.db"))
    assert "1 model without a result" in shown
    assert model.reason in shown
    listed = printed("--db", str(tmp_path / "lab.db"), "--failed")
    assert model.name in listed
    assert model.reason in listed
    (row,) = json.loads(printed("--db", str(tmp_path / "lab.db"), "--failed", "--json"))["models"]
    assert row["name"] == model.name


def test_of_many_models_without_a_result_ten_are_shown_and_where_the_rest_is() -> None:
    many = [ModelWithoutResult(name=f"m{k}.tflite", outcome="rejected", reason="drops", n_visits=3) for k in range(13)]
    lines = without_result_lines(many, "my.db")
    assert len(lines) == 12
    assert lines[1] == "  m0.tflite  rejected: drops"
    assert lines[-1] == "  and 3 more: lab status --failed --db my.db"
    assert without_result_lines([], "my.db") == []

"""A campaign passes its audit; whatever is changed in its record afterwards is found, by the check made for it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from db.database import open_database
from db.kinds import CampaignSource
from db.queries import list_campaigns
from hardware.clock import RealClock
from lab.campaign.campaign import CampaignPlan, measure
from lab.campaign.tasks import canary_tasks, sampled_tasks
from lab.cli import app, register
from lab.profile.profile import parse_profile
from lab.review.audit import audit
from lab.review.reanalysis import analysis_of, reanalyse

_PROFILE = """
name = "audited"
[phone]
lock = "paper"
[window]
n_models = 4
settle_s = 7
[tool]
min_secs = 1.2
warmup_secs = 0.2
[precision]
n_canaries = 1
repeat_frac = 0
[simulated]
seed = 5
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished campaign of two windows."""
    folder = tmp_path_factory.mktemp("audited")
    plan = CampaignPlan(
        "audited", CampaignSource.SAMPLED, {"space": "audio2d"}, 5, (*canary_tasks(1), *sampled_tasks(6, 5, 0.0)), {}
    )
    with open_database(folder / "lab.db") as db:
        measure(db, parse_profile(_PROFILE, "audited"), plan)
    return folder


@pytest.fixture
def campaign(measured: Path, tmp_path: Path) -> Path:
    """A copy of it that may be tampered with; the path of its database."""
    shutil.copytree(measured, tmp_path, dirs_exist_ok=True)
    return tmp_path / "lab.db"


def failed(path: Path) -> dict[str, str]:
    """The checks that fail, with what they found."""
    with open_database(path) as db:
        return {check.name: check.why for check in audit(db, list_campaigns(db)[0]) if check.outcome == "fail"}


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_a_campaign_passes_and_says_that_it_is_simulated(campaign: Path) -> None:
    assert failed(campaign) == {}
    with open_database(campaign) as db:
        found = {check.name: check.why for check in audit(db, list_campaigns(db)[0])}
    assert found["simulated"] == "everything is SIMULATED, and marked so"
    assert "6 models measured" in found["complete"]


def test_energies_that_were_derived_again_are_audited_by_their_own_gates(campaign: Path) -> None:
    profile = parse_profile(_PROFILE, "audited")
    with open_database(campaign) as db:
        list(reanalyse(db, analysis_of(None, RealClock().utc()), None))
    assert failed(campaign) == {}
    strict = replace(profile, gates=profile.gates.model_copy(update={"max_sag_v": 0.0001}))
    with open_database(campaign) as db:
        list(reanalyse(db, analysis_of(strict, RealClock().utc()), strict))
    # What the newest analysis rejects does not count any more, so its gates are no one's: what is left is a hole.
    found = failed(campaign)
    assert set(found) == {"complete"}
    assert "done without a result" in found["complete"]


TAMPERING = {
    "a task left over": (
        "complete",
        "UPDATE task SET state = 'pending' WHERE id = (SELECT max(id) FROM task)",
        "1 models are pending",
    ),
    "a result taken away": (
        "complete",
        "UPDATE visit SET outcome = 'rejected', reason = 'x' WHERE task_id = (SELECT max(id) FROM task)",
        "done without a result",
    ),
    "a window that counts no more": (
        "one row each",
        "UPDATE window SET state = 'failed', reason = 'x' WHERE id = 1",
        "not one that is done",
    ),
    "another tool": (
        "tool",
        f"UPDATE bench_session SET tool_sha256 = '{'0' * 64}' WHERE id = 2",
        "2 different benchmark tools",
    ),
    "a profile touched up": (
        "profile",
        "UPDATE bench_session SET profile_toml = profile_toml || '# x'",
        "not that of its hash",
    ),
    "a session that died": (
        "settings",
        "UPDATE bench_session SET end_reason = 'lost', end_kind = 'lost'",
        "without giving",
    ),
    "a gate beyond its limit": (
        "gates",
        "UPDATE gate_result SET value = 99 WHERE gate = 'alignment' AND visit_id = 2",
        "alignment 99.0 against",
    ),
    "a gate that was turned off": ("gates", "DELETE FROM gate_result WHERE gate = 'usb_on'", "lacks usb_on"),
    "an energy made smaller": (
        "energies",
        "UPDATE energy SET energy_mj = energy_mj * 0.99 WHERE id = 3",
        "is not",
    ),
    "a clock that was another": (
        "canaries",
        "UPDATE energy SET latency_ms = latency_ms * 1.2, power_w = power_w / 1.2 WHERE visit_id IN "
        "(SELECT visit.id FROM visit JOIN task ON task.id = task_id WHERE role = 'canary' AND window_id = 2)",
        "latency +20",
    ),
    "another model than the task's": (
        "models",
        "UPDATE visit SET model_sha256 = (SELECT sha256 FROM model_file WHERE id = 1) WHERE id = "
        "(SELECT max(id) FROM visit)",
        "another model than its task",
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_what_was_changed_afterwards_is_found(campaign: Path, what: str) -> None:
    check, statement, words = TAMPERING[what]
    extra = []
    if what == "another tool":
        columns = _columns(campaign)
        extra = [f"INSERT INTO bench_session ({columns}) SELECT {columns} FROM bench_session"]
    tamper(campaign, *extra, statement)
    found = failed(campaign)
    assert words in found.get(check, ""), found


def _columns(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(bench_session)")]
    return ", ".join(name for name in names if name != "id")


def test_a_trace_that_is_damaged_or_gone_is_found(campaign: Path) -> None:
    first, second = sorted((campaign.parent / "lab.db.files" / "traces").rglob("*.zst"))
    first.write_bytes(first.read_bytes()[:-20])
    second.unlink()
    found = failed(campaign)["traces"]
    assert "window 1" in found
    assert "window 2" in found


def test_a_model_file_that_is_damaged_is_found(campaign: Path) -> None:
    file = sorted((campaign.parent / "lab.db.files" / "models").glob("*.tflite"))[0]
    file.write_bytes(b"x" + file.read_bytes()[1:])
    assert file.name in failed(campaign)["models"]


def test_a_simulated_phone_among_measured_sessions_is_found(campaign: Path) -> None:
    tamper(
        campaign, *(f"UPDATE {table} SET simulated = 0" for table in ("campaign", "meter", "phone", "bench_session"))
    )
    assert "simulated phone" in failed(campaign)["simulated"]


def test_the_command_says_by_its_exit_code_whether_it_passed(campaign: Path) -> None:
    if not app.registered_commands:
        register(app)
    passed = CliRunner().invoke(app, ["audit", "--db", str(campaign)])
    assert passed.exit_code == 0
    assert "SIMULATED" in passed.output
    assert "passed" in passed.output
    tamper(campaign, "UPDATE energy SET energy_mj = energy_mj * 2")
    not_passed = CliRunner().invoke(app, ["audit", "--db", str(campaign), "--json"])
    assert not_passed.exit_code == 1
    (plain,) = json.loads(not_passed.output)["campaigns"]
    assert plain["simulated"] is True
    assert {check["name"] for check in plain["checks"] if check["outcome"] == "fail"} == {"energies"}


def test_a_campaign_that_is_not_there_is_said(campaign: Path) -> None:
    if not app.registered_commands:
        register(app)
    done = CliRunner().invoke(app, ["audit", "--db", str(campaign), "--campaign", "nope"])
    assert "no campaign nope" in str(done.exception)

"""`lab incidents`: what a user may ask of what went wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recorded_campaign import lose_window, measure_window, record_campaign
from typer.testing import CliRunner, Result

from db.database import open_database
from db.errors import CampaignUnknown
from lab.cli import app, register
from lab.errors import UsageError


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "lab.db"
    with open_database(path) as db:
        for name in ("first", "second"):
            campaign_id, session_id = record_campaign(db, name)
            lose_window(db, session_id, f"USB was lost in {name}")
            measure_window(db, campaign_id, session_id, [1.0])
        lose_window(db, session_id, "USB was lost once more")
    return path


def ask(*arguments: str) -> Result:
    if not app.registered_commands:
        register(app)
    return CliRunner().invoke(app, ["incidents", *arguments])


def test_all_are_listed_campaign_by_campaign_with_what_they_cost(record: Path) -> None:
    said = ask("--db", str(record)).output
    assert said.index("first") < said.index("second")
    assert "SIMULATED" in said
    assert "2 incidents, 0.06 bench hours lost" in said
    assert "measured again" in said


def test_filters_choose(record: Path) -> None:
    def details(*arguments: str) -> list[str]:
        plain = json.loads(ask("--db", str(record), "--json", *arguments).stdout)
        assert all(one["simulated"] for one in plain["incidents"])
        return [one["detail"] for one in plain["incidents"]]

    assert len(details()) == 3
    assert details("--campaign", "first") == ["USB was lost in first"]
    assert details("--last", "1") == ["USB was lost once more"]
    assert details("--session", "1") == ["USB was lost in first"]
    assert len(details("--kind", "usb_lost")) == 3
    assert len(details("--kind", "UsbLost")) == 3


@pytest.mark.parametrize("arguments", [["--campaign", "third"], ["--kind", "Nothing"], ["--session", "99"]])
def test_what_is_not_there_is_said_with_what_is(record: Path, arguments: list[str]) -> None:
    done = ask("--db", str(record), *arguments)
    assert isinstance(done.exception, UsageError | CampaignUnknown)
    assert any(word in done.exception.hint for word in ("first", "usb_lost", "1, 2"))


def test_a_quiet_campaign_has_none(tmp_path: Path) -> None:
    with open_database(tmp_path / "lab.db") as db:
        record_campaign(db)
    done = ask("--db", str(tmp_path / "lab.db"))
    assert done.exit_code == 0
    assert done.stdout == ""

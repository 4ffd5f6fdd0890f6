"""What the recovery ladder does crosses the tape: it is replayed bit for bit, and nothing of it reaches a device."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from recorded_sessions import plan, profile

import hardware.bench
from db.database import open_database
from db.kinds import CampaignSource
from hardware.tape.container import Record, read_records
from lab.campaign.campaign import CampaignPlan, measure
from lab.campaign.tasks import canary_tasks, sampled_tasks
from lab.review.replay import ReplayResult, replay
from lab.review.row_comparison import compare

FAULTS = ("adb_server_killed", "meter_unplugged")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recordings of two starts of a campaign; in the first the adb server and the meter go."""
    folder = tmp_path_factory.mktemp("recorded")
    bench = profile("hvpm").with_faults(FAULTS, 1)
    more = CampaignPlan(
        plan("hvpm").name,
        CampaignSource.SAMPLED,
        {"space": "audio2d"},
        1,
        (*sampled_tasks(6, 1, 0.0), *canary_tasks(1)),
        {},
    )
    with open_database(folder / "lab.db") as db:
        measure(db, bench, plan("hvpm"), record=folder / "first.labrec")
        measure(db, bench, more, record=folder / "second.labrec")
    return folder


def kinds(records: list[Record]) -> list[str]:
    return [record.kind for record in records]


def replayed(file: Path, folder: Path) -> ReplayResult:
    with open_database(folder / "replay.db") as db:
        return replay(file, db)


def test_a_meter_opened_anew_and_a_server_started_anew_are_replayed_bit_for_bit(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_server(port: int) -> None:
        raise AssertionError("a replay starts a real adb server")

    monkeypatch.setattr(hardware.bench, "start_server", no_server)
    file = recorded / "first.labrec"
    assert kinds(read_records(file)).count("adb start") == 1
    assert kinds(read_records(file)).count("usb open") > 1
    played = replayed(file, tmp_path)
    assert compare(played.recorded.rows, played.rows).differences == ()
    told = {incident["kind"]: incident["action"] for incident in played.rows["incident"]}
    assert "adb server restarted" in told["adb_lost"]
    assert "opened anew" in told["usb_lost"] or "measured again" in told["usb_lost"]


def test_a_later_start_is_replayed_with_what_the_earlier_one_left_to_know(recorded: Path, tmp_path: Path) -> None:
    shutil.copy(recorded / "second.labrec", tmp_path)
    played = replayed(tmp_path / "second.labrec", tmp_path)
    assert played.recorded.state.canary_latencies_ms[0]
    assert compare(played.recorded.rows, played.rows).differences == ()

"""What the bench does by itself when a device has gone, and that it says so afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from troubled_bench import TroubledBench, plan, profile, troubled_bench

from db.queries import incidents, list_campaigns
from hardware.errors import AdbLost, MeterFault, MeterNotFound, SettingRefused
from lab.campaign.campaign import measure


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TroubledBench]:
    with troubled_bench(tmp_path, monkeypatch) as bench:
        yield bench


def details(bench: TroubledBench) -> list[str]:
    with bench.database() as db:
        return [incident.detail for incident in incidents(db, list_campaigns(db)[0].campaign_id)]


def unplug_for(bench: TroubledBench, duration_s: float) -> None:
    meter, world = bench.sim.meter, bench.sim.world
    meter.gone = True
    world.at(world.now_s + duration_s, lambda: setattr(meter, "gone", False))


def test_a_meter_that_comes_back_is_opened_anew_and_the_campaign_goes_on(bench: TroubledBench) -> None:
    before = bench.phone_state()
    bench.during_window(1, lambda: unplug_for(bench, 40.0))
    bench.measure()
    assert bench.tasks == {"done": 3}
    assert bench.incidents == [("usb_lost", "measured again"), ("usb_lost", "the meter was opened anew")]
    assert bench.phone_state() == before


def test_a_meter_that_stays_away_stops_the_campaign_for_a_person(bench: TroubledBench) -> None:
    bench.during_window(1, lambda: unplug_for(bench, 1e6))
    with pytest.raises(MeterNotFound) as raised:
        bench.measure()
    assert "cable" in raised.value.hint
    assert ("meter_not_found", "stopped for a user") in bench.incidents


def test_a_meter_that_comes_back_with_its_output_off_is_not_switched_on_by_itself(bench: TroubledBench) -> None:
    def lose_power() -> None:
        unplug_for(bench, 10.0)
        bench.sim.meter.lose_output()

    bench.during_window(1, lose_power)
    with pytest.raises(MeterFault, match="lost its power"):
        bench.measure()
    assert bench.sim.meter.registers[0x41] == 0


def test_a_phone_that_adb_holds_for_offline_is_reconnected(bench: TroubledBench) -> None:
    bench.during_window(1, lambda: setattr(bench.sim.phone, "adb_stuck", True))
    bench.measure()
    assert bench.tasks == {"done": 3}
    assert bench.incidents == [("adb_lost", "USB off and on, adb reconnected")]
    assert "listed as offline" in details(bench)[0]


def test_an_adb_server_that_died_is_started_anew(bench: TroubledBench) -> None:
    bench.during_window(1, bench.sim.adb_server.close)
    bench.measure()
    assert bench.tasks == {"done": 3}
    assert bench.incidents[0][1].endswith("adb server restarted")
    assert "the adb server has gone" in details(bench)[0]


def test_what_was_tried_is_said_when_nothing_helps(bench: TroubledBench) -> None:
    bench.on_usb = lambda connected: not (connected and bench.n_cuts)
    with pytest.raises(AdbLost) as raised:
        bench.measure()
    assert any("USB off and on, adb reconnected, adb server restarted" in note for note in raised.value.__notes__)


def test_a_phone_that_restarts_gets_its_settings_again(bench: TroubledBench) -> None:
    before = bench.phone_state()
    bench.during_window(1, bench.sim.phone.reboot)
    bench.measure()
    assert bench.tasks == {"done": 3}
    assert ("settings_lost", "set again") in bench.incidents
    assert all(row.freq_khz == 2841600 for row in bench.visits)
    assert bench.phone_state() == before


def test_a_phone_that_restarts_under_one_model_once_blames_nobody_for_good(bench: TroubledBench) -> None:
    bench.during_window(1, bench.sim.phone.reboot, after_s=10.0)
    bench.measure()
    assert bench.tasks == {"done": 3}


def test_a_model_that_kills_the_phone_is_left_out_until_a_person_gives_it_a_fresh_start(bench: TroubledBench) -> None:
    bench.sim.phone.tool_troubles.append("takes the phone down")
    bench.measure(4)
    assert bench.tasks == {"done": 3, "failed": 1}
    died = [action for kind, action in bench.incidents if kind == "phone_died"]
    assert died == ["measured again", "the model is left out"]
    bench.sim.phone.killers.clear()
    bench.measure(4)
    assert bench.tasks == {"done": 3, "failed": 1}
    with bench.database() as db:
        measure(db, profile(), plan(4), retry_failed=True)
    assert bench.tasks == {"done": 4}


def test_a_phone_that_was_not_given_back_at_the_end_is_by_the_next_start_with_nothing_left_to_measure(
    bench: TroubledBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.phone_state()

    def refuses(*arguments: object) -> None:
        raise SettingRefused("phone", "give the settings back", "no", "Reboot the phone.")

    with monkeypatch.context() as patched:
        patched.setattr("hardware.android.pixel.restore_settings", refuses)
        with pytest.raises(SettingRefused):
            bench.measure()
    assert bench.tasks == {"done": 3}
    assert bench.phone_state() != before
    for _ in range(2):
        bench.measure()
        assert bench.phone_state() == before
    assert [kind for kind, _ in bench.incidents] == ["settings_kept", "leftovers"]

"""A phone is quietened and locked for measuring, and given back as it was, whatever happens in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from phone_rig import PhoneRig, phone_rig

from hardware.android.phone_settings import FOLDER, MEDDLING_SERVICES, NOTE_PATH
from hardware.android.runner_journal import read_report
from hardware.errors import AdbLost, NoRoot, PhoneFault, SettingRefused, ToolMissing
from hardware.phone import PIXEL_4_XL_LOCKS, ClockLock, QueuedModel, QueueTiming, ToolFlags
from hardware.sim.phone.simulated_phone import CPUFREQ, TOOL_PATH
from search.networks.spaces import TABLE_2
from search.tflite.writer import write_tflite

FLAGS = ToolFlags(TOOL_PATH, 0.5, 20, 30.0, 0.1, True, 60.0)
TIMING = QueueTiming(1.0, 0.35, 0.1, 1.0, 36.0)
LOCK = PIXEL_4_XL_LOCKS["paper"]
UNKNOWN_CLOCK = ClockLock("odd", 7, "policy7", 1_234_567)
UNKNOWN_POLICY = ClockLock("odd", 7, "policy9", 2_841_600)


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Iterator[PhoneRig]:
    with phone_rig(root=getattr(request, "param", "adbd")) as rig:
        yield rig


both_roots = pytest.mark.parametrize("rig", ["adbd", "su"], indirect=True)


def unplug(rig: PhoneRig) -> None:
    rig.later(0.0, False)
    rig.time.sleep(1.0)
    rig.bench.world.catch_up()


def is_prepared(rig: PhoneRig, lock: ClockLock = LOCK) -> bool:
    state = rig.lock_state()
    return bool(
        state["airplane"] == "1"
        and not state["screen_on"]
        and set(state["services"].values()) == {"stopped"}
        and state["clocks"][lock.policy] == ("performance", lock.freq_khz, lock.freq_khz)
    )


def test_the_phone_says_who_it_is(rig: PhoneRig) -> None:
    info = rig.pixel().info
    assert (info.serial, info.model, info.simulated) == (rig.phone.serial, "Pixel 4 XL", True)
    assert info.build_fingerprint.startswith("google/coral/")


@both_roots
def test_it_is_prepared_in_the_block_and_as_before_afterwards(rig: PhoneRig) -> None:
    pixel = rig.pixel()
    before = rig.lock_state()
    with pixel.prepared(LOCK) as found:
        assert is_prepared(rig)
        assert found["scaling_governor"] == "schedutil"
        assert found["airplane_mode"] == "0"
    assert rig.lock_state() == before
    assert not pixel.has_leftovers()


def test_what_was_already_set_otherwise_is_given_back_as_it_was_found(rig: PhoneRig) -> None:
    rig.phone.settings["global airplane_mode_on"] = "1"
    rig.phone.screen_on = False
    cluster = rig.phone.clusters["policy7"]
    cluster.governor, cluster.min_khz, cluster.max_khz = "powersave", 940_800, 1_804_800
    before = rig.lock_state()
    with rig.pixel().prepared(LOCK):
        assert is_prepared(rig)
    assert rig.lock_state() == before


@pytest.mark.parametrize("lock", PIXEL_4_XL_LOCKS.values(), ids=PIXEL_4_XL_LOCKS.keys())
def test_every_lock_that_ships_is_taken_by_the_phone(lock: ClockLock) -> None:
    with phone_rig() as rig:
        before = rig.lock_state()
        with rig.pixel().prepared(lock):
            assert is_prepared(rig, lock)
        assert rig.lock_state() == before


def _changes(commands: list[str]) -> list[str]:
    """What the commands change, in order."""
    marks = ("scaling_governor", "scaling_max_freq", "scaling_min_freq", "settings put", "keyevent", *MEDDLING_SERVICES)
    writes = [c for c in commands if " > /sys" in c or "settings put" in c or "keyevent" in c or "then start" in c]
    return [next(mark for mark in marks if mark in command) for command in writes]


def test_settings_are_given_back_in_reverse_order(rig: PhoneRig) -> None:
    with rig.pixel().prepared(LOCK):
        applied = _changes(rig.commands)
        rig.commands.clear()
    assert len(applied) == 7
    assert _changes(rig.commands) == applied[::-1]


def test_the_note_is_on_the_phone_before_anything_is_changed(rig: PhoneRig) -> None:
    pixel = rig.pixel()
    before = rig.lock_state()
    write, seen = rig.phone.files.write, list[dict[str, Any]]()

    def note_written(path: str, *rest: Any, **more: Any) -> None:
        write(path, *rest, **more)
        if path == NOTE_PATH:
            seen.append(rig.lock_state())

    rig.phone.files.write = note_written  # type: ignore[method-assign]
    with pixel.prepared(LOCK):
        note = json.loads(rig.phone.files.read(NOTE_PATH))
    assert seen == [before]
    assert note["before"]["scaling_governor"] == "schedutil"


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_the_phone_is_given_back_when_the_block_ends_by_an_error(rig: PhoneRig, error: BaseException) -> None:
    pixel = rig.pixel()
    before = rig.lock_state()
    with pytest.raises(type(error)) as raised, pixel.prepared(LOCK):
        raise error
    assert raised.value is error
    assert rig.lock_state() == before
    assert not pixel.has_leftovers()


def test_ctrl_c_while_settings_are_applied_gives_back_those_that_were(
    rig: PhoneRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixel = rig.pixel()
    before = rig.lock_state()
    run = pixel._link.run

    def interrupted(command: str, **options: Any) -> Any:
        if "scaling_max_freq" in command and "echo" in command and not is_prepared(rig):
            monkeypatch.setattr(pixel._link, "run", run)
            raise KeyboardInterrupt
        return run(command, **options)

    monkeypatch.setattr(pixel._link, "run", interrupted)
    with pytest.raises(KeyboardInterrupt), pixel.prepared(LOCK):
        pytest.fail("the block must not begin")
    assert rig.lock_state() == before


@both_roots
def test_what_a_crash_left_is_given_back_at_the_next_start(rig: PhoneRig) -> None:
    before = rig.lock_state()
    crashed = rig.pixel().prepared(LOCK)
    crashed.__enter__()
    assert is_prepared(rig)
    later = rig.pixel()
    assert later.has_leftovers()
    assert "scaling_governor" in later.give_back_leftovers()
    assert rig.lock_state() == before
    assert later.give_back_leftovers() == []
    crashed.gen.close()  # type: ignore[attr-defined]


def test_the_next_block_after_a_crash_begins_from_the_true_settings(rig: PhoneRig) -> None:
    before = rig.lock_state()
    crashed = rig.pixel().prepared(LOCK)
    crashed.__enter__()
    with rig.pixel().prepared(PIXEL_4_XL_LOCKS["gold"]) as found:
        assert found["airplane_mode"] == "0"
        assert is_prepared(rig, PIXEL_4_XL_LOCKS["gold"])
    assert rig.lock_state() == before
    crashed.gen.close()  # type: ignore[attr-defined]


def test_a_crash_before_the_first_change_leaves_nothing_to_give_back(rig: PhoneRig) -> None:
    pixel = rig.pixel()
    assert not pixel.has_leftovers()
    assert pixel.give_back_leftovers() == []


@pytest.mark.parametrize("lock", [UNKNOWN_CLOCK, UNKNOWN_POLICY], ids=["clock", "policy"])
def test_a_lock_that_the_phone_does_not_have_is_refused_and_all_is_given_back(rig: PhoneRig, lock: ClockLock) -> None:
    pixel = rig.pixel()
    before = rig.lock_state()
    with pytest.raises(SettingRefused) as raised, pixel.prepared(lock):
        pytest.fail("the block must not begin")
    assert "clock lock" in raised.value.hint
    assert rig.lock_state() == before
    assert not pixel.has_leftovers()


def test_a_setting_that_cannot_be_given_back_stops_and_stays_noted(rig: PhoneRig) -> None:
    pixel = rig.pixel()
    with pytest.raises(SettingRefused, match="scaling_governor") as raised, pixel.prepared(LOCK):
        rig.phone.files.node(f"{CPUFREQ}/policy7/scaling_governor", lambda: "performance\n", lambda value: None)
    assert "Reboot" in raised.value.hint
    assert pixel.has_leftovers()
    assert rig.lock_state()["airplane"] == "0"


def test_an_error_in_the_block_is_not_hidden_by_a_phone_that_has_gone(rig: PhoneRig) -> None:
    pixel = rig.pixel()
    before = rig.lock_state()

    def go_wrong() -> None:
        unplug(rig)
        raise ValueError("the first error")

    with pytest.raises(ValueError, match="the first error") as raised, pixel.prepared(LOCK):
        go_wrong()
    assert any("not given back" in note for note in raised.value.__notes__)
    rig.later(0.0, True)
    rig.time.sleep(10.0)
    assert rig.pixel().give_back_leftovers()
    assert rig.lock_state() == before


def test_a_phone_that_goes_at_the_end_of_the_block_is_an_error(rig: PhoneRig) -> None:
    with pytest.raises(AdbLost), rig.pixel().prepared(LOCK):
        unplug(rig)


@pytest.mark.parametrize("note", [b"", b"{", b'{"lock": ["cool", 7], "before": {}}', b"[]", b'{"before": {}}'])
def test_a_note_that_was_cut_short_says_what_to_do(rig: PhoneRig, note: bytes) -> None:
    pixel = rig.pixel()
    rig.phone.files.make_folder(NOTE_PATH.rpartition("/")[0])
    rig.phone.files.write(NOTE_PATH, note)
    with pytest.raises(PhoneFault) as raised:
        pixel.give_back_leftovers()
    assert NOTE_PATH in raised.value.hint


def test_a_service_that_this_build_does_not_have_is_left_alone(rig: PhoneRig) -> None:
    del rig.phone.services["vendor.thermal-engine"]
    with rig.pixel().prepared(LOCK) as found:
        assert found["service vendor.thermal-engine"] == ""
    assert not any("start vendor.thermal-engine" in command for command in rig.commands)


@both_roots
def test_a_queue_is_staged_and_its_results_come_back(rig: PhoneRig, tmp_path: Path) -> None:
    pixel = rig.pixel()
    content = write_tflite(TABLE_2, 0)
    (tmp_path / "a.tflite").write_bytes(content)
    model = QueuedModel(hashlib.sha256(content).hexdigest(), tmp_path / "a.tflite")
    pixel.stage([model, model], LOCK, FLAGS, TIMING)
    pixel.start_queue()
    pixel.stop_queue()
    assert rig.phone.files.read(f"{FOLDER}/window/models/{model.sha256}.tflite") == content
    assert rig.phone.files.read(f"{FOLDER}/window/queue").decode().splitlines() == [
        f"0 {model.sha256}.tflite",
        f"1 {model.sha256}.tflite",
    ]
    report = read_report("phone", pixel.collect())
    assert (report.codes, report.runs, report.exit_code) == ({}, {}, None)
    assert rig.phone.wake_locks == set()


def test_a_model_that_arrives_damaged_is_noticed(rig: PhoneRig, tmp_path: Path) -> None:
    pixel = rig.pixel()
    (tmp_path / "a.tflite").write_bytes(b"one thing")
    with pytest.raises(PhoneFault, match="1 of 1 files differ") as raised:
        pixel.stage([QueuedModel("0" * 64, tmp_path / "a.tflite")], LOCK, FLAGS, TIMING)
    assert "cable" in raised.value.hint


def test_a_path_of_the_tool_and_a_lock_inject_nothing_into_the_runner(rig: PhoneRig, tmp_path: Path) -> None:
    pixel = rig.pixel()
    keep = "/data/local/tmp/keep"
    rig.phone.files.write(keep, b"kept")
    (tmp_path / "a.tflite").write_bytes(b"x")
    nasty = "x; rm -rf /data $(rm -rf /data) 'q' \"d\""
    model = QueuedModel(hashlib.sha256(b"x").hexdigest(), tmp_path / "a.tflite")
    pixel.stage([model], ClockLock(nasty, 7, nasty, 1), replace(FLAGS, path=nasty), TIMING)
    out = bytearray()
    list(rig.phone.shell(f'. {FOLDER}/window/settings; echo "$tool"; echo "$residency"', out.extend, out.extend))
    assert out.decode().splitlines() == [nasty, f"{CPUFREQ}/{nasty}/stats/time_in_state"]
    assert rig.phone.files.read(keep) == b"kept"


def test_a_phone_without_root_is_refused() -> None:
    with phone_rig(root="none") as rig, pytest.raises(NoRoot):
        rig.pixel()


def test_a_phone_without_the_skin_sensor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardware.sim.phone.simulated_phone.THERMAL_ZONES", ("battery",))
    with phone_rig() as rig, pytest.raises(PhoneFault, match="sdm-therm"):
        rig.pixel()


def test_both_clocks_are_read_at_one_moment(rig: PhoneRig) -> None:
    pixel = rig.pixel()
    first, second = pixel.read_clock(), pixel.read_clock()
    assert 0 < first.half_round_trip_s < 0.1
    assert second.phone_utc_s - first.phone_utc_s == pytest.approx(second.host_s - first.host_s, abs=0.05)
    assert second.phone_utc_s > first.phone_utc_s


def test_a_tool_that_is_missing_or_not_executable_says_how_to_push_it(rig: PhoneRig) -> None:
    pixel = rig.pixel()
    assert len(pixel.tool_sha256(TOOL_PATH)) == 64
    rig.phone.files.change_mode(TOOL_PATH, 0o644)
    for path in (TOOL_PATH, "/data/local/tmp/nothing"):
        with pytest.raises(ToolMissing) as raised:
            pixel.tool_sha256(path)
        assert "adb push" in raised.value.hint

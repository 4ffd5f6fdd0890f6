from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hardware.discovery import Discovery, SerialPort
from hardware.errors import MeterNotFound, PhoneNotFound
from lab.errors import BENCH_UNAVAILABLE, USAGE
from lab.profile.profile import BenchProfile, load_profile, parse_profile, profiles_folder
from lab.profile.setup import (
    NothingPluggedIn,
    ProfileInTheWay,
    SetupRequest,
    SeveralFound,
    WrittenProfile,
    profile_text,
    set_up_bench,
)

CONSOLE = SerialPort("/dev/ttyS0", None, None, "")
UNKNOWN = SerialPort("/dev/ttyACM3", "A1", 0x04D8, "Microchip CDC")
LVPM = SerialPort("/dev/ttyACM0", "20412", 0x2AB9, "Monsoon Solutions Power Monitor")


@pytest.fixture(autouse=True)
def own_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_PROFILES", str(tmp_path / "profiles"))
    return tmp_path / "profiles"


def plugged_in(
    meters: Sequence[str] = (), ports: Sequence[SerialPort] = (CONSOLE,), phones: Mapping[str, str] | None = None
) -> Discovery:
    return Discovery(lambda: meters, lambda: ports, lambda: phones or {})


def set_up(discovery: Discovery, **request: object) -> tuple[WrittenProfile, BenchProfile]:
    written = set_up_bench(profiles_folder(), SetupRequest(**request), discovery)  # type: ignore[arg-type]
    return written, load_profile()


def test_one_meter_and_one_phone_make_a_profile_that_loads_by_default(own_profiles: Path) -> None:
    written, profile = set_up(plugged_in(["26511"], phones={"98AY": "device"}))
    assert written.path == own_profiles / "bench.toml"
    assert (profile.meter.kind, profile.meter.serial, profile.phone.serial) == ("hvpm", "26511", "98AY")
    assert profile.simulated is None
    assert profile.phone.lock == "cool"
    assert written.notes == ()


def test_the_lock_that_was_asked_for_is_in_the_profile() -> None:
    _, profile = set_up(plugged_in(["26511"]), lock="paper")
    assert profile.lock.freq_khz == 2841600


def test_a_serial_port_that_names_the_vendor_makes_a_profile_of_an_lvpm() -> None:
    _, profile = set_up(plugged_in(ports=[CONSOLE, UNKNOWN, LVPM]))
    assert (profile.meter.kind, profile.meter.port) == ("lvpm", "/dev/ttyACM0")


def test_a_serial_port_that_does_not_is_used_only_when_it_is_named() -> None:
    with pytest.raises(NothingPluggedIn, match="/dev/ttyACM3"):
        set_up(plugged_in(ports=[UNKNOWN]))
    _, profile = set_up(plugged_in(ports=[UNKNOWN]), meter="/dev/ttyACM3")
    assert (profile.meter.kind, profile.meter.port) == ("lvpm", "/dev/ttyACM3")


def test_the_profile_has_every_key_and_says_what_each_means() -> None:
    written, profile = set_up(plugged_in(["26511"], phones={"98AY": "device"}))
    bare = parse_profile('name = "bench"\n', "bare")
    assert (profile.gates, profile.window, profile.precision) == (bare.gates, bare.window, bare.precision)
    lines = written.path.read_text(encoding="utf-8").splitlines()
    keys = [n for n, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(keys) > 45
    assert all(lines[n - 1].startswith("#") for n in keys)
    assert max(map(len, lines)) <= 110


def test_several_meters_are_listed_with_the_option_that_chooses_and_nothing_is_written(own_profiles: Path) -> None:
    with pytest.raises(SeveralFound, match=r"26511.*26777") as raised:
        set_up(plugged_in(["26511", "26777"]))
    assert "--meter-serial" in raised.value.hint
    assert raised.value.exit_code == USAGE
    assert not own_profiles.exists()


def test_an_option_chooses_among_several_meters_and_phones() -> None:
    discovery = plugged_in(["26511", "26777"], phones={"98AY": "device", "99BZ": "device"})
    _, profile = set_up(discovery, meter="26777", phone="99BZ")
    assert (profile.meter.serial, profile.phone.serial) == ("26777", "99BZ")


def test_several_phones_are_listed_with_their_states_and_the_option_that_chooses() -> None:
    with pytest.raises(SeveralFound, match=r"98AY \(device\), 99BZ \(offline\)") as raised:
        set_up(plugged_in(["26511"], phones={"98AY": "device", "99BZ": "offline"}))
    assert "--phone-serial 98AY" in raised.value.hint


def test_a_meter_that_was_asked_for_and_is_not_there_is_an_error_that_lists_what_is() -> None:
    with pytest.raises(NothingPluggedIn, match=r"No meter 1 is.*(?s:.)*26511"):
        set_up(plugged_in(["26511"]), meter="1")


def test_nothing_plugged_in_says_where_it_looked_and_offers_the_simulated_bench() -> None:
    with pytest.raises(NothingPluggedIn) as raised:
        set_up(plugged_in())
    assert raised.value.exit_code == BENCH_UNAVAILABLE
    assert "2ab9:0001" in str(raised.value)
    assert "/dev/ttyS0" in str(raised.value)
    assert "lab measure" in raised.value.hint
    assert "simulated" in raised.value.hint


def test_a_missing_libusb_is_part_of_what_is_said_when_no_meter_is_found() -> None:
    def without_libusb() -> list[str]:
        raise MeterNotFound("meter", "find", "no libusb library", "Install libusb.")

    with pytest.raises(NothingPluggedIn, match=r"no libusb library; Install libusb\."):
        set_up(Discovery(without_libusb, lambda: [CONSOLE], dict))


def test_a_phone_that_is_still_off_keeps_no_profile_from_being_written() -> None:
    written, profile = set_up(plugged_in(["26511"]))
    assert profile.phone.serial is None
    assert "No phone" in written.notes[0]


def test_an_unauthorized_phone_is_taken_and_the_dialog_is_pointed_at() -> None:
    written, profile = set_up(plugged_in(["26511"], phones={"98AY": "unauthorized"}))
    assert profile.phone.serial == "98AY"
    assert "accept this computer's key" in written.notes[0]


def test_without_an_adb_server_the_profile_is_written_and_that_is_said() -> None:
    def without_adb() -> dict[str, str]:
        raise PhoneNotFound("phone", "ask", "connection refused", "Start the adb server.")

    written, profile = set_up(Discovery(lambda: ["26511"], list, without_adb))
    assert profile.meter.serial == "26511"
    assert "Start the adb server." in written.notes[0]


def test_a_profile_that_is_there_is_replaced_only_when_told_to(own_profiles: Path) -> None:
    own_profiles.mkdir()
    (own_profiles / "bench.toml").write_text("# mine\n")
    with pytest.raises(ProfileInTheWay) as raised:
        set_up(plugged_in(["26511"]))
    assert raised.value.exit_code == USAGE
    assert "--force" in raised.value.hint
    assert (own_profiles / "bench.toml").read_text() == "# mine\n"
    _, profile = set_up(plugged_in(["26511"]), force=True)
    assert profile.meter.serial == "26511"
    assert [path.name for path in own_profiles.iterdir()] == ["bench.toml"]


def test_a_folder_that_cannot_be_made_is_an_error_that_names_the_variable(own_profiles: Path) -> None:
    own_profiles.write_text("a file in the way")
    with pytest.raises(ProfileInTheWay) as raised:
        set_up(plugged_in(["26511"]))
    assert "LAB_PROFILES" in raised.value.hint


@pytest.mark.parametrize("serial", ['quo"te', "back\\slash", "Ω", "new\nline"])
def test_a_strange_serial_number_still_makes_a_profile_that_loads(serial: str) -> None:
    written, _ = set_up(plugged_in(["26511"], phones={"98AY": "device"}))
    text = profile_text(written.meter, serial, "cool")
    assert parse_profile(text, "strange").phone.serial == serial

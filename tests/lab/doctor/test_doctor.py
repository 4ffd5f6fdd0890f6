from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from recorded_campaign import record_campaign
from typer.testing import CliRunner

import hardware.sim.simulated_bench as simulated_bench
from db.database import open_database
from hardware.android.pixel import Pixel
from hardware.bench import Bench, BenchSettings, open_bench
from hardware.discovery import Discovery, SerialPort
from hardware.errors import MeterNotFound, NoRoot, PhoneNotFound
from hardware.meter import Passthrough
from hardware.phone import PIXEL_4_XL_LOCKS
from hardware.sim.simulated_bench import SimulatedBench
from lab.bench.lock import locked
from lab.commands.doctor import doctor
from lab.doctor.check import Check
from lab.doctor.host import DoctorRequest, Probes, examine, udev_rule
from lab.errors import BENCH_UNAVAILABLE
from lab.profile.profile import load_profile

app = typer.Typer()
app.command()(doctor)
runner = CliRunner()
Opener = Callable[[BenchSettings], AbstractContextManager[Bench]]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PROFILES", str(tmp_path / "profiles"))
    monkeypatch.setenv("LAB_LOCKS", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def never(settings: BenchSettings) -> AbstractContextManager[Bench]:
    raise AssertionError("the bench must not be opened")


def simulated_in_place_of_real(settings: BenchSettings) -> AbstractContextManager[Bench]:
    return open_bench(replace(settings, simulation=load_profile("simulated").bench_settings(0).simulation))


def probes(
    open_it: Opener = open_bench,
    meters: Sequence[str] = ("26511",),
    phones: Mapping[str, str] | None = None,
    ports: Sequence[SerialPort] = (),
    rules: Path = Path("rules"),
) -> Probes:
    states = {"98SIM4XL01": "device"} if phones is None else phones
    return Probes(Discovery(lambda: meters, lambda: ports, lambda: states), lambda: True, open_it, [rules])


def by_name(checks: Sequence[Check]) -> dict[str, Check]:
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


def a_real_profile(text: str = "") -> str:
    Path("real.toml").write_text(f'name = "real"\n{text}')
    return str(Path("real.toml").absolute())


def test_the_simulated_bench_is_well_and_says_that_it_is_simulated() -> None:
    checks = examine(DoctorRequest("simulated"), probes())
    assert {check.outcome for check in checks} == {"ok", "skipped"}
    assert "SIMULATED" in by_name(checks)["profile"].why
    assert "SIMULATED" in by_name(checks)["bench"].why


def test_an_open_bench_is_looked_at_from_calibration_to_skin() -> None:
    found = by_name(examine(DoctorRequest("simulated"), probes()))
    assert "firmware 32" in found["meter's calibration"].why
    assert "main_fine_scale 36500" in found["meter's calibration"].why
    assert "4.200 V" in found["supply"].why
    assert "Pixel 4 XL" in found["phone's root"].why
    assert "sha256 d04c" in found["benchmark tool"].why
    assert "2,841,600 kHz" in found["clock"].why
    assert found["leftover settings"].why == "none"


def test_passthrough_is_left_alone_unless_asked_for() -> None:
    modes = list[Passthrough]()

    @contextmanager
    def watched(settings: BenchSettings) -> Iterator[Bench]:
        with open_bench(settings) as bench:
            change = bench.meter.set_passthrough
            bench.meter.set_passthrough = lambda mode: (modes.append(mode), change(mode))[1]  # type: ignore[method-assign]
            yield bench

    assert by_name(examine(DoctorRequest("simulated"), probes(watched)))["USB passthrough"].outcome == "skipped"
    assert modes == []
    found = by_name(examine(DoctorRequest("simulated", passthrough=True), probes(watched)))["USB passthrough"]
    assert modes == [Passthrough.OFF, Passthrough.ON]
    assert found.outcome == "ok"
    assert "the phone was back after" in found.why


@pytest.mark.parametrize(("trouble", "word"), [("over-current", "over-current"), ("high", "above the ceiling")])
def test_passthrough_stops_at_what_the_meter_protects_from(
    trouble: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sims, voltages = list[SimulatedBench](), list[float]()
    monkeypatch.setattr(
        simulated_bench, "SimulatedBench", lambda *given: sims.append(SimulatedBench(*given)) or sims[-1]
    )

    @contextmanager
    def troubled(settings: BenchSettings) -> Iterator[Bench]:
        with open_bench(settings) as bench:
            cut, set_voltage = bench.meter.set_passthrough, bench.meter.set_voltage

            def cut_and_harm(mode: Passthrough) -> None:
                cut(mode)
                if trouble == "over-current":
                    sims[0].meter.over_current = mode is Passthrough.OFF
                elif mode is Passthrough.OFF:
                    sims[0].world.output_v = 4.9

            bench.meter.set_passthrough = cut_and_harm  # type: ignore[method-assign]
            bench.meter.set_voltage = lambda volts: (voltages.append(volts), set_voltage(volts))[1]  # type: ignore[method-assign]
            yield bench

    found = by_name(examine(DoctorRequest("simulated", passthrough=True), probes(troubled)))["USB passthrough"]
    assert found.outcome == "fail"
    assert word in found.why
    assert (0.0 in voltages) == (trouble == "high")
    assert (sims[0].meter.registers[0x41] == 0) == (trouble == "high")


@contextmanager
def with_leftovers(settings: BenchSettings) -> Iterator[Bench]:
    """A bench whose phone a campaign left changed: it died before it could give anything back."""
    with open_bench(settings) as bench:
        assert isinstance(bench.phone, Pixel)
        bench.phone._link.run("mkdir -p /data/local/tmp/lab; echo x > /data/local/tmp/lab/settings-before.json")
        yield bench


def test_settings_that_a_dead_campaign_left_are_a_warning() -> None:
    found = by_name(examine(DoctorRequest("simulated"), probes(with_leftovers)))["leftover settings"]
    assert found.outcome == "warn"
    assert "lab measure" in found.fix


def test_a_clock_that_the_phone_does_not_have_fails_with_the_locks_that_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(PIXEL_4_XL_LOCKS, "paper", replace(PIXEL_4_XL_LOCKS["paper"], freq_khz=2_900_000))
    found = by_name(examine(DoctorRequest("simulated"), probes()))["clock"]
    assert found.outcome == "fail"
    assert "2,841,600" in found.why
    assert found.fix == "Choose another lock: [phone] lock = cool or gold."


def test_a_missing_tool_fails_and_the_later_checks_are_made() -> None:
    path = Path("own.toml")
    path.write_text('name = "own"\n[tool]\npath = "/data/local/tmp/none"\n[simulated]\n')
    found = by_name(examine(DoctorRequest(str(path)), probes()))
    assert found["benchmark tool"].outcome == "fail"
    assert "adb push" in found["benchmark tool"].fix
    assert found["clock"].outcome == found["skin temperature"].outcome == "ok"


def test_a_tool_that_is_put_onto_the_phone_at_each_start_need_not_be_there_yet() -> None:
    Path("tool").write_bytes(b"ELF")
    Path("own.toml").write_text(
        'name = "own"\n[tool]\npath = "/data/local/tmp/none"\nhost_path = "tool"\n[simulated]\n'
    )
    assert by_name(examine(DoctorRequest("own.toml"), probes()))["benchmark tool"].outcome == "ok"


def test_a_phone_without_root_fails_with_what_to_do() -> None:
    Path("own.toml").write_text('name = "own"\n[simulated]\nroot = "none"\n')
    found = by_name(examine(DoctorRequest("own.toml"), probes()))["bench"]
    assert found.outcome == "fail"
    assert "Magisk" in found.fix


def test_a_warm_phone_is_a_warning_for_measuring_waits_for_it() -> None:
    Path("own.toml").write_text('name = "own"\n[phone]\nmax_skin_c = 20.0\n[simulated]\n')
    assert by_name(examine(DoctorRequest("own.toml"), probes()))["skin temperature"].outcome == "warn"


def test_a_profile_that_does_not_load_fails_and_the_computer_is_looked_at_all_the_same() -> None:
    found = by_name(examine(DoctorRequest("nowhere"), probes(never)))
    assert found["profile"].outcome == "fail"
    assert "lab init" in found["profile"].fix
    assert found["bench"].outcome == "skipped"
    assert found["free disk"].outcome in ("ok", "warn")


def test_all_problems_of_a_bench_come_at_once() -> None:
    Path("other.db").write_text("not a database")
    broken = Probes(
        Discovery(_no_meter, list, _no_adb), lambda: False, never, [Path("rules")]
    )  # fmt: skip
    found = by_name(examine(DoctorRequest(a_real_profile(), "other.db"), broken))
    failed = {name for name, check in found.items() if check.outcome == "fail"}
    assert failed == {"database", "libusb", "meter", "adb server and phone"}
    assert all(found[name].fix for name in failed)
    assert found["udev rule"].outcome == "warn"
    assert found["bench"].outcome == "skipped"


def _no_meter() -> list[str]:
    raise MeterNotFound("meter", "find", "no libusb library", "Install libusb.")


def _no_adb() -> dict[str, str]:
    raise PhoneNotFound("phone", "ask", "connection refused", "Start the adb server.")


def test_a_real_bench_whose_devices_are_there_is_opened() -> None:
    found = by_name(examine(DoctorRequest(a_real_profile()), probes(simulated_in_place_of_real)))
    assert found["meter"].why == "plugged in: 26511"
    assert found["adb server and phone"].outcome == "ok"
    assert found["bench"].outcome == "ok"
    assert found["clock"].outcome == "ok"


@pytest.mark.parametrize(
    ("settings", "meters", "why"),
    [
        ("", [], "no Monsoon"),
        ("", ["1", "2"], "several"),
        ('[meter]\nserial = "3"\n', ["1", "2"], "plugged in: 1, 2"),
        ('[meter]\nkind = "lvpm"\nport = "/dev/none"\n', ["1"], "no serial port /dev/none"),
    ],
)
def test_a_meter_that_is_missing_or_not_chosen_keeps_the_bench_closed(
    settings: str, meters: list[str], why: str
) -> None:
    found = by_name(examine(DoctorRequest(a_real_profile(settings)), probes(never, meters)))
    assert found["meter"].outcome == "fail"
    assert why in found["meter"].why
    assert found["bench"].outcome == "skipped"


@pytest.mark.parametrize(
    ("settings", "phones", "word"),
    [
        ("", {}, "not connected"),
        ("", {"A": "unauthorized"}, "unauthorized"),
        ("", {"A": "offline"}, "offline"),
        ("", {"A": "device", "B": "device"}, "several"),
        ('[phone]\nserial = "C"\n', {"A": "device"}, "C is not connected"),
    ],
)
def test_a_phone_that_is_missing_or_not_ready_keeps_the_bench_closed(
    settings: str, phones: dict[str, str], word: str
) -> None:
    found = by_name(examine(DoctorRequest(a_real_profile(settings)), probes(never, phones=phones)))
    assert found["adb server and phone"].outcome == "fail"
    assert word in found["adb server and phone"].why
    assert found["adb server and phone"].fix
    assert found["bench"].outcome == "skipped"


def test_a_bench_that_a_campaign_has_is_left_alone() -> None:
    with locked(["meter-26511"], "campaign night"):
        found = by_name(examine(DoctorRequest(a_real_profile()), probes(never)))["bench"]
    assert found.outcome == "skipped"
    assert "campaign night" in found.why


def test_an_error_at_the_closing_of_the_bench_is_a_failure_beside_what_was_found() -> None:
    @contextmanager
    def failing_at_its_end(settings: BenchSettings) -> Iterator[Bench]:
        with open_bench(settings) as bench:
            yield bench
        raise NoRoot("phone 1", "give back", "gone", "Look at the cable.")

    checks = examine(DoctorRequest("simulated"), probes(failing_at_its_end))
    assert checks[-1] == Check("bench", "fail", "phone 1: give back: gone", "Look at the cable.")
    assert any(check.name == "clock" and check.outcome == "ok" for check in checks)


def test_the_installed_udev_rule_is_compared_with_the_one_that_ships(tmp_path: Path) -> None:
    rules = tmp_path / "rules.d"
    rules.mkdir()
    here = probes(simulated_in_place_of_real, rules=rules)
    (rules / "60-monsoon.rules").write_text(udev_rule())
    assert by_name(examine(DoctorRequest(a_real_profile()), here))["udev rule"].outcome == "ok"
    (rules / "60-monsoon.rules").write_text("an older one")
    found = by_name(examine(DoctorRequest(a_real_profile()), here))["udev rule"]
    assert found.outcome == "warn"
    assert "lab doctor --udev-rule" in found.fix


def test_the_database_is_looked_at_and_never_made() -> None:
    found = by_name(examine(DoctorRequest("simulated", "lab.db"), probes()))["database"]
    assert found.outcome == "skipped"
    assert not Path("lab.db").exists()
    with open_database("lab.db") as db:
        record_campaign(db, "night")
    found = by_name(examine(DoctorRequest("simulated", "lab.db"), probes()))["database"]
    assert found.outcome == "ok"
    assert "night (SIMULATED)" in found.why


def test_a_folder_for_the_database_that_does_not_exist_fails() -> None:
    found = by_name(examine(DoctorRequest("simulated", "nowhere/lab.db"), probes()))
    assert found["database"].outcome == "fail"


def test_a_missing_package_is_found_by_a_doctor_that_itself_does_without() -> None:
    code = (
        "import sys; sys.modules['adbutils'] = None\n"
        "from lab.doctor.host import DoctorRequest, examine, real_probes\n"
        "for check in examine(DoctorRequest('simulated'), real_probes()): print(check.name, check.outcome, check.fix)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "package adbutils fail Install it: `pip install adbutils`." in done.stdout
    assert "package Monsoon ok" in done.stdout


def test_the_command_prints_json_and_ends_with_0_when_nothing_failed() -> None:
    result = runner.invoke(app, ["--bench", "simulated", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    checks = json.loads(result.stdout)["checks"]
    assert {"name": "skin temperature", "outcome": "ok"}.items() <= checks[-2].items()


def test_the_command_ends_with_3_and_shows_why_and_what_to_do_when_a_check_failed() -> None:
    result = runner.invoke(app, ["--bench", "nowhere"], env={"COLUMNS": "160"}, catch_exceptions=False)
    assert result.exit_code == BENCH_UNAVAILABLE
    assert "There is no bench profile 'nowhere'" in result.stdout
    assert "lab init" in result.stdout


def test_the_udev_rule_is_printed_alone_and_opens_the_meter_to_who_is_logged_in() -> None:
    result = runner.invoke(app, ["--udev-rule"], catch_exceptions=False)
    assert result.output == udev_rule()
    rules = [line for line in result.output.splitlines() if line and not line.startswith("#")]
    assert len(rules) == 3
    assert all('MODE="0660", TAG+="uaccess"' in rule for rule in rules)
    assert 'ATTR{idVendor}=="2ab9", ATTR{idProduct}=="0001"' in rules[0]
    assert all('SUBSYSTEM=="tty", KERNEL=="ttyACM*"' in rule for rule in rules[1:])

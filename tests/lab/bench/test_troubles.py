"""Whatever goes wrong in a window is a failed window with its reason, and the same command completes afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update
from troubled_bench import TroubledBench, plan, profile, troubled_bench

from db.errors import DiskFull, NewerSchema
from db.schema import VERSION_TABLE, PhoneTable, VisitTable
from hardware.errors import AdbLost, HardwareError, OverCurrent, StableError
from hardware.sim.phone import phone_commands
from hardware.sim.phone.shell import Shell, Steps, Streams
from hardware.sim.phone.simulated_phone import TOOL_PATH
from lab.bench import procedure as window
from lab.campaign.campaign import measure
from lab.errors import CampaignStopped, MixedConditions


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TroubledBench]:
    with troubled_bench(tmp_path, monkeypatch) as bench:
        yield bench


def completes(bench: TroubledBench, before: tuple[object, ...], n: int = 3) -> None:
    """The same command goes on to the end, and the phone is as it was before anything was measured."""
    bench.be_well()
    bench.measure(n)
    assert bench.tasks == {"done": n}
    rows = bench.visits
    assert len({row.arch_hash for row in rows}) == n
    assert all(row.outcome in ("accepted", "marginal") for row in rows)
    assert bench.phone_state() == before


def test_nothing_goes_wrong(bench: TroubledBench) -> None:
    before = bench.phone_state()
    completes(bench, before)
    assert [state for state, _ in bench.windows] == ["done"]
    assert bench.incidents == []


@pytest.mark.parametrize("other", ["tool", "phone"])
def test_what_is_refused_leaves_the_phone_as_it_is(bench: TroubledBench, other: str, tmp_path: Path) -> None:
    bench.measure()
    # As after a start that died: the phone's own settings wait to be given back.
    bench.sim.phone.files.write("/data/local/tmp/lab/settings-before.json", b"{}")
    asked = profile()
    if other == "tool":
        (tmp_path / "tool").write_bytes(b"another build")
        asked = replace(asked, tool=asked.tool.model_copy(update={"host_path": tmp_path / "tool"}))
    else:
        with bench.database() as db, db.write() as tx:
            tx.execute(update(PhoneTable).values(serial="98ANOTHER"))
    before = phone_files(bench), bench.phone_state(), bench.windows
    with bench.database() as db, pytest.raises(MixedConditions):
        measure(db, asked, plan(6))
    assert (phone_files(bench), bench.phone_state(), bench.windows) == before


def phone_files(bench: TroubledBench) -> dict[str, bytes]:
    return {path: bytes(file.content) for path, file in bench.sim.phone.files._files.items()}


def test_a_meter_that_is_unplugged_in_a_window_stops_the_campaign(bench: TroubledBench) -> None:
    before = bench.phone_state()
    bench.during_window(1, lambda: setattr(bench.sim.meter, "gone", True))
    with pytest.raises((CampaignStopped, HardwareError)) as raised:
        bench.measure()
    assert raised.value.hint
    assert bench.tasks == {"pending": 3}
    assert bench.windows[0][0] == "failed"
    assert bench.incidents[0] == ("usb_lost", "measured again")
    completes(bench, before)
    assert ("leftovers", "given back") in bench.incidents


def test_a_phone_that_loses_its_power_in_a_window_stops_the_campaign(bench: TroubledBench) -> None:
    before = bench.phone_state()
    bench.during_window(1, bench.cut_output)
    with pytest.raises((CampaignStopped, HardwareError)):
        bench.measure()
    assert bench.tasks == {"pending": 3}
    assert bench.windows[0][0] == "failed"
    completes(bench, before)


def test_a_phone_that_loses_its_power_points_at_the_leads(bench: TroubledBench) -> None:
    bench.during_window(1, bench.cut_output)
    with pytest.raises(StableError) as raised:
        bench.measure()
    assert "leads" in raised.value.hint


def test_an_over_current_stops_at_once_and_the_phone_is_given_back(bench: TroubledBench) -> None:
    before = bench.phone_state()
    bench.during_window(1, lambda: setattr(bench.sim.meter, "over_current", True))
    with pytest.raises(OverCurrent) as raised:
        bench.measure()
    assert "short" in raised.value.hint
    assert bench.phone_state() == before
    assert bench.tasks == {"pending": 3}
    assert bench.windows[0][0] == "failed"
    completes(bench, before)


def test_a_phone_that_does_not_come_back_at_once_gets_usb_off_and_on(bench: TroubledBench) -> None:
    before = bench.phone_state()
    n_passed = []

    def first_time_not(connected: bool) -> bool:
        if connected and bench.n_cuts:
            n_passed.append(connected)
        return not connected or len(n_passed) != 1

    bench.on_usb = first_time_not
    bench.measure()
    assert len(n_passed) >= 2
    assert bench.tasks == {"done": 3}
    assert bench.incidents == [("adb_lost", "USB off and on")]
    assert bench.phone_state() == before


def test_a_phone_that_does_not_come_back_stops_the_campaign_and_is_given_back_later(bench: TroubledBench) -> None:
    before = bench.phone_state()
    bench.on_usb = lambda connected: not (connected and bench.n_cuts)
    with pytest.raises((CampaignStopped, AdbLost)) as raised:
        bench.measure()
    assert "cable" in raised.value.hint
    assert bench.tasks == {"pending": 3}
    assert bench.incidents == [
        ("adb_lost", "measured again"),
        ("adb_lost", "stopped"),
        ("settings_kept", "the next start gives them back first"),
    ]
    completes(bench, before)
    assert ("leftovers", "given back") in bench.incidents


def test_usb_that_stays_on_although_the_meter_took_the_command_points_at_the_cable(bench: TroubledBench) -> None:
    before = bench.phone_state()
    bench.on_usb = lambda connected: connected
    with pytest.raises(CampaignStopped, match="still connected") as raised:
        bench.measure()
    assert "in the meter's USB port" in raised.value.hint
    assert [kind for kind, _ in bench.incidents] == ["adb_lost"] * 3
    assert bench.tasks == {"pending": 3}
    assert bench.phone_state() == before
    assert bench.sim.phone.wake_locks == set()
    completes(bench, before)


def test_a_voltage_that_stays_on_the_usb_line_is_seen_by_the_meter(bench: TroubledBench) -> None:
    """adb has gone, but the line is still fed: every energy would be too small."""
    before = bench.phone_state()

    def only_data(connected: bool) -> bool:
        bench.sim.phone.set_adb(connected)
        return False

    bench.on_usb = only_data
    with pytest.raises(CampaignStopped, match="USB channel still shows 5") as raised:
        bench.measure()
    assert "passthrough" in raised.value.hint
    assert [kind for kind, _ in bench.incidents] == ["passthrough_stuck"] * 3
    assert bench.visits == []
    completes(bench, before)


def test_a_single_failed_window_is_measured_again_by_the_same_start(bench: TroubledBench) -> None:
    before = bench.phone_state()
    bench.on_usb = lambda connected: connected or bench.n_cuts > 1
    bench.measure()
    assert [state for state, _ in bench.windows] == ["failed", "done"]
    assert bench.incidents == [("adb_lost", "measured again")]
    assert bench.tasks == {"done": 3}
    assert bench.phone_state() == before


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_full_phone_fails_the_window_and_says_so(bench: TroubledBench, when: str) -> None:
    before = bench.phone_state()
    files = bench.sim.phone.files

    def fill() -> None:
        files.capacity_bytes = files.used_bytes + 2000

    if when == "during":
        bench.during_window(1, fill)
        bench.during_window(2, fill)
        bench.during_window(3, fill)
    else:
        fill()
    with pytest.raises(CampaignStopped, match="No space left on device") as raised:
        bench.measure()
    assert raised.value.hint
    assert {kind for kind, _ in bench.incidents} == {"command_failed"}
    assert bench.tasks == {"pending": 3}
    assert bench.phone_state() == before
    files.capacity_bytes = 40_000_000_000
    completes(bench, before)


def saying(text: str, code: int) -> phone_commands.Command:
    def command(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
        yield 0.4
        streams.stdout(text.encode())
        return code

    return command


@pytest.mark.parametrize(
    ("text", "code", "kind"),
    [
        ("STARTING!\nAborted\n", 134, "died"),
        ("ERROR: Failed to load model x\nERROR: Benchmarking failed.\n", 1, "rejected"),
    ],
    ids=["dies", "rejects"],
)
def test_a_model_that_the_tool_cannot_run_is_a_row_with_its_reason(
    bench: TroubledBench, monkeypatch: pytest.MonkeyPatch, text: str, code: int, kind: str
) -> None:
    before = bench.phone_state()
    monkeypatch.setitem(phone_commands.COMMANDS, "benchmark_model", saying(text, code))  # type: ignore[misc]
    bench.measure()
    assert bench.tasks == {"failed": 3}
    assert bench.phone_state() == before
    rows = outcomes(bench)
    assert len(rows) == 6
    assert all(outcome == "model_failed" and reason.startswith(kind) for outcome, reason in rows)
    assert bench.visits == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\x00 nothing that anybody knows\n", "nothing that anybody knows"),
        ("", "it printed nothing"),
        ("WARN: Unconsumed cmdline flags: --min_secs=1.2\n", "does not know the flags --min_secs=1.2"),
    ],
    ids=["nonsense", "nothing", "unknown flags"],
)
def test_a_tool_that_nobody_can_read_is_no_fault_of_the_models(
    bench: TroubledBench, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    before = bench.phone_state()
    with monkeypatch.context() as patched:
        patched.setitem(phone_commands.COMMANDS, "benchmark_model", saying(text, 0))  # type: ignore[misc]
        with pytest.raises(CampaignStopped, match=reason) as raised:
            bench.measure()
    assert raised.value.hint
    assert bench.tasks == {"pending": 3}
    assert bench.visits == []
    completes(bench, before)


def test_a_tool_that_vanishes_in_a_window_is_no_fault_of_the_models(bench: TroubledBench) -> None:
    before = bench.phone_state()
    files = bench.sim.phone.files
    content = files.read(TOOL_PATH)
    bench.during_window(1, lambda: files.remove(TOOL_PATH), after_s=10.0)
    with pytest.raises(CampaignStopped, match="missing"):
        bench.measure()
    assert "failed" not in bench.tasks
    assert bench.phone_state() == before
    files.write(TOOL_PATH, content, 0o755)
    completes(bench, before)


def outcomes(bench: TroubledBench) -> list[tuple[str, str]]:
    """Outcome and reason of every visit."""
    with bench.database() as db, db.read() as tx:
        return [(outcome, reason) for outcome, reason in tx.execute(select(VisitTable.outcome, VisitTable.reason))]


def test_a_tool_that_never_ends_is_killed_at_its_time_limit(
    bench: TroubledBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
        while True:
            yield 10.0

    monkeypatch.setitem(phone_commands.COMMANDS, "benchmark_model", endless)  # type: ignore[misc]
    bench.measure(1)
    assert bench.tasks == {"failed": 1}
    assert [reason for _, reason in outcomes(bench)] == ["timed out: killed at its time limit"] * 2


def test_a_missing_tool_is_said_before_anything_is_measured(bench: TroubledBench) -> None:
    before = bench.phone_state()
    content = bench.sim.phone.files.read(TOOL_PATH)
    bench.sim.phone.files.remove(TOOL_PATH)
    with pytest.raises(HardwareError, match="not an executable file") as raised:
        bench.measure()
    assert "adb push" in raised.value.hint
    assert bench.phone_state() == before
    assert bench.tasks == {"pending": 3}
    bench.sim.phone.files.write(TOOL_PATH, content, 0o755)
    completes(bench, before)


def test_a_power_hal_that_comes_back_makes_runs_fail_the_clock_gate(bench: TroubledBench) -> None:
    before = bench.phone_state()
    services = bench.sim.phone.services

    def start_it() -> None:
        services["vendor.power-hal-1-2"] = "running"

    for number in range(1, 30):
        bench.during_window(number, start_it, after_s=1.0)
    with suppress(CampaignStopped):
        bench.measure(6)
    reasons = [reason for outcome, reason in outcomes(bench) if outcome == "rejected"]
    reasons += [reason for state, reason in bench.windows if state == "failed"]
    assert reasons
    assert all("clock_locked" in reason for reason in reasons)
    assert services["vendor.power-hal-1-2"] == "running"
    assert bench.phone_state() == before


def test_a_disk_that_is_full_stops_with_what_to_do_and_nothing_is_lost(
    bench: TroubledBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.phone_state()

    def full(*arguments: object) -> None:
        raise DiskFull("lab.db.files/traces has no room left", "make room, then run the same command again")

    with monkeypatch.context() as patched:
        patched.setattr("lab.campaign.window_record.store_trace", full)
        with pytest.raises(DiskFull) as raised:
            bench.measure()
    assert "make room" in raised.value.hint
    assert bench.phone_state() == before
    assert bench.tasks == {"pending": 3}
    assert [state for state, _ in bench.windows] == ["lost"]
    completes(bench, before)


def test_a_database_of_a_newer_version_is_not_touched(bench: TroubledBench) -> None:
    before = bench.phone_state()
    bench.measure()
    path = bench.folder / "lab.db"

    def set_version(version: str) -> str:
        with closing(sqlite3.connect(path)) as connection, connection:
            (old,) = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
            connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", [version])
        connection.close()
        return str(old)

    version = set_version("9999")
    with pytest.raises(NewerSchema) as raised:
        bench.measure(5)
    assert raised.value.hint
    set_version(version)
    assert bench.tasks == {"done": 3}
    completes(bench, before, 5)


def test_ctrl_c_in_a_window_gives_the_phone_back_and_the_next_start_completes(
    bench: TroubledBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.phone_state()

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(window, "_watch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bench.measure()
    assert bench.phone_state() == before
    assert bench.sim.phone.wake_locks == set()
    assert bench.tasks == {"pending": 3}
    assert bench.windows[0][0] == "lost"
    completes(bench, before)

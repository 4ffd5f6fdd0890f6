"""One campaign a meter and a phone: a second process is refused and told who is there; a dead one locks nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.discovery import Discovery
from lab.bench import lock as bench_lock
from lab.bench.lock import device_names, locked, locked_file, locks_folder
from lab.errors import BENCH_UNAVAILABLE, BenchLocked
from lab.profile.profile import BenchProfile, parse_profile

HOLDER = """
import sys
from lab.bench.lock import locked
with locked([sys.argv[1]], "campaign night"):
    print("held", flush=True)
    sys.stdin.read()
"""

# A child that was forked has the file open too.
FORKING_HOLDER = """
import os, signal, sys
from lab.bench.lock import locked
with locked([sys.argv[1]], "campaign night"):
    child = os.fork()
    if child:
        print(child, flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_LOCKS", str(tmp_path))


@contextmanager
def another_process(device: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of a device."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def profile(text: str = "") -> BenchProfile:
    return parse_profile(f'name = "b"\n{text}', "test")


def discovery(meters: list[str], phones: dict[str, str]) -> Discovery:
    return Discovery(lambda: meters, list, lambda: phones)


def test_a_second_process_is_told_who_holds_the_meter() -> None:
    with (
        another_process("meter-26511") as process,
        pytest.raises(BenchLocked, match=f"meter-26511 is in use by process {process.pid}, campaign night") as raised,
        locked(["phone-98AY", "meter-26511"], "me"),
    ):
        pytest.fail("the lock must not be given twice")
    assert raised.value.exit_code == BENCH_UNAVAILABLE
    assert raised.value.hint


def test_another_meter_is_free_meanwhile() -> None:
    with another_process("meter-26511"), locked(["meter-26777"], "me"):
        assert locks_folder().is_dir()


def test_locks_taken_before_the_one_that_fails_are_given_back() -> None:
    with another_process("meter-26511"):
        with pytest.raises(BenchLocked), locked(["phone-98AY", "meter-26511"], "me"):
            pytest.fail("the lock must not be given twice")
        with another_process("phone-98AY"):
            pass


def test_the_lock_of_a_killed_process_is_taken_over_and_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with another_process("meter-26511") as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        with locked(["meter-26511"], "me"):
            pass
    (message,) = caplog.messages
    assert f"meter-26511: the lock of process {process.pid}, campaign night, since 20" in message
    assert "taken over" in message
    with locked(["meter-26511"], "me"):
        assert len(caplog.messages) == 1


def test_what_a_dead_process_left_running_keeps_the_lock_and_is_told_apart() -> None:
    command = [sys.executable, "-c", FORKING_HOLDER, "meter-26511"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=10)
            with (
                pytest.raises(BenchLocked, match=f"something that process {process.pid}, campaign night") as raised,
                locked(["meter-26511"], "me"),
            ):
                pytest.fail("the lock must not be given twice")
            assert "fuser -k" in raised.value.hint
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_process_number_that_was_given_out_again_is_another_process() -> None:
    mine = bench_lock._this_holder("campaign night")
    assert mine.is_alive
    assert not replace(mine, process_start=mine.process_start + 1).is_alive
    assert not replace(mine, pid=2**22 + 1).is_alive


@pytest.mark.parametrize("content", ["", "process 7, campaign old\n", "{}", "[1]", '{"pid": "x"}', "\x00" * 50])
def test_a_file_that_says_nothing_is_a_free_lock(content: str, tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_text(content)
    with locked_file(path, "it", "me"):
        pass
    assert path.read_text() == ""


def test_a_lock_can_be_taken_again_after_it_was_given_back() -> None:
    for _ in range(2):
        with locked(["meter-26511"], "me"):
            pass


@pytest.mark.parametrize("device", ["a/b/../c", "x" * 300, "campaign-\u00fc / lab.db", "meter-1 2"])
def test_any_name_can_be_locked_and_stays_in_the_folder(device: str, tmp_path: Path) -> None:
    with locked([device], "me"), pytest.raises(BenchLocked), locked([device], "me"):
        pytest.fail("the lock must not be given twice")
    assert [path.parent for path in tmp_path.rglob("*.lock")] == [locks_folder()]


def test_two_names_that_look_alike_are_two_locks() -> None:
    with locked(["meter-a b"], "me"), locked(["meter-a_b"], "me"), locked(["meter-a/b"], "me"):
        assert len(list(locks_folder().iterdir())) == 3


def test_the_devices_are_those_of_the_profile_or_all_that_are_found() -> None:
    found = discovery(["26511"], {"98AY": "device"})
    assert device_names(profile(), found) == ["meter-26511", "phone-98AY"]
    named = profile('[meter]\nserial = "1"\n[phone]\nserial = "2"\n')
    assert device_names(named, found) == ["meter-1", "phone-2"]


def test_a_simulated_bench_locks_only_what_its_profile_names() -> None:
    found = discovery(["26511"], {"98AY": "device"})
    assert device_names(profile("[simulated]\n"), found) == []
    named = profile('[meter]\nserial = "26511"\n[phone]\nserial = "98SIM4XL01"\n[simulated]\n')
    assert device_names(named, found) == ["simulated-meter-26511", "simulated-phone-98SIM4XL01"]

"""The adb server: asked for, started and ended on purpose only."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from phone_rig import PhoneRig, phone_rig

from hardware.android.adb_link import AdbLink, phone_states
from hardware.android.adb_server import start_server
from hardware.errors import AdbLost, PhoneNotFound


@pytest.fixture
def rig() -> Iterator[PhoneRig]:
    with phone_rig() as rig:
        yield rig


def a_link(rig: PhoneRig) -> AdbLink:
    return AdbLink(rig.time, None, "127.0.0.1", rig.port, start_server=rig.bench.start_adb_server)


def a_program(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    program = folder / "adb"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(program))


def test_no_server_is_an_error_and_none_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_program(tmp_path, monkeypatch, f"touch {tmp_path}/started")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(PhoneNotFound, match="refused") as raised:
        phone_states("127.0.0.1", port)
    assert "adb start-server" in raised.value.hint
    assert not (tmp_path / "started").exists()


def test_a_server_is_started_on_the_port_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_program(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/said')
    start_server(5999)
    assert (tmp_path / "said").read_text() == "-P 5999 start-server\n"


def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_program(tmp_path, monkeypatch, "echo 'no permission' >&2; exit 1")
    with pytest.raises(OSError, match="no permission"):
        start_server(5999)


def test_a_server_that_died_is_an_error_at_once_and_not_a_phone_that_is_late(rig: PhoneRig) -> None:
    link = a_link(rig)
    rig.bench.adb_server.close()
    began_s = rig.time.now_s()
    with pytest.raises(AdbLost, match="server has gone"):
        link.wait_back(60.0)
    assert rig.time.now_s() - began_s < 5.0
    with pytest.raises(AdbLost):
        link.run("true")


def test_a_server_is_restarted_whether_it_runs_or_not(rig: PhoneRig) -> None:
    link = a_link(rig)
    for kill_first in (False, True):
        if kill_first:
            rig.bench.adb_server.close()
        link.restart_server()
        assert link.run("echo here").stdout == "here\n"


def test_a_phone_that_is_held_for_offline_comes_back_by_reconnecting(rig: PhoneRig) -> None:
    link = a_link(rig)
    rig.phone.adb_stuck = True
    with pytest.raises(AdbLost, match="listed as offline"):
        link.wait_back(5.0)
    link.reconnect()
    link.wait_back(5.0)

"""Recording changes nothing of how the adb server is asked for."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hardware.clock import RealClock
from hardware.tape.adb_connections import RecordedAdb, connection_numbers
from hardware.tape.container import read_records
from hardware.tape.recorder import Recorder


def test_no_server_is_an_error_that_is_kept_and_none_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "adb"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(program))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    recorder = Recorder(tmp_path / "a.labrec", {})
    recorder.clock(RealClock())
    client = RecordedAdb(recorder, connection_numbers(), "127.0.0.1", port, 1.0)
    with pytest.raises(ConnectionRefusedError):
        client.make_connection()
    recorder.close()
    kept = read_records(tmp_path / "a.labrec")[1].head
    assert (kept["kind"], kept["error"][0]) == ("adb open", "ConnectionRefusedError")
    assert not (tmp_path / "started").exists()

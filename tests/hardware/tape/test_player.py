"""A player says what was recorded, in the order in which it was recorded, and stops at anything else."""

from __future__ import annotations

import array
import datetime as dt
import threading
from collections.abc import Iterator

import pytest
from tape_rig import event, packets, player

from hardware.tape.adb_connections import ReplayedAdb
from hardware.tape.container import Record
from hardware.tape.errors import RecordingDamaged, ReplayDiverged, TapeError
from hardware.tape.player import Player
from hardware.tape.serial_port import ReplayedSerial
from hardware.tape.usb import ReplayedUsb


def control(sent: str = "01000000", **more: object) -> Record:
    return event("usb control", device=0, setup=[0x40, 1, 1, 0x10], length=4, sent=sent, n=4, **more)


def set_register(usb: ReplayedUsb, value: int) -> int:
    handle = type("Handle", (), {"number": 0})()
    return usb.ctrl_transfer(handle, 0x40, 1, 1, 0x10, array.array("B", [value, 0, 0, 0]), 100)


def test_a_command_that_was_recorded_is_answered_as_then() -> None:
    played = player(control())
    assert set_register(ReplayedUsb(played), 1) == 4
    played.finish()


def test_a_command_that_was_not_recorded_stops_the_replay_and_says_where() -> None:
    played = player(event("now", now_s=2.5, at_s=2.5), control())
    played.now_s()
    with pytest.raises(ReplayDiverged, match=r"event 2 of 2, 2\.500 s.*sent 01000000.*sent 02000000") as raised:
        set_register(ReplayedUsb(played), 2)
    assert raised.value.hint


def test_after_a_divergence_nothing_goes_on() -> None:
    played = player(control(), control())
    with pytest.raises(ReplayDiverged) as first:
        set_register(ReplayedUsb(played), 2)
    with pytest.raises(ReplayDiverged) as second:
        set_register(ReplayedUsb(played), 1)
    assert str(first.value) == str(second.value)


def test_a_command_too_many_stops_the_replay() -> None:
    played = player(control())
    set_register(ReplayedUsb(played), 1)
    with pytest.raises(ReplayDiverged, match="the recording ends here"):
        set_register(ReplayedUsb(played), 1)


def test_a_command_that_is_left_out_is_noticed_at_the_end() -> None:
    played = player(control(), event("now", now_s=3.0))
    with pytest.raises(ReplayDiverged, match="the drivers have ended, recorded was `usb control`"):
        played.finish()


def test_an_error_that_was_recorded_is_raised_again() -> None:
    played = player(control(error=["USBError", "No such device", -4, 19]))
    with pytest.raises(OSError, match="No such device"):
        set_register(ReplayedUsb(played), 1)


def test_time_is_that_of_the_recording() -> None:
    utc = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    records = [event("now", now_s=2.0, at_s=2.0), event("sleep", duration_s=60.0, at_s=62.0)]
    played = player(*records, event("utc", utc=utc.isoformat(), at_s=63.0))
    assert played.now_s() == 2.0
    played.sleep(60.0)
    assert played.now_s() == 62.0
    assert played.utc() == utc
    assert played.now_s() == 63.0


def test_readings_of_the_clock_may_come_and_go() -> None:
    played = player(event("now", now_s=2.0, at_s=2.0), event("now", now_s=3.0, at_s=3.0), control(at_s=4.0))
    set_register(ReplayedUsb(played), 1)
    assert played.now_s() == 4.0
    played.finish()


def test_another_wait_stops_the_replay() -> None:
    played = player(event("sleep", duration_s=1.0))
    with pytest.raises(ReplayDiverged, match=r"duration_s 1\.0.*duration_s 2\.0"):
        played.sleep(2.0)


class Reader:
    """Reads packets in a thread, as the meter's driver does."""

    def __init__(self, played: Player) -> None:
        self.got: list[bytes] = []
        self.error: Exception | None = None
        self._played = played
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        buffer = array.array("B", bytes(64))
        try:
            while True:
                n = self._played.packet(buffer)
                self.got.append(buffer[:n].tobytes())
        except (TapeError, OSError) as error:
            self.error = error


@pytest.fixture
def sampled() -> Iterator[tuple[Player, Reader]]:
    """Two packets came before the first wait was over, a third during the second, a fourth at the very end."""
    end = Record({"kind": "usb packet", "lane": "reader", "at_s": 3.0, "error": ["USBTimeoutError", "t", -7, 110]}, b"")
    played = player(
        event("sleep", (0, 2), duration_s=1.0),
        event("sleep", (2, 3), duration_s=1.0),
        event("sleep", (5, 5), duration_s=1.0),
        packets(b"one", b"two", b"three"),
        packets(b"four"),
        end,
    )
    reader = Reader(played)
    reader.thread.start()
    yield played, reader
    played.close()
    reader.thread.join(5.0)


def test_samples_come_as_far_as_they_had_come(sampled: tuple[Player, Reader]) -> None:
    played, reader = sampled
    assert reader.got == []
    played.sleep(1.0)
    assert reader.got == [b"one", b"two"]
    played.sleep(1.0)
    # What came between two commands comes between them again, whenever the thread gets to it.
    reader.thread.join(5.0)
    assert reader.got == [b"one", b"two", b"three", b"four"]
    assert isinstance(reader.error, TimeoutError | OSError)
    played.sleep(1.0)
    played.finish()


def test_a_reader_that_waits_is_let_go_at_the_end(sampled: tuple[Player, Reader]) -> None:
    played, reader = sampled
    played.close()
    reader.thread.join(5.0)
    assert isinstance(reader.error, ReplayDiverged)


def test_a_divergence_ends_the_reader_too(sampled: tuple[Player, Reader]) -> None:
    played, reader = sampled
    with pytest.raises(ReplayDiverged):
        played.sleep(7.0)
    reader.thread.join(5.0)
    assert isinstance(reader.error, ReplayDiverged)


def test_an_adb_stream_may_be_cut_otherwise_but_not_be_another() -> None:
    records = [
        event("adb open", connection=0),
        event("adb send", connection=0, payload=b"000chost:version"),
        event("adb recv", connection=0, payload=b"OKAY00040029"),
    ]
    with ReplayedAdb(player(*records), iter([0]), 1.0).make_connection() as connection:
        connection.send(b"000c")
        connection.send(b"host:version")
        assert connection.conn.recv(4) == b"OKAY"
        assert connection.conn.recv(100) == b"00040029"
    with (
        ReplayedAdb(player(*records), iter([0]), 1.0).make_connection() as connection,
        pytest.raises(ReplayDiverged, match="host:devices"),
    ):
        connection.send(b"000chost:devices")


def test_an_adb_request_that_is_cut_short_is_noticed_when_its_answer_is_read() -> None:
    records = [event("adb open", connection=0), event("adb send", connection=0, payload=b"000chost:version")]
    with ReplayedAdb(player(*records), iter([0]), 1.0).make_connection() as connection:
        connection.send(b"000chost:")
        with pytest.raises(ReplayDiverged, match="version"):
            connection.conn.recv(4)


def test_a_serial_line_says_what_it_said() -> None:
    records = [
        event("serial open", path="/dev/ttyACM0"),
        event("serial write", sent="0301"),
        event("serial waiting", n=2),
        event("serial read", payload=b"\x10\x20"),
    ]
    played = player(*records)
    port = ReplayedSerial(played, played.serial_path())
    port.write(b"\x03\x01")
    assert port.in_waiting == 2
    assert port.read(2) == b"\x10\x20"


def test_a_read_for_fewer_bytes_than_came_stops_the_replay() -> None:
    played = player(event("serial open", path="x"), event("serial read", payload=b"abc"))
    port = ReplayedSerial(played, "x")
    with pytest.raises(ReplayDiverged, match="3 bytes"):
        port.read(2)


@pytest.mark.parametrize(
    "record",
    [
        event("format c:"),
        event("sleep", duration_s="long"),
        event("sleep", duration_s=float("nan")),
        event("now", now_s=None),
        event("utc", utc="yesterday"),
        event("utc", utc="2001-01-01"),
        event("adb recv", connection=-1),
        event("sleep", (3, 1), duration_s=1.0),
        event("sleep", (0, 9), duration_s=1.0),
        event("sleep", duration_s=1.0, error=["SystemExit", 0]),
        Record({"kind": "sleep", "duration_s": 1.0, "at_s": 0.0}, b""),
        Record({"kind": "usb packets", "lane": "reader", "n": 2, "width": 60, "at_s": 0.0}, b"short"),
        Record({"kind": "usb packets", "lane": "reader", "n": 1 << 60, "width": 60, "at_s": 0.0}, b""),
        Record({"kind": "usb packet", "lane": "reader", "at_s": 0.0}, b""),
        Record({"kind": "usb device", "number": 0, "descriptors": {"device": {"bLength": "import os"}}}, b""),
        Record({"kind": "note"}, b""),
    ],
)
def test_events_that_no_recorder_writes_are_refused_at_once(record: Record) -> None:
    with pytest.raises(RecordingDamaged) as raised:
        player(record)
    assert raised.value.hint

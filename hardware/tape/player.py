"""Says again what devices said, as long as the drivers do what they did; stops where they do something else.

Time is that of the recording: it moves with its events, so a replay takes as long as the drivers' own work. How the
two lanes of a recording are kept in step is told in `recorder`.
"""

from __future__ import annotations

import array
import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hardware.tape.container import Record, read_records
from hardware.tape.errors import ReplayDiverged
from hardware.tape.failures import raised
from hardware.tape.lanes import ReaderLane, check_events, lanes_of
from hardware.tape.packet_block import SLOT_BYTES

_PATIENCE_S, _GO_ON_S, _POLL_S = 20.0, 5.0, 0.01
_CLOCK_KINDS = ("now", "utc")
_HINT = (
    "The drivers or the procedure have changed since it was recorded, or the file was altered. Replay it with the "
    "release that its first record names, or record the session again."
)


class Player:
    """One replay of one recording. Made by the thread whose commands are the main lane.

    Raises:
        RecordingDamaged: events that make no sense.

    Attributes:
        session: what the first record says.
        notes: (name, content) of what was kept besides events.
        interrupted: a Ctrl-C that was recorded has been raised again.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        check_events(records)
        self.session: Mapping[str, Any] = records[0].head
        self.notes = [(str(r.head["name"]), r.payload) for r in records if r.kind == "note"]
        self._descriptors = {int(r.head["number"]): r.head["descriptors"] for r in records if r.kind == "usb device"}
        self.main, reader = lanes_of(records)
        self._reader = ReaderLane(reader)
        self._main_thread = threading.get_ident()
        self._at = 0
        self._now_s = 0.0
        self._utc = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
        self._changed = threading.Condition()
        self._n_returned = 0
        self._idle_at = 0
        self._allowed = self._may_read_until(0)
        self._reader_thread: threading.Thread | None = None
        self._reader_now_s = 0.0
        self._lengths: list[int] = []
        self._slots = memoryview(b"")
        self._in_block = 0
        self._divergence: str | None = None
        self._closed = False
        self.interrupted = False

    # -- the main lane

    def take(self, kind: str, about: Mapping[str, Any]) -> Record:
        """The next event, if it is this one; else the replay ends here.

        Raises:
            ReplayDiverged: something else was recorded.
            BaseException: what the recorded call raised.
        """
        self._stop_if_diverged()
        if threading.get_ident() != self._main_thread:
            return self._take_as_reader(kind, about)
        # A reading of the clock that is no longer made changes nothing on the wire.
        while self._at < len(self.main) and self.main[self._at].kind in _CLOCK_KINDS:
            self._pass()
        record = self.main[self._at] if self._at < len(self.main) else None
        self._check(record, kind, about)
        assert record is not None
        self._pass()
        if "error" in record.head:
            error = raised(record.head["error"])
            self.interrupted |= isinstance(error, KeyboardInterrupt)
            raise error
        return record

    def next_kind(self) -> str:
        """The kind of the next event of the main lane; "" at its end."""
        return self.main[self._at].kind if self._at < len(self.main) else ""

    def _check(self, record: Record | None, kind: str, about: Mapping[str, Any]) -> None:
        if record is None:
            self._diverge(f"the recording ends here, the drivers go on with {_words(kind, about)}")
        if record.kind != kind or any(record.head.get(name) != value for name, value in about.items()):
            self._diverge(f"recorded was {_words(record.kind, record.head)}, the drivers now do {_words(kind, about)}")

    def _diverge(self, what: str) -> NoReturn:
        where = f"event {self._at + 1} of {len(self.main)}, {self._now_s:.3f} s on the bench's clock"
        self._divergence = self._divergence or f"The replay stops at {where}: {what}."
        with self._changed:
            self._changed.notify_all()
        raise ReplayDiverged(self._divergence, _HINT)

    def _stop_if_diverged(self) -> None:
        if self._divergence is not None:
            raise ReplayDiverged(self._divergence, _HINT)
        if self._closed:
            raise ReplayDiverged("The replay has ended.", _HINT)

    def _pass(self) -> None:
        """Go past the next event: the reader gets as far as it had got when this was over."""
        record = self.main[self._at]
        self._let_reader_get_to(record.head["seen"][1])
        self._at += 1
        self._now_s = record.head["at_s"]
        self._let_reader_go_on(self._may_read_until(self._at))

    def _may_read_until(self, at: int) -> int:
        """Events of the reader before the main lane's next one; all of them when that was the last."""
        return self.main[at].head["seen"][0] if at < len(self.main) else self._reader.n_events

    def _let_reader_get_to(self, n: int) -> None:
        with self._changed:
            if self._allowed < n:
                self._allowed = n
                self._changed.notify_all()
            waited_s = 0.0
            while not self._reader_is_at(n):
                self._stop_if_diverged()
                if waited_s > _PATIENCE_S:
                    self._diverge(f"the reader of samples has taken {self._n_returned} of {n} events")
                self._changed.wait(_POLL_S)
                waited_s += _POLL_S

    def _let_reader_go_on(self, n: int) -> None:
        """Let the reader have what came before the next event of the main lane.

        A reader that is reading has it before the main lane goes on: a failure, above all, is seen by the next look.
        One that the main lane has yet to start, or that has ended, is not waited for.
        """
        with self._changed:
            self._allowed = max(self._allowed, n)
            self._changed.notify_all()
            waited_s = 0.0
            while (
                self._reader_thread is not None
                and self._reader_thread.is_alive()
                and not self._reader_is_at(n)
                and waited_s < _GO_ON_S
            ):
                self._stop_if_diverged()
                self._changed.wait(_POLL_S)
                waited_s += _POLL_S

    def _reader_is_at(self, n: int) -> bool:
        if self._idle_at >= n:
            return True
        ended = self._reader_thread is not None and not self._reader_thread.is_alive()
        return self._n_returned >= n and ended

    # -- the reader lane

    def _wait_for_leave(self) -> None:
        """Wait until the main lane has got so far that the next event may happen."""
        with self._changed:
            self._reader_thread = threading.current_thread()
            self._idle_at = self._n_returned
            self._changed.notify_all()
            while self._n_returned >= self._allowed:
                self._stop_if_diverged()
                self._changed.wait(1.0)

    def _next_of_reader(self, kinds: Sequence[str], about: Mapping[str, Any]) -> Record:
        record = self._reader.next()
        if record is None or record.kind not in kinds:
            self._check(record, kinds[0], about)
        assert record is not None
        self._reader_now_s = record.head["at_s"]
        return record

    def _take_as_reader(self, kind: str, about: Mapping[str, Any]) -> Record:
        if self._n_returned >= self._allowed:
            self._wait_for_leave()
        record = self._next_of_reader((kind,), about)
        self._check(record, kind, about)
        self._n_returned += 1
        if "error" in record.head:
            raise raised(record.head["error"])
        return record

    def packet(self, buffer: array.array[int]) -> int:
        """The next packet of samples into a buffer; its length."""
        if self._n_returned >= self._allowed:
            self._wait_for_leave()
        i = self._in_block
        if i == len(self._lengths):
            i = self._open_block()
        length = self._lengths[i]
        memoryview(buffer)[:length] = self._slots[i * SLOT_BYTES : i * SLOT_BYTES + length]
        self._in_block = i + 1
        self._n_returned += 1
        return length

    def _open_block(self) -> int:
        self._stop_if_diverged()
        record = self._next_of_reader(("usb packets", "usb packet"), {})
        if record.kind == "usb packet":
            self._n_returned += 1
            raise raised(record.head["error"])
        self._lengths, slots = self._reader.packets(record)
        self._slots = memoryview(slots.tobytes())
        return 0

    # -- what else drivers ask for

    def check_sent(self, connection: int, sent: bytes, recorded: bytes) -> None:
        """Hold bytes that the drivers send against those they sent then."""
        if sent != recorded:
            self._diverge(f"adb connection {connection} was sent {recorded!r:.80}, now it is {sent!r:.80}")

    def no_more_than(self, data: bytes, n_bytes: int) -> bytes:
        """What a read returns, which must fit what was asked for."""
        if len(data) > n_bytes:
            self._diverge(f"a read brought {len(data)} bytes, the drivers now ask for {n_bytes}")
        return data

    def descriptors(self, number: int) -> Mapping[str, Any]:
        """What a USB device said of itself, by descriptor."""
        found: Mapping[str, Any] = self._descriptors.get(number, {})
        return found

    def serial_path(self) -> str:
        """The serial port that the session was recorded on."""
        return next((str(r.head["path"]) for r in self.main if r.kind == "serial open"), "none")

    def now_s(self) -> float:
        """A reading of the bench's clock: the one that was recorded here, else that of the event before."""
        self._stop_if_diverged()
        if threading.get_ident() != self._main_thread:
            return self._reader_clock()
        if self.next_kind() != "now":
            return self._now_s
        value: float = self.main[self._at].head["now_s"]
        self._pass()
        return value

    def _reader_clock(self) -> float:
        if self._n_returned >= self._allowed:
            self._wait_for_leave()
        if self._reader.kind_of_next() != "now":
            return self._reader_now_s
        value: float = self._take_as_reader("now", {}).head["now_s"]
        return value

    def utc(self) -> dt.datetime:
        """The same of the wall clock."""
        self._stop_if_diverged()
        if self.next_kind() == "utc":
            self._utc = dt.datetime.fromisoformat(self.main[self._at].head["utc"])
            self._pass()
        return self._utc

    def sleep(self, duration_s: float) -> None:
        """A wait, which must be the recorded one: what comes after it was recorded after it."""
        self.take("sleep", {"duration_s": duration_s})

    def finish(self) -> None:
        """Say that the drivers are done.

        Raises:
            ReplayDiverged: they have left something out.
        """
        if self._divergence is not None:
            raise ReplayDiverged(self._divergence, _HINT)
        rest = [record for record in self.main[self._at :] if record.kind not in _CLOCK_KINDS]
        if rest:
            self._diverge(f"the drivers have ended, recorded was {_words(rest[0].kind, rest[0].head)}")

    def close(self) -> None:
        """Let a reader go that still waits."""
        self._closed = True
        with self._changed:
            self._changed.notify_all()


def open_player(path: Path) -> Player:
    """The player of a file.

    Raises:
        TapeError: it is none, or damaged.
    """
    return Player(read_records(path))


def _words(kind: str, about: Mapping[str, Any]) -> str:
    told = {k: v for k, v in about.items() if k not in ("kind", "seen", "at_s", "error", "n", "lane")}
    words = ", ".join(f"{name} {value if isinstance(value, str) else str(value)}" for name, value in told.items())
    return f"`{kind}` ({words[:160]})" if words else f"`{kind}`"

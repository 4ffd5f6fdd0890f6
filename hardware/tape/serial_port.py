"""The serial line of a recorded session: a pyserial port that keeps what crosses it, and one that says it again."""

from __future__ import annotations

from typing import Any

import serial

from hardware.tape.player import Player
from hardware.tape.recorder import Recorder


class RecordedSerial:
    """What the LVPM's driver uses of a `serial.Serial`, around a real one. Opens it."""

    def __init__(self, recorder: Recorder, path: str, *arguments: Any, **options: Any) -> None:
        self._recorder = recorder
        self._inner: Any = recorder.call(
            "serial open", {"path": path}, lambda: serial.Serial(path, *arguments, **options)
        )

    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes (pyserial's interface)."""
        data: bytes = self._recorder.call(
            "serial read", {}, lambda: self._inner.read(size), lambda data: ({}, data), waits=True
        )
        return data

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once (pyserial's interface)."""
        n: int = self._recorder.call("serial waiting", {}, lambda: self._inner.in_waiting, lambda n: ({"n": n}, b""))
        return n

    def write(self, data: bytes) -> int:
        """Sends bytes; how many (pyserial's interface)."""
        n: int = self._recorder.call("serial write", {"sent": data.hex()}, lambda: self._inner.write(data))
        return n

    def reset_input_buffer(self) -> None:
        """Drops what was not read (pyserial's interface)."""
        self._recorder.call("serial reset", {}, lambda: self._inner.reset_input_buffer())

    def close(self) -> None:
        """Ends it; harmless when done twice."""
        self._inner.close()


class ReplayedSerial:
    """The same from a recording."""

    def __init__(self, player: Player, path: str) -> None:
        self._player = player
        player.take("serial open", {"path": path})

    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes (pyserial's interface)."""
        # What came is what was recorded; a driver that asks for fewer bytes than that is another driver.
        data = self._player.take("serial read", {}).payload
        return self._player.no_more_than(data, size)

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once (pyserial's interface)."""
        return int(self._player.take("serial waiting", {}).head["n"])

    def write(self, data: bytes) -> int:
        """Sends bytes; how many (pyserial's interface)."""
        self._player.take("serial write", {"sent": data.hex()})
        return len(data)

    def reset_input_buffer(self) -> None:
        """Drops what was not read (pyserial's interface)."""
        self._player.take("serial reset", {})

    def close(self) -> None:
        """Ends it; harmless when done twice."""
        return

"""The connections to the adb server of a recorded session: adbutils clients that keep what crosses them, and that
say it again. Nothing of a replay reaches a real adb server.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import adbutils
from adbutils._adb import AdbConnection

from hardware.android.adb_server import server_answers
from hardware.tape.player import Player
from hardware.tape.recorder import Recorder

# Where no adb server is: what adbutils does without a connection must not find one.
_NOWHERE = ("127.0.0.1", 1)


class RecordedAdb(adbutils.AdbClient):  # type: ignore[misc]
    """A client whose connections are kept; like `AskingClient` it starts no server."""

    def __init__(self, recorder: Recorder, numbers: Iterator[int], host: str, port: int, socket_timeout: float) -> None:
        super().__init__(host, port, socket_timeout=socket_timeout)
        self._recorder, self._numbers, self._timeout_s = recorder, numbers, socket_timeout

    def make_connection(self, timeout: float | None = None) -> AdbConnection:
        """A connection to the server, as adbutils asks for one."""
        return _timed(_RecordedConnection(self._recorder, next(self._numbers), self.host, self.port), timeout, self)


class ReplayedAdb(adbutils.AdbClient):  # type: ignore[misc]
    """A client whose connections come from a recording."""

    def __init__(self, player: Player, numbers: Iterator[int], socket_timeout: float) -> None:
        super().__init__(*_NOWHERE, socket_timeout=socket_timeout)
        self._player, self._numbers, self._timeout_s = player, numbers, socket_timeout

    def make_connection(self, timeout: float | None = None) -> AdbConnection:
        """A connection to the server, as adbutils asks for one."""
        return _timed(_ReplayedConnection(self._player, next(self._numbers)), timeout, self)


def _timed(connection: AdbConnection, timeout: float | None, client: Any) -> AdbConnection:
    if wait_s := timeout or client._timeout_s:
        connection.conn.settimeout(wait_s)
    return connection


class _RecordedConnection(AdbConnection):  # type: ignore[misc]
    def __init__(self, recorder: Recorder, number: int, host: str, port: int) -> None:
        self._recorder, self._number, self._server = recorder, number, (host, port)
        super().__init__(host, port)

    def _safe_connect(self) -> Any:
        def connect() -> Any:
            server_answers(*self._server)
            return super(_RecordedConnection, self)._safe_connect()

        inner = self._recorder.call("adb open", {"connection": self._number}, connect)
        return _RecordedSocket(self._recorder, self._number, inner)


class _RecordedSocket:
    """What adbutils and the driver use of a socket, around a real one."""

    def __init__(self, recorder: Recorder, number: int, inner: Any) -> None:
        self._recorder, self._about, self._inner = recorder, {"connection": number}, inner

    def settimeout(self, timeout_s: float | None) -> None:
        self._inner.settimeout(timeout_s)

    def send(self, data: bytes) -> int:
        n: int = self._recorder.call(
            "adb send", self._about, lambda: self._inner.send(data), lambda n: ({}, bytes(data[:n]))
        )
        return n

    def sendall(self, data: bytes) -> None:
        def send() -> None:
            self._inner.sendall(data)

        self._recorder.call("adb send", self._about, send, lambda _: ({}, bytes(data)))

    def recv(self, n_bytes: int) -> bytes:
        data: bytes = self._recorder.call(
            "adb recv", self._about, lambda: self._inner.recv(n_bytes), lambda data: ({}, data)
        )
        return data

    def recv_into(self, buffer: Any) -> int:
        def show(n: int) -> tuple[dict[str, Any], bytes]:
            return {}, bytes(memoryview(buffer)[:n])

        n: int = self._recorder.call("adb recv", self._about, lambda: self._inner.recv_into(buffer), show)
        return n

    def shutdown(self, how: int) -> None:
        self._inner.shutdown(how)

    def close(self) -> None:
        self._inner.close()


class _ReplayedConnection(AdbConnection):  # type: ignore[misc]
    def __init__(self, player: Player, number: int) -> None:
        self._player, self._number = player, number
        super().__init__(*_NOWHERE)

    def _safe_connect(self) -> Any:
        self._player.take("adb open", {"connection": self._number})
        return _ReplayedSocket(self._player, self._number)


class _ReplayedSocket:
    """Bytes as streams: how the driver cuts what it sends, or how much it asks for at once, may change."""

    def __init__(self, player: Player, number: int) -> None:
        self._player, self._about = player, {"connection": number}
        self._expected = memoryview(b"")
        self._received = memoryview(b"")

    def settimeout(self, timeout_s: float | None) -> None:
        return None

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            if not self._expected:
                self._expected = memoryview(self._player.take("adb send", self._about).payload)
            n = min(len(rest), len(self._expected))
            self._player.check_sent(self._about["connection"], bytes(rest[:n]), bytes(self._expected[:n]))
            rest, self._expected = rest[n:], self._expected[n:]

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def recv(self, n_bytes: int) -> bytes:
        self._check_all_sent()
        if not self._received:
            self._received = memoryview(self._player.take("adb recv", self._about).payload)
        data, self._received = bytes(self._received[:n_bytes]), self._received[n_bytes:]
        return data

    def recv_into(self, buffer: Any) -> int:
        data = self.recv(len(buffer))
        memoryview(buffer)[: len(data)] = data
        return len(data)

    def _check_all_sent(self) -> None:
        if self._expected:
            self._player.check_sent(self._about["connection"], b"", bytes(self._expected))

    def shutdown(self, how: int) -> None:
        # adbutils then leaves out its pause of 10 ms, which a server would need.
        raise OSError("nothing to shut down")

    def close(self) -> None:
        return None


def connection_numbers() -> Iterator[int]:
    """0, 1, 2, ...: every connection of a session has its own."""
    return itertools.count()

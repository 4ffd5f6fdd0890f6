"""The link to a phone over adb: adbutils, with deadlines, exit codes and errors that can be acted on.

Commands run over shell protocol v2 (v1 has no exit codes and reports a lost phone as truncated output). Files are
sent over adbutils' connections but with a time limit of our own: `adbutils` pushes without one and hangs for ever
when USB goes away.
"""

from __future__ import annotations

import logging
import shlex
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from adbutils import AdbError
from adbutils._adb import AdbConnection

from hardware.android.adb_server import AskingClient
from hardware.clock import Clock, Deadline
from hardware.errors import (
    AdbLost,
    CommandFailed,
    NoRoot,
    PhoneNotFound,
    PhoneUnauthorised,
    SeveralPhones,
)

log = logging.getLogger(__name__)

MakeClient = Callable[..., Any]
"""Makes an adbutils client from host, port and `socket_timeout`."""

# What a lost or a confused connection raises; ValueError and struct.error: an answer that is none.
_LINK_ERRORS = (AdbError, EOFError, OSError, ValueError, struct.error)
_PIECE_BYTES = 65536
_TRANSFER_TIMEOUT_S = 30.0
_GONE_POLL_S, _BACK_POLL_S = 0.1, 0.5
_ROOT_TIMEOUT_S = 20.0
# Without it adbutils waits for ever for a server that accepts and says nothing.
_SERVER_TIMEOUT_S, _SERVER_ENDS_S = 10.0, 5.0
_CABLE_HINT = "Check the USB cable and that the phone shows `device` in `adb devices`."


@dataclass(frozen=True)
class CommandResult:
    """What a command on the phone printed, and how it ended."""

    stdout: str
    stderr: str
    exit_code: int


def phone_states(host: str, port: int, make_client: MakeClient = AskingClient) -> dict[str, str]:
    """Serial number -> state ("device", "unauthorized", "offline", ...) of every phone the adb server sees.

    Args:
        host, port: of the adb server.
        make_client: makes the client; as `adbutils.AdbClient`.

    Raises:
        PhoneNotFound: there is no adb server.
    """
    try:
        client = make_client(host, port, socket_timeout=_SERVER_TIMEOUT_S)
        return {info.serial: info.state for info in client.list()}
    except _LINK_ERRORS as error:
        raise PhoneNotFound(
            "phone", "ask the adb server", str(error), "Start the adb server: `adb start-server`."
        ) from error


def _choose(states: dict[str, str], serial: str | None) -> str:
    if serial is None and len(states) > 1:
        raise SeveralPhones(
            "phone",
            "choose",
            f"connected: {', '.join(sorted(states))}",
            f'Name one in the bench profile: [phone] serial = "{sorted(states)[0]}".',
        )
    chosen = serial or next(iter(states), None)
    if chosen is None or chosen not in states:
        seen = ", ".join(sorted(states)) or "none"
        raise PhoneNotFound("phone", f"find {serial or 'a phone'}", f"connected: {seen}", _CABLE_HINT)
    if states[chosen] == "unauthorized":
        raise PhoneUnauthorised(
            f"phone {chosen}",
            "connect",
            "unauthorized",
            "Unlock the phone and accept this computer's key in its dialog.",
        )
    return chosen


class AdbLink:
    """One phone.

    Args:
        serial: which phone; None if exactly one is connected.
        host, port: of the adb server.
        make_client: makes clients of it; as `adbutils.AdbClient`.
        start_server: starts the server anew.
        transfer_timeout_s: longest silence while a file is sent or fetched, by the computer's clock.

    Raises:
        PhoneNotFound, SeveralPhones, PhoneUnauthorised.
    """

    def __init__(
        self,
        clock: Clock,
        serial: str | None = None,
        host: str = "127.0.0.1",
        port: int = 5037,
        make_client: MakeClient = AskingClient,
        *,
        start_server: Callable[[], None] = lambda: None,
        transfer_timeout_s: float = _TRANSFER_TIMEOUT_S,
    ) -> None:
        self.clock = clock
        self._host, self._port, self._make_client = host, port, make_client
        self._start_server, self._transfer_timeout_s = start_server, transfer_timeout_s
        self.serial = _choose(phone_states(host, port, make_client), serial)
        self.name = f"phone {self.serial}"
        self._device = self._client().device(serial=self.serial)
        self._root_prefix: tuple[str, ...] = ()

    def run(self, command: str, *, check: bool = True, timeout_s: float = 30.0) -> CommandResult:
        """Run a command line in the phone's shell, as root.

        Args:
            command: shell text; the caller quotes what it was given (`shlex.quote`).
            check: raise if the exit code is not 0.

        Raises:
            AdbLost: the phone went away.
            CommandFailed: `check` and the exit code is not 0.
        """
        line = shlex.join([*self._root_prefix, command]) if self._root_prefix else command
        try:
            answer = self._device.shell2(line, timeout=timeout_s, v2=True)
        except _LINK_ERRORS as error:
            raise AdbLost(self.name, f"run `{command}`", str(error) or "cut off", _CABLE_HINT) from error
        result = CommandResult(answer.stdout, answer.stderr, answer.returncode)
        if check and result.exit_code != 0:
            said = (result.stderr or result.stdout).strip()
            raise CommandFailed(
                self.name,
                f"run `{command}`",
                f"exit code {result.exit_code}: {said}",
                "Run `lab doctor`; the phone's build may lack the command.",
            )
        return result

    def become_root(self) -> None:
        """Make commands run as root, by `adb root` or by `su`.

        Raises:
            NoRoot: neither works.
        """
        if self.run("id -u").stdout.strip() == "0":
            return
        try:
            said = str(self._device.root()).strip()
        except _LINK_ERRORS as error:
            said = str(error)
        if "restarting" in said:
            self.wait_gone(5.0, required=False)
            self.wait_back(_ROOT_TIMEOUT_S)
        if self.run("id -u").stdout.strip() == "0":
            return
        if self.run("su -c 'id -u'", check=False).stdout.strip() == "0":
            self._root_prefix = ("su", "-c")
            return
        raise NoRoot(
            self.name,
            "become root",
            said or "neither `adb root` nor `su` gives root",
            "Locking the clock needs root: flash a userdebug build or root the phone with Magisk.",
        )

    @contextmanager
    def _sync(self, operation: str) -> Iterator[AdbConnection]:
        try:
            connection = self._device.open_transport(timeout=self._transfer_timeout_s)
            with connection:
                connection.conn.settimeout(self._transfer_timeout_s)
                connection.send_command("sync:")
                connection.check_okay()
                yield connection
        except _LINK_ERRORS as error:
            raise AdbLost(self.name, operation, str(error) or "cut off", _CABLE_HINT) from error

    def push(self, content: bytes, path: str, mode: int = 0o644) -> None:
        """Write a file on the phone.

        Raises:
            AdbLost: the phone went away, or nothing moved for 30 s.
            CommandFailed: the phone refused, e.g. because its storage is full.
        """
        with self._sync(f"push {path}") as connection:
            target = f"{path},{0o100000 | mode}".encode()
            connection.conn.sendall(b"SEND" + struct.pack("<I", len(target)) + target)
            for start in range(0, len(content), _PIECE_BYTES):
                piece = content[start : start + _PIECE_BYTES]
                connection.conn.sendall(b"DATA" + struct.pack("<I", len(piece)) + piece)
            connection.conn.sendall(b"DONE" + struct.pack("<I", int(self.clock.utc().timestamp())))
            kind, length = struct.unpack("<4sI", connection.read_exact(8))
            refused = connection.read_exact(_checked(length)).decode(errors="replace") if kind == b"FAIL" else ""
        if kind != b"OKAY":
            raise CommandFailed(
                self.name,
                f"push {path} ({len(content)} bytes)",
                refused or repr(kind),
                "Make room on the phone: `adb shell df /data`.",
            )

    def pull(self, path: str) -> bytes:
        """Read a file of the phone.

        Raises:
            AdbLost: the phone went away, or nothing moved for 30 s.
            CommandFailed: there is no such file.
        """
        pieces = list[bytes]()
        refused = None
        with self._sync(f"pull {path}") as connection:
            connection.conn.sendall(b"RECV" + struct.pack("<I", len(path.encode())) + path.encode())
            while True:
                kind, length = struct.unpack("<4sI", connection.read_exact(8))
                if kind == b"DONE":
                    break
                body = _exactly(connection.conn, _checked(length))
                if kind != b"DATA":
                    refused = body.decode(errors="replace")
                    break
                pieces.append(body)
        if refused is not None:
            raise CommandFailed(self.name, f"pull {path}", refused, "Run the window again.")
        return b"".join(pieces)

    def state(self) -> str:
        """The phone's state as the adb server lists it; "" if it is not listed, or if there is no server."""
        try:
            return phone_states(self._host, self._port, self._make_client).get(self.serial, "")
        except PhoneNotFound:
            return ""

    def reconnect(self) -> None:
        """Have the adb server drop the connections that it holds for broken, and make them anew.

        Raises:
            AdbLost: the server does not do it.
        """
        try:
            with self._client().make_connection() as connection:
                connection.send_command("host:reconnect-offline")
                connection.check_okay()
        except _LINK_ERRORS as error:
            raise AdbLost(self.name, "reconnect", str(error) or "cut off", _CABLE_HINT) from error

    def restart_server(self) -> None:
        """End the adb server, if there is one, and start it anew.

        Raises:
            AdbLost: it does not start.
        """
        try:
            self._end_server()
            self._wait_server_gone()
        except _LINK_ERRORS as error:
            log.info("the adb server has gone, or does not end: %s", error)
        try:
            self._start_server()
            self._client().server_version()
        except _LINK_ERRORS as error:
            raise AdbLost(self.name, "start the adb server", str(error), "Start it: `adb start-server`.") from error

    def _end_server(self) -> None:
        # adbutils' own `server_kill` first looks for a server beside the client's connections.
        with self._client().make_connection() as connection:
            connection.send_command("host:kill")
            connection.check_okay()

    def _wait_server_gone(self) -> None:
        deadline = Deadline(self.clock, _SERVER_ENDS_S)
        while not deadline.passed:
            self._client().server_version()
            self.clock.sleep(_GONE_POLL_S)

    def _expect_server(self) -> None:
        try:
            self._client().server_version()
        except _LINK_ERRORS as error:
            hint = "Start the adb server: `adb start-server`."
            raise AdbLost(self.name, "wait for the phone", f"the adb server has gone: {error}", hint) from error

    def _client(self) -> Any:
        return self._make_client(self._host, self._port, socket_timeout=_SERVER_TIMEOUT_S)

    def wait_gone(self, timeout_s: float, *, required: bool = True) -> None:
        """Wait until adb no longer lists the phone.

        `wait-for-device` returns at once if the link is not yet down, so leaving is waited for by itself.

        Raises:
            AdbLost: it is still there and `required`.
        """
        deadline = Deadline(self.clock, timeout_s)
        while self.state() == "device":
            if deadline.passed:
                if required:
                    raise AdbLost(
                        self.name,
                        "wait until USB is cut",
                        f"still connected after {timeout_s:g} s",
                        "Is the phone's USB cable in the meter's USB port, not in the computer's?",
                    )
                return
            self.clock.sleep(_GONE_POLL_S)

    def wait_back(self, timeout_s: float) -> None:
        """Wait until adb lists the phone as ready.

        Raises:
            AdbLost: it did not come back in time, or the adb server has gone.
        """
        deadline = Deadline(self.clock, timeout_s)
        while (state := self.state()) != "device":
            if deadline.passed:
                seen = f"not back after {timeout_s:g} s" + (f", listed as {state}" if state else "")
                raise AdbLost(self.name, "wait for the phone", seen, _CABLE_HINT)
            if not state:
                self._expect_server()
            self.clock.sleep(_BACK_POLL_S)


def _checked(length: int) -> int:
    """A length of the sync protocol: 64 KiB at most (AOSP SYNC.TXT); more is a stream that went wrong.

    Raises:
        ValueError: it is more.
    """
    if length > _PIECE_BYTES:
        raise ValueError(f"a block of {length} bytes")
    return length


def _exactly(connection: socket.socket, n_bytes: int) -> bytes:
    data = bytearray(n_bytes)
    view, at = memoryview(data), 0
    while at < n_bytes:
        got = connection.recv_into(view[at:])
        if not got:
            raise EOFError("cut off")
        at += got
    return bytes(data)

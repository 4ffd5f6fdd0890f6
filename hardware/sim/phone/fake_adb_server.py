"""A fake adb server on a loopback port: the smart-socket protocol as the real server speaks it, for one phone.

Real adbutils clients connect to it. Requests are `hex4 length` + text; answers are OKAY or FAIL + hex4 + text
(AOSP system/core/adb/SERVICES.TXT, SYNC.TXT; shell v2 packets are id u8, length u32 LE, data). When the phone loses
USB its streams are cut and its serial vanishes from the list, as the real server does it.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

from hardware.sim.phone.phone_files import NoSuchFile
from hardware.sim.phone.simulated_phone import SimPhone

_VERSION = 41
FEATURES = "shell_v2,cmd,stat_v2,ls_v2,fixed_push_mkdir,apex"
_STDOUT, _STDERR, _EXIT = 1, 2, 3
_DATA_BYTES = 65536
# As long as the client's own time limit, on the bench's clock.
_HANG_S = 30.0


class _Refused(Exception):
    """The request is answered with FAIL."""


class AdbServer:
    """Serves one phone until closed.

    Attributes:
        port: where it listens, on 127.0.0.1.
        on_push: told the path of each file that comes in, before it is stored.
        hang_push: the next file that is sent gets no answer, however long the client waits.
    """

    def __init__(self, phone: SimPhone) -> None:
        self.phone = phone
        self._world = phone.world
        self._changed = threading.Condition()
        self._transports: set[socket.socket] = set()
        self.port = 0
        self.hang_push = False
        self.on_push: Callable[[str], None] = lambda path: None
        phone.on_adb_change = self._phone_changed
        self.start()

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), name="adb server", daemon=True).start()

    @property
    def listening(self) -> bool:
        """The server runs."""
        return self._listener.fileno() >= 0

    def close(self) -> None:
        """Stop listening and cut all connections, as a server that is killed."""
        if self.listening:
            # A thread that waits in accept() keeps a closed socket alive, and its port taken.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self._cut_transports()

    def _phone_changed(self) -> None:
        if not self.phone.adb_online:
            self._cut_transports()
        with self._changed:
            self._changed.notify_all()

    def _cut_transports(self) -> None:
        for connection in list(self._transports):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), name="adb client", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        stream = _AdbStream(connection)
        try:
            with connection:
                on_device = False
                while True:
                    request = stream.request()
                    self._world.catch_up()
                    try:
                        if on_device:
                            self._device_service(stream, request)
                            return
                        on_device = self._host_service(stream, request)
                        if not on_device:
                            return
                        self._transports.add(connection)
                    except _Refused as refusal:
                        stream.send(b"FAIL" + _block(str(refusal)))
                        return
        except (OSError, EOFError, ValueError):
            return
        finally:
            self._transports.discard(connection)

    # -- what the server itself answers

    def _listing(self, long: bool) -> str:
        phone = self.phone
        if not phone.adb_online:
            return ""
        state = self._state()
        if long:
            name = phone.constants.model.replace(" ", "_")
            return f"{phone.serial:<22} {state} usb:1-1 product:coral model:{name} device:coral transport_id:1\n"
        return f"{phone.serial}\t{state}\n"

    def _state(self) -> str:
        if self.phone.adb_stuck:
            return "offline"
        return "device" if self.phone.authorised else "unauthorized"

    def _host_service(self, stream: _AdbStream, request: str) -> bool:
        """Answer; True when the connection now speaks to the phone."""
        serial, service = None, request
        if request.startswith("host-serial:"):
            serial, _, service = request.removeprefix("host-serial:").partition(":")
        elif request.startswith("host-transport-id:"):
            _, _, service = request.removeprefix("host-transport-id:").partition(":")
        else:
            service = request.partition(":")[2]
        answers: dict[str, Callable[[], str]] = {
            "version": lambda: f"{_VERSION:04x}",
            "devices": lambda: self._listing(False),
            "devices-l": lambda: self._listing(True),
            "host-features": lambda: FEATURES,
            "features": lambda: self._found(serial) and FEATURES,
            "get-state": lambda: self._found(serial) and "device",
            "get-serialno": lambda: self._found(serial) and self.phone.serial,
            "get-devpath": lambda: self._found(serial) and "usb:1-1",
        }
        if service == "kill":
            self.close()
            stream.send(b"OKAY")
            return False
        if service in ("reconnect-offline", "reconnect"):
            self.phone.adb_stuck = False
            stream.send(b"OKAY" + _block("reconnecting"))
            return False
        if service in answers:
            stream.send(b"OKAY" + _block(answers[service]()))
            return False
        if service.startswith("wait-for-"):
            self._wait_for(stream, serial, service.rsplit("-", 1)[1])
            return False
        if service.startswith(("tport:", "transport")):
            wanted = service.removeprefix("tport:").removeprefix("serial:") if "serial:" in service else serial
            self._found(wanted)
            stream.send(b"OKAY" + (struct.pack("<Q", 1) if service.startswith("tport:") else b""))
            return True
        raise _Refused("unknown host service")

    def _found(self, serial: str | None) -> str:
        phone = self.phone
        if not phone.adb_online or (serial is not None and serial != phone.serial):
            raise _Refused(f"device '{serial}' not found" if serial else "no devices/emulators found")
        if phone.adb_stuck:
            raise _Refused("device offline")
        if not phone.authorised:
            raise _Refused(
                "device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set\n"
                "Try 'adb kill-server' if that seems wrong.\n"
                "Otherwise check for a confirmation dialog on your device."
            )
        return phone.serial

    def _wait_for(self, stream: _AdbStream, serial: str | None, wanted: str) -> None:
        stream.send(b"OKAY")
        while True:
            self._world.catch_up()
            here = self.phone.adb_online and serial in (None, self.phone.serial)
            if here != (wanted == "disconnect"):
                stream.send(b"OKAY")
                return
            if stream.hung_up():
                return
            self._world.time.sleep(0.1)

    # -- what the phone answers

    def serve_service(self, connection: socket.socket, request: str) -> None:
        """Serve one service of the phone on a connection of its own: OKAY first, or FAIL with the reason."""
        stream = _AdbStream(connection)
        self._world.catch_up()
        try:
            self._device_service(stream, request)
        except _Refused as refusal:
            stream.send(b"FAIL" + _block(str(refusal)))
        except (OSError, EOFError, ValueError):
            return

    def _device_service(self, stream: _AdbStream, request: str) -> None:
        name, _, argument = request.partition(":")
        if name == "shell" or name.startswith("shell,"):
            stream.send(b"OKAY")
            self._shell(stream, argument, v2="v2" in name.split(","))
        elif name == "sync":
            stream.send(b"OKAY")
            _Sync(stream, self.phone, self._pushed).serve()
        elif name == "root":
            stream.send(b"OKAY")
            self._become_root(stream)
        else:
            raise _Refused("closed")

    def _shell(self, stream: _AdbStream, command: str, *, v2: bool) -> None:
        def sender(kind: int) -> Callable[[bytes], None]:
            def send(data: bytes) -> None:
                stream.send(struct.pack("<BI", kind, len(data)) + data if v2 else data)

            return send

        world = self._world
        steps = self.phone.shell(command, sender(_STDOUT), sender(_STDERR))
        world.time.sleep(self.phone.constants.timing.shell_s)
        while True:
            world.catch_up()
            if not self.phone.adb_online:
                steps.close()
                return
            try:
                with world.lock:
                    duration_s = next(steps)
            except StopIteration as ending:
                if v2:
                    stream.send(struct.pack("<BIB", _EXIT, 1, int(ending.value) & 0xFF))
                return
            if stream.hung_up():
                steps.close()
                return
            world.time.sleep(duration_s)

    def _pushed(self, stream: _AdbStream, path: str) -> None:
        """A file has come in; where the push is to hang, nothing is said until the client has given up."""
        self.on_push(path)
        if not self.hang_push:
            return
        self.hang_push = False
        self._world.time.sleep(_HANG_S)
        stream.wait_hung_up()
        raise EOFError("the client gave up")

    def _become_root(self, stream: _AdbStream) -> None:
        phone = self.phone
        if phone.root != "adbd":
            stream.send(b"adbd cannot run as root in production builds\n")
            return
        if phone.adb_is_root:
            stream.send(b"adbd is already running as root\n")
            return
        stream.send(b"restarting adbd as root\n")
        with self._world.lock:
            phone.adb_is_root = True
            phone.restart_adbd()


class _Sync:
    """The file-transfer service: STAT, RECV, SEND and QUIT of SYNC.TXT."""

    def __init__(self, stream: _AdbStream, phone: SimPhone, pushed: Callable[[_AdbStream, str], None]) -> None:
        self._stream = stream
        self.phone = phone
        self._pushed = pushed

    def serve(self) -> None:
        """Answer requests until the client quits or hangs up."""
        while True:
            name, length = struct.unpack("<4sI", self._stream.exactly(8))
            if name == b"QUIT":
                return
            path = self._stream.exactly(length).decode()
            if name == b"STAT":
                self._stat(path)
            elif name == b"RECV":
                self._receive(path)
            elif name == b"SEND":
                self._send(path)
            else:
                return

    def _fail(self, text: str) -> None:
        self._stream.send(b"FAIL" + struct.pack("<I", len(text)) + text.encode())

    def _stat(self, path: str) -> None:
        file = self.phone.files.get(path)
        mode = 0o100000 | file.mode if file else 0
        self._stream.send(
            b"STAT" + struct.pack("<III", mode, len(file.content) if file else 0, file.written_s if file else 0)
        )

    def _take_time(self, n_bytes: int) -> None:
        world = self.phone.world
        world.time.sleep(n_bytes / self.phone.constants.timing.push_bytes_per_s)
        world.catch_up()
        if not self.phone.adb_online:
            raise EOFError("USB has gone meanwhile")

    def _receive(self, path: str) -> None:
        try:
            content = self.phone.files.read(path)
        except NoSuchFile:
            self._fail("open failed: No such file or directory")
            return
        self._take_time(len(content))
        for start in range(0, len(content), _DATA_BYTES):
            piece = content[start : start + _DATA_BYTES]
            self._stream.send(b"DATA" + struct.pack("<I", len(piece)) + piece)
        self._stream.send(b"DONE" + bytes(4))

    def _send(self, target: str) -> None:
        path, _, mode = target.rpartition(",")
        content = bytearray()
        while True:
            name, value = struct.unpack("<4sI", self._stream.exactly(8))
            if name == b"DONE":
                break
            content += self._stream.exactly(value)
        self._pushed(self._stream, path)
        self._take_time(len(content))
        try:
            as_root = self.phone.adb_is_root
            self.phone.files.write(path, bytes(content), int(mode, 0) & 0o777, value, as_root=as_root)
        except NoSuchFile:
            self._fail("couldn't create file: No such file or directory")
        except OSError as error:
            self._fail(f"write failed: {error.strerror}")
        else:
            self._stream.send(b"OKAY" + bytes(4))


class _AdbStream:
    """A connection, read exactly."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def exactly(self, n_bytes: int) -> bytes:
        """Read so many bytes, or raise EOFError."""
        data = bytearray()
        while len(data) < n_bytes:
            piece = self._connection.recv(n_bytes - len(data))
            if not piece:
                raise EOFError("the client hung up")
            data += piece
        return bytes(data)

    def request(self) -> str:
        return self.exactly(int(self.exactly(4), 16)).decode()

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def wait_hung_up(self) -> None:
        """Wait until the client closes its side."""
        while self._connection.recv(_DATA_BYTES):
            continue

    def hung_up(self) -> bool:
        """The client has closed its side."""
        try:
            return self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False


def _block(text: str) -> bytes:
    return f"{len(text.encode()):04x}{text}".encode()

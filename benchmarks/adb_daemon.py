"""The phone's side of adb: what adbd speaks over TCP, so that a real adb server can stand between client and phone.

A message is a header of six u32 LE, then its data (AOSP packages/modules/adb/protocol.txt):

offset  meaning
0       command: CNXN, OPEN, OKAY, WRTE or CLSE, four letters
4, 8    two arguments: version and largest data (CNXN), or the sender's and the receiver's stream number
12      bytes of data
16      sum of the data's bytes; since version 0x01000001 nobody looks at it
20      the command, each bit turned over

A phone without the wish for keys answers CNXN with CNXN. The services behind OPEN are those of `adb_server`.
"""

from __future__ import annotations

import socket
import struct
import threading

from hardware.sim.phone.fake_adb_server import FEATURES, AdbServer

_HEADER = struct.Struct("<6I")
_VERSION, _LONGEST_DATA = 0x01000001, 1 << 18
_OKAY = b"OKAY"


def _command(name: bytes) -> int:
    return int(struct.unpack("<I", name)[0])


class AdbDaemon:
    """Lets real adb servers connect to the phone behind a simulated adb server.

    Args:
        server: whose phone and services these are.

    Attributes:
        port: on 127.0.0.1, for `adb connect`.
    """

    def __init__(self, server: AdbServer) -> None:
        self._server = server
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        told = server.phone.on_adb_change

        def changed() -> None:
            told()
            if not server.phone.adb_online:
                self._cut()

        server.phone.on_adb_change = changed
        threading.Thread(target=self._accept, name="adbd", daemon=True).start()

    def close(self) -> None:
        """Stop listening and cut all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._server.phone.world.catch_up()
            if not self._server.phone.adb_online:
                connection.close()
                continue
            self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="adbd transport", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            _Transport(connection, self._server).run()
        self._connections.discard(connection)


class _Transport:
    """One connection with a server, and the streams on it."""

    def __init__(self, connection: socket.socket, server: AdbServer) -> None:
        self._connection, self._server = connection, server
        self._sending = threading.Lock()
        self._streams: dict[int, _Stream] = {}
        self._n_streams = 0

    def send(self, name: bytes, first: int, second: int, data: bytes = b"") -> None:
        number = _command(name)
        header = _HEADER.pack(number, first, second, len(data), sum(data) & 0xFFFFFFFF, number ^ 0xFFFFFFFF)
        with self._sending:
            self._connection.sendall(header + data)

    def run(self) -> None:
        """Obey until the connection ends."""
        try:
            while True:
                number, first, second, length, _, _ = _HEADER.unpack(self._exactly(_HEADER.size))
                self._obey(struct.pack("<I", number), first, second, self._exactly(length))
        except (OSError, EOFError):
            pass
        finally:
            for stream in list(self._streams.values()):
                stream.end()

    def _exactly(self, n_bytes: int) -> bytes:
        data = bytearray()
        while len(data) < n_bytes:
            piece = self._connection.recv(n_bytes - len(data))
            if not piece:
                raise EOFError("the server hung up")
            data += piece
        return bytes(data)

    def _obey(self, name: bytes, first: int, second: int, data: bytes) -> None:
        if name == b"CNXN":
            self.send(b"CNXN", _VERSION, _LONGEST_DATA, self._banner())
        elif name == b"OPEN":
            self._n_streams += 1
            stream = _Stream(self, self._server, self._n_streams, first, data.rstrip(b"\0").decode())
            self._streams[self._n_streams] = stream
            stream.start()
        elif second in self._streams:
            stream = self._streams[second]
            if name == b"OKAY":
                stream.ready.set()
            elif name == b"WRTE":
                stream.give(data)
                self.send(b"OKAY", stream.number, stream.remote)
            elif name == b"CLSE":
                stream.end()

    def _banner(self) -> bytes:
        constants = self._server.phone.constants
        model = f"ro.product.name=coral;ro.product.model={constants.model};ro.product.device=coral"
        return f"device::{model};features={FEATURES}".encode()

    def forget(self, number: int) -> None:
        self._streams.pop(number, None)


class _Stream:
    """One service that a client has opened: a socket pair, whose far end the simulated server serves."""

    def __init__(self, transport: _Transport, server: AdbServer, number: int, remote: int, request: str) -> None:
        self._transport, self._server, self._request = transport, server, request
        self.number, self.remote = number, remote
        self.ready = threading.Event()
        self._near, self._far = socket.socketpair()

    def start(self) -> None:
        """Serve, and send on what the service says."""
        threading.Thread(target=self._serve, name="adbd service", daemon=True).start()
        threading.Thread(target=self._send_on, name="adbd stream", daemon=True).start()

    def give(self, data: bytes) -> None:
        """What the client has written."""
        try:
            self._near.sendall(data)
        except OSError:
            self.end()

    def end(self) -> None:
        """The client has closed the stream, or the connection has gone."""
        self.ready.set()
        self._transport.forget(self.number)
        try:
            self._near.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _serve(self) -> None:
        with self._far:
            self._server.serve_service(self._far, self._request)

    def _send_on(self) -> None:
        """The service's words as WRTE messages, each after the one before was confirmed."""
        try:
            with self._near:
                opened = self._near.recv(len(_OKAY), socket.MSG_WAITALL) == _OKAY
                if opened:
                    self._transport.send(b"OKAY", self.number, self.remote)
                    while data := self._near.recv(_LONGEST_DATA):
                        self.ready.clear()
                        self._transport.send(b"WRTE", self.number, self.remote, data)
                        self.ready.wait()
                self._transport.send(b"CLSE", self.number if opened else 0, self.remote)
        except OSError:
            return
        finally:
            self._transport.forget(self.number)

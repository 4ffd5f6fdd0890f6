"""An adb server whose answers are none is a lost phone, never a result and never a crash."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import adbutils
import pytest
from adbutils._adb import AdbConnection

from hardware.android.adb_link import AdbLink, phone_states
from hardware.clock import RealClock
from hardware.errors import AdbLost, PhoneNotFound

LISTING, VERSION = b"OKAY000ePHONE\tdevice\n ", b"OKAY00040029"
FEATURES, TRANSPORT = b"OKAY0008shell_v2", b"OKAY" + bytes(8)


class Said:
    """A socket that says some bytes and is then closed."""

    def __init__(self, came: bytes) -> None:
        self._came = came

    def recv(self, n_bytes: int) -> bytes:
        data, self._came = self._came[:n_bytes], self._came[n_bytes:]
        return data

    def recv_into(self, buffer: Any) -> int:
        data = self.recv(len(buffer))
        memoryview(buffer)[: len(data)] = data
        return len(data)

    def send(self, data: bytes) -> int:
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


class Client(adbutils.AdbClient):  # type: ignore[misc]
    """A client each of whose connections says the next of some streams."""

    def __init__(self, streams: Iterator[bytes]) -> None:
        super().__init__("127.0.0.1", 1)
        self._streams = streams

    def make_connection(self, timeout: float | None = None) -> AdbConnection:
        said = Said(next(self._streams))
        return type("Connection", (AdbConnection,), {"_safe_connect": lambda self: said})("127.0.0.1", 1)


def link(streams: Sequence[bytes]) -> AdbLink:
    client = Client(iter([LISTING, *streams]))
    return AdbLink(RealClock(), "PHONE", "", 0, lambda host, port, socket_timeout: client)


def test_a_whole_answer_is_a_result() -> None:
    streams = [FEATURES, TRANSPORT + b"OKAY\1\2\0\0\0hi\3\1\0\0\0\7", VERSION]
    result = link(streams).run("echo hi; exit 7", check=False)
    assert (result.stdout, result.exit_code) == ("hi", 7)


@pytest.mark.parametrize("listing", [b"", b"OKAYzzzz", b"OKAY", b"OK", b"FAIL-1", b"OKAY\xff\xff\xff\xff", b"NONSENSE"])
def test_a_listing_that_is_none_is_no_server(listing: bytes) -> None:
    client = Client(iter([listing]))
    with pytest.raises(PhoneNotFound) as raised:
        phone_states("", 0, lambda host, port, socket_timeout: client)
    assert raised.value.hint


@pytest.mark.parametrize(
    "streams",
    [
        [b"OKAYxxxx", TRANSPORT, VERSION],
        [FEATURES, b"", VERSION],
        [FEATURES, TRANSPORT + b"OKAY", b"OKAYnot4"],
        [FEATURES, TRANSPORT + b"OKAY\1\2\0\0\0hi", VERSION],
        [FEATURES, TRANSPORT + b"OKAY\1\xff\xff\xff\xffhi\3\1\0\0\0\0", VERSION],
        [FEATURES, TRANSPORT + b"OKAY\3\0\0\0\0", VERSION],
    ],
)
def test_a_command_without_its_end_is_a_lost_phone(streams: Sequence[bytes]) -> None:
    with pytest.raises(AdbLost) as raised:
        link(streams).run("echo hi")
    assert raised.value.hint


@pytest.mark.parametrize("length", [65537, 1 << 30, 0xFFFFFFFF])
@pytest.mark.parametrize("kind", [b"DATA", b"FAIL", b"WHAT"])
def test_a_block_longer_than_the_protocol_has_takes_no_memory(kind: bytes, length: int) -> None:
    block = kind + struct.pack("<I", length) + b"x" * 100
    with pytest.raises(AdbLost, match=f"a block of {length} bytes"):
        link([TRANSPORT + b"OKAY" + block, VERSION]).pull("/file")


def test_a_push_that_is_refused_at_no_length_is_a_lost_phone() -> None:
    refusal = b"FAIL" + struct.pack("<I", 1 << 31)
    with pytest.raises(AdbLost, match="a block of"):
        link([TRANSPORT + b"OKAY" + refusal, VERSION]).push(b"x", "/file")

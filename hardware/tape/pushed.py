"""The files that a recorded session pushed to the phone: a replay needs them, and has no other copy.

Of each adb connection the bytes that were sent are read as the server would: requests of `hex4 length` + text up to
`sync:`, then SEND, DATA and DONE (AOSP system/core/adb/SYNC.TXT).
"""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
from collections.abc import Iterator, Sequence

from hardware.tape.container import Record

_MODELS = "models/"


def pushed_files(records: Sequence[Record]) -> Iterator[tuple[str, bytes]]:
    """Path and content of every file that was sent whole, in order.

    Args:
        records: of the main lane.
    """
    streams: dict[int, list[bytes]] = {}
    for record in records:
        if record.kind == "adb send":
            streams.setdefault(record.head["connection"], []).append(record.payload)
    for pieces in streams.values():
        yield from _of_connection(b"".join(pieces))


def pushed_models(records: Sequence[Record]) -> dict[str, bytes]:
    """The model files among them by SHA-256, out of the archives that a window's models travel in."""
    models = dict[str, bytes]()
    for path, content in pushed_files(records):
        if path.endswith(".tar"):
            for name, member in _members(content):
                digest = hashlib.sha256(member).hexdigest()
                if name == f"{_MODELS}{digest}.tflite":
                    models[digest] = member
    return models


def _of_connection(sent: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while (length := _length(sent[at : at + 4])) is not None:
        request = sent[at + 4 : at + 4 + length]
        at += 4 + length
        if request == b"sync:":
            yield from _of_sync(sent, at)
            return


def _length(text: bytes) -> int | None:
    try:
        return int(text, 16) if len(text) == 4 else None
    except ValueError:
        return None


def _of_sync(sent: bytes, at: int) -> Iterator[tuple[str, bytes]]:
    path, pieces = "", list[bytes]()
    while at + 8 <= len(sent):
        name, value = struct.unpack_from("<4sI", sent, at)
        at += 8
        if name == b"DONE":
            yield path, b"".join(pieces)
            path, pieces = "", []
            continue
        body = sent[at : at + value]
        at += value
        if name == b"SEND":
            path = body.decode(errors="replace").rpartition(",")[0]
        elif name == b"DATA":
            pieces.append(body)


def _members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as packed:
            for member in packed:
                file = packed.extractfile(member) if member.isfile() else None
                if file is not None:
                    yield member.name, file.read()
    except (tarfile.TarError, ValueError, EOFError):
        return

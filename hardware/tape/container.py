"""The file of a recording: one zstd frame of length-prefixed records (docs/reference/recording.md).

    record  u32 LE length of the head | u32 LE length of the payload | head, a JSON object | payload

The first record's head says `"recording": "energy-lab"` and the version, the last one's kind is "end". What is read
is bytes and JSON: nothing in a file is ever executed.
"""

from __future__ import annotations

import io
import json
import os
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from hardware.tape.errors import (
    NewerRecording,
    NoRecording,
    NotARecording,
    RecordingCutShort,
    RecordingDamaged,
    RecordingInTheWay,
)

FORMAT, VERSION = "energy-lab", 1
_LEVEL = 9
_LENGTHS = struct.Struct("<II")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_PIECE_BYTES = 1 << 20
_LONGEST_HEAD, _LONGEST_PAYLOAD, _LONGEST_FILE = 1 << 20, 1 << 26, 1 << 31
_AGAIN_HINT = "Record the session again with `lab measure --record FILE`."
_COPY_HINT = "Copy the file again from where it was recorded; its .part file is one that was never finished."


@dataclass(frozen=True)
class Record:
    """One record: what happened, and the bytes of it."""

    head: Mapping[str, Any]
    payload: bytes

    @property
    def kind(self) -> str:
        """What kind of event it is."""
        return str(self.head.get("kind", ""))


def check_free(path: Path) -> None:
    """Refuse a place where no recording can be written, before anything is done.

    Raises:
        RecordingInTheWay: there is a file already, or no such folder.
    """
    if path.exists():
        raise RecordingInTheWay(f"There is a file {path} already.", "Choose another name: nothing is overwritten.")
    if not os.access(path.parent, os.W_OK):
        raise RecordingInTheWay(
            f"{path} cannot be written: its folder is not there, or not writable.",
            "Choose a folder that exists and that you may write to.",
        )


class TapeWriter:
    """Writes a recording under another name, and puts it in its place when it is whole. Safe to use from threads.

    Args:
        path: of the finished file.
        session: what the first record says of the session.

    Raises:
        RecordingInTheWay: there is a file already, or the folder cannot be written.
    """

    def __init__(self, path: Path, session: Mapping[str, Any]) -> None:
        self.path = path
        self._part = path.with_name(f"{path.name}.part")
        check_free(path)
        try:
            self._file = self._part.open("wb")
        except OSError as error:
            raise RecordingInTheWay(
                f"{path} cannot be written: {error.strerror}.", "Choose a folder that exists and that you may write to."
            ) from error
        self._lock = threading.Lock()
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()
        self._n_records = 0
        self.write({"recording": FORMAT, "version": VERSION, **session})

    def write(self, head: Mapping[str, Any], payload: bytes = b"") -> None:
        """Add a record."""
        text = json.dumps(head, separators=(",", ":")).encode()
        with self._lock:
            self._file.write(self._compressor.compress(_LENGTHS.pack(len(text), len(payload)) + text + payload))
            self._n_records += 1

    def close(self) -> None:
        """Write the last record and put the file in its place."""
        self.write({"kind": "end", "n_records": self._n_records})
        with self._lock:
            self._file.write(self._compressor.flush())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self.path)

    def abandon(self) -> None:
        """Leave nothing behind: there was nothing to record."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def read_records(path: Path) -> list[Record]:
    """All records of a file but the last, whose count they were checked against.

    Raises:
        NoRecording, NotARecording, NewerRecording, RecordingCutShort, RecordingDamaged.
    """
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise NoRecording(
            f"{path} cannot be read: {error.strerror}.", "Give a file that `lab measure --record FILE` wrote."
        ) from error
    return parse_records(packed, str(path))


def parse_records(packed: bytes, shown: str) -> list[Record]:
    """The same of bytes.

    Args:
        shown: how messages name it.
    """
    if packed[:4] != _ZSTD_MAGIC[: len(packed[:4])]:
        raise NotARecording(f"{shown} is not a recording: it is not zstd-compressed.", _AGAIN_HINT)
    content, whole = _decompressed(packed, shown)
    records = list[Record]()
    for record in _records(content, shown):
        if not records:
            _check_first(record, shown)
        records.append(record)
    if whole and not records:
        raise NotARecording(f"{shown} is not a recording: there is no record in it.", _AGAIN_HINT)
    if not whole or not records or records[-1].kind != "end":
        raise RecordingCutShort(f"{shown} is cut short after {len(records)} records.", _COPY_HINT)
    if records[-1].head.get("n_records") != len(records) - 1:
        raise RecordingDamaged(f"{shown} has {len(records) - 1} records, its end says otherwise.", _COPY_HINT)
    return records[:-1]


def _decompressed(packed: bytes, shown: str) -> tuple[bytes, bool]:
    """The content, and whether it is all there. In pieces, so that a small file cannot fill the memory."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(write_size=_PIECE_BYTES)
    out, n_bytes = io.BytesIO(), 0
    try:
        for start in range(0, len(packed), _PIECE_BYTES // 16):
            if decompressor.eof:
                break
            n_bytes += out.write(decompressor.decompress(packed[start : start + _PIECE_BYTES // 16]))
            if n_bytes > _LONGEST_FILE:
                raise RecordingDamaged(f"{shown} unpacks to more than {_LONGEST_FILE} bytes.", _AGAIN_HINT)
            if start == 0:
                _refuse_foreign(out.getvalue(), shown)
    except zstandard.ZstdError as error:
        raise RecordingDamaged(f"{shown} is damaged: {error}.", _COPY_HINT) from error
    if decompressor.eof and (decompressor.unused_data or start + _PIECE_BYTES // 16 < len(packed)):
        raise RecordingDamaged(f"{shown} goes on after its end.", _COPY_HINT)
    return out.getvalue(), decompressor.eof


def _refuse_foreign(beginning: bytes, shown: str) -> None:
    if len(beginning) > _LENGTHS.size and beginning[_LENGTHS.size : _LENGTHS.size + 1] != b"{":
        raise NotARecording(f"{shown} is not a recording: it does not begin with one's first record.", _AGAIN_HINT)


def _records(content: bytes, shown: str) -> Iterator[Record]:
    """Whole records; one that is cut off at the end is left out."""
    at = 0
    while at + _LENGTHS.size <= len(content):
        n_head, n_payload = _LENGTHS.unpack_from(content, at)
        if n_head > _LONGEST_HEAD or n_payload > _LONGEST_PAYLOAD:
            raise RecordingDamaged(f"{shown} is damaged: a record of {n_head} + {n_payload} bytes.", _COPY_HINT)
        start = at + _LENGTHS.size
        at = start + n_head + n_payload
        if at > len(content):
            return
        try:
            head = json.loads(content[start : start + n_head])
        except (ValueError, RecursionError) as error:
            raise RecordingDamaged(f"{shown} is damaged: a record's head is not JSON.", _COPY_HINT) from error
        if not isinstance(head, dict):
            raise RecordingDamaged(f"{shown} is damaged: a record's head is no JSON object.", _COPY_HINT)
        yield Record(head, content[start + n_head : at])


def _check_first(record: Record, shown: str) -> None:
    if record.head.get("recording") != FORMAT:
        raise NotARecording(f"{shown} is not a recording of this project.", _AGAIN_HINT)
    version = record.head.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise NewerRecording(
            f"{shown} has version {version!r} of the format; this release reads up to {VERSION}.",
            "Update this installation, or replay it with the release that recorded it.",
        )

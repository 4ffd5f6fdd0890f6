"""Raw traces as files beside the database, compressed, each under the hash of its bytes.

Energies are derived and can be derived again; the samples they come from are kept here and never change.
A window's row holds `raw_path` (relative, so that database and files move together) and the hash. A file is
under its final name only when all of it is on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from db.errors import DiskFull, TraceDamaged, TraceMissing, Unreachable
from db.faults import FULL_HINT, PERMISSION_HINT
from db.whole_file import sync

_LEVEL = 3
_DAMAGED_HINT = "restore it from a copy; its energies stand, but cannot be derived again"


@dataclass(frozen=True)
class StoredTrace:
    """Where a trace is. `sha256` and `raw_bytes` are of the bytes before compression.

    `raw_path` is relative to the files folder, with forward slashes: what a window's row stores.
    """

    path: Path
    raw_path: str
    sha256: str
    raw_bytes: int
    stored_bytes: int


def store_trace(files_dir: Path, chunks: Iterable[bytes]) -> StoredTrace:
    """Compress `chunks` (zstd level 3, as they come, in flat memory) into `files_dir`/traces.

    The same bytes stored twice are one file. When the source of `chunks` raises, nothing is left.

    Raises:
        DiskFull: no room.
        Unreachable: the folder cannot be written.
    """
    folder = files_dir / "traces"
    with _disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix="incoming-", suffix=".part")
    part = Path(name)
    try:
        with _disk_errors(folder), open(descriptor, "wb") as file:
            sha256, raw_bytes = _compress(chunks, file)
            file.flush()
            os.fsync(file.fileno())
            stored_bytes = file.tell()
        raw_path = f"traces/{sha256[:2]}/{sha256}.zst"
        path = files_dir / raw_path
        with _disk_errors(folder):
            path.parent.mkdir(exist_ok=True)
            # Also over a file of the same hash: should that one have been damaged, it is whole again.
            part.replace(path)
            # The new name itself must be on the disk before the row that speaks of it.
            sync(path.parent)
            sync(folder)
    finally:
        part.unlink(missing_ok=True)
    return StoredTrace(path, raw_path, sha256, raw_bytes, stored_bytes)


def load_trace(path: Path, sha256: str) -> bytes:
    """The raw bytes of a trace, checked against the hash that the record holds.

    Raises:
        TraceMissing: no such file.
        TraceDamaged: it does not decompress, or to other bytes.
    """
    try:
        with _disk_errors(path.parent), path.open("rb") as file:
            raw = zstandard.ZstdDecompressor().stream_reader(file).read()
    except FileNotFoundError as error:
        hint = "was the .files folder moved away from beside its database?"
        raise TraceMissing(f"there is no trace {path}", hint) from error
    except zstandard.ZstdError as error:
        raise TraceDamaged(f"{path} cannot be decompressed: {error}", _DAMAGED_HINT) from error
    found = hashlib.sha256(raw).hexdigest()
    if found != sha256:
        raise TraceDamaged(f"{path} has hash {found[:12]}..., recorded {sha256[:12]}...", _DAMAGED_HINT)
    return raw


def _compress(chunks: Iterable[bytes], file: BinaryIO) -> tuple[str, int]:
    digest = hashlib.sha256()
    raw_bytes = 0
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()
    for chunk in chunks:
        digest.update(chunk)
        raw_bytes += len(chunk)
        file.write(compressor.compress(chunk))
    file.write(compressor.flush())
    return digest.hexdigest(), raw_bytes


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"{folder} has no room left", FULL_HINT) from error
        raise Unreachable(f"{folder}: {error}", PERMISSION_HINT) from error

"""Features of clips by what they were made of: a file's bytes, the part asked for, the front-end.

An SQLite file: whole after kill -9, and for several processes at once. Beside the features it keeps which bytes a file
held when it was read last, so that a second start reads no sound; and which bytes are of no use, and why. It can be
deleted at any time. Without room, or where nothing can be written, features go to a temporary file of this process.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from search.audio.clip_files import (
    RULES_VERSION,
    ClipFile,
    FileReading,
    FileStamp,
    Unusable,
    UnusableFile,
)
from search.audio.log_mel import FRONT_END, N_BANDS, N_FRAMES, Spectrogram
from search.errors import DataBroken

log = logging.getLogger(__name__)

FILE_NAME: Final = "clips-v1.sqlite"

_T = TypeVar("_T")

_BATCH = 500
_WAIT_S = 120.0
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# Features, 31,360 bytes, take four pages; larger ones would be read faster, but every new hash costs a page of journal.
_SCHEMA = """
PRAGMA page_size = 8192;
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, modified_ns INTEGER NOT NULL, sha256 BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clips (
    id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, asked TEXT NOT NULL, rules TEXT NOT NULL,
    part TEXT, spread REAL, reason TEXT, detail TEXT, UNIQUE (sha256, asked, rules)
);
CREATE TABLE IF NOT EXISTS features (id INTEGER PRIMARY KEY, numbers BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class StoredClip:
    """Features that a cache holds.

    Attributes:
        row: of the cache; see `FeatureCache.spectrograms`.
        sha256: of the file's bytes.
        part: which part of the file was used.
        spread: sum of squared differences of the numbers from their mean.
    """

    row: int
    sha256: str
    part: str
    spread: float


class FeatureCache:
    """See the module; for one process, any of its threads.

    Args:
        folder: where the file lies; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._rules = _rules()
        self._lock = threading.Lock()
        self._writable = self._knows = True
        self._lasting: sqlite3.Connection | None = None
        self._temporary: sqlite3.Connection | None = None
        self._lasting = self._open()

    def close(self) -> None:
        """Lets go of the files; temporary features are gone."""
        for connection in (self._lasting, self._temporary):
            if connection is not None:
                connection.close()

    def __del__(self) -> None:
        self.close()

    def hashes(self, paths: Sequence[Path]) -> dict[Path, str]:
        """The sha256 of those files that are as they were when they were read last."""
        found: dict[Path, str] = {}
        for batch in _batches(paths):
            named = {_name(path): path for path in batch}
            marks = ",".join("?" * len(named))
            query = f"SELECT path, size_bytes, modified_ns, sha256 FROM files WHERE path IN ({marks})"
            for name, size_bytes, modified_ns, sha256 in self._asked(query, list(named)):
                with suppress(OSError):
                    if FileStamp.of(named[name]) == FileStamp(size_bytes, modified_ns):
                        found[named[name]] = sha256.hex()
        return found

    def outcomes(self, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], StoredClip | UnusableFile]:
        """What is known of bytes.

        Args:
            wanted: a file's sha256, and which part was asked for.
        """
        found: dict[tuple[str, str], StoredClip | UnusableFile] = {}
        columns = "id, sha256, asked, part, spread, reason, detail"
        for batch in _batches(list(dict.fromkeys(sha256 for sha256, _ in wanted))):
            query = f"SELECT {columns} FROM clips WHERE sha256 IN ({','.join('?' * len(batch))}) AND rules = ?"
            values: list[str | bytes] = [*(bytes.fromhex(sha256) for sha256 in batch), self._rules]
            for row, sha256, asked, part, spread, reason, detail in self._asked(query, values):
                if reason is None:
                    found[sha256.hex(), asked] = StoredClip(row, sha256.hex(), part, spread)
                else:
                    found[sha256.hex(), asked] = UnusableFile(Unusable(reason), detail)
        return found

    def keep(self, readings: Iterable[tuple[ClipFile, FileReading]]) -> list[StoredClip | UnusableFile]:
        """Keeps what was read, in one transaction; gives what `outcomes` will.

        Raises:
            DataBroken: there is no room for features anywhere.
        """
        readings = list(readings)
        with self._lock:
            if self._writable and self._lasting is not None:
                try:
                    return self._write(self._lasting, readings, 1)
                except sqlite3.Error as error:
                    self._writable = False
                    with suppress(sqlite3.Error):
                        self._lasting.rollback()
                    self._warn(error)
            try:
                if self._temporary is None:
                    # Without a name: SQLite's own temporary file, gone with this process.
                    self._temporary = sqlite3.connect("", check_same_thread=False)
                    self._temporary.executescript(_SCHEMA)
                return self._write(self._temporary, readings, -1)
            except sqlite3.Error as error:
                hint = "make room in $TMPDIR or in the cache; what was kept is not read again"
                raise DataBroken(f"there is no room for the features of the clips: {error}", hint) from error

    def spectrograms(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Raw log-mel spectrograms, (len(rows), N_FRAMES, N_BANDS).

        Raises:
            DataBroken: the cache was damaged meanwhile.
        """
        found: dict[int, bytes] = {}
        with self._lock:
            for connection, sign in ((self._lasting, 1), (self._temporary, -1)):
                for batch in _batches(sorted({row for row in rows if row * sign > 0})):
                    marks = ",".join("?" * len(batch))
                    query = f"SELECT id, numbers FROM features WHERE id IN ({marks})"
                    try:
                        assert connection is not None
                        found |= {
                            row * sign: numbers for row, numbers in connection.execute(query, list(map(abs, batch)))
                        }
                    except sqlite3.Error as error:
                        raise DataBroken(f"{self.path} cannot be read: {error}", self._hint) from error
        made = np.empty((len(rows), N_FRAMES, N_BANDS), np.float32)
        for place, row in enumerate(rows):
            numbers = found.get(row, b"")
            if len(numbers) != made[place].nbytes:
                raise DataBroken(f"{self.path} has lost features of clips", self._hint)
            made[place] = np.frombuffer(numbers, np.float32).reshape(N_FRAMES, N_BANDS)
        return made

    @property
    def _hint(self) -> str:
        return f"remove {self.path} and start again: the sounds are read once more"

    def _asked(self, query: str, values: Sequence[str | bytes]) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._lasting is None or not self._knows:
                return []
            try:
                return self._lasting.execute(query, values).fetchall()
            except sqlite3.Error as error:
                self._warn(error)
                # It stays open: what it told before may be asked for.
                self._knows = self._writable = False
                return []

    def _write(
        self, connection: sqlite3.Connection, readings: list[tuple[ClipFile, FileReading]], sign: int
    ) -> list[StoredClip | UnusableFile]:
        with connection:
            return [self._write_one(connection, clip, reading, sign) for clip, reading in readings]

    def _write_one(
        self, connection: sqlite3.Connection, clip: ClipFile, reading: FileReading, sign: int
    ) -> StoredClip | UnusableFile:
        outcome = reading.outcome
        if (
            reading.sha256 is None
            or reading.stamp is None
            or (isinstance(outcome, UnusableFile) and not outcome.lasting)
        ):
            assert isinstance(outcome, UnusableFile)
            return outcome
        sha256, stamp = bytes.fromhex(reading.sha256), reading.stamp
        connection.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
            (_name(clip.path), stamp.size_bytes, stamp.modified_ns, sha256),
        )
        key = (sha256, clip.asked, self._rules)
        insert = (
            "INSERT OR IGNORE INTO clips (sha256, asked, rules, part, spread, reason, detail) VALUES (?,?,?,?,?,?,?)"
        )
        if isinstance(outcome, UnusableFile):
            connection.execute(insert, (*key, None, None, outcome.reason.value, _plain(outcome.detail)))
            return outcome
        spread = spread_of(outcome.spectrogram)
        connection.execute(insert, (*key, outcome.part, spread, None, None))
        row = connection.execute("SELECT id FROM clips WHERE sha256 = ? AND asked = ? AND rules = ?", key).fetchone()[0]
        numbers = np.ascontiguousarray(outcome.spectrogram, np.float32).tobytes()
        connection.execute("INSERT OR IGNORE INTO features VALUES (?, ?)", (row, numbers))
        return StoredClip(row * sign, reading.sha256, outcome.part, spread)

    def _open(self) -> sqlite3.Connection | None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self._opened()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
                log.warning("%s is damaged; it is made anew: %s", self.path, error)
                return self._made_anew()
            return self._open_to_read(error)
        except OSError as error:
            return self._open_to_read(error)

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_WAIT_S, check_same_thread=False)
        try:
            connection.executescript(_SCHEMA)
            connection.execute("PRAGMA synchronous = NORMAL")
            # That it can be written is known only after a write.
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _made_anew(self) -> sqlite3.Connection | None:
        try:
            # One process at a time, and only what is damaged still: another may have made it anew, and write to it.
            with self.path.with_name(f"{FILE_NAME}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with suppress(sqlite3.DatabaseError):
                    return self._opened()
                self.path.unlink(missing_ok=True)
                self.path.with_name(f"{FILE_NAME}-journal").unlink(missing_ok=True)
                return self._opened()
        except (OSError, sqlite3.Error) as error:
            self._warn(error)
            self._writable = False
            return None

    def _open_to_read(self, error: Exception) -> sqlite3.Connection | None:
        self._warn(error)
        self._writable = False
        connection = None
        try:
            connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            connection.execute("SELECT id FROM clips LIMIT 1")
        except (OSError, sqlite3.Error):
            if connection is not None:
                connection.close()
            return None
        return connection

    def _warn(self, error: Exception) -> None:
        log.warning("features of clips are not kept in %s, and will be computed again: %s", self.path, error)


def spread_of(spectrogram: Spectrogram) -> float:
    """Sum of squared differences of its numbers from their mean."""
    centred = spectrogram - spectrogram.mean(dtype=np.float64)
    return float(np.vdot(centred, centred))


def _rules() -> str:
    everything = {"rules": RULES_VERSION, "front_end": asdict(FRONT_END)}
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]


def _name(path: Path) -> str:
    return _plain(os.path.abspath(path))


def _plain(text: str) -> str:
    # A name that is no UTF-8 goes into the file as what it looks like.
    return text.encode("utf-8", "backslashreplace").decode()


def _batches(values: Sequence[_T]) -> Iterator[list[_T]]:
    remaining = iter(values)
    while batch := list(islice(remaining, _BATCH)):
        yield batch

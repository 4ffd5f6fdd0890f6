"""Opening the record, and its transactions.

A database is an SQLite file unless an SQLAlchemy URL says otherwise. Opening creates or migrates it, and
refuses what is another program's or a newer version's. It is the checkpoint of a campaign: what
`Database.write` has committed survives the death of the process and of the computer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session

from db.errors import Unreachable
from db.faults import PERMISSION_HINT, translated
from db.migrate import bring_up_to_date, is_up_to_date

T = TypeVar("T")

_BATCH = 500
"""Values in one IN (...) or one insert: below the limits of every engine."""
_WAL_TRIES = 20


TransactionStep = Literal["begin", "begun", "before commit", "committed"]
TransactionHook = Callable[[TransactionStep, Session | None], None]


def _nothing(step: TransactionStep, tx: Session | None) -> None:
    return None


@dataclass(frozen=True)
class Database:
    """An open database. Close it, or use it as a context manager. Not to be carried over a fork.

    Attributes:
        shown: its path or its URL without password, for messages.
        files_dir: where the large files of the record are (see `db.traces`).
        analysis_version: whose energies results are read with (see `db.analyses`); None: the newest of each visit.
        at_transactions: called at each step of each writing transaction; for `db.record_faults`.
    """

    shown: str
    files_dir: Path
    _reader: Engine
    _writer: Engine
    analysis_version: int | None = None
    at_transactions: TransactionHook = _nothing

    def seen_by(self, analysis_version: int | None) -> Database:
        """The same database with results as one analysis has them."""
        return replace(self, analysis_version=analysis_version)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, committed at the end and undone by an exception. The write lock is taken at once.

        Raises:
            DbError: see the tree; `Locked` when another process holds the lock for too long.
        """
        with translated(self.shown):
            self.at_transactions("begin", None)
            with Session(self._writer) as tx, tx.begin():
                tx.connection()
                self.at_transactions("begun", tx)
                yield tx
                self.at_transactions("before commit", tx)
            self.at_transactions("committed", None)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One unchanging view of the database for all statements inside; writers are not held up."""
        with translated(self.shown), Session(self._reader) as tx:
            yield tx

    def close(self) -> None:
        """Give back all connections; harmless when done twice."""
        self._writer.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_database(target: str | Path, *, create: bool = True, busy_timeout_s: float = 30.0) -> Database:
    """Open the database at a path or SQLAlchemy URL; create it where there is none; migrate an older one.

    Args:
        target: path of an SQLite file, or any URL whose driver is installed.
        create: False for readers: a missing or empty database is then an error.
        busy_timeout_s: how long to wait for other writers (SQLite).

    Raises:
        Unreachable: missing, not permitted, or no such server.
        ForeignFile: another program's database, no database, or a damaged one.
        NewerSchema: migrated by a newer version of the project.
        Locked, DiskFull: while migrating.
    """
    shown = str(target)
    url = _url_of(shown)
    shown = url.render_as_string(hide_password=True) if "://" in shown else shown
    is_sqlite = url.get_backend_name() == "sqlite"
    file = _file_of(url)
    if is_sqlite and (file is None or file.name == ":memory:" or url.query.get("mode") == "memory"):
        raise Unreachable(
            f"{shown} is a database in memory, which ends with the process that made it",
            "give the path of a file: a record is there to be kept",
        )
    read_only = False
    if file is not None:
        _check_place(file, create)
        read_only = not create and not _is_writable(file.parent)
        url = _read_only_url(file) if read_only else url
    with translated(shown):
        engine = _sqlite_engine(url, busy_timeout_s) if is_sqlite else create_engine(url)
    database = Database(
        shown=shown,
        files_dir=files_dir_of(target),
        _reader=engine.execution_options(lab_begin="BEGIN"),
        _writer=engine.execution_options(lab_begin="BEGIN IMMEDIATE"),
    )
    try:
        _prepare(database, engine, create)
        if is_sqlite and not read_only:
            _use_wal(engine, shown)
    except BaseException:
        database.close()
        raise
    return database


def in_batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """`values` in slices that fit into one statement."""
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]


def _check_place(file: Path, create: bool) -> None:
    if file.is_dir():
        raise Unreachable(f"{file} is a folder", "give the path of a file in it")
    if not file.parent.is_dir():
        raise Unreachable(f"there is no folder {file.parent}", PERMISSION_HINT)
    if not create and not file.exists():
        raise Unreachable(f"there is no database {file}", "check the path; `lab measure` creates a database")


def _is_writable(folder: Path) -> bool:
    # A file system that is mounted to be read denies it to root too.
    return os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY


def _read_only_url(file: Path) -> URL:
    """A file in a folder in which nothing can be written: SQLite would make files of its own beside it.

    Without what a writer has not brought into it yet, nothing else is there that could change: it is read as it is.
    """
    log = file.with_name(file.name + "-wal")
    pending = log.exists() and log.stat().st_size > 0
    query = {"mode": "ro", "uri": "true"} | ({} if pending else {"immutable": "1"})
    return URL.create("sqlite", database=f"file:{quote(str(file))}", query=query)


def files_dir_of(target: str | Path) -> Path:
    """Where the large files of the record at a path or SQLAlchemy URL are; nothing is opened or made.

    Raises:
        Unreachable: no address of a database.
    """
    file = _file_of(_url_of(str(target)))
    return Path("lab.files") if file is None else file.with_name(file.name + ".files")


def _url_of(target: str) -> URL:
    with translated(target):
        return make_url(target) if "://" in target else URL.create("sqlite", database=str(Path(target).expanduser()))


def _file_of(url: URL) -> Path | None:
    return Path(url.database).absolute() if url.get_backend_name() == "sqlite" and url.database else None


def _prepare(database: Database, engine: Engine, create: bool) -> None:
    with database.read() as tx:
        if is_up_to_date(tx.connection(), database.shown, create):
            return
    migrating = replace(database, _writer=engine.execution_options(lab_begin="BEGIN IMMEDIATE", lab_foreign_keys="OFF"))
    # Looked at again under the write lock: another process may have migrated in between.
    with migrating.write() as tx:
        if not is_up_to_date(tx.connection(), database.shown, create):
            bring_up_to_date(tx.connection())


def _sqlite_engine(url: URL, busy_timeout_s: float) -> Engine:
    # isolation_level None keeps the driver from beginning transactions by its own rules: ours are explicit.
    engine = create_engine(url, connect_args={"timeout": busy_timeout_s, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        # FULL: a commit is on the disk before it returns. It comes once a window (minutes of bench time),
        # so the few milliseconds cost nothing, and a power cut cannot take back a window.
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE for writers: two that read first and write later would otherwise end in a deadlock.
        options = connection.get_execution_options()
        wanted = options.get("lab_foreign_keys", "ON")
        if wanted != connection.info.get("lab_foreign_keys", "ON"):
            # SQLite takes this outside transactions only: a migration makes tables anew that others refer to.
            connection.exec_driver_sql(f"PRAGMA foreign_keys = {wanted}")
            connection.info["lab_foreign_keys"] = wanted
        connection.exec_driver_sql(options.get("lab_begin", "BEGIN"))

    return engine


def _use_wal(engine: Engine, shown: str) -> None:
    """Readers beside one writer. The mode stays in the file, hence only once it is known to be ours."""
    with translated(shown), engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        for tries_left in reversed(range(_WAL_TRIES)):
            if raw.execute("PRAGMA journal_mode").fetchone()[0] != "delete":
                return
            try:
                raw.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if not tries_left:
                    raise
                # SQLite does not wait for others here, but does so for this lock; one of them may have changed it.
                raw.execute("BEGIN EXCLUSIVE")
                raw.execute("ROLLBACK")

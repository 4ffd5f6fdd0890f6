"""From what a database driver raises to the errors of `db.errors`, in one place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc
from sqlalchemy.orm.exc import StaleDataError

from db.errors import DatabaseLocked, DbError, DiskFull, ForeignFile, NamedWrongly, RecordRefused, Unreachable
from db.shown_text import printable

LOCKED_HINT = "another process is writing to it: wait for it or stop it, then try again"
FULL_HINT = "free some space or move the database, then start again: it goes on where it was"
DAMAGED_HINT = "give another path, or restore this file from a copy"
PERMISSION_HINT = "check that the folder exists and that you may write to it"
REFUSED_HINT = "nothing was written; this is a mistake of the calling code or of the data handed to it"

# Primary result codes: https://www.sqlite.org/rescode.html
_BY_SQLITE_CODE: dict[int, tuple[type[DbError], str, str]] = {
    sqlite3.SQLITE_BUSY: (DatabaseLocked, "is locked", LOCKED_HINT),
    sqlite3.SQLITE_LOCKED: (DatabaseLocked, "is locked", LOCKED_HINT),
    sqlite3.SQLITE_FULL: (DiskFull, "has no room left", FULL_HINT),
    sqlite3.SQLITE_NOTADB: (ForeignFile, "is not an SQLite database", DAMAGED_HINT),
    sqlite3.SQLITE_CORRUPT: (ForeignFile, "is damaged", DAMAGED_HINT),
    sqlite3.SQLITE_ERROR: (ForeignFile, "has not the expected tables", DAMAGED_HINT),
    sqlite3.SQLITE_CANTOPEN: (Unreachable, "cannot be opened", PERMISSION_HINT),
    sqlite3.SQLITE_READONLY: (Unreachable, "cannot be written", PERMISSION_HINT),
    sqlite3.SQLITE_PERM: (Unreachable, "cannot be opened", PERMISSION_HINT),
    sqlite3.SQLITE_IOERR: (Unreachable, "cannot be read or written", "check the disk it is on"),
}


@contextmanager
def translated(shown: str) -> Iterator[None]:
    """Inside, what SQLAlchemy or SQLite raises becomes a `DbError` about the database `shown`."""
    try:
        yield
    except exc.DBAPIError as error:
        raise _of_driver(error, shown) from error
    except sqlite3.Error as error:
        # Of a connection that is used without SQLAlchemy.
        raise _of_sqlite(error, shown) from error
    except UnicodeEncodeError as error:
        raise no_text(error) from error
    except (exc.StatementError, StaleDataError, OverflowError) as error:
        raise RecordRefused(f"{shown}: cannot be stored: {error}", REFUSED_HINT) from error
    except (exc.ArgumentError, exc.NoSuchModuleError, ImportError) as error:
        hint = "give a path, or an SQLAlchemy URL whose driver is installed"
        raise Unreachable(f"{shown}: not a database address: {error}", hint) from error


def no_text(error: UnicodeEncodeError) -> NamedWrongly:
    """What a database says of a name with bytes that are no letters: only a user can have typed it."""
    hint = "give a name of letters and digits; where it is a file's name, rename the file"
    return NamedWrongly(f"'{printable(error.object)}' is no text", hint)


def _of_driver(error: exc.DBAPIError, shown: str) -> DbError:
    if isinstance(error, (exc.IntegrityError, exc.DataError)):
        return RecordRefused(f"{shown}: {error.orig}", REFUSED_HINT)
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig, shown)
    return Unreachable(f"{shown} does not answer: {error.orig}", "check that its server runs and lets you in")


def _of_sqlite(error: sqlite3.Error, shown: str) -> DbError:
    # The upper bits of a code only detail the primary one. Errors of the Python module carry none.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    kind, what, hint = _BY_SQLITE_CODE.get(code, (Unreachable, "does not answer", DAMAGED_HINT))
    return kind(f"{shown} {what} ({error})", hint)

"""Makes the record itself fail on purpose, for the faults of the simulated bench that hit the host.

    database_locked   another connection takes the write lock at a transaction, and keeps it
    disk_full         the database may not grow any more from a transaction on
    power_loss        SIGKILL to this process just before or just after a commit

Real failures, not made-up errors: SQLite itself says that it is locked or full, the kernel kills.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from db.database import Database, TransactionHook, TransactionStep
from db.errors import Unreachable

LOCKED, FULL, POWER = "database_locked", "disk_full", "power_loss"
RECORD_FAULTS = (LOCKED, FULL, POWER)

N_TRANSACTIONS = 18
"""A fault strikes at one of so many transactions: about what a campaign of two windows has."""

_STREAM = 23
_A_WINDOW = 4


@contextmanager
def with_record_faults(db: Database, faults: Collection[str], seed: int, rate: float = 0.0) -> Iterator[Database]:
    """The database, failing as named; inside the block only, and a fault strikes once a block.

    Args:
        faults: names; those that do not hit the record are left out.
        seed: decides at which transaction, and for a loss of power on which side of its commit.
        rate: faults a window to expect; 0: one, early.

    Raises:
        Unreachable: the record is not an SQLite file.
    """
    mine = [name for name in RECORD_FAULTS if name in faults]
    if not mine:
        yield db
        return
    if "://" in db.shown:
        raise Unreachable(f"{db.shown} cannot be made to fail", "faults of the host need an SQLite file: --db lab.db")
    with ExitStack() as stack:
        hooks = [_hook(name, db, np.random.default_rng((seed, _STREAM, n)), rate, stack) for n, name in enumerate(mine)]

        def at_transactions(step: TransactionStep, tx: Session | None) -> None:
            for hook in hooks:
                hook(step, tx)

        yield replace(db, at_transactions=at_transactions)


def _hook(name: str, db: Database, rng: np.random.Generator, rate: float, stack: ExitStack) -> TransactionHook:
    strikes_at = int(rng.geometric(rate / _A_WINDOW) if rate else rng.integers(1, N_TRANSACTIONS + 1))
    if name == POWER:
        return _PowerLoss(strikes_at, "before commit" if rng.random() < 0.5 else "committed")
    if name == FULL:
        return _DiskFull(strikes_at)
    return _OtherWriter(strikes_at, db.shown, stack)


class _PowerLoss:
    def __init__(self, strikes_at: int, step: TransactionStep) -> None:
        self._left, self._step = strikes_at, step

    def __call__(self, step: TransactionStep, tx: Session | None) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class _DiskFull:
    def __init__(self, strikes_at: int) -> None:
        self._left = strikes_at

    def __call__(self, step: TransactionStep, tx: Session | None) -> None:
        if step != "begun" or tx is None:
            return
        self._left -= 1
        if self._left <= 0:
            # SQLite takes a limit below the present size as the present size; it holds for this connection only.
            tx.execute(text("PRAGMA max_page_count = 1"))


class _OtherWriter:
    def __init__(self, strikes_at: int, path: str, stack: ExitStack) -> None:
        self._left, self._path, self._stack = strikes_at, path, stack

    def __call__(self, step: TransactionStep, tx: Session | None) -> None:
        if step != "begin":
            return
        self._left -= 1
        if self._left == 0:
            other = self._stack.enter_context(closing(sqlite3.connect(self._path, isolation_level=None)))
            other.execute("BEGIN IMMEDIATE")

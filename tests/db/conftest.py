"""A fresh database for each test, copied from one migrated once: migrating takes most of the time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.database import Database, open_database


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "lab.db"
    open_database(path).close()
    return path


@pytest.fixture
def db(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    shutil.copy(migrated_file, tmp_path / "lab.db")
    with open_database(tmp_path / "lab.db") as database:
        yield database

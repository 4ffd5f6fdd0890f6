"""A campaign, study, start or analysis that is not there: exit code 2, what there is, and nothing touched."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from recorded_campaign import measure_window, record_campaign
from study_rig import settings

from db.database import open_database
from db.rows import StudySpec
from db.studies import ensure_study
from lab import cli as lab_cli
from lab.errors import USAGE
from search import cli as search_cli
from search.studies.storage import close_study, create_study


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with open_database("lab.db") as db:
        campaign_id, session_id = record_campaign(db)
        measure_window(db, campaign_id, session_id, [12.0, 13.0])
        now = datetime(2026, 5, 4, tzinfo=UTC)
        ensure_study(db, StudySpec(name="study-1", created_utc=now, settings={}, simulated=True, synthetic=True))
    return tmp_path


def contents(folder: Path) -> tuple[list[str], list[str]]:
    """All rows of the record, and the names of all files."""
    with closing(sqlite3.connect(folder / "lab.db")) as record, record:
        rows = list(record.iterdump())
    record.close()
    names = (path.name for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm")))
    return rows, sorted(names)


@pytest.mark.parametrize(
    "command",
    [
        "lab export --campaign frist --out rows.csv",
        "lab fit-rf --campaign frist",
        "lab suggest-next --n 3 --campaign frist",
        "lab reanalyse --campaign frist",
        "lab audit --campaign frist",
        "lab incidents --campaign frist",
        "lab incidents --session 99",
        "lab export --analysis-version 77 --out rows.csv",
        "lab fit-rf --analysis-version 77",
        "lab measure --study stduy-1 --top 1 --repeats 2",
        "search best --study stduy-1",
        "search show 1 --study stduy-1",
        "search export 1 --study stduy-1 --out best.tflite",
        "search retrain --study stduy-1 --out finalists",
        "search trainings --study stduy-1",
        "search worker --study stduy-1",
    ],
)
def test_what_is_not_there_is_wrong_usage_and_nothing_is_touched(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(folder)
    program, *arguments = command.split()
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    with pytest.raises(SystemExit) as ended:
        (lab_cli if program == "lab" else search_cli).main(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == USAGE, said
    assert contents(folder) == before
    if "frist" in command:
        assert "did you mean first?" in said


@pytest.mark.parametrize(
    "command",
    [
        "lab show BYTES",
        "lab measure --study BYTES",
        "lab audit --campaign BYTES",
        "lab export --campaign BYTES --out rows.csv",
        "search best --study BYTES",
        "search show 1 --study BYTES",
        "search export 1 --study BYTES --out best.tflite",
        "search retrain --study BYTES",
        "search trainings --study BYTES",
        "search worker --study BYTES",
    ],
)
def test_a_name_with_bytes_that_are_no_text_is_refused_and_shown_as_escapes(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    close_study(create_study("sqlite:///lab.trials.db", "other", settings()))
    program, *arguments = command.replace("BYTES", os.fsdecode(b"na\xffme")).split()
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    with pytest.raises(SystemExit) as ended:
        (lab_cli if program == "lab" else search_cli).main(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == USAGE, said
    assert "na\\udcffme" in said
    assert "Traceback" not in said

"""`lab show`: one model with its visits, one visit with its evidence; what is not there is exit code 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from recorded_campaign import measure_window, record_campaign

from db.database import open_database
from db.details import measured_energies, models_like, visits_of_model
from lab import cli
from lab.errors import USAGE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with open_database("lab.db") as db:
        campaign_id, session_id = record_campaign(db)
        measure_window(db, campaign_id, session_id, [12.0, 13.0])
    return tmp_path


def lab(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["lab", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    return int(ended.value.code or 0)


def first_visit() -> tuple[str, int]:
    with open_database("lab.db", create=False) as db:
        (model,) = models_like(db, "0.tflite")
        return model.sha256, visits_of_model(db, model.sha256)[0].visit_id


def test_a_model_is_found_by_name_by_hash_and_by_text(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sha256, visit_id = first_visit()
    for what in ("0.tflite", sha256, sha256[:8]):
        assert lab(monkeypatch, "show", what) == 0
        said = capsys.readouterr().out
        assert sha256 in said
        assert f"lab show {visit_id}" in said
        assert "mJ per inference" in said


def test_a_visit_shows_its_energy_and_gates(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sha256, visit_id = first_visit()
    assert lab(monkeypatch, "show", str(visit_id), "--json") == 0
    shown = json.loads(capsys.readouterr().out)["visit"]
    assert (shown["model_sha256"], shown["outcome"]) == (sha256, "accepted")
    with open_database("lab.db", create=False) as db:
        known = measured_energies(db, [sha256])[sha256]
    assert known.energy_mj == pytest.approx(shown["energy_mj"])


def test_what_is_not_there_is_wrong_usage_and_says_what_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for what, hint in (("nothing.tflite", "0.tflite"), ("deadbeef", "0.tflite"), ("9999", "visit 9999")):
        assert lab(monkeypatch, "show", what) == USAGE
        assert hint in capsys.readouterr().err


def test_a_short_hash_matches_nothing_by_chance(folder: Path) -> None:
    sha256, _ = first_visit()
    with open_database("lab.db", create=False) as db:
        assert models_like(db, sha256[:5]) == []
        assert models_like(db, "%") == []

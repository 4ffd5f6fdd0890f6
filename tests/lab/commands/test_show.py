"""`lab show`: one model with its visits, one visit with its evidence; what is not there is exit code 2."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing
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


def rename(n: int, name: str) -> str:
    """Another name for the n-th model of the record; its hash."""
    with closing(sqlite3.connect("lab.db")) as record, record:
        (sha256,) = record.execute("SELECT sha256 FROM model_file ORDER BY id LIMIT 1 OFFSET ?", [n]).fetchone()
        record.execute("UPDATE model_file SET name = ? WHERE sha256 = ?", [name, sha256])
    return str(sha256)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("a b.tflite", "a b"),
        ("sub/net.tflite", "net"),
        ("12345678901.tflite", "12345678901.tflite"),
        ("12345678901.tflite", "12345678901"),
        ("7000.tflite", "7000"),
        ("quo'te\".tflite", "quo'te\""),
        ("new\nline.tflite", "new\nline.tflite"),
        ("\\udcff.tflite", os.fsdecode(b"\xff.tflite")),
        ("\\udcff.tflite", os.fsdecode(b"\xff")),
        ("100%.tflite", "100%"),
    ],
)
def test_a_model_is_found_by_its_name_as_files_and_tables_have_it(
    name: str, typed: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sha256 = rename(0, name)
    assert lab(monkeypatch, "show", "--json", "--", typed) == 0
    assert [model["sha256"] for model in json.loads(capsys.readouterr().out)["models"]] == [sha256]
    assert lab(monkeypatch, "show", "--", typed) == 0
    assert name.replace("\n", "\\n") in capsys.readouterr().out


def test_a_hash_may_be_typed_in_capitals_and_be_all_digits(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sha256, _ = first_visit()
    assert lab(monkeypatch, "show", sha256[:12].upper()) == 0
    assert sha256 in capsys.readouterr().out
    digits = "7" * 64
    with closing(sqlite3.connect("lab.db")) as record, record:
        record.execute("UPDATE model_file SET sha256 = ? WHERE sha256 = ?", [digits, sha256])
    assert lab(monkeypatch, "show", digits[:8]) == 0
    assert digits in capsys.readouterr().out


def test_a_number_that_is_both_shows_the_visit_and_names_the_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, visit_id = first_visit()
    rename(1, f"{visit_id}.tflite")
    assert lab(monkeypatch, "show", str(visit_id)) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"visit      {visit_id} of")
    assert f"lab show {visit_id}.tflite" in said.err


@pytest.mark.parametrize("typed", ["\x1b[2Jx", "a\nb", os.fsdecode(b"\xff"), "", "0", "٣٣٣٣"])
def test_what_is_refused_is_shown_on_one_line_without_moving_the_cursor(
    typed: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rename(0, "evil\x1b]0;x\x07\n.tflite")
    assert lab(monkeypatch, "show", "--", typed) == USAGE
    said = capsys.readouterr().err
    assert said.count("\n") == 2
    assert all(character == "\n" or character.isprintable() for character in said)

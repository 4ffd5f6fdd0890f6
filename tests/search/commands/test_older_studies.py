"""Studies and retrainings that a release up to 0.2 has begun go on: it knew data by their computed numbers."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from search_command import search

from search.audio.synthetic_data import default_cache_dir, load_synthetic
from search.commands import exits
from search.studies.budget import budget_named
from search.studies.storage import close_study, load_study

ASKED = ("--budget", "smoke", "--algorithm", "random")


def make_older(numbers_sha256: str) -> None:
    """As release 0.2 left a study: in the record, and with the trials."""
    study = load_study("sqlite:///lab.trials.db", "search")
    plain = {name: value for name, value in study.user_attrs["settings"].items() if name != "data_description"}
    plain["data_sha256"] = numbers_sha256
    study.set_user_attr("settings", plain)
    close_study(study)
    with closing(sqlite3.connect("lab.db")) as record, record:
        record.execute("UPDATE study SET settings_json = ?", (json.dumps(plain),))


def begun_with() -> dict[str, object]:
    study = load_study("sqlite:///lab.trials.db", "search")
    try:
        return dict(study.user_attrs["settings"])
    finally:
        close_study(study)


def test_a_study_that_knows_its_data_by_numbers_goes_on_with_them_and_only_with_them(
    predictor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--predictor", str(predictor)]
    assert search(monkeypatch, "init", *given, *ASKED) == 0
    data = load_synthetic(budget_named("smoke").clips, default_cache_dir())
    assert begun_with()["data_sha256"] == data.sha256 != data.numbers_sha256
    make_older(data.numbers_sha256)
    assert search(monkeypatch, "init", *given, *ASKED) == 0
    assert search(monkeypatch, "worker", "--study", "search", *given, "--trials", "0") == exits.BAD_INPUT
    assert search(monkeypatch, "worker", "--study", "search", *given, "--hours", "0", "--trials", "1") == 0
    assert begun_with()["data_sha256"] == data.numbers_sha256
    make_older("ab" * 32)
    capsys.readouterr()
    assert search(monkeypatch, "init", *given, *ASKED) == exits.BAD_INPUT
    assert "data_sha256" in capsys.readouterr().err
    assert search(monkeypatch, "worker", "--study", "search", *given, "--trials", "1") == exits.BAD_INPUT
    assert "processors differ" in capsys.readouterr().err


def test_a_study_keeps_the_description_of_its_data_and_another_processor_may_differ_in_the_last_digit(
    predictor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--predictor", str(predictor)]
    assert search(monkeypatch, "init", *given, *ASKED) == 0
    data = load_synthetic(budget_named("smoke").clips, default_cache_dir())
    plain = begun_with()
    assert plain["data_description"] == data.description.to_plain()
    description = dict(data.description.to_plain())
    description["deviation"] *= 1 + 1e-12
    study = load_study("sqlite:///lab.trials.db", "search")
    study.set_user_attr("settings", {**plain, "data_description": description})
    close_study(study)
    assert search(monkeypatch, "init", *given, *ASKED) == 0
    study = load_study("sqlite:///lab.trials.db", "search")
    study.set_user_attr("settings", {**plain, "data_description": {"deviation": 1}})
    close_study(study)
    capsys.readouterr()
    assert search(monkeypatch, "init", *given, *ASKED) == exits.BAD_INPUT
    assert "hint: " in capsys.readouterr().err

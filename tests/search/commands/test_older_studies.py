"""Studies and retrainings that a release up to 0.2 has begun go on: it knew data by their computed numbers."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audioset_specimens import write_lists, write_spectrograms
from search_command import search
from study_rig import a_worker, settings

from search.audio.audioset import load_audioset
from search.audio.synthetic_data import SyntheticSize, default_cache_dir, load_synthetic
from search.commands import exits
from search.studies.budget import budget_named
from search.studies.storage import close_study, load_study
from search.tflite.metadata import DESCRIPTION, read_metadata

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


def export_of(
    data: str, predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *more: str, sha256: str = "ab"
) -> int:
    """Exports the trial of a study that release 0.2 has begun with data of a name."""
    older = replace(settings(), data=data, data_sha256=sha256, data_description=None)
    with a_worker(tmp_path, predictor, older) as worker:
        replace(worker, files_dir=worker.db.files_dir / "networks").run(1, lambda: False)
    return search(monkeypatch, "export", "1", "--study", "s", "--out", "net.tflite", *more)


def test_an_older_study_of_synthetic_sounds_is_exported_with_the_divisor_of_its_data(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = SyntheticSize(20, 10, 10, seed=5)
    assert export_of(size.name, predictor, tmp_path, monkeypatch) == 0
    description = json.loads(read_metadata(Path("net.tflite").read_bytes(), DESCRIPTION) or b"")
    assert description["deviation"] == load_synthetic(size, default_cache_dir()).description.deviation
    assert description["class_names"][-1] == "negative"
    assert repr(description["deviation"]) in Path("net.tflite.md").read_text()


@pytest.mark.parametrize("data", ["AudioSet, 9 classes, 3-1-1", "SYNTHETIC sound events v1, 2-1-1, seed 1", "mine"])
def test_an_older_study_of_other_sounds_is_refused_until_they_are_given(
    data: str, predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export_of(data, predictor, tmp_path, monkeypatch) == exits.BAD_INPUT
    assert "--audioset DIR" in capsys.readouterr().err
    assert not Path("net.tflite").exists()


def test_an_older_study_of_audioset_is_exported_with_its_folder_and_with_no_other(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "audioset"
    write_spectrograms(folder, write_lists(folder))
    found, _ = load_audioset(folder)
    given = ("--audioset", str(folder))
    known = export_of(found.name, predictor, tmp_path, monkeypatch, *given, sha256=found.numbers_sha256)
    assert known == 0
    description = json.loads(read_metadata(Path("net.tflite").read_bytes(), DESCRIPTION) or b"")
    assert description["deviation"] == found.description.deviation
    (tmp_path / "net.tflite").unlink()
    path = min((folder / "log_mel").glob("*tr*.npy"))
    np.save(path, np.load(path) + np.arange(40))
    assert search(monkeypatch, "export", "1", "--study", "s", "--out", "net.tflite", *given) == exits.BAD_INPUT
    assert "other data" in capsys.readouterr().err

"""`search trainings`, and networks that are trained again: replicates of a study, or of a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial  # noqa: TID253
from search_command import search
from study_rig import a_worker, settings
from surrogate_specimens import made_up_table, made_up_trainings

from search.commands import exits
from search.engine.encoding import params_of
from search.networks.architecture import Architecture
from search.networks.spaces import AUDIO_2D
from search.studies.recorded_objective import training_seed
from search.studies.storage import close_study, load_study
from search.surrogate.trainings import read_trainings, write_trainings


def trials_of(study_name: str) -> list[FrozenTrial]:
    study = load_study("sqlite:///lab.trials.db", study_name)
    try:
        return study.trials
    finally:
        close_study(study)


def test_the_trainings_of_a_study_are_a_table(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_worker(tmp_path, predictor, settings("random")) as worker:
        worker.run(40, lambda: False)
        rewards = [trial.value for trial in worker.study.trials]
    assert search(monkeypatch, "trainings", "--study", "s", "--out", "t.csv") == 0
    assert "correlation" in capsys.readouterr().out
    assert search(monkeypatch, "trainings", "--study", "s", "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["n_trainings"], plain["data"]) == (40, "none")
    assert all(set(each) == {"model", "r2", "rmse", "kendall_tau"} for each in plain["models"])
    table = read_trainings(tmp_path / "t.csv")
    assert len(table.rows) == len(rewards) == 40
    assert all(
        row.curve == pytest.approx([row.accuracy * (1 - 0.5**k) for k in (1, 2, 3, 4)], abs=1e-4) for row in table.rows
    )


def test_networks_of_a_study_are_trained_again_from_other_seeds(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = made_up_table(tmp_path / "trainings.csv")
    common = ["--predictor", str(predictor), "--surrogate", str(table)]
    assert search(monkeypatch, "run", "--trials", "4", *common) == 0
    for _ in range(2):
        again = ["--study", "repeats", "--seed", "2", "--replicate", "search", "--algorithm", "random"]
        assert search(monkeypatch, "init", *again, *common) == 0
    assert search(monkeypatch, "worker", "--study", "repeats", "--trials", "5", *common) == 0
    first, repeats = (trials_of(name) for name in ("search", "repeats"))
    assert [trial.params for trial in repeats[:4]] == [trial.params for trial in first]
    assert repeats[4].params not in [trial.params for trial in first]
    assert [trial.values for trial in repeats[:4]] != [trial.values for trial in first]
    assert search(monkeypatch, "init", *again, *common, "--replicate", "nowhere") == exits.BAD_INPUT
    assert "it has: repeats, search" in capsys.readouterr().err
    asked = ["--study", "same", "--replicate", "search", "--algorithm", "random"]
    assert search(monkeypatch, "init", *asked, *common) == exits.BAD_INPUT
    assert "--seed 2" in capsys.readouterr().err
    assert search(monkeypatch, "best", "--study", "same") == exits.BAD_INPUT


def test_networks_of_a_table_are_trained_again_the_most_accurate_first(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = made_up_table(tmp_path / "trainings.csv")
    common = ["--study", "tops", "--predictor", str(predictor), "--surrogate", str(table)]
    assert search(monkeypatch, "init", *common, "--algorithm", "random", "--replicate-table", str(table)) == 0
    assert search(monkeypatch, "worker", *common, "--trials", "3") == 0
    rows = sorted(made_up_trainings().rows, key=lambda row: -row.accuracy)
    expected = [params_of(row.architecture) for row in rows[:3]]
    assert [trial.params for trial in trials_of("tops")[:3]] == expected


def test_a_table_whose_trainings_would_come_out_the_same_or_cannot_be_repeated_is_refused(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = made_up_trainings()
    first = good.rows[0]
    other_options = Architecture(
        "audio2d", first.architecture.blocks, AUDIO_2D.set_options({"dw_stride": "before_pointwise"})
    )
    same_seed = replace(first, seed=training_seed(4, first.architecture))
    tables = {
        "holds no training": replace(good, rows=()),
        "has seed 4 too": replace(good, rows=(*good.rows, same_seed)),
        "other options": replace(good, rows=(*good.rows, replace(first, architecture=other_options))),
    }
    common = ["--study", "other", "--predictor", str(predictor), "--seed", "4"]
    for said, trainings in tables.items():
        write_trainings(tmp_path / "t.csv", trainings)
        assert search(monkeypatch, "init", *common, "--replicate-table", "t.csv") == exits.BAD_INPUT
        assert said in capsys.readouterr().err
    write_trainings(tmp_path / "t.csv", good)
    assert search(monkeypatch, "init", *common, "--space", "audio1d", "--replicate-table", "t.csv") == exits.BAD_INPUT
    assert "the trainings are in audio2d, not in audio1d" in capsys.readouterr().err
    assert search(monkeypatch, "best", "--study", "other") != 0


def test_few_trainings_are_a_table_of_which_nothing_is_said_yet(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_worker(tmp_path, predictor, settings("random")) as worker:
        worker.run(3, lambda: False)
    assert search(monkeypatch, "trainings", "--study", "s", "--out", "t.csv") == 0
    assert "trainings of 3 architectures: what they teach is said from 40 on" in capsys.readouterr().err
    tables = ["--table", "t.csv", "--table", "t.csv"]
    assert search(monkeypatch, "trainings", "--study", "s", *tables, "--out", "both.csv") == 0
    assert (tmp_path / "both.csv").read_text() == (tmp_path / "t.csv").read_text()

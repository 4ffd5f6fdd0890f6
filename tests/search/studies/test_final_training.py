"""Networks trained again: each seed once, and side by side with the paper's."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sqlalchemy as sa
from network_specimens import baseline_named

from db.database import Database, open_database
from db.networks import store_models
from db.retrainings import list_retrainings
from db.rows import RetrainingSpec
from search import cli
from search.audio.classes import CLASS_NAMES
from search.audio.examples import SoundData, standardised
from search.commands import exits
from search.networks.layers import Graph
from search.networks.spaces import AUDIO_2D, TABLE_2
from search.studies.clock import StudyClock
from search.studies.comparison import compared_networks
from search.studies.files import networks_dir
from search.studies.final_training import FinalRetrainer
from search.tflite.random_constants import draw_constants
from search.tflite.writer import serialize
from search.training.recipe import TrainingRecipe
from search.training.result import TrainingResult

NOW = datetime(2026, 5, 4, tzinfo=UTC)
NETWORKS = (TABLE_2, baseline_named("tc_resnet_8"))
TRIAL = TrainingRecipe(n_float_epochs=3, n_int8_epochs=1.5)


def few_clips() -> SoundData:
    rng = np.random.default_rng(0)
    splits = {
        split: (rng.normal(size=(n, 196, 40)).astype(np.float32), np.arange(n) % 9)
        for split, n in (("train", 2), ("validation", 2), ("test", 9))
    }
    return standardised("SYNTHETIC noise", True, splits, CLASS_NAMES, {"kind": "noise"})


class Trainings:
    """Trains in no time; keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, TrainingRecipe]] = []

    def __call__(self, graph: Graph, data: SoundData, recipe: TrainingRecipe, seed: int) -> TrainingResult:
        self.asked.append((seed, recipe))
        return TrainingResult(serialize(draw_constants(graph, np.random.default_rng(seed))), 0.5, 0.6, ())


def retrain(db: Database, n_repeats: int, seen: list[RetrainingSpec]) -> Trainings:
    trainings = Trainings()
    clock = StudyClock(lambda: NOW, lambda: 0.0)
    retrainer = FinalRetrainer(db, networks_dir(db), few_clips(), TRIAL, clock, trainings, seen.append)
    retrainer.run(NETWORKS, n_repeats, lambda: len(seen) >= 5)
    return trainings


def test_each_network_and_seed_is_trained_once_a_third_longer_and_tested(tmp_path: Path) -> None:
    with open_database(str(tmp_path / "lab.db")) as db:
        seen: list[RetrainingSpec] = []
        first = retrain(db, 2, seen)
        assert [seed for seed, _ in first.asked] == [1, 1, 2, 2]
        assert all((r.n_float_epochs, r.n_int8_epochs) == (pytest.approx(4), pytest.approx(2)) for _, r in first.asked)
        assert retrain(db, 2, []).asked == []
        rows = list_retrainings(db)
        assert rows == seen
        assert {row.network_text for row in rows} == {network.text for network in NETWORKS}
        for row in rows:
            assert row.test_accuracy * 9 == pytest.approx(round(row.test_accuracy * 9))
            assert (networks_dir(db) / row.model.name).stat().st_size == row.model.size_bytes
        assert len(retrain(db, 9, seen).asked) == 1, "asked to end after five"


def test_only_what_was_trained_alike_counts_as_finished(tmp_path: Path) -> None:
    with open_database(str(tmp_path / "lab.db")) as db:
        retrain(db, 1, [])
        clock = StudyClock(lambda: NOW, lambda: 0.0)
        other = replace(TRIAL, learning_rate=0.5)
        retrainer = FinalRetrainer(db, networks_dir(db), few_clips(), other, clock, Trainings())
        assert retrainer.finished() == []
        retrainer.run(NETWORKS[:1], 1, lambda: False)
        (row,) = retrainer.finished()
        assert row.recipe["learning_rate"] == 0.5
        assert len(list_retrainings(db)) == 3


def test_retrainings_that_a_release_up_to_0_2_recorded_are_not_trained_again(tmp_path: Path) -> None:
    with open_database(str(tmp_path / "lab.db")) as db:
        retrain(db, 1, [])
        older = few_clips().numbers_sha256
        with db.write() as tx:
            tx.execute(sa.text("UPDATE retraining SET data_sha256 = :older"), {"older": older})
        assert [seed for seed, _ in retrain(db, 2, []).asked] == [2, 2]
        assert {row.data_sha256 for row in list_retrainings(db)} == {older}


def test_they_are_compared_with_spread_counts_and_the_paper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_database(str(tmp_path / "lab.db")) as db:
        retrain(db, 2, [])
        searched, baseline = compared_networks(db, None, AUDIO_2D.name)
    assert (searched.is_baseline, baseline.is_baseline) == (False, True)
    assert len(baseline.test_accuracies) == 2
    assert baseline.flops == pytest.approx(6.00e6, rel=1e-3)
    assert baseline.measured is None
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr("sys.argv", ["search", "compare"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    printed = capsys.readouterr().out
    assert "TCResNet8-1.0" in printed
    assert re.search(r"MobileNetV2 +70\.30 ± 0\.40", printed)
    assert "SYNTHETIC noise" in printed
    monkeypatch.setattr("sys.argv", ["search", "compare", "--json"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    plain = json.loads(capsys.readouterr().out)
    assert (plain["data"], plain["synthetic"]) == ("SYNTHETIC noise", True)
    assert [each["baseline"] for each in plain["networks"]] == [False, True]
    assert plain["networks"][1]["test_accuracies"] == list(baseline.test_accuracies)
    assert plain["networks"][0]["text"] == TABLE_2.text


def test_nothing_to_retrain_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["search", "retrain"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == exits.BAD_INPUT
    assert "--baselines" in capsys.readouterr().err


def test_visits_of_a_file_that_was_exported_with_its_description_count_as_the_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_database(str(tmp_path / "lab.db")) as db:
        retrain(db, 1, [])
        trained = list_retrainings(db)[0].model
        exported = replace(trained, sha256="e" * 64, name="mine.tflite", network_sha256=trained.sha256)
        with db.write() as tx:
            store_models(tx, [(exported, None)])
        visits = [SimpleNamespace(model_sha256="e" * 64, energy_mj=2.0, latency_ms=3.0, simulated=True)]
        monkeypatch.setattr("search.studies.comparison.result_rows", lambda db: visits)
        measured = [each.measured for each in compared_networks(db, None, AUDIO_2D.name)]
    assert [None if each is None else each.energy_mj for each in measured] == [2.0, None]

"""`search supernet`: trained, stopped, gone on with, picked from, finished, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorflow")

from search_command import search

from search.commands import exits
from search.supernet.checkpoint import FILE_NAME, load

TRAIN = ("supernet", "train", "--space", "audio1d", "--budget", "smoke", "--passes")
ONCE = ("--scores", "6")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A supernet after two short passes, with the clips that it has learnt."""
    import os

    from search.studies.accuracy_source import DataRequest, load_data
    from search.studies.budget import budget_named
    from search.supernet.checkpoint import save
    from search.supernet.recipe import SupernetRecipe
    from search.supernet.training import SupernetTraining, begun

    folder = tmp_path_factory.mktemp("made")
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    try:
        data = load_data(DataRequest(), budget_named("smoke").clips, lambda text: None)
    finally:
        os.environ.pop("XDG_CACHE_HOME") if before is None else os.environ.update(XDG_CACHE_HOME=before)
    training = SupernetTraining(begun("audio1d", data, "smoke", SupernetRecipe(n_epochs=1), 1), data)
    training.run_pass()
    save(folder / "supernet", training.checkpoint())
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    """A folder of a user with that supernet."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_pick_costs_what_its_budget_allows_and_becomes_a_file_that_says_how_it_is_run(
    here: Path, predictor_1d: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ("--predictor", str(predictor_1d))
    assert search(monkeypatch, "supernet", "pick", "--energy-mj", "900", *model, *ONCE, "--json", "--out", "out") == 0
    printed = capsys.readouterr()
    (found,) = json.loads(printed.out)["picks"]
    assert found["energy_mj"] <= 900
    (file,) = (here / "out").glob("*.tflite")
    assert found["arch_hash"][:8] in file.name
    assert "SYNTHETIC out/" in printed.err
    assert "int8" in printed.err
    assert "Next: lab measure out" in printed.err
    assert (here / "out" / "classify.py").exists()


def test_a_front_says_which_budgets_are_out_of_reach(
    here: Path, predictor_1d: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ("--predictor", str(predictor_1d))
    arguments = ("supernet", "front", "--energy-mj", "0.0001", "--energy-mj", "900", "--plot", "front.png")
    assert search(monkeypatch, *arguments, *model, *ONCE) == 0
    printed = capsys.readouterr()
    assert "0.0001 mJ: no architecture of audio1d" in printed.err
    assert "SYNTHETIC" in printed.out
    assert (here / "front.png").read_bytes().startswith(b"\x89PNG")
    assert search(monkeypatch, "supernet", "pick", "--energy-mj", "0.0001", *model) == exits.BAD_INPUT
    assert "most frugal" in capsys.readouterr().err


def test_a_training_goes_on_to_its_passes_and_refuses_another_recipe(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    assert search(monkeypatch, *TRAIN, "1") == 0
    assert load(here / "supernet").description.n_epochs_done == 1
    for wrong, word in (((*TRAIN, "2"), "recipe"), ((*TRAIN, "1", "--seed", "2"), "seed")):
        assert search(monkeypatch, *wrong) == exits.BAD_INPUT
        assert word in capsys.readouterr().err
    assert search(monkeypatch, *TRAIN, "1", "--device", "abacus") == exits.BAD_INPUT
    assert "abacus" in capsys.readouterr().err


def test_a_damaged_supernet_and_a_predictor_of_another_space_are_refused(
    here: Path, predictor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(monkeypatch, "supernet", "pick", "--energy-mj", "1", "--predictor", str(predictor)) == exits.BAD_INPUT
    assert "audio2d" in capsys.readouterr().err
    (here / "supernet" / FILE_NAME).write_bytes(b"PK not a supernet")
    assert search(monkeypatch, "supernet", "front") == exits.BAD_INPUT
    assert "damaged" in capsys.readouterr().err
    assert search(monkeypatch, "supernet", "front", "--supernet", "nowhere") == exits.BAD_INPUT
    assert "search supernet train" in capsys.readouterr().err

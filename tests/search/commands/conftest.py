"""For all tests of commands: a predictor, and a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_rig import save_predictor

from search.networks.spaces import AUDIO_1D, AUDIO_2D


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictor") / "model"
    save_predictor(folder, AUDIO_2D)
    return folder


@pytest.fixture(scope="module")
def predictor_1d(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictor") / "model-1d"
    save_predictor(folder, AUDIO_1D)
    return folder


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")

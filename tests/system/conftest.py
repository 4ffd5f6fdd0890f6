"""Fixtures of the tests that run the installed command."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lab_command import Bench


@pytest.fixture
def make_bench(tmp_path: Path) -> Callable[..., Bench]:
    """Make a bench; keyword arguments are lines of its profile by section."""

    def make(n_models: int = 12, more: str = "", seed: int = 1) -> Bench:
        truth = tmp_path / "truth.jsonl"
        profile = tmp_path / "small.toml"
        profile.write_text(
            f'name = "small"\n[phone]\nlock = "paper"\n[window]\nn_models = {n_models}\n{more}\n'
            f'[simulated]\nseed = {seed}\ntruth_path = "{truth}"\n'
        )
        return Bench(tmp_path, profile, truth, tmp_path / "lab.db")

    return make

"""Training the supernet: it learns, goes on where it was killed to the very same weights, and scores what it holds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

pytest.importorskip("tensorflow")

from training_specimens import chirps

from search.audio.examples import SoundData, standardised
from search.networks.spaces import AUDIO_1D
from search.supernet.checkpoint import Checkpoint, load, save
from search.supernet.recipe import SupernetRecipe
from search.supernet.sampling import random_architecture
from search.supernet.shared_accuracy import SharedAccuracy
from search.supernet.training import SupernetTraining, begun

RECIPE = SupernetRecipe(n_epochs=3, batch_size=8, n_random=1, n_masks=0)


@pytest.fixture(scope="module")
def data() -> SoundData:
    splits = {}
    for seed, name in enumerate(("train", "validation", "test")):
        spectrograms, classes = chirps((196, 1, 40), 96, seed)
        # Where the ridge begins: low, in the middle, high.
        splits[name] = (spectrograms.reshape(-1, 196, 40), classes // 3)
    return standardised("chirps", True, splits, ("low", "middle", "high"), {})


def training(data: SoundData, kept: Checkpoint | None = None, recipe: SupernetRecipe = RECIPE) -> SupernetTraining:
    description = begun(AUDIO_1D.name, data, "smoke", recipe, 1) if kept is None else kept.description
    return SupernetTraining(description, data, None if kept is None else kept.arrays)


def test_a_training_that_goes_on_from_disk_ends_with_the_very_same_weights(data: SoundData, tmp_path: Path) -> None:
    straight, broken = training(data), training(data)
    for _ in range(2):
        straight.run_pass()
    broken.run_pass()
    save(tmp_path, broken.checkpoint())
    again = training(data, load(tmp_path))
    again.run_pass()
    one, other = straight.checkpoint(), again.checkpoint()
    assert one.description == other.description
    assert one.arrays.keys() == other.arrays.keys()
    assert all(np.array_equal(one.arrays[name], other.arrays[name]) for name in one.arrays)


def test_a_supernet_learns_what_its_parts_are_asked(data: SoundData) -> None:
    longer = dataclasses.replace(RECIPE, n_epochs=20)
    trained = training(data, recipe=longer)
    rng = np.random.default_rng(2)
    asked = [random_architecture(AUDIO_1D, rng) for _ in range(4)]
    before = SharedAccuracy(trained.network, data)
    fresh = float(np.mean([before.score(each).loss for each in asked]))
    for _ in range(longer.n_epochs):
        trained.run_pass()
    after = SharedAccuracy(trained.network, data)
    scores = [after.score(each) for each in asked]
    assert float(np.mean([score.loss for score in scores])) < 0.8 * fresh
    # By chance a third would be right.
    assert float(np.mean([score.accuracy for score in scores])) > 0.5
    # Asked again it is remembered, and parts are not all the same.
    assert [after.score(each) for each in asked] == scores
    assert after.n_scored == len({score.loss for score in scores}) == len(asked)

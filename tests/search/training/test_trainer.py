"""Training a network on a task that can be learnt in seconds."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from network_specimens import baseline_named
from numpy.typing import NDArray

from search.audio.augmentation import mask
from search.audio.classes import CLASS_NAMES
from search.audio.clip_files import LOUDEST, ClipFeatures, ClipFile, FileReading, FileStamp
from search.audio.clip_reading import ReadClips
from search.audio.examples import SoundData, standardised
from search.audio.feature_cache import FeatureCache, StoredClip
from search.audio.log_mel import N_BANDS, N_FRAMES
from search.audio.stored_spectrograms import stored_data
from search.tflite.reader import read_network
from search.training.int8_accuracy import int8_accuracy, int8_classes
from search.training.recipe import TrainingRecipe
from search.training.result import CurveEvaluation, TrainingResult, TrainingStopped
from search.training.trainer import train

GRAPH = baseline_named("tc_resnet_8").graph
RECIPE = TrainingRecipe(n_float_epochs=4, n_int8_epochs=1, batch_size=20, n_evaluations=5, learning_rate=3e-3)


def bands_splits() -> dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Each class has its own band of the spectrogram, under noise."""
    rng = np.random.default_rng(0)
    splits = {}
    for name, n in (("train", 360), ("validation", 90), ("test", 9)):
        labels = (np.arange(n) % len(CLASS_NAMES)).astype(np.int64)
        spectrograms = rng.normal(0, 1, (n, N_FRAMES, N_BANDS)).astype(np.float32)
        for i, label in enumerate(labels.tolist()):
            spectrograms[i, :, 4 * label : 4 * label + 4] += 1.5
        splits[name] = (spectrograms, labels)
    return splits


def bands_data() -> SoundData:
    return standardised("bands", True, bands_splits(), CLASS_NAMES, {"kind": "bands"})


DATA = bands_data()


@pytest.fixture(scope="module")
def trained() -> TrainingResult:
    return train(GRAPH, DATA, RECIPE, seed=1)


def test_the_int8_file_has_learnt_what_the_float_model_has(trained: TrainingResult) -> None:
    assert trained.float_accuracy > 0.9
    assert abs(trained.accuracy - trained.float_accuracy) < 0.1
    assert trained.accuracy == int8_accuracy(trained.tflite, DATA.validation)


def test_examples_that_stay_in_a_file_train_the_very_same_network(trained: TrainingResult, tmp_path: Path) -> None:
    cache, splits = FeatureCache(tmp_path), {}
    for name, (spectrograms, labels) in bands_splits().items():
        readings = [
            (
                ClipFile(tmp_path / f"{name}-{i}.wav"),
                FileReading(FileStamp(1, i), f"{i:060x}{len(labels):04x}", ClipFeatures(values, LOUDEST)),
            )
            for i, values in enumerate(spectrograms)
        ]
        clips = tuple(clip for clip in cache.keep(readings) if isinstance(clip, StoredClip))
        splits[name] = (ReadClips(clips, (), 0), labels.tolist())
    stored = stored_data("bands", cache, splits, CLASS_NAMES, {"kind": "bands"})
    again = train(GRAPH, stored, RECIPE, seed=1)
    assert (again.tflite, again.accuracy, again.curve) == (trained.tflite, trained.accuracy, trained.curve)


def test_the_file_is_that_of_the_graph(trained: TrainingResult) -> None:
    assert read_network(trained.tflite, GRAPH).graph == GRAPH


def test_the_curve_goes_evenly_through_both_parts(trained: TrainingResult) -> None:
    assert [evaluation.ordinal for evaluation in trained.curve] == [1, 2, 3, 4, 5]
    assert [evaluation.quantization_aware for evaluation in trained.curve] == [False] * 4 + [True]
    assert all(math.isclose(e.done_frac, e.ordinal / 5) for e in trained.curve)


def test_the_watcher_can_stop_it_and_the_same_seed_gives_the_same_curve(trained: TrainingResult) -> None:
    seen: list[CurveEvaluation] = []

    def watch(evaluation: CurveEvaluation) -> bool:
        seen.append(evaluation)
        return len(seen) == 2

    with pytest.raises(TrainingStopped) as caught:
        train(GRAPH, DATA, RECIPE, seed=1, watch=watch)
    assert caught.value.curve == tuple(seen) == trained.curve[:2]


def test_every_class_comes_out_of_the_file(trained: TrainingResult) -> None:
    assert set(int8_classes(trained.tflite, DATA.validation.spectrograms).tolist()) == set(range(9))


def test_masks_hide_stretches_and_bands_and_nothing_else() -> None:
    whole = np.ones((50, N_FRAMES, N_BANDS), np.float32)
    masked = mask(whole, np.random.default_rng(0))
    assert set(np.unique(masked).tolist()) == {0.0, 1.0}
    shares = 1 - masked.mean(axis=(1, 2))
    assert 0.05 < shares.mean() < 0.4
    assert shares.max() < 0.7
    assert np.array_equal(mask(whole, np.random.default_rng(0)), masked)
    assert whole.min() == 1


def test_a_longer_recipe_has_more_passes_and_is_otherwise_the_same() -> None:
    longer = TrainingRecipe(n_float_epochs=6, n_int8_epochs=3).longer(4 / 3)
    assert (longer.n_float_epochs, longer.n_int8_epochs) == (8, 4)
    assert dataclasses.replace(longer, n_float_epochs=6, n_int8_epochs=3) == TrainingRecipe(
        n_float_epochs=6, n_int8_epochs=3
    )

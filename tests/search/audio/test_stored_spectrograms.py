"""Spectrograms that stay in the cache are to training what an array is."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from search.audio.clip_files import LOUDEST, ClipFeatures, ClipFile, FileReading, FileStamp
from search.audio.clip_reading import ReadClips
from search.audio.examples import SoundData, standardised
from search.audio.feature_cache import FeatureCache, StoredClip
from search.audio.stored_spectrograms import stored_data

N = 400
CLASSES = ("up", "down")


@pytest.fixture(scope="module")
def raw() -> np.ndarray:
    return np.random.default_rng(5).normal(-5, 3, (N, 196, 40)).astype(np.float32)


@pytest.fixture
def stored(raw: np.ndarray, tmp_path: Path) -> SoundData:
    cache = FeatureCache(tmp_path)
    readings = [
        (
            ClipFile(tmp_path / f"{i}.wav"),
            FileReading(FileStamp(1, i), f"{i:064x}", ClipFeatures(raw[i], LOUDEST)),
        )
        for i in range(N)
    ]
    clips = [clip for clip in cache.keep(readings) if isinstance(clip, StoredClip)]
    labels = (np.arange(N) % 2).tolist()
    bounds = {"train": slice(0, 300), "validation": slice(300, 350), "test": slice(350, N)}
    splits = {key: (ReadClips(tuple(clips[part]), (), 0), labels[part]) for key, part in bounds.items()}
    return stored_data("stored", cache, splits, CLASSES, {})


@pytest.fixture
def in_memory(raw: np.ndarray) -> SoundData:
    labels = np.arange(N) % 2
    bounds = {"train": slice(0, 300), "validation": slice(300, 350), "test": slice(350, N)}
    splits = {key: (raw[part], labels[part]) for key, part in bounds.items()}
    return standardised("memory", False, splits, CLASSES, {})


def test_batches_are_those_of_the_array_to_the_last_bit(stored: SoundData, in_memory: SoundData) -> None:
    order = np.random.default_rng(0).permutation(300)[:64]
    for ours, theirs in ((stored.train, in_memory.train), (stored.test, in_memory.test)):
        chosen = order[order < len(ours)]
        assert np.array_equal(ours.spectrograms[chosen], theirs.spectrograms[chosen])
        assert np.array_equal(ours.spectrograms[10:20], theirs.spectrograms[10:20])
        assert np.array_equal(ours.spectrograms[-1], theirs.spectrograms[-1])
        assert ours.spectrograms.shape == theirs.spectrograms.shape
        assert np.array_equal(ours.first(7).spectrograms[:], theirs.first(7).spectrograms[:])


def test_identity_numbers_and_deviation_are_those_of_the_array(stored: SoundData, in_memory: SoundData) -> None:
    assert stored.sha256 == in_memory.sha256
    assert stored.description.deviation == pytest.approx(in_memory.description.deviation, rel=1e-14)
    assert np.array_equal(stored.train.labels, in_memory.train.labels)


def test_a_clip_may_be_asked_for_twice_in_a_batch(stored: SoundData) -> None:
    batch = stored.train.spectrograms[np.array([5, 5, 2])]
    assert np.array_equal(batch[0], batch[1])
    assert not np.array_equal(batch[0], batch[2])


def test_a_pass_over_all_batches_holds_no_more_than_a_few_of_them(stored: SoundData) -> None:
    batch_bytes = 16 * 196 * 40 * 8
    tracemalloc.start()
    for start in range(0, 300, 16):
        stored.train.spectrograms[start : start + 16]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * batch_bytes < 300 * 196 * 40 * 4

"""Synthesised sounds and their spectrograms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search.audio.classes import CLASS_NAMES, NEGATIVE_INDEX
from search.audio.examples import LIMIT
from search.audio.log_mel import N_BANDS, N_FRAMES, N_SAMPLES, RATE_HZ, log_mel
from search.audio.synthetic import synthesise
from search.audio.synthetic_data import SyntheticSize, labels_of, load_synthetic

SMALL = SyntheticSize(n_train=20, n_validation=10, n_test=10, seed=5)


@pytest.mark.parametrize("index", range(len(CLASS_NAMES)), ids=CLASS_NAMES)
def test_every_class_is_two_finite_seconds_that_the_seed_fixes(index: int) -> None:
    clips = [synthesise(index, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert clips[0].shape == (N_SAMPLES,)
    assert clips[0].dtype == np.float32
    assert np.all(np.abs(clips[0]) <= 1)
    assert clips[0].std() > 0
    assert np.array_equal(clips[0], clips[1])
    assert not np.array_equal(clips[0], clips[2])


def test_a_tone_is_loudest_in_its_band_all_the_time() -> None:
    time_s = np.arange(N_SAMPLES) / RATE_HZ
    spectrogram = log_mel(np.sin(2 * np.pi * 1000 * time_s).astype(np.float32))
    assert spectrogram.shape == (N_FRAMES, N_BANDS)
    bands = set(spectrogram.argmax(axis=1).tolist())
    # 1000 Hz is 1000 mel, and forty-two steps go from 60 Hz (94 mel) to 7600 Hz (2787 mel).
    assert bands <= {13, 14}


def test_twice_the_amplitude_is_four_times_the_power() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, N_SAMPLES).astype(np.float32)
    assert np.allclose(log_mel(2 * noise) - log_mel(noise), np.log(4), atol=1e-3)


def test_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="samples"):
        log_mel(np.zeros(100, np.float32))


def test_half_are_negatives_and_events_are_even() -> None:
    counts = np.bincount(labels_of(3200), minlength=9)
    assert counts[NEGATIVE_INDEX] == 1600
    assert set(counts[:NEGATIVE_INDEX].tolist()) == {200}


def test_the_data_are_the_same_from_workers_from_the_cache_and_from_here(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    first = load_synthetic(SMALL, tmp_path / "a", 0, lambda done, n: seen.append((done, n)))
    cached = load_synthetic(SMALL, tmp_path / "a", 0, lambda done, n: pytest.fail("generated again"))
    workers = load_synthetic(SMALL, tmp_path / "b", 2)
    assert seen[-1] == (40, 40)
    assert first.sha256 == cached.sha256 == workers.sha256
    assert first.numbers_sha256 == cached.numbers_sha256 == workers.numbers_sha256
    assert first.synthetic
    assert "SYNTHETIC" in first.name
    assert (len(first.train), len(first.validation), len(first.test)) == (20, 10, 10)
    assert abs(first.train.spectrograms.mean()) < 0.02
    assert np.abs(first.test.spectrograms).max() <= LIMIT


def test_the_splits_share_no_clip_and_another_seed_gives_others(tmp_path: Path) -> None:
    data = load_synthetic(SMALL, tmp_path, 0)
    other = load_synthetic(SyntheticSize(20, 10, 10, seed=6), tmp_path, 0)
    clips = np.concatenate([data.train.spectrograms, data.validation.spectrograms, data.test.spectrograms])
    assert len(np.unique(clips.reshape(len(clips), -1), axis=0)) == len(clips)
    assert other.sha256 != data.sha256


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut short"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: bytes) -> None:
    whole = load_synthetic(SMALL, tmp_path, 0)
    (tmp_path / SMALL.file_name).write_bytes(damage)
    assert load_synthetic(SMALL, tmp_path, 0).numbers_sha256 == whole.numbers_sha256


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert len(load_synthetic(SMALL, tmp_path / "file" / "cache", 0).train) == 20

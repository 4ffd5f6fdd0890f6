"""A sound of hours gives the same two seconds as one that is read whole, to the last bit."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audioset_specimens import tone
from scipy.signal import resample_poly

from search.audio.clip_files import ClipFeatures, ClipFile, Unusable, UnusableFile, loudest, read_features
from search.audio.log_mel import N_SAMPLES, RATE_HZ, Waveform, log_mel
from search.audio.long_sounds import loudest_of, resampled


def pieces(sound: Waveform, seed: int) -> list[Waveform]:
    """The same in pieces of all lengths, empty ones too."""
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(sound) + 1, 30))
    return np.split(sound, cuts)


def noise(n: int, seed: int = 0) -> Waveform:
    return np.random.default_rng(seed).normal(size=n).astype(np.float32)


@pytest.mark.parametrize("n", [N_SAMPLES, N_SAMPLES + 1, 40_000, 500_123, 2_000_000])
def test_the_loudest_part_of_pieces_is_that_of_the_whole(n: int) -> None:
    for seed in range(3):
        sound = noise(n, seed)
        assert np.array_equal(loudest_of(pieces(sound, seed)), loudest(sound))


def test_of_parts_that_are_as_loud_the_first_is_taken() -> None:
    same = np.full(10 * RATE_HZ, 0.5, np.float32)
    same[:: RATE_HZ // 2] = np.arange(20) % 2
    assert np.array_equal(loudest_of([same]), loudest(same))


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 11_025, 16_000, 16_001, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("n", [5, 1_000_000, 1_234_567])
def test_pieces_are_brought_to_the_networks_rate_as_the_whole_is(rate_hz: int, n: int) -> None:
    sound = noise(n)
    divisor = int(np.gcd(rate_hz, RATE_HZ))
    whole = resample_poly(sound, RATE_HZ // divisor, rate_hz // divisor)
    assert np.array_equal(np.concatenate(list(resampled(pieces(sound, n), rate_hz))), whole)


@pytest.mark.parametrize(("rate_hz", "suffix"), [(44_100, "wav"), (16_000, "flac"), (48_000, "ogg"), (22_050, "mp3")])
def test_a_long_file_gives_what_it_gave_when_it_was_read_whole(rate_hz: int, suffix: str, tmp_path: Path) -> None:
    sound = 0.05 * noise(90 * rate_hz)
    sound[70 * rate_hz : 73 * rate_hz] *= 5
    path = tmp_path / f"long.{suffix}"
    with soundfile.SoundFile(path, "w", rate_hz, 2) as stream:
        # libsndfile's encoder of Vorbis overflows its stack when it is given much at once.
        for block in np.array_split(np.stack([sound, 0.5 * sound], axis=1), 90):
            stream.write(block)
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    mono = (samples[:, 0] + samples[:, 1]) / np.float32(2)
    divisor = int(np.gcd(rate_hz, RATE_HZ))
    if rate_hz != RATE_HZ:
        mono = resample_poly(mono, RATE_HZ // divisor, rate_hz // divisor)
    found = read_features(ClipFile(path))
    assert isinstance(found, ClipFeatures)
    whole = log_mel(loudest(np.asarray(mono, np.float32)))
    # What is stored with losses is decoded to other last bits in other pieces.
    np.testing.assert_allclose(found.spectrogram, whole, rtol=0, atol=1e-4 if suffix in ("ogg", "mp3") else 0)


@pytest.mark.parametrize("reason", [Unusable.SILENT, Unusable.CANCELLED, Unusable.NOT_FINITE, Unusable.DAMAGED])
def test_a_long_file_is_refused_for_what_a_short_one_is(reason: Unusable, tmp_path: Path) -> None:
    sound = np.stack([0.1 * noise(70 * RATE_HZ)] * 2, axis=1)
    if reason is Unusable.SILENT:
        sound *= 0
    if reason is Unusable.CANCELLED:
        sound[:, 1] *= -1
    if reason is Unusable.NOT_FINITE:
        sound[-5, 1] = np.nan
    path = tmp_path / "long.wav"
    soundfile.write(path, sound, RATE_HZ, "FLOAT")
    if reason is Unusable.DAMAGED:
        path = path.with_suffix(".flac")
        soundfile.write(path, sound, RATE_HZ)
        path.write_bytes(path.read_bytes()[:200_000])
    found = read_features(ClipFile(path))
    assert isinstance(found, UnusableFile)
    assert found.reason is reason


def test_twenty_quiet_minutes_with_one_loud_moment_are_of_use_and_take_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 44_100, 2) as stream:
        for minute in range(20):
            stream.write(np.stack([tone(300, 60.0, 44_100) * (minute == 13)] * 2, axis=1))
    tracemalloc.start()
    try:
        assert isinstance(read_features(ClipFile(path)), ClipFeatures)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 0.1 * 20 * 60 * 44_100 * 2 * 4

"""Small sets of sounds as files: each class has a pitch of its own, each recording a phase and a length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

PITCH_HZ = {"high": 2400.0, "low": 300.0, "mid": 900.0}


def tone(pitch_hz: float, seed: int, seconds: float = 1.0, rate_hz: int = 16_000) -> NDArray[np.float64]:
    """A tone in a little noise."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    noise = rng.normal(0, 0.02, len(time_s))
    return np.asarray(0.5 * np.sin(2 * np.pi * pitch_hz * (time_s + rng.random())) + noise)


def write_sounds(
    folder: Path, n: int = 10, classes: tuple[str, ...] = ("high", "low"), rate_hz: int = 16_000, first_seed: int = 0
) -> None:
    """`n` recordings of each class: DIR/CLASS/recN.wav, of 0.4 to 1.2 s."""
    for index, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            seed = first_seed + 1000 * index + i
            sound = tone(PITCH_HZ[name], seed, 0.4 + 0.8 * (i % 5) / 4, rate_hz)
            soundfile.write(folder / name / f"rec{first_seed + i}.wav", sound, rate_hz)


def write_split_sounds(folder: Path, n_train: int = 10, rate_hz: int = 16_000) -> None:
    """The same laid out as splits: DIR/SPLIT/CLASS/recN.wav."""
    for k, (split, n) in enumerate((("train", n_train), ("validation", 4), ("test", 4))):
        write_sounds(folder / split, n, rate_hz=rate_hz, first_seed=100 * k)

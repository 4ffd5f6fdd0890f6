"""SpecAugment (Park et al., 2019) for batches of spectrograms: bands of frequency and stretches of time are masked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_BANDS = 8
_MOST_FRAMES = 30


def mask(spectrograms: NDArray[np.float32], rng: np.random.Generator, n_masks: int = 2) -> NDArray[np.float32]:
    """A copy in which each spectrogram has random groups of bands and random stretches set to 0, the mean.

    Args:
        spectrograms: standardised, (n, frames, bands).
        rng: where the masks come from.
        n_masks: how many of either kind.
    """
    n, n_frames, n_bands = spectrograms.shape
    kept = np.ones((n, n_frames, n_bands), bool)
    for _ in range(n_masks):
        kept &= ~_stretch(n, n_frames, _MOST_FRAMES, rng)[:, :, None]
        kept &= ~_stretch(n, n_bands, _MOST_BANDS, rng)[:, None, :]
    return np.where(kept, spectrograms, np.float32(0.0))


def _stretch(n: int, length: int, most: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n, length): where each of n stretches of at most `most` places lies."""
    width = rng.integers(0, most + 1, (n, 1))
    first = (rng.random((n, 1)) * (length - width + 1)).astype(np.int64)
    places = np.arange(length)[None, :]
    return (places >= first) & (places < first + width)

"""Spectrograms that stay in the cache: batches are read and standardised when they are asked for.

So memory does not grow with the data: two million clips are 60 GB of float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.audio.clip_reading import ReadClips
from search.audio.examples import LIMIT, Examples, SoundData, standardise
from search.audio.feature_cache import FeatureCache
from search.audio.front_end import DataDescription
from search.audio.identity import identity_of
from search.audio.log_mel import FRONT_END, N_BANDS, N_FRAMES


class StoredSpectrograms:
    """An array of (n, N_FRAMES, N_BANDS) in all that training does with one: indices and slices give arrays.

    Args:
        rows: of the cache, one a clip.
        deviation: see `examples.standardise`.
    """

    def __init__(self, cache: FeatureCache, rows: NDArray[np.int64], deviation: float) -> None:
        self._cache, self._rows, self._deviation = cache, rows, deviation

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole."""
        return (len(self._rows), N_FRAMES, N_BANDS)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, chosen: Any, /) -> NDArray[np.float32]:
        rows = self._rows[chosen]
        values = standardise(self._cache.spectrograms(np.atleast_1d(rows).tolist()), self._deviation)
        return values[0] if np.ndim(rows) == 0 else values


def stored_data(
    name: str,
    cache: FeatureCache,
    splits: Mapping[str, tuple[ReadClips, Sequence[int]]],
    class_names: tuple[str, ...],
    made_from: Mapping[str, Any],
) -> SoundData:
    """A data set of real sounds from what was read; as `examples.standardised` makes one of arrays.

    Args:
        cache: holds the features, and is open as long as the data are used.
        splits: `train`, `validation` and `test`: what was read, and the class of each clip of use.
    """
    read, _ = splits["train"]
    used = [clip for clip in read.clips if clip is not None]
    n_numbers = max(1, len(used) * N_FRAMES * N_BANDS)
    deviation = float(np.sqrt(np.sum([clip.spread for clip in used]) / n_numbers)) or 1.0
    made = {}
    for split, (read, labels) in splits.items():
        rows = np.array([clip.row for clip in read.clips if clip is not None], np.int64)
        made[split] = Examples(StoredSpectrograms(cache, rows, deviation), np.array(labels, np.int64))
    description = DataDescription(class_names, FRONT_END, deviation, LIMIT)
    sha256 = identity_of(made_from, class_names, FRONT_END, LIMIT)
    return SoundData(name, False, description, sha256, made["train"], made["validation"], made["test"])

"""Labelled spectrograms as arrays: what training sees, whatever they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from search.audio.front_end import DataDescription
from search.audio.identity import identity_of
from search.audio.log_mel import FRONT_END, N_BANDS, N_FRAMES

LIMIT = 4.0
"""Standardised spectrograms are cut off here: the int8 input then has steps of 8/255."""

_BATCH = 1000


class Spectrograms(Protocol):
    """An array of spectrograms, or what reads them from a file as they are asked for: never a copy of all."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, N_FRAMES, N_BANDS)."""

    def __len__(self) -> int: ...

    def __getitem__(self, chosen: Any, /) -> NDArray[np.float32]:
        """Those at an index, of a slice, or of an array of indices."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Spectrograms of one split and their classes.

    Attributes:
        spectrograms: float32, (n, N_FRAMES, N_BANDS), each of mean 0, of standard deviation 1 over the training
            split, cut off at +-LIMIT.
        labels: int64, (n,): index into the data's class names.
    """

    spectrograms: Spectrograms
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.spectrograms.shape != (len(self.labels), N_FRAMES, N_BANDS):
            raise ValueError(f"{self.spectrograms.shape} spectrograms for {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def commonest_share(self) -> float:
        """Of the class with most examples: the accuracy of what always says that class."""
        return float(np.bincount(self.labels).max() / len(self)) if len(self) else 0.0

    def first(self, n: int) -> Examples:
        """The first n of them, all if there are fewer."""
        return Examples(self.spectrograms[:n], self.labels[:n])


@dataclass(frozen=True, eq=False)
class SoundData:
    """A data set.

    Attributes:
        name: what it is, with everything that identifies it; said wherever a figure comes from it.
        synthetic: whether its sounds are synthesised.
        description: classes, front-end and divisor.
        sha256: of what the data were made of; the same on every machine.
        train, validation, test: disjoint splits. Test is for the networks that a search has chosen.
    """

    name: str
    synthetic: bool
    description: DataDescription
    sha256: str
    train: Examples
    validation: Examples
    test: Examples

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of a network's outputs."""
        return self.description.class_names

    @property
    def n_classes(self) -> int:
        """How many."""
        return len(self.class_names)

    @cached_property
    def numbers_sha256(self) -> str:
        """Of all computed numbers: how releases up to 0.2 knew data. Other processors may compute other last bits."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            for start in range(0, len(split), _BATCH):
                digest.update(np.ascontiguousarray(split.spectrograms[start : start + _BATCH]).tobytes())
            digest.update(split.labels.tobytes())
        return digest.hexdigest()


def standardise(spectrograms: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Raw log-mel spectrograms as a network sees them: of mean 0, divided by `deviation`, cut off at +-LIMIT."""
    level = spectrograms.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    made: NDArray[np.float32] = np.clip((spectrograms - level) / deviation, -LIMIT, LIMIT).astype(np.float32)
    return made


def standardised(
    name: str,
    synthetic: bool,
    splits: dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]],
    class_names: tuple[str, ...],
    made_from: Mapping[str, Any],
) -> SoundData:
    """A data set from raw log-mel spectrograms of the splits `train`, `validation` and `test`.

    Every clip loses its mean, which is its level: how near a microphone was says nothing about what sounded.

    Args:
        splits: spectrograms and labels of each.
        class_names: what the labels are indices into.
        made_from: what the spectrograms follow from, beside the front-end: plain values.
    """
    train, _ = splits["train"]
    deviation = float((train - train.mean(axis=(1, 2), keepdims=True, dtype=np.float64)).std()) or 1.0
    made = {key: Examples(standardise(values, deviation), labels) for key, (values, labels) in splits.items()}
    description = DataDescription(class_names, FRONT_END, deviation, LIMIT)
    sha256 = identity_of(made_from, class_names, FRONT_END, LIMIT)
    return SoundData(name, synthetic, description, sha256, made["train"], made["validation"], made["test"])

"""Several objectives at once: accuracy up, energy and size down, and the front that none of the others dominates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.study import StudyDirection  # noqa: TID253

DIRECTIONS = (StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE, StudyDirection.MINIMIZE)
"""Of the values of a trial: accuracy (0..1), energy_mj, size_bytes."""


@dataclass(frozen=True)
class Point:
    """A trained network in the space of objectives."""

    trial_number: int
    accuracy: float
    energy_mj: float
    size_bytes: float


def front(candidates: Sequence[Point]) -> list[Point]:
    """Those that no other one beats or equals in everything while beating it in something, most accurate first."""
    if not candidates:
        return []
    losses = np.array([(-each.accuracy, each.energy_mj, each.size_bytes) for each in candidates])
    kept = [each for each, row in zip(candidates, losses, strict=True) if not _dominated(row, losses)]
    return sorted(kept, key=lambda each: (-each.accuracy, each.energy_mj, each.size_bytes))


def _dominated(row: NDArray[np.float64], losses: NDArray[np.float64]) -> bool:
    return bool(((losses <= row).all(axis=1) & (losses < row).any(axis=1)).any())

"""Splitting rows so that an architecture is never on both sides.

A visit of an architecture that was also trained on is no test: the model may simply remember it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from predictor.table import Indices

N_FOLDS = 5
TEST_FRAC = 0.2


@dataclass(frozen=True, eq=False)
class RowSplit:
    """Positions of rows on either side; no group is on both."""

    train: Indices
    test: Indices


def held_out(groups: Indices, seed: int, test_frac: float = TEST_FRAC) -> RowSplit:
    """Sets a share of the groups aside, drawn at random."""
    order = np.random.default_rng(seed).permutation(np.unique(groups))
    chosen = np.isin(groups, order[: max(1, round(test_frac * len(order)))])
    return RowSplit(np.flatnonzero(~chosen), np.flatnonzero(chosen))


def grouped_folds(groups: Indices, seed: int, n_folds: int = N_FOLDS) -> Iterator[RowSplit]:
    """Folds of about equally many groups, drawn at random; each group is tested once."""
    order = np.random.default_rng([seed, n_folds]).permutation(np.unique(groups))
    for part in np.array_split(order, n_folds):
        tested = np.isin(groups, part)
        yield RowSplit(np.flatnonzero(~tested), np.flatnonzero(tested))

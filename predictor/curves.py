"""Learning curves: how good a model is with fewer rows, on one held-out test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.metrics import MetricSpread, score, spread
from predictor.predictor import fit_model
from predictor.schema import FeatureSchema
from predictor.table import Indices, Measurements

_SMALLEST = 50
_DRAWS = 3
# Above it, draws hardly differ, and three of them would take longer than all else.
_ONE_DRAW_FROM = 3000


@dataclass(frozen=True)
class CurvePoint:
    """Metrics on the test set over draws of `n_architectures` training architectures."""

    n_architectures: int
    scores: MetricSpread


def default_sizes(n_architectures: int) -> list[int]:
    """50, 100, 200, ... and all."""
    sizes = []
    size = _SMALLEST
    while size < 0.75 * n_architectures:
        sizes.append(size)
        size *= 2
    return [*sizes, n_architectures]


def learning_curve(
    recipe: str,
    schema: FeatureSchema,
    train: Measurements,
    test: Measurements,
    seed: int,
    n_jobs: int = 1,
    sizes: Sequence[int] | None = None,
) -> list[CurvePoint]:
    """Metrics on `test` of models fitted to random draws of the training architectures.

    Args:
        schema: of the rows of both sides: a category may have fallen to one side alone.
        sizes: in architectures; `default_sizes` if None. Three draws each below 3,000, else one.
    """
    points = []
    for size in default_sizes(train.n_architectures) if sizes is None else sizes:
        draws = 1 if size >= min(train.n_architectures, _ONE_DRAW_FROM) else _DRAWS
        scores = []
        for draw in range(draws):
            rows = train.take(drawn_rows(train.groups, size, seed + draw))
            model = fit_model(recipe, schema, rows, seed, n_jobs)
            scores.append(score(test.values, model.expected(test.features)))
        points.append(CurvePoint(size, spread(scores)))
    return points


def drawn_rows(groups: Indices, n: int, seed: int) -> Indices:
    """All rows of n architectures drawn at random; of a larger draw with the same seed they are a part."""
    order = np.random.default_rng([seed, 3]).permutation(np.unique(groups))
    return np.flatnonzero(np.isin(groups, order[:n]))

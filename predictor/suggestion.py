"""Which architectures to measure next.

Space-filling: k-center greedy (Gonzalez 1985; Sener and Savarese 2018) takes, again and again, the candidate
farthest from all that is measured or taken. In the few columns that energy rests on it needs half the rows
that chance needs, at every size tried (`benchmarks/predictor_sampling.py`).

Variance with diversity: once 300 architectures are measured, a forest can say where its trees disagree;
k-center among the most uncertain keeps a batch from asking the same question many times. It was never better
than to go on filling, so it is there to be asked for. With fewer rows trees disagree everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from predictor.errors import BadTable
from predictor.models import FOREST
from predictor.predictor import fit_model
from predictor.schema import FeatureSchema
from predictor.table import FeatureTable, Floats, Indices, Measurements

Method = Literal["space-filling", "variance"]

SPACE_FILLING_UNTIL = 300
_SHORTLIST = 5
_AT_A_TIME = 500


@dataclass(frozen=True, eq=False)
class Suggestion:
    """Positions among the candidates, the most wanted first, and how they were chosen."""

    chosen: Indices
    method: str


def suggest(
    measured: FeatureTable | None,
    rows: Measurements | None,
    candidates: FeatureTable,
    n: int,
    seed: int,
    filled: Sequence[str] = (),
    method: Method = "space-filling",
) -> Suggestion:
    """Chooses n candidates to measure.

    Args:
        measured: features of all that is measured or already planned; None when nothing is.
        rows: what was measured, for the forest.
        candidates: features of architectures that are not measured.
        n: how many to choose.
        seed: of the forest, and of the first choice when nothing is measured.
        filled: the columns that span the space to fill; all if empty. Few that the target rests on are far
            better than many: in forty dimensions everything is equally far away.
        method: variance needs 300 measured architectures; with fewer the space is filled.

    Raises:
        BadTable: fewer candidates than asked for.
    """
    if candidates.n_rows < n:
        raise BadTable(f"{candidates.n_rows} candidates, fewer than the {n} asked for", "ask for fewer")
    names = filled or candidates.names
    points = standardised(None if measured is None else measured.select(names), candidates.select(names))
    n_measured = len(points) - candidates.n_rows
    if method == "space-filling" or rows is None or rows.n_architectures < SPACE_FILLING_UNTIL:
        start = int(np.random.default_rng(seed).integers(candidates.n_rows))
        return Suggestion(k_center(points[n_measured:], points[:n_measured], n, start), "space-filling")
    shortlist = np.argsort(-tree_sd(rows, candidates, seed), kind="stable")[: _SHORTLIST * n]
    chosen = k_center(points[n_measured:][shortlist], points[:n_measured], n)
    return Suggestion(shortlist[chosen], "variance with diversity")


def k_center(candidates: NDArray[Any], taken: NDArray[Any], n: int, start: int = 0) -> Indices:
    """Positions of n candidates, each the farthest from all taken before it.

    Args:
        candidates: (candidates, dimensions).
        taken: (points, dimensions) that are there already; may be empty.
        start: the first choice when nothing is taken.
    """
    nearest = _squared_to_nearest(candidates, taken)
    chosen: list[int] = []
    while len(chosen) < n:
        place = start if not len(taken) and not chosen else int(np.argmax(nearest))
        chosen.append(place)
        np.minimum(nearest, _squared(candidates, candidates[place]), out=nearest)
        # Candidates may look alike; none is taken twice.
        nearest[place] = -np.inf
    return np.array(chosen, np.intp)


def _squared_to_nearest(candidates: NDArray[Any], taken: NDArray[Any]) -> NDArray[Any]:
    """Squared distance of each candidate to the nearest point that is taken; infinite when none is."""
    nearest = np.full(len(candidates), np.inf)
    norms = np.square(candidates).sum(axis=1)
    for part in np.array_split(taken, max(1, len(taken) // _AT_A_TIME)):
        if len(part):
            # |a - b|^2 in one matrix product: a point at a time would take minutes for a large campaign.
            distances = norms[:, None] + np.square(part).sum(axis=1) - 2 * candidates @ part.T
            np.minimum(nearest, np.maximum(distances.min(axis=1), 0), out=nearest)
    return nearest


def _squared(points: NDArray[Any], point: NDArray[Any]) -> NDArray[Any]:
    distances: NDArray[Any] = np.square(points - point).sum(axis=1)
    return distances


def standardised(measured: FeatureTable | None, candidates: FeatureTable) -> NDArray[np.float32]:
    """Both tables one under the other as points: one-hot categories (two of them are 1 apart), numbers with
    unit variance."""
    tables = [candidates] if measured is None else [measured.select(candidates.names), candidates]
    parts: list[NDArray[Any]] = []
    for name in candidates.names:
        column = np.concatenate([table.columns[name] for table in tables])
        if candidates.is_categorical(name):
            levels, codes = np.unique(column, return_inverse=True)
            parts.append(np.eye(len(levels))[codes] / np.sqrt(2))
        elif np.ptp(column) > 0:
            parts.append(((column - column.mean()) / column.std())[:, None])
    if not parts:
        return np.zeros((sum(table.n_rows for table in tables), 1), np.float32)
    return np.concatenate(parts, axis=1).astype(np.float32)


def tree_sd(rows: Measurements, candidates: FeatureTable, seed: int) -> Floats:
    """Standard deviation between a forest's trees for each candidate, (n,), in the target's unit.

    Absolute and not relative to the prediction: relative variance sends everything to the smallest networks.
    """
    everything = FeatureTable(
        {
            name: np.concatenate([rows.features.columns[name], candidates.columns[name]])
            for name in rows.features.names
            if name in candidates.columns
        }
    )
    # The schema of both, so that a category that was never measured is the unknown that it is.
    schema = FeatureSchema.of(everything)
    pipeline = fit_model(FOREST.name, schema, rows, seed).pipeline
    matrix = pipeline["encoder"].transform(schema.encode(candidates))
    votes = np.stack([tree.predict(matrix) for tree in pipeline["model"].estimators_])
    deviations: Floats = votes.std(axis=0)
    return deviations

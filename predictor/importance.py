"""Which features matter: the forest's impurity shares, and what is lost when a family of columns is shuffled.

Impurity shares are kept to set beside the paper's figure (59 % filters of the first block, 30 % FLOPs): they
are not a stable quantity, as the two columns say much the same; only their sum is. What can be trusted is the
permutation of whole families on held-out rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.metrics import score
from predictor.models import predict_with
from predictor.predictor import FittedModel
from predictor.table import Measurements

_REPEATS = 5


@dataclass(frozen=True)
class FamilyImportance:
    """What shuffling a family of columns costs.

    Attributes:
        r2_loss: of the R2 on held-out rows, mean over five shuffles; sd: their standard deviation.
    """

    family: str
    columns: tuple[str, ...]
    r2_loss: float
    r2_loss_sd: float


def impurity_shares(fitted: FittedModel) -> dict[str, float]:
    """The share of each column in a forest's decrease of variance, largest first; empty for other models."""
    schema, model = fitted.schema, fitted.pipeline["model"]
    if not hasattr(model, "estimators_"):
        return {}
    # As the pipeline lays them out: categories first, a column for each level, then the numbers.
    owners = [place for place in schema.categorical for _ in schema.columns[place].levels] + schema.numeric
    shares = np.bincount(owners, model.feature_importances_, minlength=len(schema.columns))
    order = np.argsort(-shares, kind="stable")
    return {schema.columns[place].name: float(shares[place]) for place in order}


def permutation_importances(fitted: FittedModel, held_out: Measurements, seed: int) -> list[FamilyImportance]:
    """What each family of columns is worth on held-out rows, most important first.

    All columns of a family are shuffled together, so that none of them can stand in for another.
    """
    schema, pipeline = fitted.schema, fitted.pipeline
    matrix = schema.encode(held_out.features)
    whole = score(held_out.values, predict_with(pipeline, matrix)).r2
    families: dict[str, list[int]] = {}
    for place, column in enumerate(schema.columns):
        families.setdefault(column.family, []).append(place)
    rng = np.random.default_rng(seed)
    found = []
    for family, places in families.items():
        losses = []
        for _ in range(_REPEATS):
            shuffled = matrix.copy()
            shuffled[:, places] = matrix[rng.permutation(len(matrix))][:, places]
            losses.append(whole - score(held_out.values, predict_with(pipeline, shuffled)).r2)
        names = tuple(schema.columns[place].name for place in places)
        found.append(FamilyImportance(family, names, float(np.mean(losses)), float(np.std(losses, ddof=1))))
    return sorted(found, key=lambda importance: -importance.r2_loss)

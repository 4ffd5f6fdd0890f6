"""The accuracy of an architecture from a model that was fitted to real trainings, with its error.

The models are those of the energy predictor on the same columns, fitted to the log-odds of the accuracy: accuracies
end at 1, and a linear model of them goes on beyond it just where a search looks. Each is judged by folds over
architectures; the best is fitted to all trainings. What it leaves unexplained is the run-to-run (seed) variance of
a training together with its own error, on log-odds too: a network near 1 has little to gain and much to lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from predictor.metrics import Metrics, score
from predictor.models import RECIPES, ModelRecipe, fit_pipeline, predict_with, recipe_named
from predictor.schema import FeatureSchema, Matrix
from predictor.split import grouped_folds
from predictor.table import FeatureTable, Floats, Indices
from search.engine.log_odds import log_odds
from search.errors import BadTrainings
from search.networks.architecture import Architecture
from search.networks.features import feature_columns
from search.networks.spaces import space_named
from search.surrogate.trainings import Trainings

FEWEST = 40
"""Architectures; with fewer there is nothing to judge a model by."""

_FEWEST_REPEATS = 10
"""Degrees of freedom of the run-to-run variance, over all architectures: fewer say little about it."""

_N_SPECIMENS = 500


@dataclass(frozen=True)
class CrossValidation:
    """A model by folds over architectures: every training predicted by a model that has not seen its architecture."""

    name: str
    folds: Metrics
    log_odds_rmse: float


@dataclass(frozen=True)
class SeedVariance:
    """How trainings of the same architecture from different seeds differ, pooled over architectures.

    Attributes:
        accuracy_sd: standard deviation of accuracies.
    """

    accuracy_sd: float
    log_odds_sd: float
    n_free: int


@dataclass(frozen=True, eq=False)
class AccuracyModel:
    """A fitted model.

    Attributes:
        judged: all that were tried, the best first; the fitted one is the first.
        float_correlation: of int8 and float accuracies of the trainings (Pearson).
        seed_variance: of a training; None where too few were trained again.
    """

    judged: tuple[CrossValidation, ...]
    float_correlation: float
    seed_variance: SeedVariance | None
    n_trainings: int
    _schema: FeatureSchema
    _pipeline: Any

    def accuracies(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Of many at once, (n,), each in 0..1."""
        table = FeatureTable(feature_columns(architectures)).select(self._schema.names)
        accuracies: NDArray[np.float64] = expit(predict_with(self._pipeline, self._schema.encode(table)))
        return accuracies


def fit_accuracy(trainings: Trainings, seed: int = 1, only: str | None = None) -> AccuracyModel:
    """Judges the models and fits the best.

    Args:
        trainings: what to learn from.
        only: the name of a model, to fit that one.

    Raises:
        BadTrainings: of fewer than FEWEST architectures.
        UnknownRecipe: no model has that name.
    """
    n = trainings.n_architectures
    if n < FEWEST:
        hint = "train more: search run --algorithm random --stopping none, then search trainings"
        raise BadTrainings(f"trainings of {n} architectures are too few for a surrogate; it takes {FEWEST}", hint)
    architectures = [row.architecture for row in trainings.rows]
    # With specimens of the space, so that a block type that no training had can still be asked for.
    specimens = space_named(trainings.space).sample_unique(_N_SPECIMENS, seed)
    schema = FeatureSchema.of(FeatureTable(feature_columns([*architectures, *specimens])))
    matrix = schema.encode(FeatureTable(feature_columns(architectures)))
    targets = np.array([row.accuracy for row in trainings.rows])
    groups = trainings.groups
    recipes = (recipe_named(only),) if only else RECIPES
    judged = [_by_folds(each, schema, matrix, targets, groups, seed) for each in recipes]
    judged.sort(key=lambda each: -each.folds.r2)
    pipeline = fit_pipeline(recipe_named(judged[0].name), schema, matrix, log_odds(targets), seed, 1)
    floats = np.array([row.float_accuracy for row in trainings.rows])
    correlation = float(np.corrcoef(floats, targets)[0, 1])
    return AccuracyModel(tuple(judged), correlation, _seed_variance(targets, groups), len(targets), schema, pipeline)


def _seed_variance(targets: Floats, groups: Indices) -> SeedVariance | None:
    """Over the trainings after an architecture's first row, where there are at least two of these; else over both.

    Who trains networks again mostly takes those whose first training went well: against that one, the others are worse
    by the choice.
    """
    sets = [targets[groups == group] for group in np.unique(groups)]
    sets = [each[1:] if len(each) > 2 else each for each in sets]
    n_free = sum(len(each) - 1 for each in sets)
    if n_free < _FEWEST_REPEATS:
        return None

    def pooled(sets: Sequence[Floats]) -> float:
        return float(np.sqrt(sum(((each - each.mean()) ** 2).sum() for each in sets) / n_free))

    return SeedVariance(pooled(sets), pooled([log_odds(each) for each in sets]), n_free)


def _by_folds(
    recipe: ModelRecipe, schema: FeatureSchema, matrix: Matrix, targets: Floats, groups: Indices, seed: int
) -> CrossValidation:
    """Over all trainings, each predicted when its fold was left out."""
    predicted = np.empty(len(targets))
    for fold in grouped_folds(groups, seed):
        pipeline = fit_pipeline(recipe, schema, matrix[fold.train], log_odds(targets[fold.train]), seed, 1)
        predicted[fold.test] = expit(predict_with(pipeline, matrix[fold.test]))
    log_odds_rmse = float(np.sqrt(np.mean((log_odds(predicted) - log_odds(targets)) ** 2)))
    return CrossValidation(recipe.name, score(targets, predicted), log_odds_rmse)

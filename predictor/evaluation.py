"""What a model is worth: grouped folds, a held-out test set, the noise ceiling beside both, and the interval.

The test set (a fifth of the architectures) is set aside first and predicted once. Folds, the calibration of
the interval and everything that a user might choose by happen on the other four fifths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from predictor.intervals import ConformalBand, Coverage, calibrate, coverage
from predictor.metrics import Metrics, MetricSpread, RepeatNoise, score, spread, visit_noise
from predictor.predictor import FittedModel, Predictor, fit_model
from predictor.schema import FeatureSchema
from predictor.split import RowSplit, grouped_folds, held_out
from predictor.table import Floats, Measurements, check_learnable

Fitter = Callable[[Measurements], FittedModel]
"""Fits to rows."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What is known about a model.

    Attributes:
        folds: over the training architectures.
        test: on the held-out architectures.
        noise: between visits of one architecture, over all rows; None when nothing was repeated.
        band: calibrated on the folds.
        coverage: of the band, on the held-out visits.
        split: the rows of both sides.
        model: fitted to the training rows.
        predicted: (n of the test,) by it.
    """

    recipe: str
    folds: MetricSpread
    test: Metrics
    noise: RepeatNoise | None
    band: ConformalBand
    coverage: Coverage
    split: RowSplit
    model: FittedModel
    predicted: Floats


def evaluate(recipe: str, rows: Measurements, seed: int, n_jobs: int = 1) -> Evaluation:
    """Evaluates a recipe on rows.

    Raises:
        BadTable: rows that nothing can be learnt from.
        UnknownRecipe: no such model.
    """
    check_learnable(rows)
    schema = FeatureSchema.of(rows.features)
    return evaluate_fitter(recipe, lambda part: fit_model(recipe, schema, part, seed, n_jobs), rows, seed)


def evaluate_fitter(name: str, fit: Fitter, rows: Measurements, seed: int) -> Evaluation:
    """Evaluates whatever can be fitted to rows; all must have a target."""
    split = held_out(rows.groups, seed)
    train, test = rows.take(split.train), rows.take(split.test)
    out_of_fold, outside = np.empty(train.n_rows), np.zeros(train.n_rows, np.bool_)
    scores = []
    for fold in grouped_folds(train.groups, seed):
        seen, tested = train.take(fold.train), train.take(fold.test)
        out_of_fold[fold.test] = fit(seen).expected(tested.features)
        outside[fold.test] = FeatureSchema.of(seen.features).outside(tested.features)
        scores.append(score(tested.values, out_of_fold[fold.test]))
    band = calibrate(train.values, out_of_fold, outside=outside)
    model = fit(train)
    predicted = model.expected(test.features)
    test_outside = FeatureSchema.of(train.features).outside(test.features)
    return Evaluation(
        recipe=name, folds=spread(scores), test=score(test.values, predicted),
        noise=visit_noise(rows.values, rows.groups), band=band,
        coverage=coverage(band, test.values, predicted, test_outside), split=split, model=model, predicted=predicted,
    )  # fmt: skip


def fit_predictor(evaluation: Evaluation, rows: Measurements, seed: int, n_jobs: int = 1) -> Predictor:
    """The predictor to keep: fitted to all rows, the held-out ones too, with the band of the evaluation.

    So its figures are those of a model that saw four fifths of the rows, which it is not worse than.
    """
    model = fit_model(evaluation.recipe, FeatureSchema.of(rows.features), rows, seed, n_jobs)
    return Predictor(evaluation.recipe, model, evaluation.band, rows.target, rows.simulated)

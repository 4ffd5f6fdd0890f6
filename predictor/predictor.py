"""A fitted predictor: what `search` and `lab predict` ask.

    prediction = predictor.predict(table)
    prediction.energies_mj, prediction.low_mj, prediction.high_mj

One call is vectorised over all rows: 10,000 architectures take about a tenth of a second on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.errors import BadTable
from predictor.intervals import ConformalBand
from predictor.models import fit_pipeline, predict_with, recipe_named
from predictor.schema import FeatureSchema
from predictor.table import FeatureTable, Floats, Measurements, Target


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predictions for the rows of a table, (n,) each, in the target's unit.

    Attributes:
        values: what one visit is expected to give.
        low, high: ends of the interval that holds the next visit with the band's level.
        outside: rows with a number or a category beyond what was seen in training: extrapolated, with an interval
            that is wider by the band's factor.
    """

    target: Target
    values: Floats
    low: Floats
    high: Floats
    outside: np.ndarray[Any, np.dtype[np.bool_]]

    @property
    def energies_mj(self) -> Floats:
        """`values` of a predictor of energy; BadTable for another."""
        return self._in_mj(self.values)

    @property
    def low_mj(self) -> Floats:
        """`low` of a predictor of energy; BadTable for another."""
        return self._in_mj(self.low)

    @property
    def high_mj(self) -> Floats:
        """`high` of a predictor of energy; BadTable for another."""
        return self._in_mj(self.high)

    def _in_mj(self, values: Floats) -> Floats:
        if self.target.unit != "mJ":
            raise BadTable(f"this predictor gives {self.target.text}, not mJ", "fit one to energy_mj")
        return values


@dataclass(frozen=True)
class PowerModel:
    """Energy from latency: energy = per_ms * latency_ms + per_flop * flops + constant.

    Attributes:
        per_ms: W, as the energy is in mJ.
        per_flop: mJ; 0 when the table has no FLOPs.
        constant: mJ.
        flops_column: the name of the FLOPs among the features, or None.
        n_rows: energies that it was fitted to.
    """

    per_ms: float
    per_flop: float
    constant: float
    flops_column: str | None
    n_rows: int

    def energies(self, latencies_ms: Floats, table: FeatureTable) -> Floats:
        """Energies (n,) of rows with these latencies."""
        flops = table.columns[self.flops_column] if self.flops_column else np.zeros_like(latencies_ms)
        return self.per_ms * latencies_ms + self.per_flop * flops + self.constant


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted pipeline with the columns that it takes.

    Attributes:
        pipeline: the fitted scikit-learn pipeline; of latencies when there is a power model.
        power: set for energy from latency.
    """

    schema: FeatureSchema
    pipeline: Any
    power: PowerModel | None = None

    def expected(self, table: FeatureTable, *, unseen: bool = False) -> Floats:
        """What it gives for the rows of a table: (n,), without an interval.

        Args:
            unseen: categories that were never measured are allowed: what the other columns say is given.

        Raises:
            BadTable: a column is missing, a value is missing, or a category was never measured.
        """
        predicted = predict_with(self.pipeline, self.schema.encode(table, unseen=unseen))
        return predicted if self.power is None else self.power.energies(predicted, table)


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model with its interval and its target.

    Attributes:
        recipe: name of the recipe.
        target: what `predict` gives.
        simulated: learnt from a simulated bench.
    """

    recipe: str
    model: FittedModel
    band: ConformalBand
    target: Target
    simulated: bool

    def predict(self, table: FeatureTable, *, unseen: bool = False) -> Prediction:
        """Predictions with intervals for all rows of a table, which may have further columns.

        Args:
            unseen: categories that were never measured are allowed, and their rows are `outside`. For architectures
                of a space, whose categories are known to be right; in another table one may be a slip of the pen.

        Raises:
            BadTable: a column is missing, a value is missing, or a category was never measured.
        """
        values = self.model.expected(table, unseen=unseen)
        outside = self.model.schema.outside(table)
        low, high = self.band.around(values, outside)
        return Prediction(self.target, values, low, high, outside)


def fit_model(recipe: str, schema: FeatureSchema, rows: Measurements, seed: int, n_jobs: int = 1) -> FittedModel:
    """A recipe, fitted to rows.

    Args:
        schema: of all rows that belong together, so that a fold may lack a category.
    """
    matrix = schema.encode(rows.features)
    return FittedModel(schema, fit_pipeline(recipe_named(recipe), schema, matrix, rows.values, seed, n_jobs))

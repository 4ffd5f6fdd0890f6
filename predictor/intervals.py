"""Prediction intervals that hold what they say: cross-conformal, relative to the prediction.

Vovk (2015), "Cross-conformal predictors"; Barber et al. (2021), "Predictive inference with the jackknife+".
The spread between trees of a forest is not used: it says where trees disagree, not how far a visit lies off.

Errors of folds that did not see the architecture are taken relative to the prediction, as the noise of a
power measurement is; their quantile is the half width. It is the interval of the *next visit*, noise
included, on the bench and in the kind of session that was measured; not of an architecture's true value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from predictor.table import Floats

LEVEL = 0.90


@dataclass(frozen=True)
class ConformalBand:
    """Half width of the interval: `half_width_frac` of the prediction, or `half_width` of the unit if not relative.

    Attributes:
        level: the share of visits that it is to hold.
        relative: whether the target is positive throughout, so that errors can be relative.
        half_width: a fraction of the prediction if relative, else in the target's unit.
        n_rows: errors that it rests on.
    """

    level: float
    relative: bool
    half_width: float
    n_rows: int

    def around(self, predicted: Floats) -> tuple[Floats, Floats]:
        """Lower and upper ends, (n,) each."""
        half = self.half_width * np.abs(predicted) if self.relative else np.full_like(predicted, self.half_width)
        return predicted - half, predicted + half


@dataclass(frozen=True)
class Coverage:
    """How many visits that nothing was fitted to lie in their interval.

    Attributes:
        se_frac: its standard error (binomial).
        thirds_frac: of the visits with the lowest, middle and highest predictions: a band that is right on
            average can be too wide for small networks and too narrow for large ones.
    """

    frac: float
    se_frac: float
    n_rows: int
    thirds_frac: tuple[float, float, float]


def calibrate(measured: Floats, predicted: Floats, level: float = LEVEL) -> ConformalBand:
    """The band that out-of-fold errors ask for.

    Args:
        measured: (n,) visits.
        predicted: (n,) by models that did not see these architectures.
        level: share of future visits to be covered.
    """
    relative = bool(np.all(measured > 0) and np.all(predicted > 0))
    errors = np.abs(measured - predicted) / (predicted if relative else 1.0)
    # The (n + 1)-th of n errors is infinite: few rows cannot promise a high level.
    rank = min(len(errors), math.ceil((len(errors) + 1) * level))
    return ConformalBand(level, relative, float(np.sort(errors)[rank - 1]), len(errors))


def coverage(band: ConformalBand, measured: Floats, predicted: Floats) -> Coverage:
    """The share of visits inside their band."""
    low, high = band.around(predicted)
    inside = (low <= measured) & (measured <= high)
    parts = np.array_split(inside[np.argsort(predicted, kind="stable")], 3)
    thirds = [float(part.mean()) if len(part) else math.nan for part in parts]
    frac = float(inside.mean())
    return Coverage(frac, math.sqrt(frac * (1 - frac) / len(inside)), len(inside), (thirds[0], thirds[1], thirds[2]))

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
from numpy.typing import NDArray

from predictor.table import Floats

LEVEL = 0.90

OUTSIDE_FACTOR = 2.0
"""By how much the interval is widened outside what was measured, where too few folds have shown it."""

_FEWEST_OUTSIDE = 10


@dataclass(frozen=True)
class ConformalBand:
    """Half width of the interval: `half_width_frac` of the prediction, or `half_width` of the unit if not relative.

    Attributes:
        level: the share of visits that it is to hold.
        relative: whether the target is positive throughout, so that errors can be relative.
        half_width: a fraction of the prediction if relative, else in the target's unit.
        n_rows: errors that it rests on.
        outside_factor: half widths are this many times as large for rows outside what was measured.
        n_outside: errors that this factor rests on; 0: it is OUTSIDE_FACTOR, and rests on none.
    """

    level: float
    relative: bool
    half_width: float
    n_rows: int
    outside_factor: float = OUTSIDE_FACTOR
    n_outside: int = 0

    def around(self, predicted: Floats, outside: NDArray[np.bool_] | None = None) -> tuple[Floats, Floats]:
        """Lower and upper ends, (n,) each.

        Args:
            predicted: (n,).
            outside: (n,) rows with a number or a category beyond what was measured; None: there are none.
        """
        half = self.half_width * np.abs(predicted) if self.relative else np.full_like(predicted, self.half_width)
        if outside is not None:
            half = np.where(outside, self.outside_factor * half, half)
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


def calibrate(
    measured: Floats, predicted: Floats, level: float = LEVEL, outside: NDArray[np.bool_] | None = None
) -> ConformalBand:
    """The band that out-of-fold errors ask for.

    Rows outside what their own fold had seen say how much wider it must be there: the quantile of their errors, or
    OUTSIDE_FACTOR while they are fewer than ten; never narrower than elsewhere.

    Args:
        measured: (n,) visits.
        predicted: (n,) by models that did not see these architectures.
        level: share of future visits to be covered.
        outside: (n,) rows beyond what the model that predicted them had seen.
    """
    relative = bool(np.all(measured > 0) and np.all(predicted > 0))
    errors = np.abs(measured - predicted) / (predicted if relative else 1.0)
    half_width = _quantile(errors, level)
    beyond = errors[outside] if outside is not None else errors[:0]
    if len(beyond) < _FEWEST_OUTSIDE or half_width == 0:
        return ConformalBand(level, relative, half_width, len(errors))
    factor = max(1.0, _quantile(beyond, level) / half_width)
    return ConformalBand(level, relative, half_width, len(errors), factor, len(beyond))


def _quantile(errors: Floats, level: float) -> float:
    # The (n + 1)-th of n errors is infinite: few rows cannot promise a high level.
    rank = min(len(errors), math.ceil((len(errors) + 1) * level))
    return float(np.sort(errors)[rank - 1])


def coverage(
    band: ConformalBand, measured: Floats, predicted: Floats, outside: NDArray[np.bool_] | None = None
) -> Coverage:
    """The share of visits inside their band; `outside` as in `ConformalBand.around`."""
    low, high = band.around(predicted, outside)
    inside = (low <= measured) & (measured <= high)
    parts = np.array_split(inside[np.argsort(predicted, kind="stable")], 3)
    thirds = [float(part.mean()) if len(part) else math.nan for part in parts]
    frac = float(inside.mean())
    return Coverage(frac, math.sqrt(frac * (1 - frac) / len(inside)), len(inside), (thirds[0], thirds[1], thirds[2]))

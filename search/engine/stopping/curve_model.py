"""What the curves of finished trials teach about the next one: their common course, and from a trial's own features
the parameters of its process.

    parameters(x) = BASE + SPREADS * (phi(x)^T W)

phi are a one and standardised features of the trial (energy, size, how many blocks of which kind, filters). W and the
course are shared by all trials, and maximise the likelihood of their curves less a ridge penalty. A trial that was
stopped counts as far as it went: what stopped it was seen of it, so that the likelihood needs no other care.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from search.engine.stopping.curve_process import (
    DECAY_SPREAD,
    DEFAULTS,
    GAMMA,
    MEAN,
    N_PARAMETERS,
    Course,
    Curves,
    negative_log_likelihood,
    no_course,
    predict_end,
)

Floats = NDArray[np.float64]

SPREADS = np.array([0.3, 0.5, 0.5, 1.0, 0.7, 0.5, 0.7])
"""How far a parameter moves for a unit of phi^T W."""

_RIDGE_COMMON, _RIDGE_MEAN, _RIDGE = 0.5, 2.0, 8.0
_OFFSET_SPREAD, _SHOWN_SPREAD, _NOISE_SPREAD = 0.5, 0.2, 0.4
_RIDGE_OFFSET, _RIDGE_SHOWN, _RIDGE_NOISE = 0.5, 2.0, 0.5
_LIMIT = 6.0
_MAX_ITERATIONS = 60


@dataclass(frozen=True, eq=False)
class CurveModel:
    """From features to parameters, and the course.

    Attributes:
        base: parameters where phi^T W is 0, (N_PARAMETERS,).
        centre, scale: of the features, (n_features,).
        weights: W, (1 + n_features, N_PARAMETERS).
    """

    base: Floats
    centre: Floats
    scale: Floats
    weights: Floats
    course: Course

    def parameters(self, features: Floats) -> Floats:
        """(n, n_features) -> (n, N_PARAMETERS)."""
        parameters: Floats = self.base + SPREADS * (_phi(features, self.centre, self.scale) @ self.weights)
        return parameters

    def predict_end(self, features: Floats, curves: Curves) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the log-odds at the last evaluation, its noise included, each (n,)."""
        return predict_end(self.parameters(features), self.course, curves)


@cache
def default_model(n_features: int, n_points: int) -> CurveModel:
    """The exponential decay with default parameters, and no course."""
    weights = np.zeros((1 + n_features, N_PARAMETERS))
    return CurveModel(DEFAULTS, np.zeros(n_features), np.ones(n_features), weights, no_course(n_points))


def fit_model(features: Floats, curves: Curves, mean_end: float) -> CurveModel:
    """The mapping and the course that fit these curves.

    Args:
        features: (n, n_features).
        curves: n, some of them of stopped trials and shorter.
        mean_end: log-odds, of the curves that were trained to the end.
    """
    base = _base(mean_end)
    centre, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    phi = _phi(features, centre, scale)
    ridge = np.full((phi.shape[1], N_PARAMETERS), _RIDGE)
    ridge[0], ridge[1:, MEAN] = _RIDGE_COMMON, _RIDGE_MEAN
    packed = _Packing(ridge, mean_end, curves.times)

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, course = packed.unpack(flat)
        fit, gradient = negative_log_likelihood(base + SPREADS * (phi @ weights), course, curves)
        by_weights = phi.T @ (gradient.parameters * SPREADS)
        own = packed.pack(by_weights, gradient.offset, gradient.shown, gradient.log_noise)
        return fit + 0.5 * float(packed.ridge @ flat**2), own + packed.ridge * flat

    found = minimize(
        loss,
        np.zeros(len(packed.ridge)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_LIMIT, _LIMIT)] * len(packed.ridge),
        options={"maxiter": _MAX_ITERATIONS, "ftol": 1e-6},
    )
    return CurveModel(base, centre, scale, *packed.unpack(found.x))


def _base(mean_end: float) -> Floats:
    """Parameters before anything is learned. The course has the common rise, so that a curve's own decay is small."""
    base = DEFAULTS.copy()
    base[MEAN] = mean_end
    base[[DECAY_SPREAD, GAMMA]] = np.log([0.2, 0.1])
    return base


class _Packing:
    """Weights and course as one vector, 0 being what is believed before any curve is seen: a rise in proportion to the
    asymptote, steep at first, and a noise that falls to a third.
    """

    def __init__(self, ridge: Floats, centre: float, times: Floats) -> None:
        self._shape, self._centre = ridge.shape, centre
        self._shown = 1 - (1 - times) ** 2
        self._log_noise = 1.2 * (1 - times)
        n_free = len(times) - 1
        course = ((_RIDGE_OFFSET, n_free), (_RIDGE_SHOWN, n_free), (_RIDGE_NOISE, len(times)))
        self.ridge = np.concatenate([ridge.ravel(), *(np.full(n, each) for each, n in course)])
        self._cuts = np.cumsum([ridge.size, n_free, n_free])

    def unpack(self, flat: Floats) -> tuple[Floats, Course]:
        weights, offset, shown, log_noise = np.split(flat, self._cuts)
        return weights.reshape(self._shape), Course(
            self._centre,
            self._centre * (self._shown - 1) + np.append(_OFFSET_SPREAD * offset, 0.0),
            self._shown + np.append(_SHOWN_SPREAD * shown, 0.0),
            self._log_noise + _NOISE_SPREAD * log_noise,
        )

    def pack(self, weights: Floats, offset: Floats, shown: Floats, log_noise: Floats) -> Floats:
        """A gradient by weights and course as one by the vector."""
        course = _OFFSET_SPREAD * offset[:-1], _SHOWN_SPREAD * shown[:-1], _NOISE_SPREAD * log_noise
        return np.concatenate([weights.ravel(), *course])


def _phi(features: Floats, centre: Floats, scale: Floats) -> Floats:
    return np.column_stack([np.ones(len(features)), (features - centre) / scale])

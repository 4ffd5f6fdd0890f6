"""What the curves of finished trials teach about the next one: parameters of its process from its own features.

    parameters(x) = DEFAULTS + SPREADS * (phi(x)^T W)

phi are a one and standardised features of the trial (energy, size, how many blocks of which kind, filters); W is shared
by all trials and maximises the likelihood of their curves less a ridge penalty. Without curves W is 0, which is the
exponential decay with default parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from search.engine.stopping.curve_process import (
    DEFAULTS,
    MEAN,
    N_PARAMETERS,
    Curves,
    negative_log_likelihood,
    predict_end,
)

Floats = NDArray[np.float64]

SPREADS = np.array([0.05, 0.5, 0.5, 1.0, 0.7, 0.5, 0.7])
"""How far a parameter moves for a unit of phi^T W."""

_RIDGE_COMMON, _RIDGE_MEAN, _RIDGE = 0.5, 2.0, 8.0
_LIMIT = 6.0
_MAX_ITERATIONS = 40
_FITTED_POINTS = 15


@dataclass(frozen=True, eq=False)
class CurveModel:
    """From features to parameters.

    Args:
        base: parameters where phi^T W is 0, (N_PARAMETERS,).
        centre, scale: of the features, (n_features,).
        weights: W, (1 + n_features, N_PARAMETERS).
    """

    base: Floats
    centre: Floats
    scale: Floats
    weights: Floats

    def parameters(self, features: Floats) -> Floats:
        """(n, n_features) -> (n, N_PARAMETERS)."""
        parameters: Floats = self.base + SPREADS * (_phi(features, self.centre, self.scale) @ self.weights)
        return parameters

    def predict_end(self, features: Floats, curves: Curves) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the last evaluation, its noise included, each (n,)."""
        means, sds, noise_sds = predict_end(self.parameters(features), curves)
        return means, np.hypot(sds, noise_sds)


def default_model(n_features: int, mean_accuracy: float | None = None) -> CurveModel:
    """The exponential decay with default parameters; around a mean accuracy of the end, when that is known."""
    base = DEFAULTS.copy()
    if mean_accuracy is not None:
        base[MEAN] = mean_accuracy
    zeros = np.zeros(n_features)
    return CurveModel(base, zeros, np.ones(n_features), np.zeros((1 + n_features, N_PARAMETERS)))


def fit_model(features: Floats, curves: Curves, mean_accuracy: float) -> CurveModel:
    """The mapping that fits these curves; a long curve is thinned to about 15 points.

    Args:
        features: (n, n_features).
        curves: n, some of them of stopped trials and shorter.
        mean_accuracy: of the curves that were trained to the end.
    """
    start = default_model(features.shape[1], mean_accuracy)
    centre, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    phi = _phi(features, centre, scale)
    thin = curves.thinned(max(1, len(curves.times) // _FITTED_POINTS))
    ridge = np.full((phi.shape[1], N_PARAMETERS), _RIDGE)
    ridge[0], ridge[1:, MEAN] = _RIDGE_COMMON, _RIDGE_MEAN

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(ridge.shape)
        losses, gradients = negative_log_likelihood(start.base + SPREADS * (phi @ weights), thin)
        gradient = ridge * weights + phi.T @ (gradients * SPREADS)
        return float(losses.sum() + 0.5 * (ridge * weights**2).sum()), gradient.ravel()

    found = minimize(
        loss,
        np.zeros(ridge.size),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_LIMIT, _LIMIT)] * ridge.size,
        options={"maxiter": _MAX_ITERATIONS, "ftol": 1e-6},
    )
    return CurveModel(start.base, centre, scale, found.x.reshape(ridge.shape))


def _phi(features: Floats, centre: Floats, scale: Floats) -> Floats:
    return np.column_stack([np.ones(len(features)), (features - centre) / scale])

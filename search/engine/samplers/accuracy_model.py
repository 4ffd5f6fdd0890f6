"""A Gaussian process of accuracy over categorical architectures, in numpy and scipy.

Kernel: k(x, x') = s^2 exp(-sum_i theta_i [x_i != x'_i]), the exponential of a weighted Hamming distance, with a weight
for each attribute of each block (its type, its kernel size, its filters), so that two blocks that differ only in
filters are closer than two of different types. Weights, scale and noise maximise the posterior density of the data
(Rasmussen and Williams 2006, equations 2.23, 2.24, 5.9), by L-BFGS with analytic gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from search.engine.encoding import Codes, Encoding

Floats = NDArray[np.float64]

_PRIOR_WEIGHT, _PRIOR_WEIGHT_SD = np.log(0.1), 1.2
_PRIOR_SCALE, _PRIOR_SCALE_SD = 0.0, 1.0
_PRIOR_NOISE, _PRIOR_NOISE_SD = np.log(0.03), 1.5
_BOUNDS = ((-9.0, 3.0), (-4.0, 4.0), (-9.0, 1.0))
_JITTER = 1e-8
_MAX_ITERATIONS = 60


class BlockAttributes:
    """Blocks by attribute: one column of zeros and ones per attribute's value at a position, (n, n_columns).

    Attributes that have one value at their position are left out.
    """

    def __init__(self, encoding: Encoding) -> None:
        tables: list[Floats] = []
        groups: list[int] = []
        for position in encoding.space.positions:
            for attribute in ("type", "kernel", "filters"):
                values = [getattr(block, attribute) for block in position.blocks]
                levels = list(dict.fromkeys(values))
                if len(levels) > 1:
                    groups.extend([len(tables)] * len(levels))
                    tables.append(np.eye(len(levels))[[levels.index(value) for value in values]])
        self._position = [
            i
            for i, position in enumerate(encoding.space.positions)
            for attribute in ("type", "kernel", "filters")
            if len({getattr(block, attribute) for block in position.blocks}) > 1
        ]
        self._tables = tables
        self.group = np.array(groups, dtype=np.int64)
        self.n_attributes = len(tables)

    def columns(self, codes: Codes) -> Floats:
        """Rows of codes as columns, (n, n_positions) -> (n, n_columns)."""
        parts = [table[codes[:, i]] for i, table in zip(self._position, self._tables, strict=True)]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(codes), 0))


@dataclass(frozen=True, eq=False)
class Kernel:
    """The kernel's parameters, for outputs of mean 0 and standard deviation 1.

    Attributes:
        weights: theta, (n_attributes,).
        scale: s^2.
        noise: variance of an observation.
        column_weights: the weight of each column's attribute, (n_columns,).
    """

    weights: Floats
    scale: float
    noise: float
    column_weights: Floats

    def between(self, a: Floats, b: Floats) -> Floats:
        """(n, n_columns), (m, n_columns) -> (n, m)."""
        covariance: Floats = self.scale * np.exp((a * self.column_weights) @ b.T - self.weights.sum())
        return covariance


def fit_kernel(columns: Floats, group: NDArray[np.int64], outputs: Floats, extra_noise: Floats) -> Kernel:
    """The most probable kernel.

    Args:
        columns: of the inputs, (n, n_columns).
        group: the attribute of each column, (n_columns,).
        outputs: mean 0, standard deviation 1; (n,).
        extra_noise: variance on top of the noise that is fitted, where an output is itself a prediction, (n,).
    """
    n_attributes = int(group.max(initial=-1)) + 1
    prior_mean = np.r_[np.full(n_attributes, _PRIOR_WEIGHT), _PRIOR_SCALE, _PRIOR_NOISE]
    prior_sd = np.r_[np.full(n_attributes, _PRIOR_WEIGHT_SD), _PRIOR_SCALE_SD, _PRIOR_NOISE_SD]

    def loss(logs: Floats) -> tuple[float, Floats]:
        kernel = _kernel(logs, group)
        away = (logs - prior_mean) / prior_sd
        value, gradient = _negative_log_likelihood(kernel, columns, group, outputs, extra_noise)
        return value + 0.5 * float(away @ away), gradient + away / prior_sd

    bounds = [_BOUNDS[0]] * n_attributes + [_BOUNDS[1], _BOUNDS[2]]
    found = minimize(loss, prior_mean, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _MAX_ITERATIONS})
    return _kernel(found.x, group)


def _kernel(logs: Floats, group: NDArray[np.int64]) -> Kernel:
    values = np.exp(logs)
    return Kernel(values[:-2], float(values[-2]), float(values[-1]), values[:-2][group])


def _negative_log_likelihood(
    kernel: Kernel, columns: Floats, group: NDArray[np.int64], outputs: Floats, extra_noise: Floats
) -> tuple[float, Floats]:
    """And its gradient in the logarithms of weights, scale and noise."""
    n = len(outputs)
    covariance = kernel.between(columns, columns)
    factor = np.linalg.cholesky(covariance + np.diag(kernel.noise + _JITTER + extra_noise))
    inverse = cho_solve((factor, True), np.eye(n))
    alpha = inverse @ outputs
    value = 0.5 * float(outputs @ alpha) + float(np.log(np.diag(factor)).sum())
    sensitivity = np.outer(alpha, alpha) - inverse
    weighted = sensitivity * covariance
    total = float(weighted.sum())
    same = np.bincount(group, ((weighted @ columns) * columns).sum(axis=0), minlength=len(kernel.weights))
    gradient = np.r_[
        0.5 * kernel.weights * (total - same), -0.5 * total, -0.5 * kernel.noise * float(np.trace(sensitivity))
    ]
    return value, gradient


class AccuracyProcess:
    """The process after some accuracies were seen.

    Args:
        kernel: from `fit_kernel`.
        columns: of the architectures seen, (n, n_columns).
        accuracies: theirs, (n,).
        sds: standard deviation of those that are predictions, else 0, (n,).
        centre, spread: what the accuracies of the fit were standardised with.
    """

    def __init__(
        self, kernel: Kernel, columns: Floats, accuracies: Floats, sds: Floats, centre: float, spread: float
    ) -> None:
        self._kernel, self._columns = kernel, columns
        self._centre, self._spread = centre, spread
        noise = kernel.noise + _JITTER + (sds / spread) ** 2
        self._factor = np.linalg.cholesky(kernel.between(columns, columns) + np.diag(noise))
        self._alpha = cho_solve((self._factor, True), (accuracies - centre) / spread)

    def predict(self, columns: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the accuracy without its noise, each (m,)."""
        cross = self._kernel.between(columns, self._columns)
        means: Floats = self._centre + self._spread * (cross @ self._alpha)
        reduced = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        variances = self._kernel.scale - (reduced**2).sum(axis=0)
        return means, self._spread * np.sqrt(np.maximum(variances, 1e-12))

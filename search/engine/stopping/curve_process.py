"""A learning curve as a Gaussian process: what is seen of it says where it ends.

Each curve is a process of its own over t, the share of a full training that is done:

    y(t) = f - gamma kappa(t) + g(t) + noise        f ~ N(m, s^2),  kappa(t) = (beta / (beta + t))^alpha
    cov(g(t), g(t')) = sigma^2 (beta / (beta + t + t'))^alpha

The covariance of g is the exponential-decay kernel of Swersky, Snoek and Adams (2014, "Freeze-thaw Bayesian
optimization", equation 6): a mixture of decays exp(-lambda t) with lambda ~ Gamma(alpha, beta), which dies out, so
that the curve settles at its asymptote f. The mean's decay gamma kappa(t) is the mean of such a mixture: without it a
curve that still rises is predicted to end where it is.

All functions take many curves at once. Parameters of a curve, in this order, are
(m, log s, log sigma, log beta, log alpha, log noise, log gamma).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_PARAMETERS = 7
MEAN = 0

DEFAULTS = np.array([0.72, *np.log([0.04, 0.10, 0.5, 1.0, 0.008, 0.15])])
"""Of an accuracy curve of a small network when nothing is known of the data; t in full trainings."""
LOW = np.array([0.0, *np.log([0.003, 0.003, 0.01, 0.1, 0.002, 0.002])])
HIGH = np.array([1.0, *np.log([0.5, 1.0, 20.0, 20.0, 0.1, 1.0])])

_JITTER = 1e-9
_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class Curves:
    """Accuracy curves, padded to one length.

    Args:
        times: shares of a full training, (n_points,), the same for all curves.
        values: accuracies, (n_curves, n_points); anything where not seen.
        seen: (n_curves, n_points).
    """

    times: Floats
    values: Floats
    seen: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)

    def thinned(self, step: int) -> Curves:
        """Every step-th point."""
        kept = slice(step - 1, None, step)
        return Curves(self.times[kept], self.values[:, kept], self.seen[:, kept])


def make_curves(accuracies: list[Floats], n_points: int) -> Curves:
    """Curves of several lengths, each point an evaluation out of n_points of a full training."""
    values = np.zeros((len(accuracies), n_points))
    seen = np.zeros((len(accuracies), n_points), dtype=bool)
    for row, curve in enumerate(accuracies):
        values[row, : len(curve)] = curve
        seen[row, : len(curve)] = True
    return Curves(np.arange(1, n_points + 1) / n_points, values, seen)


def negative_log_likelihood(parameters: Floats, curves: Curves) -> tuple[Floats, Floats]:
    """Of each curve under its parameters, and the gradient.

    Args:
        parameters: (n_curves, N_PARAMETERS); clipped to LOW..HIGH, where the gradient is 0.
        curves: n_curves of them.

    Returns:
        (n_curves,) and (n_curves, N_PARAMETERS).
    """
    terms = _Terms(parameters, curves.times)
    both, covariance, residuals = _seen_part(terms, curves)
    factor = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(covariance)
    alpha = (inverse @ residuals[:, :, np.newaxis])[:, :, 0]
    log_determinant = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    n_seen = curves.seen.sum(axis=1)
    losses = 0.5 * (residuals * alpha).sum(axis=1) + log_determinant + 0.5 * n_seen * _LOG_2PI
    sensitivity = np.where(both, alpha[:, :, np.newaxis] * alpha[:, np.newaxis, :] - inverse, 0.0)
    inside = (parameters > LOW) & (parameters < HIGH)
    return losses, np.where(inside, -terms.gradient(alpha, sensitivity), 0.0)


def predict_end(parameters: Floats, curves: Curves) -> tuple[Floats, Floats, Floats]:
    """Where each curve is at t = 1.

    Args:
        parameters: (n_curves, N_PARAMETERS).
        curves: n_curves of them, each seen in at least one point.

    Returns:
        Mean and standard deviation of the accuracy without noise, and the standard deviation of the noise of a single
        evaluation; each (n_curves,).
    """
    terms = _Terms(parameters, curves.times)
    end = _Terms(parameters, np.ones(1))
    _, covariance, residuals = _seen_part(terms, curves)
    cross = np.where(curves.seen, terms.covariance_with(1.0), 0.0)
    solved = np.linalg.solve(covariance, np.stack([residuals, cross], axis=2))
    means = end.mean[:, 0] + (cross * solved[:, :, 0]).sum(axis=1)
    variances = end.covariance[:, 0, 0] - (cross * solved[:, :, 1]).sum(axis=1)
    return means, np.sqrt(np.maximum(variances, 1e-10)), np.sqrt(terms.noise[:, 0])


def _seen_part(terms: _Terms, curves: Curves) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Which pairs of points were seen, the covariance of observations, and the residuals of the mean."""
    both = curves.seen[:, :, np.newaxis] & curves.seen[:, np.newaxis, :]
    # A point that was not seen becomes an independent one with residual 0: it adds nothing.
    diagonal = np.where(curves.seen, terms.noise + _JITTER, 1.0)
    covariance = np.where(both, terms.covariance, 0.0) + np.eye(len(curves.times)) * diagonal[:, np.newaxis, :]
    return both, covariance, np.where(curves.seen, curves.values - terms.mean, 0.0)


class _Terms:
    """The pieces of the model at times t, for each curve."""

    def __init__(self, parameters: Floats, times: Floats) -> None:
        bounded = np.clip(parameters, LOW, HIGH)
        m, log_s, log_sigma, log_beta, log_alpha, log_noise, log_gamma = (column[:, None] for column in bounded.T)
        self.asymptote_variance, self.decay_variance = np.exp(2 * log_s), np.exp(2 * log_sigma)
        self.noise, self.gamma = np.exp(2 * log_noise), np.exp(log_gamma)
        self.beta, self.alpha = np.exp(log_beta), np.exp(log_alpha)
        self.times, self.sums = times, times[:, np.newaxis] + times
        self.mean_decay = self._decay(self.times)
        self.kernel = np.exp(-self.alpha[..., None] * np.log1p(self.sums / self.beta[..., None]))
        self.mean = m - self.gamma * self.mean_decay
        self.covariance = self.asymptote_variance[..., None] + self.decay_variance[..., None] * self.kernel

    def covariance_with(self, time: float) -> Floats:
        """Of the curve at the times with the curve at another one, (n_curves, n_points)."""
        covariance: Floats = self.asymptote_variance + self.decay_variance * self._decay(self.times + time)
        return covariance

    def gradient(self, alpha: Floats, sensitivity: Floats) -> Floats:
        """Of the log likelihood; alpha = K^-1 residuals, sensitivity = alpha alpha^T - K^-1."""
        weighted = sensitivity * self.kernel
        beta, exponent = self.beta[..., None], self.alpha[..., None]
        by_log_beta = exponent * self.sums / (beta + self.sums)
        by_log_alpha = -exponent * np.log1p(self.sums / beta)
        mean_by_beta = self.alpha * self.times / (self.beta + self.times)
        mean_by_alpha = -self.alpha * np.log1p(self.times / self.beta)
        pull = self.gamma * alpha * self.mean_decay
        decay = self.decay_variance[:, 0]
        return np.stack(
            [
                alpha.sum(axis=1),
                self.asymptote_variance[:, 0] * sensitivity.sum(axis=(1, 2)),
                decay * weighted.sum(axis=(1, 2)),
                0.5 * decay * (weighted * by_log_beta).sum(axis=(1, 2)) - (pull * mean_by_beta).sum(axis=1),
                0.5 * decay * (weighted * by_log_alpha).sum(axis=(1, 2)) - (pull * mean_by_alpha).sum(axis=1),
                self.noise[:, 0] * np.trace(sensitivity, axis1=1, axis2=2),
                -pull.sum(axis=1),
            ],
            axis=1,
        )

    def _decay(self, times: Floats) -> Floats:
        decay: Floats = np.exp(-self.alpha * np.log1p(times / self.beta))
        return decay

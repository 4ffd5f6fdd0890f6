"""A learning curve as a Gaussian process: what is seen of it says where it ends.

Curves are log-odds of accuracies. Each is a process of its own over t, the share of a full training that is done:

    y(t) = c(t) + a + r(t) (f - a) - gamma kappa(t) + g(t) + noise       f ~ N(m, s^2)
    kappa(t) = (beta / (beta + t))^alpha,   cov(g(t), g(t')) = sigma^2 (beta / (beta + t + t'))^alpha

The covariance of g is the exponential-decay kernel of Swersky, Snoek and Adams (2014, "Freeze-thaw Bayesian
optimization", equation 6): a mixture of decays exp(-lambda t) with lambda ~ Gamma(alpha, beta), which dies out, so
that the curve settles at its asymptote f. The mean's decay gamma kappa(t) is the mean of such a mixture: without it a
curve that still rises is predicted to end where it is.

What all curves have in common is a `Course`: where they are at t (c), how much of a difference between their asymptotes
shows by then (r, about the centre a), and how much noisier than at the end they are. Without it, c is 0 and r is 1.

All functions take many curves at once. Parameters of a curve, in this order, are
(m, log s, log sigma, log beta, log alpha, log noise, log gamma).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_PARAMETERS = 7
MEAN, DECAY_SPREAD, GAMMA = 0, 2, 6

DEFAULTS = np.array([0.94, *np.log([0.3, 0.5, 0.5, 1.0, 0.06, 0.75])])
"""Of the curve of a small network when nothing is known of the data (an accuracy of 0.72); t in full trainings."""
LOW = np.array([-7.0, *np.log([0.02, 0.02, 0.01, 0.1, 0.01, 0.01])])
HIGH = np.array([7.0, *np.log([3.0, 5.0, 20.0, 20.0, 1.0, 7.0])])

_JITTER = 1e-9
_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class Curves:
    """Curves, padded to one length.

    Attributes:
        times: shares of a full training, (n_points,), the same for all curves.
        values: log-odds of accuracies, (n_curves, n_points); anything where not seen.
        seen: (n_curves, n_points).
    """

    times: Floats
    values: Floats
    seen: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Course:
    """What curves have in common, evaluation by evaluation.

    Attributes:
        centre: asymptote about which differences are counted.
        offset: of the mean curve from the centre, (n_points,); 0 at the end.
        shown: how much of a difference between asymptotes shows, (n_points,); 1 at the end.
        log_noise: by how much the noise is wider than a curve's parameter says, (n_points,).
    """

    centre: float
    offset: Floats
    shown: Floats
    log_noise: Floats


def no_course(n_points: int) -> Course:
    """Curves that have nothing in common."""
    return Course(0.0, np.zeros(n_points), np.ones(n_points), np.zeros(n_points))


def make_curves(log_odds: list[Floats], n_points: int) -> Curves:
    """Curves of several lengths, each point an evaluation out of n_points of a full training."""
    values = np.zeros((len(log_odds), n_points))
    seen = np.zeros((len(log_odds), n_points), dtype=bool)
    for row, curve in enumerate(log_odds):
        values[row, : len(curve)] = curve
        seen[row, : len(curve)] = True
    return Curves(np.arange(1, n_points + 1) / n_points, values, seen)


@dataclass(frozen=True, eq=False)
class Gradient:
    """Of the sum of negative log likelihoods.

    Attributes:
        parameters: (n_curves, N_PARAMETERS); 0 where a parameter was clipped.
        offset, shown, log_noise: of the course, (n_points,) each.
    """

    parameters: Floats
    offset: Floats
    shown: Floats
    log_noise: Floats


def negative_log_likelihood(parameters: Floats, course: Course, curves: Curves) -> tuple[float, Gradient]:
    """Of all curves together, and the gradient.

    Args:
        parameters: (n_curves, N_PARAMETERS); clipped to LOW..HIGH.
        course: of all of them.
    """
    terms = _Terms(parameters, course, curves.times)
    both, covariance, residuals = _seen_part(terms, curves)
    factor = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(covariance)
    alpha = (inverse @ residuals[:, :, np.newaxis])[:, :, 0]
    log_determinant = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum()
    loss = 0.5 * (residuals * alpha).sum() + log_determinant + 0.5 * curves.seen.sum() * _LOG_2PI
    sensitivity = np.where(both, alpha[:, :, np.newaxis] * alpha[:, np.newaxis, :] - inverse, 0.0)
    inside = (parameters > LOW) & (parameters < HIGH)
    by_parameters, by_shown, by_noise = terms.gradient(alpha, sensitivity)
    return float(loss), Gradient(np.where(inside, -by_parameters, 0.0), -alpha.sum(axis=0), -by_shown, -by_noise)


def predict_end(parameters: Floats, course: Course, curves: Curves) -> tuple[Floats, Floats]:
    """Where the last evaluation of each curve will be.

    Args:
        parameters: (n_curves, N_PARAMETERS).
        course: of all of them.
        curves: n_curves of them, each seen in at least one point.

    Returns:
        Mean and standard deviation, the noise of that evaluation included; each (n_curves,).
    """
    terms = _Terms(parameters, course, curves.times)
    _, covariance, residuals = _seen_part(terms, curves)
    cross = np.where(curves.seen, terms.covariance[:, :, -1], 0.0)
    solved = np.linalg.solve(covariance, np.stack([residuals, cross], axis=2))
    means = terms.mean[:, -1] + (cross * solved[:, :, 0]).sum(axis=1)
    variances = terms.covariance[:, -1, -1] - (cross * solved[:, :, 1]).sum(axis=1)
    return means, np.sqrt(np.maximum(variances, 0.0) + terms.noise[:, -1])


def _seen_part(terms: _Terms, curves: Curves) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Which pairs of points were seen, the covariance of observations, and the residuals of the mean."""
    both = curves.seen[:, :, np.newaxis] & curves.seen[:, np.newaxis, :]
    # A point that was not seen becomes an independent one with residual 0: it adds nothing.
    diagonal = np.where(curves.seen, terms.noise + _JITTER, 1.0)
    covariance = np.where(both, terms.covariance, 0.0) + np.eye(len(curves.times)) * diagonal[:, np.newaxis, :]
    return both, covariance, np.where(curves.seen, curves.values - terms.mean, 0.0)


class _Terms:
    """The pieces of the model at times t, for each curve."""

    def __init__(self, parameters: Floats, course: Course, times: Floats) -> None:
        bounded = np.clip(parameters, LOW, HIGH)
        m, log_s, log_sigma, log_beta, log_alpha, log_noise, log_gamma = (column[:, None] for column in bounded.T)
        self.asymptote_variance, self.decay_variance = np.exp(2 * log_s), np.exp(2 * log_sigma)
        self.noise, self.gamma = np.exp(2 * (log_noise + course.log_noise)), np.exp(log_gamma)
        self.beta, self.alpha = np.exp(log_beta), np.exp(log_alpha)
        self.times, self.sums, self.shown = times, times[:, np.newaxis] + times, course.shown
        self.mean_decay = np.exp(-self.alpha * np.log1p(times / self.beta))
        self.kernel = np.exp(-self.alpha[..., None] * np.log1p(self.sums / self.beta[..., None]))
        self.from_centre = m - course.centre
        self.mean = course.centre + course.offset + self.shown * self.from_centre - self.gamma * self.mean_decay
        together = np.outer(self.shown, self.shown)
        self.covariance = self.asymptote_variance[..., None] * together + self.decay_variance[..., None] * self.kernel

    def gradient(self, alpha: Floats, sensitivity: Floats) -> tuple[Floats, Floats, Floats]:
        """Of the log likelihood, by parameters, by what is shown and by the log noise of the course.

        Args:
            alpha: K^-1 residuals.
            sensitivity: alpha alpha^T - K^-1.
        """
        weighted = sensitivity * self.kernel
        beta, exponent = self.beta[..., None], self.alpha[..., None]
        by_log_beta = exponent * self.sums / (beta + self.sums)
        by_log_alpha = -exponent * np.log1p(self.sums / beta)
        mean_by_beta = self.alpha * self.times / (self.beta + self.times)
        mean_by_alpha = -self.alpha * np.log1p(self.times / self.beta)
        pull = self.gamma * alpha * self.mean_decay
        decay = self.decay_variance[:, 0]
        by_noise = np.diagonal(sensitivity, axis1=1, axis2=2) * self.noise
        by_asymptotes = self.asymptote_variance * (sensitivity @ self.shown)
        by_parameters = np.stack(
            [
                alpha @ self.shown,
                by_asymptotes @ self.shown,
                decay * weighted.sum(axis=(1, 2)),
                0.5 * decay * (weighted * by_log_beta).sum(axis=(1, 2)) - (pull * mean_by_beta).sum(axis=1),
                0.5 * decay * (weighted * by_log_alpha).sum(axis=(1, 2)) - (pull * mean_by_alpha).sum(axis=1),
                by_noise.sum(axis=1),
                -pull.sum(axis=1),
            ],
            axis=1,
        )
        by_shown = (alpha * self.from_centre + by_asymptotes).sum(axis=0)
        return by_parameters, by_shown, by_noise.sum(axis=0)

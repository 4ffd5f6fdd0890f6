"""How good predictions are, and how good they could be: metrics, their spread, and the noise ceiling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from predictor.table import Floats, Indices


@dataclass(frozen=True)
class Metrics:
    """Predictions against measurements.

    Attributes:
        r2: share of the variance that is explained; nan when all measurements are equal.
        rmse: root mean square error, in the target's unit.
        mape_frac: mean absolute error relative to the measurement; nan where a measurement is 0.
        kendall_tau: rank correlation (tau-b); nan when predictions or measurements are all equal.
    """

    r2: float
    rmse: float
    mape_frac: float
    kendall_tau: float
    n_rows: int


@dataclass(frozen=True)
class MetricSpread:
    """Mean and sample standard deviation of metrics over folds."""

    mean: Metrics
    sd: Metrics


def score(measured: Floats, predicted: Floats) -> Metrics:
    """The metrics of (n,) predictions."""
    from scipy.stats import kendalltau

    errors = predicted - measured
    variance = float(np.var(measured))
    r2 = 1.0 - float(np.mean(errors**2)) / variance if variance > 0 else math.nan
    mape = float(np.mean(np.abs(errors / measured))) if np.all(measured != 0) else math.nan
    ranked = np.ptp(measured) > 0 and np.ptp(predicted) > 0
    tau = float(kendalltau(measured, predicted).statistic) if ranked else math.nan
    return Metrics(r2, math.sqrt(float(np.mean(errors**2))), mape, tau, len(measured))


def spread(scores: Sequence[Metrics]) -> MetricSpread:
    """Over folds or draws; the deviation of one is nan."""
    names = [field.name for field in fields(Metrics) if field.name != "n_rows"]
    columns = {name: np.array([getattr(one, name) for one in scores]) for name in names}
    n = round(float(np.mean([one.n_rows for one in scores])))
    sds = {name: float(c.std(ddof=1)) if len(scores) > 1 else math.nan for name, c in columns.items()}
    return MetricSpread(Metrics(**{k: float(c.mean()) for k, c in columns.items()}, n_rows=n), Metrics(**sds, n_rows=n))


@dataclass(frozen=True)
class RepeatNoise:
    """What repeated visits of one architecture say about the noise of one visit.

    Attributes:
        sd: standard deviation between visits of one architecture, in the target's unit.
        sd_frac: the same of the logarithms: relative; nan when a value is not positive.
        n_repeats: degrees of freedom: visits beyond the first of each architecture.
        ceiling_r2: the R2 of a model that knew every architecture's true value.
        ceiling_low, ceiling_high: its 95 % interval, as the noise is known from few repeats (chi-squared).
    """

    sd: float
    sd_frac: float
    n_repeats: int
    ceiling_r2: float
    ceiling_low: float
    ceiling_high: float


def visit_noise(values: Floats, groups: Indices) -> RepeatNoise | None:
    """The noise between visits of one architecture; None when nothing was visited twice.

    Args:
        values: (n,) measured.
        groups: (n,) numbers of the architectures.
    """
    from scipy.stats import chi2

    squares, n_repeats = _within(values, groups)
    if n_repeats == 0:
        return None
    variance, total = squares / n_repeats, float(np.var(values))
    positive = bool(np.all(values > 0))
    sd_frac = math.sqrt(_within(np.log(values), groups)[0] / n_repeats) if positive else math.nan
    shares = [squares / chi2.ppf(p, n_repeats) / total if total > 0 else math.nan for p in (0.025, 0.975)]
    ceiling = 1.0 - variance / total if total > 0 else math.nan
    return RepeatNoise(math.sqrt(variance), sd_frac, n_repeats, ceiling, 1.0 - shares[0], 1.0 - shares[1])


def _within(values: Floats, groups: Indices) -> tuple[float, int]:
    """Sum of squares about the means of groups, and its degrees of freedom."""
    _, places, counts = np.unique(groups, return_inverse=True, return_counts=True)
    means = np.bincount(places, values) / counts
    return float(np.sum((values - means[places]) ** 2)), int(np.sum(counts - 1))


@dataclass(frozen=True)
class Proxy:
    """What a simpler quantity (FLOPs, latency) says about the target on the same rows: the paper's Figure 3.

    Attributes:
        correlation: Pearson's, over all rows.
        at: the column's median.
        low, high: 5 and 95 % quantile of the target among rows within 2 % of `at`.
        n_rows: how many rows those are.
    """

    name: str
    correlation: float
    at: float
    low: float
    high: float
    n_rows: int


def proxy(name: str, column: Floats, values: Floats) -> Proxy:
    """How far the target is determined by a column; the correlation is nan when the column is constant."""
    at = float(np.median(column))
    near = np.abs(column - at) <= 0.02 * abs(at)
    correlation = float(np.corrcoef(column, values)[0, 1]) if np.ptp(column) > 0 else math.nan
    low, high = (float(q) for q in np.quantile(values[near], (0.05, 0.95))) if near.any() else (math.nan, math.nan)
    return Proxy(name, correlation, at, low, high, int(near.sum()))

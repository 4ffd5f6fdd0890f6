"""Whether shared weights rank networks rightly: their accuracy against that of networks trained alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_N_RESAMPLED = 2000


@dataclass(frozen=True)
class RankCorrelation:
    """Kendall's tau-b of some figure with the mean accuracy of stand-alone trainings.

    Attributes:
        name: of the figure.
        low, high: of the 95 % interval, by resampling the architectures.
    """

    name: str
    tau: float
    low: float
    high: float


def kendall_tau(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Tau-b; NaN where one of them is constant."""
    from scipy.stats import kendalltau

    return float(kendalltau(one, other).statistic)


def correlations(
    figures: Mapping[str, NDArray[np.float64]], accuracies: NDArray[np.float64], seed: int = 1
) -> list[RankCorrelation]:
    """Of several figures with the same accuracies.

    Args:
        figures: (n,) each, by name: the higher, the better the network should be.
        accuracies: (n,), means over trainings.
    """
    rng = np.random.default_rng(seed)
    n = len(accuracies)
    resampled = rng.integers(0, n, (_N_RESAMPLED, n))
    found = []
    for name, figure in figures.items():
        taus = [kendall_tau(figure[chosen], accuracies[chosen]) for chosen in resampled]
        low, high = np.nanquantile(taus, (0.025, 0.975))
        found.append(RankCorrelation(name, kendall_tau(figure, accuracies), float(low), float(high)))
    return found


def noise_ceiling(accuracies: Sequence[Sequence[float]], seed: int = 1) -> float:
    """Tau that a figure without any error would have with means of so few trainings.

    The true accuracies are taken for normal with the variance that is left when that of the trainings is taken off,
    and trainings for normal around them, of one variance for all: the mean of simulated taus.

    Args:
        accuracies: of each architecture, its trainings; some need two or more.
    """
    several = [np.asarray(each) for each in accuracies if len(each) > 1]
    degrees = sum(len(each) - 1 for each in several)
    if not degrees:
        return float("nan")
    noise = sum(float(((each - each.mean()) ** 2).sum()) for each in several) / degrees
    counts = np.array([len(each) for each in accuracies])
    means = np.array([np.mean(each) for each in accuracies])
    between = max(0.0, float(means.var(ddof=1)) - noise * float(np.mean(1 / counts)))
    rng = np.random.default_rng(seed)
    taus = []
    for _ in range(200):
        true = rng.normal(0, np.sqrt(between), len(counts))
        taus.append(kendall_tau(true, true + rng.normal(0, 1, len(counts)) * np.sqrt(noise / counts)))
    return float(np.nanmean(taus))

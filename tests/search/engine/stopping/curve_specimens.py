"""Learning curves whose ends are known."""

from __future__ import annotations

import numpy as np


def decaying(n_curves: int, seed: int = 0, n_points: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies of exponential curves with noise, (n_curves, n_points), and where they end, (n_curves,)."""
    rng = np.random.default_rng(seed)
    ends = rng.normal(0.72, 0.04, n_curves)
    t = np.arange(1, n_points + 1) / n_points
    rates = rng.uniform(4, 8, n_curves)[:, None]
    missing = rng.uniform(0.2, 0.5, n_curves)[:, None] * np.exp(-rates * t)
    return ends[:, None] - missing + rng.normal(0, 0.004, (n_curves, n_points)), ends

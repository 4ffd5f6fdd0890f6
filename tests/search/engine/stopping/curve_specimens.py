"""Learning curves whose ends are known, as log-odds."""

from __future__ import annotations

import numpy as np


def decaying(n_curves: int, seed: int = 0, n_points: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Exponential curves with noise, (n_curves, n_points), and where they end, (n_curves,)."""
    rng = np.random.default_rng(seed)
    ends = rng.normal(0.95, 0.2, n_curves)
    t = np.arange(1, n_points + 1) / n_points
    rates = rng.uniform(4, 8, n_curves)[:, None]
    missing = rng.uniform(1.0, 2.5, n_curves)[:, None] * np.exp(-rates * t)
    return ends[:, None] - missing + rng.normal(0, 0.02, (n_curves, n_points)), ends


def rising_in_proportion(n_curves: int, seed: int = 0, n_points: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Curves that rise from 0, the higher ones faster, and calm down; and where they end."""
    rng = np.random.default_rng(seed)
    ends = rng.normal(1.5, 0.5, n_curves)
    t = np.arange(1, n_points + 1) / n_points
    noise = rng.normal(0, 1.0, (n_curves, n_points)) * (0.02 + 0.3 * (1 - t))
    return ends[:, None] * t + noise, ends

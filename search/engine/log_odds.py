"""Accuracies as log-odds: where models of accuracies live, as none may go beyond 0 or 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

Floats = NDArray[np.float64]

_NEAREST = 0.001
"""Accuracies nearer to 0 or 1 count as this near: their log-odds would be infinite."""


def log_odds(accuracies: ArrayLike) -> Floats:
    """log(p / (1 - p)) of accuracies, any shape; scipy's `expit` is the way back."""
    odds: Floats = logit(np.clip(accuracies, _NEAREST, 1 - _NEAREST))
    return odds

"""A surrogate of trainings together with predicted costs: what studies in benchmarks ask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.costs import PredictedCosts
from search.networks.architecture import Architecture
from search.surrogate.trained_surrogate import TrainedSurrogate


class CostedSurrogate(TrainedSurrogate):
    """With energies and sizes, as `surrogate_objective.Surrogate` asks for.

    Args:
        costs: where they come from.
    """

    def __init__(self, surrogate: TrainedSurrogate, costs: PredictedCosts) -> None:
        super().__init__(surrogate.trainings, surrogate.model, surrogate.file_sha256)
        self._costs = costs

    def costs(self, architectures: Sequence[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Energies predicted, mJ, and sizes of the .tflite files, bytes: (n,) each."""
        return self._costs.costs(architectures)

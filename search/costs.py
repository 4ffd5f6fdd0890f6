"""What is known of an architecture before it is trained: energy, size, and so the penalty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.predictor import Prediction, Predictor
from predictor.table import FeatureTable
from search.engine.record import TrialCosts
from search.engine.reward import Reward
from search.networks.architecture import Architecture
from search.networks.features import feature_columns
from search.tflite.writer import write_tflite


class PredictedCosts:
    """Energies from the predictor, sizes from the files.

    Args:
        predictor: of energy, for the space that is searched.
    """

    def __init__(self, predictor: Predictor, reward: Reward) -> None:
        self._predictor, self._reward = predictor, reward

    @property
    def simulated(self) -> bool:
        """Whether the energies are of a simulated bench."""
        return self._predictor.simulated

    def penalties(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Of many at once, (n,): sizes are computed, not written, and right within 0.3 %."""
        energies, sizes = self.costs(architectures)
        return np.array([self._reward.penalty(e, s) for e, s in zip(energies, sizes, strict=True)])

    def costs(self, architectures: Sequence[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predicted energies, mJ, and sizes of the files within 0.3 %, bytes: (n,) each."""
        columns = feature_columns(architectures)
        return self._predict(columns).energies_mj, np.asarray(columns["size_bytes"], np.float64)

    def known(self, architecture: Architecture) -> TrialCosts:
        """Of one, with the size of the file that is really written."""
        columns = feature_columns([architecture])
        prediction = self._predict(columns)
        size_bytes = len(write_tflite(architecture, seed=0))
        energy_mj = float(prediction.energies_mj[0])
        return TrialCosts(
            energy_mj=energy_mj,
            energy_low_mj=float(prediction.low_mj[0]),
            energy_high_mj=float(prediction.high_mj[0]),
            size_bytes=size_bytes,
            penalty=self._reward.penalty(energy_mj, size_bytes),
            flops=int(np.asarray(columns["flops"], np.float64)[0]),
            n_params=int(np.asarray(columns["n_params"], np.float64)[0]),
            architecture_hash=architecture.architecture_hash,
            energy_outside=bool(prediction.outside[0]),
        )

    def _predict(self, columns: dict[str, NDArray[np.float64] | NDArray[np.str_]]) -> Prediction:
        # The space's own levels: one that was never measured makes an energy uncertain, and stops no search.
        return self._predictor.predict(FeatureTable(columns), unseen=True)

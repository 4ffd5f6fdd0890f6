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
from search.networks.count import count_graph
from search.networks.features import feature_columns, head_bytes_beyond
from search.networks.graph import build_graph
from search.networks.spaces import space_named
from search.tflite.writer import write_tflite


class PredictedCosts:
    """Energies from the predictor, sizes from the files.

    The predictor was fitted to networks with the outputs of the space, nine, and is asked about these: an output more
    or less is 32 multiply-accumulates of millions, far below its error, while the features of another head would lie
    outside what was measured. Sizes and counts are those of the network with its own outputs.

    Args:
        predictor: of energy, for the space that is searched.
        n_classes: of the networks' data; None: the space's own.
    """

    def __init__(self, predictor: Predictor, reward: Reward, n_classes: int | None = None) -> None:
        self._predictor, self._reward, self._n_classes = predictor, reward, n_classes

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
        sizes = np.asarray(columns["size_bytes"], np.float64)
        if self._n_classes is not None and architectures:
            sizes = sizes + head_bytes_beyond(space_named(architectures[0].space), self._n_classes)
        return self._predict(columns).energies_mj, sizes

    def known(self, architecture: Architecture) -> TrialCosts:
        """Of one, with the size of the file that is really written."""
        columns = feature_columns([architecture])
        prediction = self._predict(columns)
        size_bytes = len(write_tflite(architecture, 0, self._n_classes))
        counted = count_graph(build_graph(architecture, self._n_classes)).total
        energy_mj = float(prediction.energies_mj[0])
        return TrialCosts(
            energy_mj=energy_mj,
            energy_low_mj=float(prediction.low_mj[0]),
            energy_high_mj=float(prediction.high_mj[0]),
            size_bytes=size_bytes,
            penalty=self._reward.penalty(energy_mj, size_bytes),
            flops=counted.flops,
            n_params=counted.n_params,
            architecture_hash=architecture.architecture_hash,
            energy_outside=bool(prediction.outside[0]),
        )

    def _predict(self, columns: dict[str, NDArray[np.float64] | NDArray[np.str_]]) -> Prediction:
        # The space's own levels: one that was never measured makes an energy uncertain, and stops no search.
        return self._predictor.predict(FeatureTable(columns), unseen=True)

"""What random networks of a space are like: FLOPs, parameters and file size of a sample.

The files are really written (in memory), so the sizes are those that a campaign pushes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.networks.count import count_graph
from search.networks.space import Space
from search.tflite.quantized import QuantizedNetwork
from search.tflite.writer import random_network, serialize

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Survey:
    """A sample of a space; every array has one element a network.

    Attributes:
        flops, n_params: by the paper's rule, see `count`.
        size_bytes: of the .tflite file.
    """

    space_name: str
    flops: Numbers
    n_params: Numbers
    size_bytes: Numbers

    @property
    def size_correlation(self) -> float:
        """Pearson's correlation of parameters with file size; NaN when all are equal."""
        return float(np.corrcoef(self.n_params, self.size_bytes)[0, 1])

    def share_below(self, limit_bytes: float) -> float:
        """Share of networks whose file is smaller."""
        return float(np.mean(self.size_bytes < limit_bytes))

    def sizes_near_params(self, n_params: float, reach: float) -> Numbers:
        """File sizes, in bytes, of the networks with n_params +- reach parameters."""
        return self.size_bytes[np.abs(self.n_params - n_params) <= reach]

    @staticmethod
    def percentiles(values: Numbers) -> list[float]:
        """Minimum, 5 %, median, 95 %, maximum."""
        found: list[float] = np.percentile(values, (0, 5, 50, 95, 100)).tolist()
        return found


def survey_space(space: Space, n: int, seed: int, options: tuple[tuple[str, str], ...]) -> Survey:
    """Draws n different networks, counts them and writes their files.

    Raises:
        SpaceExhausted: the space holds fewer.
    """
    rows = [_row(random_network(architecture, seed)) for architecture in space.sample_unique(n, seed, options)]
    flops, n_params, size_bytes = np.array(rows, np.float64).T
    return Survey(space.name, flops, n_params, size_bytes)


def _row(network: QuantizedNetwork) -> tuple[int, int, int]:
    cost = count_graph(network.graph).total
    return cost.flops, cost.n_params, len(serialize(network))

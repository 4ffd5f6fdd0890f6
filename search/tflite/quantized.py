"""A network with all its numbers: what a file holds, before it is a file and after it was read.

Between those that know the numbers (`random_constants` for untrained networks, training for trained ones, `reader`
for files of others) and `writer`. The scheme is that of the TFLite 8-bit quantization specification:
real = scale * (q - zero_point); activations int8 with one scale, weights int8 symmetric in -127..127 with a
scale per filter (one for all in dense layers), biases int32 with scale = input scale * weight scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.networks.layers import Graph


@dataclass(frozen=True)
class Quantization:
    """real = scale * (q - zero_point), q in -128..127."""

    scale: float
    zero_point: int


@dataclass(frozen=True, eq=False)
class Constants:
    """What a convolution or dense layer carries.

    Attributes:
        weights: int8; (filters, height, width, channels) of a convolution, (1, height, width, channels) of a
            depthwise one, (units, inputs) of a dense layer.
        weight_scales: float32; one per filter, or one in all for a dense layer.
        bias: int32, one per filter.
    """

    weights: NDArray[np.int8]
    weight_scales: NDArray[np.float32]
    bias: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class QuantizedNetwork:
    """A graph with all its numbers.

    Attributes:
        quantizations: of each value, the network's input first (see Layer.inputs).
        constants: by layer index, for the layers that carry any.
    """

    graph: Graph
    quantizations: tuple[Quantization, ...]
    constants: dict[int, Constants]

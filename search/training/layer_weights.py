"""The float weights of one layer, as values: what a training begins with that does not begin at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

NORM_EPSILON = 1e-3
"""What batch normalisation adds to a variance."""


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """Of a convolution (without bias, normalised) or of a dense layer (with bias).

    Attributes:
        kernel: as Keras lays it out: (height, width, in, out); (height, width, channels, 1) depthwise; (in, out) dense.
        offset: (out,): added by the normalisation, or the bias of a dense layer.
        factor, mean, variance: (out,): of the normalisation; None of a dense layer.
    """

    kernel: Floats
    offset: Floats
    factor: Floats | None = None
    mean: Floats | None = None
    variance: Floats | None = None

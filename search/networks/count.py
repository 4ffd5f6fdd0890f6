"""FLOPs and parameters of a network, by the rule of the paper.

Features of the predictor, columns of the database and terms of the reward. The rule is not stated in
Speckhard et al. (2023); it was found from the four baselines of its Table 1, all of which it gives: FLOPs
within 0.05 %, parameters within 0.1 %.

FLOPs: two per multiply-accumulate of a convolution and one per element of its output (the batch
normalisation); one per averaged element of a pool; 2 * inputs * units + units of a dense layer. Sums and
activations are free.

Parameters are all variables of the quantization-aware training model (tensorflow-model-optimization, 8 bit):

| layer | variables |
|---|---|
| network input | 3: range (2), step (1) |
| convolution | weights; range per filter (2 each), depthwise one range (2); step (1) |
| its batch normalisation | 4 a channel; step (1); range of the output (2) |
| its ReLU, if any | step (1); the range is then here and not after the batch normalisation |
| sum, pool, global mean | range (2), step (1); a ReLU after a sum adds a step |
| concatenation | range (2), step (1); its inputs share that range and have none of their own (-2 each) |
| dense | weights and bias; range of the weights (2) and of the output (2), step (1) |
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from search.networks.layers import (
    HEAD,
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv,
    Dense,
    DepthwiseConv,
    GlobalMean,
    Graph,
    Layer,
    Softmax,
)

_RANGE = 2
_STEP = 1
_BATCH_NORM = 4


@dataclass(frozen=True)
class ComputeCost:
    """FLOPs of one inference and number of parameters."""

    flops: int
    n_params: int

    def __add__(self, other: ComputeCost) -> ComputeCost:
        return ComputeCost(self.flops + other.flops, self.n_params + other.n_params)


NOTHING = ComputeCost(0, 0)
INPUT_COST = ComputeCost(0, _RANGE + _STEP)


@dataclass(frozen=True)
class NetworkCost:
    """A network's cost: of each block in order, of input and head, and in total."""

    blocks: tuple[ComputeCost, ...]
    head: ComputeCost
    total: ComputeCost


def count_graph(graph: Graph, n_blocks: int | None = None) -> NetworkCost:
    """The cost of a graph.

    Args:
        n_blocks: how many blocks to list, where the last may have no layers (Identity); else as many as have.
    """
    if n_blocks is None:
        n_blocks = max(layer.block for layer in graph.layers)
    by_block = [NOTHING] * (n_blocks + 1)
    by_block[HEAD] = INPUT_COST
    for layer in graph.layers:
        by_block[layer.block] += count_layer(layer)
    return NetworkCost(tuple(by_block[1:]), by_block[HEAD], sum(by_block, NOTHING))


def count_layer(layer: Layer) -> ComputeCost:
    """The cost of one layer."""
    n_in, n_out = math.prod(layer.in_shape), math.prod(layer.out_shape)
    match layer:
        case Conv():
            taps = math.prod(layer.kernel) * layer.in_shape[-1]
            n_filters = layer.out_shape[-1]
            n_params = taps * n_filters + _RANGE * n_filters + _STEP
            return ComputeCost((2 * taps + 1) * n_out, n_params + _normalised(n_filters, layer.activation))
        case DepthwiseConv():
            taps = math.prod(layer.kernel)
            n_filters = layer.out_shape[-1]
            n_params = taps * n_filters + _RANGE + _STEP
            return ComputeCost((2 * taps + 1) * n_out, n_params + _normalised(n_filters, layer.activation))
        case Concat():
            return ComputeCost(0, _RANGE + _STEP - _RANGE * len(layer.inputs))
        case Add():
            return ComputeCost(0, _RANGE + _STEP + (0 if layer.activation is Activation.NONE else _STEP))
        case AveragePool():
            return ComputeCost(math.prod(layer.kernel) * n_out, _RANGE + _STEP)
        case GlobalMean():
            return ComputeCost(n_in, _RANGE + _STEP)
        case Dense():
            n_weights = n_in * n_out
            return ComputeCost(2 * n_weights + n_out, n_weights + n_out + _RANGE + _RANGE + _STEP)
        case Softmax():
            return NOTHING
        case _:
            raise TypeError(f"no counting rule for {type(layer).__name__}")


def _normalised(n_channels: int, activation: Activation) -> int:
    n_params = _BATCH_NORM * n_channels + _STEP + _RANGE
    return n_params if activation is Activation.NONE else n_params + _STEP

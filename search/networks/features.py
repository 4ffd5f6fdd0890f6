"""Architectures as named columns for the energy predictor: the one place that says what it sees of them.

Beside the parameters of the blocks stand FLOPs, parameters and bytes of the file, as in Speckhard et al.
(2023), and counts from the network's graph: multiply-accumulates and outputs by kind of operator. The counts
are what time on a core is made of; a model that has them needs far fewer measurements.

A block's counts depend on itself, its input and its stride only, so they are kept: 10,000 architectures
take half a second.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search.networks.architecture import Architecture, Block
from search.networks.blocks import BlockBuilder, lay_block
from search.networks.count import INPUT_COST, count_layer
from search.networks.graph import builder_of, lay_head, place_strides
from search.networks.layers import (
    Add,
    AveragePool,
    Concat,
    Conv,
    Dense,
    DepthwiseConv,
    GlobalMean,
    GraphBuilder,
    Layer,
    Shape,
)
from search.networks.space import Space, Stride
from search.networks.spaces import space_named

COSTS = ("flops", "n_params", "size_bytes")
"""What the paper's predictor sees beside the parameters of the blocks (it has no n_params)."""

GRAPH_COUNTS = ("n_ops", "conv_macs", "depthwise_macs", "n_conv_outputs", "n_depthwise_outputs", "n_other_outputs")
"""Counts from the graph, a column each."""

_FAMILIES = {
    **dict.fromkeys(("flops", "conv_macs", "depthwise_macs"), "FLOPs, multiply-accumulates"),
    **dict.fromkeys(("n_params", "size_bytes"), "parameters, bytes of the file"),
    **dict.fromkeys(("n_ops", "n_conv_outputs", "n_depthwise_outputs", "n_other_outputs"), "operators, outputs"),
}

# Bytes of a .tflite file beside its weights, found by least squares on what write_tflite writes: an operator
# with its tensors, a channel with its bias (4), scales (4 + 4) and zero points (8 + 8), and the file itself.
_FILE_BYTES = 1102
_CHANNEL_BYTES = 28
_DENSE_UNIT_BYTES = 16
_OPERATOR_BYTES = {Conv: 317, DepthwiseConv: 330, Add: 145, Concat: 160, AveragePool: 314}
_BIAS_BYTES = 4
_ALIGNMENT = 16


@dataclass(frozen=True)
class _Counts:
    """Of some layers; see COSTS and GRAPH_COUNTS."""

    flops: int = 0
    n_params: int = 0
    size_bytes: int = 0
    n_ops: int = 0
    conv_macs: int = 0
    depthwise_macs: int = 0
    n_conv_outputs: int = 0
    n_depthwise_outputs: int = 0
    n_other_outputs: int = 0


_NAMES = tuple(field.name for field in fields(_Counts))


def feature_columns(architectures: Sequence[Architecture]) -> dict[str, NDArray[np.float64] | NDArray[np.str_]]:
    """The columns of architectures of one space: parameters of the blocks, then COSTS, then GRAPH_COUNTS.

    `size_bytes` is that of the file `write_tflite` would write, within 0.3 %, without writing it.

    Raises:
        UnknownSpace, OutsideSpace: an architecture of no known space, of another than the first, or not in it.
    """
    if not architectures:
        return {}
    space = space_named(architectures[0].space)
    for architecture in architectures:
        space.validate(architecture)
    columns: dict[str, NDArray[np.float64] | NDArray[np.str_]] = {}
    for name, first in architectures[0].to_params().items():
        if name.startswith("option_"):
            columns[name] = np.array([a.option(name.removeprefix("option_")) for a in architectures])
        elif name != "space":
            ordinal, part = int(name[1:3]) - 1, name[4:]
            values = [getattr(a.blocks[ordinal], part) for a in architectures]
            columns[name] = np.array(values) if isinstance(first, str) else np.array(values, np.float64)
    counts = np.array([_counts(architecture, space) for architecture in architectures], np.float64)
    return columns | dict(zip(_NAMES, counts.T, strict=True))


def head_bytes_beyond(space: Space, n_classes: int) -> int:
    """What the file of a network of so many classes has more than `size_bytes` says, which is for the space's own."""
    own, other = (_aligned(space.hidden_units * n) + _aligned(_BIAS_BYTES * n) for n in (space.n_classes, n_classes))
    return other - own


def level_shares(space: Space) -> dict[str, dict[str, float]]:
    """The levels of every block's type, by column, and the share of all architectures of the space that have each.

    A space draws uniformly among blocks, and an Identity is one block: so it is rare where there are many others.
    """
    shares: dict[str, dict[str, float]] = {}
    for ordinal, position in enumerate(space.positions, start=1):
        kinds = Counter(block.type.value for block in position.blocks)
        n_blocks = len(position.blocks)
        shares[f"b{ordinal:02d}_type"] = {kind: n / n_blocks for kind, n in kinds.items()}
    return shares


def family_of(column: str) -> str:
    """Columns of one family say much the same: the parts of a block, or counts of one kind of the whole network."""
    if column in _FAMILIES:
        return _FAMILIES[column]
    return f"block {int(column[1:3])}" if column[:1] == "b" and column[1:3].isdigit() else column


def _counts(architecture: Architecture, space: Space) -> tuple[int, ...]:
    builder = builder_of(architecture, space)
    shape: Shape = space.input_shape
    total = [0] * len(_NAMES)
    for block, stride in zip(architecture.blocks, place_strides(architecture, space), strict=True):
        counts, shape = _block_counts(block, shape, stride, builder)
        total = [a + b for a, b in zip(total, counts, strict=True)]
    return tuple(a + b for a, b in zip(total, _head_counts(space, shape), strict=True))


@lru_cache(maxsize=100_000)
def _block_counts(
    block: Block, in_shape: Shape, stride: Stride, builder: BlockBuilder
) -> tuple[tuple[int, ...], Shape]:
    net = GraphBuilder(in_shape)
    out = lay_block(net, net.input, block.type, block.kernel, block.filters, stride, builder)
    return _sum(net.graph().layers), out.shape


@lru_cache(maxsize=1000)
def _head_counts(space: Space, in_shape: Shape) -> tuple[int, ...]:
    net = GraphBuilder(in_shape)
    graph = lay_head(net, net.input, (space.hidden_units,), space.n_classes)
    own = _Counts(INPUT_COST.flops, INPUT_COST.n_params, _FILE_BYTES)
    return tuple(a + b for a, b in zip(_sum(graph.layers), astuple(own), strict=True))


def _sum(layers: Sequence[Layer]) -> tuple[int, ...]:
    counted = [astuple(_layer_counts(layer)) for layer in layers] or [astuple(_Counts())]
    return tuple(sum(column) for column in zip(*counted, strict=True))


def _layer_counts(layer: Layer) -> _Counts:
    cost, n_outputs = count_layer(layer), math.prod(layer.out_shape)
    plain = {"flops": cost.flops, "n_params": cost.n_params, "size_bytes": _size_bytes(layer), "n_ops": 1}
    match layer:
        case Conv():
            n_macs = math.prod(layer.kernel) * layer.in_shape[-1] * n_outputs
            return _Counts(**plain, conv_macs=n_macs, n_conv_outputs=n_outputs)
        case DepthwiseConv():
            n_macs = math.prod(layer.kernel) * n_outputs
            return _Counts(**plain, depthwise_macs=n_macs, n_depthwise_outputs=n_outputs)
        case Add() | Concat() | AveragePool() | GlobalMean():
            return _Counts(**plain, n_other_outputs=math.prod(layer.in_shape))
        case _:
            return _Counts(**plain)


def _size_bytes(layer: Layer) -> int:
    n_in, n_out = layer.in_shape[-1], layer.out_shape[-1]
    match layer:
        case Conv():
            return _aligned(math.prod(layer.kernel) * n_in * n_out) + _CHANNEL_BYTES * n_out + _OPERATOR_BYTES[Conv]
        case DepthwiseConv():
            return _aligned(math.prod(layer.kernel) * n_out) + _CHANNEL_BYTES * n_out + _OPERATOR_BYTES[DepthwiseConv]
        case Dense():
            return n_in * n_out + _DENSE_UNIT_BYTES * n_out
        case Add() | Concat() | AveragePool():
            return _OPERATOR_BYTES[type(layer)]
        case _:
            return 0


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // _ALIGNMENT) * _ALIGNMENT

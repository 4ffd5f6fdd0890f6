"""An architecture's layers.

`build_graph` reads the space for input, strides and head, and has each block laid by `blocks`. Counting,
.tflite files and training start from its result, so they cannot disagree about what a network is.
"""

from __future__ import annotations

from collections.abc import Hashable

from search.networks.architecture import Architecture
from search.networks.blocks import BlockBuilder, BlockType, DwStride, PoolMerge, lay_block
from search.networks.layers import HEAD, Activation, Graph, GraphBuilder, Value
from search.networks.space import Space, Stride
from search.networks.spaces import space_named

_ONE: Stride = (1, 1)


def build_graph(architecture: Architecture, n_classes: int | None = None) -> Graph:
    """The layers of an architecture.

    Args:
        n_classes: outputs of the last layer, as many as the data have classes; None: the space's own, what is measured.

    Raises:
        UnknownSpace, OutsideSpace: it is of no known space, or not in its space.
    """
    space = space_named(architecture.space)
    space.validate(architecture)
    builder = builder_of(architecture, space)
    net = GraphBuilder(space.input_shape)
    x = net.input
    strides = place_strides(architecture, space)
    for ordinal, (block, stride) in enumerate(zip(architecture.blocks, strides, strict=True), start=1):
        net.block = ordinal
        x = lay_block(net, x, block.type, block.kernel, block.filters, stride, builder)
    return lay_head(net, x, (space.hidden_units,), n_classes or space.n_classes)


def builder_of(architecture: Architecture, space: Space) -> BlockBuilder:
    """How the blocks of an architecture are laid."""
    return BlockBuilder(
        space.n_dims, DwStride(architecture.option("dw_stride")), PoolMerge(architecture.option("pool_merge"))
    )


def network_key(architecture: Architecture) -> Hashable:
    """Equal for architectures whose networks have the same layers, whatever their texts.

    An Identity has no layer, so where it stands among blocks of one stride makes no difference; nor does an
    option of blocks that are not there.

    Raises:
        UnknownSpace, OutsideSpace: it is of no known space, or not in its space.
    """
    space = space_named(architecture.space)
    space.validate(architecture)
    strides = place_strides(architecture, space)
    laid = tuple(
        (block, stride)
        for block, stride in zip(architecture.blocks, strides, strict=True)
        if block.type is not BlockType.IDENTITY
    )
    kinds = {block.type for block, _ in laid}
    options = tuple(
        architecture.option(name)
        for name, kind in (("dw_stride", BlockType.SPLIT_DEPTHWISE), ("pool_merge", BlockType.MOBILENET_V2_AVG_POOL))
        if kind in kinds
    )
    return space.name, options, laid


def lay_head(net: GraphBuilder, x: Value, hidden_units: tuple[int, ...], n_classes: int) -> Graph:
    """The whole graph, once global mean, dense layers (ReLU) and the softmax over the classes end it."""
    net.block = HEAD
    x = net.global_mean(x)
    for units in hidden_units:
        x = net.dense(x, units, Activation.RELU)
    net.softmax(net.dense(x, n_classes, Activation.NONE))
    return net.graph()


def place_strides(architecture: Architecture, space: Space) -> tuple[Stride, ...]:
    """The stride (time, frequency) that acts in each block.

    The space's own, but with `dw_stride=next_block` a 1xK-Kx1-DW block hands its stride to the next block
    that is not Identity; when none follows, it keeps it.
    """
    strides = [position.stride for position in space.positions]
    if architecture.option("dw_stride") != DwStride.NEXT_BLOCK:
        return tuple(strides)
    kinds = [block.type for block in architecture.blocks]
    # From the end, so that a stride moves one block on and no further.
    for i in reversed(range(len(kinds))):
        following = [j for j in range(i + 1, len(kinds)) if kinds[j] is not BlockType.IDENTITY]
        if kinds[i] is BlockType.SPLIT_DEPTHWISE and following:
            own, next_ = strides[i], strides[following[0]]
            strides[following[0]] = (own[0] * next_[0], own[1] * next_[1])
            strides[i] = _ONE
    return tuple(strides)

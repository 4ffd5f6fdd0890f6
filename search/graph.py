"""An architecture's layers. The only place that knows what a block is made of.

`build_graph` reads the space for input, strides and head, and lays each block by its kind (Speckhard et al.,
2023, Table 2; MobileNet blocks as in Howard et al., 2017, and Sandler et al., 2018, with expansion 1).
Counting, .tflite files and training start from its result.
"""

from __future__ import annotations

from search.architecture import Architecture, Block, BlockType
from search.layers import HEAD, Activation, Graph, GraphBuilder, Value
from search.space import DwStride, Space, Stride, space_named

_ONE: Stride = (1, 1)
_POINTWISE = (1, 1)
_POOL_WINDOW = (3, 3)


def build_graph(architecture: Architecture) -> Graph:
    """The layers of an architecture.

    Raises:
        UnknownSpace, OutsideSpace: it is of no known space, or not in its space.
    """
    space = space_named(architecture.space)
    space.validate(architecture)
    dw_stride = DwStride(architecture.option("dw_stride"))
    net = GraphBuilder(space.input_shape)
    x = net.input
    strides = place_strides(architecture, space)
    for ordinal, (block, stride) in enumerate(zip(architecture.blocks, strides, strict=True), start=1):
        net.block = ordinal
        x = _lay_block(net, x, block, stride, dw_stride)
    net.block = HEAD
    x = net.global_mean(x)
    x = net.dense(x, space.hidden_units, Activation.RELU)
    x = net.dense(x, space.n_classes, Activation.NONE)
    net.softmax(x)
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


def _lay_block(net: GraphBuilder, x: Value, block: Block, stride: Stride, dw_stride: DwStride) -> Value:
    match block.type:
        case BlockType.KXK:
            return net.conv(x, block.filters, _square(block), stride)
        case BlockType.SPLIT_DEPTHWISE:
            return _split_depthwise(net, x, block, stride, dw_stride)
        case BlockType.MOBILENET_V1:
            return net.conv(net.depthwise(x, _square(block), stride), block.filters, _POINTWISE)
        case BlockType.MOBILENET_V2:
            return _mobilenet_v2(net, x, block, stride)
        case BlockType.MOBILENET_V2_AVG_POOL:
            return _mobilenet_v2_avg_pool(net, x, block, stride)
        case BlockType.SPLIT_CONV:
            x = net.conv(x, block.filters, (block.kernel, 1), (stride[0], 1))
            return net.conv(x, block.filters, (1, block.kernel), (1, stride[1]))
        case BlockType.IDENTITY:
            return x


def _split_depthwise(net: GraphBuilder, x: Value, block: Block, stride: Stride, dw_stride: DwStride) -> Value:
    along_frequency, along_time = (1, block.kernel), (block.kernel, 1)
    match dw_stride:
        case DwStride.AFTER_POINTWISE:
            x = net.conv(net.depthwise(x, along_frequency), block.filters, _POINTWISE)
            return net.depthwise(x, along_time, stride)
        case DwStride.BEFORE_POINTWISE:
            x = net.depthwise(net.depthwise(x, along_frequency), along_time, stride)
            return net.conv(x, block.filters, _POINTWISE)
        case DwStride.NEXT_BLOCK:
            x = net.depthwise(net.depthwise(x, along_frequency, stride), along_time)
            return net.conv(x, block.filters, _POINTWISE)


def _mobilenet_v2(net: GraphBuilder, x: Value, block: Block, stride: Stride) -> Value:
    n_channels = x.shape[-1]
    y = net.depthwise(net.conv(x, n_channels, _POINTWISE), _square(block), stride)
    y = net.conv(y, block.filters, _POINTWISE, activation=Activation.NONE)
    return net.add(x, y) if stride == _ONE and n_channels == block.filters else y


def _mobilenet_v2_avg_pool(net: GraphBuilder, x: Value, block: Block, stride: Stride) -> Value:
    # The pooled input joins before the projection: only so do parameters and size of Table 2 come out.
    pooled = net.average_pool(x, _POOL_WINDOW, stride)
    y = net.depthwise(net.conv(x, x.shape[-1], _POINTWISE), _square(block), stride)
    return net.conv(net.add(y, pooled), block.filters, _POINTWISE, activation=Activation.NONE)


def _square(block: Block) -> tuple[int, int]:
    return block.kernel, block.kernel

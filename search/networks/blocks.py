"""The kinds of block, and what each is made of: the only place that knows.

`graph` lays the blocks of an architecture by `lay_block`; counting, .tflite files and training read the
layers that come out. A new kind of block is a name in `BlockType`, a function and its line in `_LAYING`. The
baselines are laid with the same functions.

Sources: Speckhard et al. (2023), section 3 and Table 2; MobileNet blocks as in Howard et al. (2017) and
Sandler et al. (2018); residual blocks along time as in Choi et al. (2019).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from search.networks.layers import Activation, GraphBuilder, Pair, Value

_ONE = (1, 1)
_POINTWISE = (1, 1)
_POOL_WIDTH = 3


class BlockType(StrEnum):
    """The kinds of block, named as in Table 2 of Speckhard et al."""

    KXK = "KxK"
    SPLIT_DEPTHWISE = "1xK-Kx1-DW"
    MOBILENET_V1 = "MobileNetV1"
    MOBILENET_V2 = "MobileNetV2"
    MOBILENET_V2_AVG_POOL = "MobileNetV2-Avg-Pool"
    SPLIT_CONV = "Kx1-1xK"
    IDENTITY = "Identity"


class DwStride(StrEnum):
    """Option `dw_stride`: where the stride of a 1xK-Kx1-DW block acts. The paper does not say."""

    AFTER_POINTWISE = "after_pointwise"
    """depthwise 1xK, pointwise, depthwise Kx1 with the stride: all totals of Table 2 within 2 %."""
    BEFORE_POINTWISE = "before_pointwise"
    """depthwise 1xK, depthwise Kx1 with the stride, pointwise: 28 % below Table 2's FLOPs."""
    NEXT_BLOCK = "next_block"
    """depthwise 1xK, depthwise Kx1, pointwise; its stride acts in the first strided layer of the next block
    that is not Identity. All totals of Table 2 within 1 %."""


class PoolMerge(StrEnum):
    """Option `pool_merge`: how the pooled input of a MobileNetV2-Avg-Pool block joins. The paper does not say."""

    ADD = "add"
    """Added to the depthwise output, before the projection."""
    CONCAT = "concat"
    """Depthwise output and pooled input are each projected to half the filters, then put side by side. Fits
    FLOPs and parameters of Table 2 equally."""


@dataclass(frozen=True)
class BlockBuilder:
    """How blocks are laid in one architecture.

    Attributes:
        n_dims: 2 for kernels over time and frequency, 1 for kernels along time alone (frequency as channels).
    """

    n_dims: int = 2
    dw_stride: DwStride = DwStride.AFTER_POINTWISE
    pool_merge: PoolMerge = PoolMerge.ADD

    def window(self, width: int) -> Pair:
        """width x width, or width x 1 in one dimension."""
        return (width, width) if self.n_dims == 2 else (width, 1)


def lay_block(
    net: GraphBuilder, x: Value, kind: BlockType, kernel: int, filters: int, stride: Pair, builder: BlockBuilder
) -> Value:
    """Lays one block after `x` and returns its output.

    Args:
        net: where its layers go.
        x: the block's input.
        filters: channels of the output.
        stride: (time, frequency).
    """
    return _LAYING[kind](net, x, kernel, filters, stride, builder)


def inverted_residual(
    net: GraphBuilder, x: Value, kernel: Pair, filters: int, stride: Pair, *, expansion: int
) -> Value:
    """MobileNetV2's block: pointwise to `expansion` times the width, depthwise, linear pointwise, and a sum with
    its input where the shapes agree."""
    y = net.conv(x, expansion * x.shape[-1], _POINTWISE)
    y = net.conv(net.depthwise(y, kernel, stride), filters, _POINTWISE, activation=Activation.NONE)
    return net.add(x, y) if stride == _ONE and x.shape[-1] == filters else y


def separable(net: GraphBuilder, x: Value, kernel: Pair, filters: int, stride: Pair) -> Value:
    """MobileNetV1's block: depthwise with the stride, pointwise."""
    return net.conv(net.depthwise(x, kernel, stride), filters, _POINTWISE)


def residual_along_time(net: GraphBuilder, x: Value, kernel: int, filters: int, stride: int) -> Value:
    """TC-ResNet's block: two Kx1 convolutions, a pointwise shortcut where the shape changes, ReLU after the sum."""
    changes = stride != 1 or x.shape[-1] != filters
    shortcut = net.conv(x, filters, _POINTWISE, (stride, 1), Activation.RELU) if changes else x
    y = net.conv(x, filters, (kernel, 1), (stride, 1), Activation.RELU)
    y = net.conv(y, filters, (kernel, 1), activation=Activation.NONE)
    return net.add(y, shortcut, Activation.RELU)


def _kxk(net: GraphBuilder, x: Value, kernel: int, filters: int, stride: Pair, builder: BlockBuilder) -> Value:
    return net.conv(x, filters, builder.window(kernel), stride)


def _split_depthwise(
    net: GraphBuilder, x: Value, kernel: int, filters: int, stride: Pair, builder: BlockBuilder
) -> Value:
    along_time = (kernel, 1)
    match builder.dw_stride:
        case DwStride.AFTER_POINTWISE:
            x = net.conv(_along_frequency(net, x, kernel, _ONE, builder), filters, _POINTWISE)
            return net.depthwise(x, along_time, stride)
        case DwStride.BEFORE_POINTWISE:
            x = net.depthwise(_along_frequency(net, x, kernel, _ONE, builder), along_time, stride)
            return net.conv(x, filters, _POINTWISE)
        case DwStride.NEXT_BLOCK:
            # A stride that arrives from the block before acts in the first layer.
            first = _along_frequency(net, x, kernel, stride, builder)
            x = net.depthwise(first, along_time, stride if first is x else _ONE)
            return net.conv(x, filters, _POINTWISE)


def _along_frequency(net: GraphBuilder, x: Value, kernel: int, stride: Pair, builder: BlockBuilder) -> Value:
    # In one dimension frequency is the channels: there is nothing to move along.
    return net.depthwise(x, (1, kernel), stride) if builder.n_dims == 2 else x


def _mobilenet_v1(net: GraphBuilder, x: Value, kernel: int, filters: int, stride: Pair, builder: BlockBuilder) -> Value:
    return separable(net, x, builder.window(kernel), filters, stride)


def _mobilenet_v2(net: GraphBuilder, x: Value, kernel: int, filters: int, stride: Pair, builder: BlockBuilder) -> Value:
    return inverted_residual(net, x, builder.window(kernel), filters, stride, expansion=1)


def _mobilenet_v2_avg_pool(
    net: GraphBuilder, x: Value, kernel: int, filters: int, stride: Pair, builder: BlockBuilder
) -> Value:
    # The pooled path comes first, as the TFLite converter orders its operators.
    pooled = net.average_pool(x, builder.window(_POOL_WIDTH), stride)
    if builder.pool_merge is PoolMerge.CONCAT:
        pooled = net.conv(pooled, filters // 2, _POINTWISE, activation=Activation.NONE)
    y = net.depthwise(net.conv(x, x.shape[-1], _POINTWISE), builder.window(kernel), stride)
    match builder.pool_merge:
        case PoolMerge.ADD:
            return net.conv(net.add(y, pooled), filters, _POINTWISE, activation=Activation.NONE)
        case PoolMerge.CONCAT:
            return net.concat(net.conv(y, filters // 2, _POINTWISE, activation=Activation.NONE), pooled)


def _split_conv(net: GraphBuilder, x: Value, kernel: int, filters: int, stride: Pair, builder: BlockBuilder) -> Value:
    x = net.conv(x, filters, (kernel, 1), (stride[0], 1))
    return net.conv(x, filters, (1, kernel), (1, stride[1])) if builder.n_dims == 2 else x


def _identity(net: GraphBuilder, x: Value, kernel: int, filters: int, stride: Pair, builder: BlockBuilder) -> Value:
    return x


_LAYING: dict[BlockType, Callable[[GraphBuilder, Value, int, int, Pair, BlockBuilder], Value]] = {
    BlockType.KXK: _kxk,
    BlockType.SPLIT_DEPTHWISE: _split_depthwise,
    BlockType.MOBILENET_V1: _mobilenet_v1,
    BlockType.MOBILENET_V2: _mobilenet_v2,
    BlockType.MOBILENET_V2_AVG_POOL: _mobilenet_v2_avg_pool,
    BlockType.SPLIT_CONV: _split_conv,
    BlockType.IDENTITY: _identity,
}

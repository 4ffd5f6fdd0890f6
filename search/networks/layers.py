"""Layers as values: what a network consists of once its blocks are laid out.

`graph` makes them from an architecture; counting, writing .tflite files and training all read the same tuple,
so they cannot disagree about what a network is. All padding is SAME. Shapes leave the batch out: (height,
width, channels) = (time, frequency, channels) for maps, (units,) after the global mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Shape = tuple[int, ...]
Pair = tuple[int, int]

HEAD = 0
"""The `block` of layers that belong to no block: global mean, dense layers, softmax."""


class Activation(StrEnum):
    """The function fused into a layer."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        block: ordinal of its block, from 1; HEAD after the last.
        inputs: which values it reads: 0 is the network's input, i the output of layer i - 1.
        in_shape: shape of each input (they agree, but for the channels of a Concat).
        out_shape: shape of the output.
    """

    block: int
    inputs: tuple[int, ...]
    in_shape: Shape
    out_shape: Shape


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution without bias, batch normalisation, activation."""

    kernel: Pair
    stride: Pair
    activation: Activation


@dataclass(frozen=True)
class DepthwiseConv(Layer):
    """Depthwise convolution (multiplier 1) without bias, batch normalisation, activation."""

    kernel: Pair
    stride: Pair
    activation: Activation


@dataclass(frozen=True)
class Add(Layer):
    """Sum of two values, then the activation."""

    activation: Activation


@dataclass(frozen=True)
class Concat(Layer):
    """Two values of the same height and width, one's channels after the other's; `in_shape` is the first's."""


@dataclass(frozen=True)
class AveragePool(Layer):
    """Average over a window; cells outside the map do not count."""

    kernel: Pair
    stride: Pair


@dataclass(frozen=True)
class GlobalMean(Layer):
    """Mean over time and frequency."""


@dataclass(frozen=True)
class Dense(Layer):
    """Fully connected with bias, then the activation."""

    activation: Activation


@dataclass(frozen=True)
class Softmax(Layer):
    """Class probabilities."""


@dataclass(frozen=True)
class Graph:
    """A network: its input's shape and its layers, each after those it reads."""

    input_shape: Shape
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Value:
    """A tensor while a graph is being laid out: its number (see Layer.inputs) and shape."""

    number: int
    shape: Shape


class GraphBuilder:
    """Lays layers one after another; every verb returns the new value."""

    def __init__(self, input_shape: Shape) -> None:
        self.input = Value(0, input_shape)
        self.block = HEAD
        self._layers: list[Layer] = []

    def conv(
        self,
        x: Value,
        filters: int,
        kernel: Pair,
        stride: Pair = (1, 1),
        activation: Activation = Activation.RELU6,
    ) -> Value:
        """Conv."""
        out_shape = (*_strided(x.shape, stride), filters)
        return self._laid(Conv(self.block, (x.number,), x.shape, out_shape, kernel, stride, activation))

    def depthwise(
        self, x: Value, kernel: Pair, stride: Pair = (1, 1), activation: Activation = Activation.RELU6
    ) -> Value:
        """DepthwiseConv."""
        out_shape = (*_strided(x.shape, stride), x.shape[-1])
        return self._laid(DepthwiseConv(self.block, (x.number,), x.shape, out_shape, kernel, stride, activation))

    def add(self, a: Value, b: Value, activation: Activation = Activation.NONE) -> Value:
        """Add; ValueError when the shapes differ."""
        if a.shape != b.shape:
            raise ValueError(f"cannot add {a.shape} and {b.shape}")
        return self._laid(Add(self.block, (a.number, b.number), a.shape, a.shape, activation))

    def concat(self, a: Value, b: Value) -> Value:
        """Concat; ValueError when height or width differ."""
        if a.shape[:-1] != b.shape[:-1]:
            raise ValueError(f"cannot put {a.shape} and {b.shape} side by side")
        out_shape = (*a.shape[:-1], a.shape[-1] + b.shape[-1])
        return self._laid(Concat(self.block, (a.number, b.number), a.shape, out_shape))

    def average_pool(self, x: Value, kernel: Pair, stride: Pair) -> Value:
        """AveragePool."""
        out_shape = (*_strided(x.shape, stride), x.shape[-1])
        return self._laid(AveragePool(self.block, (x.number,), x.shape, out_shape, kernel, stride))

    def global_mean(self, x: Value) -> Value:
        """GlobalMean."""
        return self._laid(GlobalMean(self.block, (x.number,), x.shape, x.shape[-1:]))

    def dense(self, x: Value, units: int, activation: Activation) -> Value:
        """Dense."""
        return self._laid(Dense(self.block, (x.number,), x.shape, (units,), activation))

    def softmax(self, x: Value) -> Value:
        """Softmax."""
        return self._laid(Softmax(self.block, (x.number,), x.shape, x.shape))

    def graph(self) -> Graph:
        """What has been laid so far."""
        return Graph(self.input.shape, tuple(self._layers))

    def _laid(self, layer: Layer) -> Value:
        self._layers.append(layer)
        return Value(len(self._layers), layer.out_shape)


def _strided(shape: Shape, stride: Pair) -> Pair:
    # SAME padding: the output size is the input's over the stride, rounded up.
    return -(-shape[0] // stride[0]), -(-shape[1] // stride[1])

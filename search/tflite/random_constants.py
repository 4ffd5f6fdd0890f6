"""Seeded random weights, biases and quantization for a graph that nobody has trained.

Energy and latency depend on a network's shape, not on what it has learnt, so a campaign measures untrained
networks. The numbers are still those of a working one: signals keep their size from layer to layer, ranges
fit the signals, and the outputs follow the input, so that no kernel sees only zeros or saturated values.
Between `graph` and `writer`; a trained network brings its own `QuantizedNetwork`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.networks.layers import (
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
from search.tflite.quantized import Constants, Quantization, QuantizedNetwork

_STEPS = 255
_UNIFORM_STD = 127 / math.sqrt(3)
_INPUT_LIMIT = 4.0
_CONV_STD = 2.0
_LINEAR_STD = 1.2
_LOGIT_STD = 1.5
# Larger biases make all inputs look alike after twelve blocks.
_BIAS_STD = 0.03
_N_STD = 4.0
# A mean over the map keeps this much of a signal's size, and so does a ReLU about its mean.
_MEAN_KEEPS = 0.35
_RELU_KEEPS = 1 / 1.3


@dataclass(frozen=True)
class _Signal:
    """What is expected of a value: root mean square and range, in real units."""

    rms: float
    low: float
    high: float

    @property
    def quantization(self) -> Quantization:
        scale = float(np.float32((self.high - self.low) / _STEPS))
        return Quantization(scale, round(-128 - self.low / scale))


def draw_constants(graph: Graph, rng: np.random.Generator) -> QuantizedNetwork:
    """Weights, biases and quantization for every layer; the same for the same generator state."""
    signals = [_Signal(_INPUT_LIMIT / 2, -_INPUT_LIMIT, _INPUT_LIMIT)]
    constants: dict[int, Constants] = {}
    for index, layer in enumerate(graph.layers):
        sources = [signals[number] for number in layer.inputs]
        signals.append(_expect(layer, sources, rng))
        if isinstance(layer, (Conv, DepthwiseConv, Dense)):
            constants[index] = _draw(layer, sources[0], rng)
    quantizations = [signal.quantization for signal in signals]
    for output, layer in enumerate(graph.layers, start=1):
        if isinstance(layer, Concat):
            # The operator copies bytes: its inputs take its scale.
            for number in layer.inputs:
                quantizations[number] = quantizations[output]
    return QuantizedNetwork(graph, tuple(quantizations), constants)


def _expect(layer: Layer, sources: list[_Signal], rng: np.random.Generator) -> _Signal:
    source = sources[0]
    # Trained ranges are never round, and never the same twice.
    tightness = rng.uniform(0.8, 1.0)
    match layer:
        case Conv() | DepthwiseConv() | Dense():
            return _activated(layer.activation, _target_std(layer), tightness)
        case Add():
            rms = math.hypot(*(signal.rms for signal in sources))
            low = 0.0 if layer.activation is not Activation.NONE else sum(signal.low for signal in sources)
            return _Signal(rms, tightness * low, tightness * sum(signal.high for signal in sources))
        case Concat():
            low, high = min(signal.low for signal in sources), max(signal.high for signal in sources)
            return _Signal(math.hypot(*(signal.rms for signal in sources)) / math.sqrt(2), tightness * low, high)
        case AveragePool():
            return _Signal(0.8 * source.rms, tightness * source.low, tightness * source.high)
        case GlobalMean():
            return _Signal(_MEAN_KEEPS * source.rms, 0.6 * tightness * source.low, 0.6 * tightness * source.high)
        case Softmax():
            # Fixed by the operator's specification: probabilities in steps of 1/256.
            return _Signal(1.0, 0.0, _STEPS / (_STEPS + 1))
        case _:
            raise TypeError(f"no constants for {type(layer).__name__}")


def _activated(activation: Activation, std: float, tightness: float) -> _Signal:
    limit = tightness * _N_STD * std
    match activation:
        case Activation.NONE:
            return _Signal(std, -limit, limit)
        case Activation.RELU:
            return _Signal(std / math.sqrt(2), 0.0, limit)
        case Activation.RELU6:
            return _Signal(std / math.sqrt(2), 0.0, min(limit, 6.0))


def _target_std(layer: Conv | DepthwiseConv | Dense) -> float:
    if isinstance(layer, Dense):
        return _LOGIT_STD if layer.activation is Activation.NONE else _CONV_STD
    return _LINEAR_STD if layer.activation is Activation.NONE else _CONV_STD


def _draw(layer: Conv | DepthwiseConv | Dense, source: _Signal, rng: np.random.Generator) -> Constants:
    n_filters, n_channels = layer.out_shape[-1], layer.in_shape[-1]
    shape: tuple[int, ...]
    match layer:
        case Conv():
            shape, fan_in = (n_filters, *layer.kernel, n_channels), math.prod(layer.kernel) * n_channels
        case DepthwiseConv():
            shape, fan_in = (1, *layer.kernel, n_channels), math.prod(layer.kernel)
        case Dense():
            shape, fan_in = (n_filters, n_channels), n_channels
    weights = rng.integers(-127, 128, size=shape, dtype=np.int8)
    std = _target_std(layer) / (source.rms * math.sqrt(fan_in))
    if isinstance(layer, Dense) or layer.kernel == (1, 1):
        weights = _centred(weights)
        std /= _RELU_KEEPS
    n_scales = 1 if isinstance(layer, Dense) else n_filters
    scales = (std / _UNIFORM_STD * rng.uniform(0.7, 1.3, n_scales)).astype(np.float32)
    bias_scales = np.float32(source.quantization.scale) * scales
    bias = np.rint(rng.normal(0.0, _BIAS_STD, n_filters) / bias_scales).astype(np.int32)
    return Constants(weights, scales, bias)


def _centred(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """Each filter with zero sum: what all inputs have in common would else drown how they differ."""
    axes = tuple(range(1, weights.ndim))
    means = np.rint(weights.mean(axis=axes, keepdims=True))
    centred: NDArray[np.int8] = np.clip(weights - means, -127, 127).astype(np.int8)
    return centred

"""The numbers of a trained network, straight from its quantization-aware model.

With them `search.tflite.writer` writes the trained network's file in milliseconds, where the TFLite converter takes
ten seconds and more. What the converter does to a model is repeated here in its own arithmetic: batch
normalisation is folded into weights and bias, ranges become scales and zero points.

Sources: TFLite's 8-bit quantization specification; scale and zero point of a range as in MLIR's
FakeQuantSupport.cpp and rounding as in its UniformSupport.h (github.com/llvm/llvm-project); the scale of a folded
weight as in TensorFlow Lite's optimize patterns (github.com/tensorflow/tensorflow).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.errors import WrongModel
from search.networks.layers import Concat, Conv, Dense, DepthwiseConv, Graph, Softmax
from search.tflite.quantized import Constants, Quantization, QuantizedNetwork
from search.training.framework import tf
from search.training.keras_network import part_name
from search.training.layer_weights import NORM_EPSILON

Floats = NDArray[np.float32]

_LOWEST = -128
_STEPS = 255
_WEIGHT_LIMIT = 127
_BIAS_LIMIT = 2**31 - 1
_WRAPPED = "quant_"
_INPUT_LAYER = "quantize_layer"
# Where a layer's output range may be: after its ReLU, else its normalisation, else itself, around its activation.
_RANGES = (
    ("relu", "output"),
    ("norm", "output"),
    ("main", "output"),
    ("main", "post_activation"),
    ("main", "pre_activation"),
)


def trained_network(model: Any, graph: Graph) -> QuantizedNetwork:
    """The int8 network that a quantization-aware model has been trained to be.

    Args:
        model: `quantize(build_keras(graph))`, trained.

    Raises:
        WrongModel: the model is not that of this graph, or not quantization-aware.
    """
    variables = _Variables(model)
    found = [variables.input_range()]
    found.extend(_output_range(variables, index) for index in range(len(graph.layers)))
    for index, layer in enumerate(graph.layers):
        match layer:
            case Softmax():
                # Fixed by the operator's specification.
                found[index + 1] = Quantization(1 / 256, _LOWEST)
            case Concat():
                # The operator copies bytes: its inputs take its scale.
                for number in layer.inputs:
                    found[number] = found[index + 1]
    quantizations = []
    for number, quantization in enumerate(found):
        if quantization is None:
            raise WrongModel(f"the model has no range for the output of layer {number - 1}", _HINT)
        quantizations.append(quantization)
    constants = {
        index: _constants(variables, index, layer, quantizations[layer.inputs[0]])
        for index, layer in enumerate(graph.layers)
        if isinstance(layer, (Conv, DepthwiseConv, Dense))
    }
    return QuantizedNetwork(graph, tuple(quantizations), constants)


_HINT = "pass quantize(build_keras(graph)) and that same graph"


class _Variables:
    """A model's variables by the graph's layer and part, see `keras_network.part_name`."""

    def __init__(self, model: Any) -> None:
        self._values: dict[tuple[str, str], Floats] = {}
        for layer in model.layers:
            for variable in layer.variables:
                part = variable.name.rpartition("/")[2].removesuffix(":0")
                if layer.name.startswith(_INPUT_LAYER):
                    # Every such layer of a process has another number in its name and its variables'.
                    self._values[_INPUT_LAYER, part.removeprefix(layer.name + "_")] = variable.numpy()
                else:
                    self._values[layer.name.removeprefix(_WRAPPED), part] = variable.numpy()

    def value(self, index: int, part: str, variable: str) -> Floats:
        name = part_name(index, part)
        if (name, variable) not in self._values:
            raise WrongModel(f"the model has no variable {name}/{variable}", _HINT)
        return self._values[name, variable]

    def input_range(self) -> Quantization | None:
        return self._range(_INPUT_LAYER, "")

    def range(self, index: int, part: str, prefix: str) -> Quantization | None:
        return self._range(part_name(index, part), prefix + "_")

    def _range(self, name: str, prefix: str) -> Quantization | None:
        low, high = (self._values.get((name, f"{prefix}{end}")) for end in ("min", "max"))
        return None if low is None or high is None else quantize_range(float(low), float(high))


def quantize_range(low: float, high: float) -> Quantization:
    """Scale and zero point of int8 values for a range that holds zero, as the converter rounds them."""
    if high - low < np.finfo(np.float64).eps:
        return Quantization(1.0, _LOWEST)
    scale = (high - low) / _STEPS
    # Rounded while still unsigned, as the converter does: a symmetric range has its zero at 128, not at 127.
    # Of two ways to the zero point, the one with the smaller error of arithmetic.
    from_low, from_high = -low / scale, _STEPS - high / scale
    exact = from_low if abs(low / scale) < _STEPS + abs(high / scale) else from_high
    zero_point = min(max(math.floor(exact + 0.5), 0), _STEPS) + _LOWEST
    return Quantization(float(np.float32(scale)), zero_point)


def _output_range(variables: _Variables, index: int) -> Quantization | None:
    for part, prefix in _RANGES:
        quantization = variables.range(index, part, prefix)
        if quantization is not None:
            return quantization
    return None


def _constants(
    variables: _Variables, index: int, layer: Conv | DepthwiseConv | Dense, source: Quantization
) -> Constants:
    """Folded and quantized weights and bias of one layer."""
    kernel_name = "depthwise_kernel" if isinstance(layer, DepthwiseConv) else "kernel"
    kernel = variables.value(index, "main", kernel_name)
    low, high = (variables.value(index, "main", f"{kernel_name}_{end}") for end in ("min", "max"))
    scales = (high.astype(np.float64) - low) / (2 * _WEIGHT_LIMIT)
    match layer:
        case Conv():
            factor, bias = _normalisation(variables, index)
            weights, scales = (kernel * factor).transpose(3, 0, 1, 2), scales * np.abs(factor)
            steps = weights / scales.reshape(-1, 1, 1, 1)
        case DepthwiseConv():
            # One range for the whole kernel, but after folding a scale for each channel.
            factor, bias = _normalisation(variables, index)
            weights, scales = (kernel[..., 0] * factor)[np.newaxis], scales * np.abs(factor)
            steps = weights / scales
        case Dense():
            bias, scales = variables.value(index, "main", "bias"), scales.reshape(1)
            steps = kernel.T / scales
    rounded = np.clip(_rounded(steps), -_WEIGHT_LIMIT, _WEIGHT_LIMIT).astype(np.int8)
    bias_steps = np.clip(_rounded(bias / (source.scale * scales)), -_BIAS_LIMIT, _BIAS_LIMIT)
    return Constants(rounded, scales.astype(np.float32), bias_steps.astype(np.int32))


def _normalisation(variables: _Variables, index: int) -> tuple[Floats, Floats]:
    """Factor and offset, by channel, that a batch normalisation applies once trained."""
    gamma, beta, mean, variance = (
        variables.value(index, "norm", name) for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    # TensorFlow's own reciprocal root is what the converter computes with; numpy's differs in the last bit.
    factor = gamma * tf.math.rsqrt(variance + np.float32(NORM_EPSILON)).numpy()
    return factor, beta - mean * factor


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # Halves away from zero, as C does.
    return np.copysign(np.floor(np.abs(values) + 0.5), values)

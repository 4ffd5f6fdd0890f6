"""The converter's fast lane: a network whose numbers are known, as plain TensorFlow operations.

A Keras model spends nearly all of its conversion on being saved and traced again. The same network as one
function of constants, with fake quantization where the quantization-aware model has it and batch normalisation
already folded, converts in a quarter of a second, to the same operators. What the writer is checked against.

Depthwise weights are fake-quantized as (height, width, channels), where the channels are the last axis, as the
operation wants it, and only then given the shape that the convolution takes.
"""

from __future__ import annotations

from typing import Any

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
    Layer,
    Softmax,
)
from search.tflite.quantized import Constants, Quantization, QuantizedNetwork
from search.training.convert import convert_function
from search.training.framework import tf

_CHANNEL_AXIS = 3
_LOWEST, _HIGHEST = -128, 127
_WEIGHT_LIMIT = 127


def convert_network(network: QuantizedNetwork) -> bytes:
    """The stripped .tflite file that the TFLite converter makes of a network's numbers.

    Scales come out within a rounding of float32 of the ones given, since they pass through ranges.

    Raises:
        ConversionFailed: the converter refuses the network.
    """
    shape = (1, *network.graph.input_shape)
    infer = tf.function(lambda x: _infer(network, x), input_signature=[tf.TensorSpec(shape, tf.float32)])
    return convert_function(infer.get_concrete_function())


def _infer(network: QuantizedNetwork, x: Any) -> Any:
    layers = network.graph.layers
    # What is put side by side shares the range of the whole, as in the quantization-aware model.
    unranged = {number for layer in layers if isinstance(layer, Concat) for number in layer.inputs}
    values = [_rounded(x, network.quantizations[0])]
    for index, layer in enumerate(layers):
        inputs = [values[number] for number in layer.inputs]
        y = _applied(layer, inputs, network.constants.get(index), network.quantizations[layer.inputs[0]])
        ranged = index + 1 not in unranged and not isinstance(layer, Softmax)
        values.append(_rounded(y, network.quantizations[index + 1]) if ranged else y)
    return values[-1]


def _applied(layer: Layer, inputs: list[Any], constants: Constants | None, source: Quantization) -> Any:
    x = inputs[0]
    match layer, constants:
        case Conv(), Constants():
            filters = _filters(constants.weights.transpose(1, 2, 3, 0), constants.weight_scales)
            y = tf.nn.conv2d(x, filters, layer.stride, "SAME")
            return _activated(layer.activation, y + _bias(constants, source))
        case DepthwiseConv(), Constants():
            filters = _filters(constants.weights[0], constants.weight_scales)
            filters = tf.reshape(filters, (*layer.kernel, layer.in_shape[-1], 1))
            y = tf.nn.depthwise_conv2d(x, filters, (1, *layer.stride, 1), "SAME")
            return _activated(layer.activation, y + _bias(constants, source))
        case Dense(), Constants():
            y = tf.matmul(x, _matrix(constants))
            return _activated(layer.activation, y + _bias(constants, source))
        case Add(), _:
            return _activated(layer.activation, inputs[0] + inputs[1])
        case Concat(), _:
            return tf.concat(inputs, _CHANNEL_AXIS)
        case AveragePool(), _:
            return tf.nn.avg_pool2d(x, layer.kernel, layer.stride, "SAME")
        case GlobalMean(), _:
            return tf.reduce_mean(x, (1, 2))
        case Softmax(), _:
            return tf.nn.softmax(x)
        case _:
            raise TypeError(f"no operation for {type(layer).__name__}")


def _rounded(x: Any, quantization: Quantization) -> Any:
    low = quantization.scale * (_LOWEST - quantization.zero_point)
    high = quantization.scale * (_HIGHEST - quantization.zero_point)
    return tf.quantization.fake_quant_with_min_max_args(x, low, high)


def _filters(weights: NDArray[np.int8], scales: NDArray[np.float32]) -> Any:
    """Fake-quantized weights with a scale each along the last axis."""
    limits = _WEIGHT_LIMIT * scales
    real = np.ascontiguousarray(weights * scales)
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(real, -limits, limits, narrow_range=True)


def _matrix(constants: Constants) -> Any:
    limit = float(_WEIGHT_LIMIT * constants.weight_scales[0])
    weights = np.ascontiguousarray(constants.weights.T * constants.weight_scales)
    return tf.quantization.fake_quant_with_min_max_args(weights, -limit, limit, narrow_range=True)


def _bias(constants: Constants, source: Quantization) -> NDArray[np.float32]:
    real: NDArray[np.float32] = (constants.bias * (source.scale * constants.weight_scales)).astype(np.float32)
    return real


def _activated(activation: Activation, x: Any) -> Any:
    match activation:
        case Activation.NONE:
            return x
        case Activation.RELU:
            return tf.nn.relu(x)
        case Activation.RELU6:
            return tf.nn.relu6(x)

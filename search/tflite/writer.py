"""An int8 .tflite file straight from the official schema, without TensorFlow.

The last step from an architecture to the file that is pushed to the phone. Operators, their versions and
options, tensor types and the number of scales are those that the TFLite converter writes for the
quantization-aware training model of the same network; tensor names, metadata and signatures are left out, as
in the paper's sizes.

| layer | operators, with version |
|---|---|
| Conv, DepthwiseConv | CONV_2D 3, DEPTHWISE_CONV_2D 3; scale per filter |
| Add | ADD 2 |
| Concat | CONCATENATION 2; inputs and output share one scale |
| AveragePool | AVERAGE_POOL_2D 2, which keeps its input's scale; QUANTIZE 1 where the output's differs |
| GlobalMean | MEAN 2 over time and frequency |
| Dense | FULLY_CONNECTED 4; one scale |
| Softmax | SOFTMAX 2 |
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

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
    Shape,
    Softmax,
)
from search.networks.network import Network, graph_of
from search.tflite.flatbuffer import Model, Operator, Options, Tensor, encode
from search.tflite.quantized import Quantization, QuantizedNetwork
from search.tflite.random_constants import draw_constants

_SAME = 0
ACTIVATION_CODES = {Activation.NONE: 0, Activation.RELU: 1, Activation.RELU6: 3}
_MEAN_AXES = (1, 2)
_CHANNEL_AXIS = 3
OPERATORS: dict[type[Layer], tuple[str, int]] = {
    Conv: ("CONV_2D", 3),
    DepthwiseConv: ("DEPTHWISE_CONV_2D", 3),
    Add: ("ADD", 2),
    Concat: ("CONCATENATION", 2),
    AveragePool: ("AVERAGE_POOL_2D", 2),
    GlobalMean: ("MEAN", 2),
    Dense: ("FULLY_CONNECTED", 4),
    Softmax: ("SOFTMAX", 2),
}
_QUANTIZE = ("QUANTIZE", 1)


def write_tflite(network: Network, seed: int, n_classes: int | None = None) -> bytes:
    """The network as a .tflite file with random weights.

    Args:
        network: a baseline, or an architecture of a known space.
        seed: of weights and quantization. Together with the network it fixes every byte.
        n_classes: see graph_of.

    Returns:
        The file's bytes: int8 input (1, time, frequency, channels), int8 output (1, classes).

    Raises:
        UnknownSpace, OutsideSpace: see graph_of.
    """
    return serialize(random_network(network, seed, n_classes))


def random_network(network: Network, seed: int, n_classes: int | None = None) -> QuantizedNetwork:
    """The network with the random numbers that `write_tflite` writes; arguments and errors as there."""
    # The hash gives each network weights of its own, whatever the order in which files are written.
    words = np.frombuffer(bytes.fromhex(network.architecture_hash), dtype=">u4").tolist()
    return draw_constants(graph_of(network, n_classes), np.random.default_rng([seed, *words]))


def serialize(network: QuantizedNetwork, metadata: Mapping[str, bytes] | None = None) -> bytes:
    """The .tflite file of a network whose numbers are all known.

    Args:
        metadata: by name; the file runs as it does without.
    """
    return encode(_lay_out(network), metadata)


def _lay_out(network: QuantizedNetwork) -> Model:
    # In the converter's order: the input, all constants, then activations.
    model = Model()
    layers, quantizations = network.graph.layers, network.quantizations
    values = [model.add_tensor(_activation(network.graph.input_shape, quantizations[0]))]
    constants = [_lay_constants(model, network, index) for index in range(len(layers))]
    for index, layer in enumerate(layers):
        inputs = (*(values[number] for number in layer.inputs), *constants[index])
        own, source = quantizations[index + 1], quantizations[layer.inputs[0]]
        if isinstance(layer, AveragePool) and own != source:
            pooled = model.add_tensor(_activation(layer.out_shape, source))
            values.append(model.add_tensor(_activation(layer.out_shape, own)))
            model.operators.append(_operator(layer, inputs, pooled))
            model.operators.append(Operator(*_QUANTIZE, (pooled,), (values[-1],)))
        else:
            values.append(model.add_tensor(_activation(layer.out_shape, own)))
            model.operators.append(_operator(layer, inputs, values[-1]))
    model.input, model.output = values[0], values[-1]
    return model


def _operator(layer: Layer, inputs: tuple[int, ...], output: int) -> Operator:
    return Operator(*OPERATORS[type(layer)], inputs, (output,), _options(layer))


def _activation(shape: Shape, quantization: Quantization) -> Tensor:
    scales = np.array([quantization.scale], np.float32)
    return Tensor((1, *shape), "INT8", b"", scales, quantization.zero_point)


def _lay_constants(model: Model, network: QuantizedNetwork, index: int) -> tuple[int, ...]:
    layer = network.graph.layers[index]
    if isinstance(layer, GlobalMean):
        axes = np.array(_MEAN_AXES, "<i4")
        return (model.add_tensor(Tensor(axes.shape, "INT32", axes.tobytes())),)
    if index not in network.constants:
        return ()
    numbers = network.constants[index]
    weights, bias = numbers.weights, numbers.bias.astype("<i4")
    bias_scales = np.float32(network.quantizations[layer.inputs[0]].scale) * numbers.weight_scales
    filter_axis = 3 if isinstance(layer, DepthwiseConv) else 0
    return (
        model.add_tensor(Tensor(weights.shape, "INT8", weights.tobytes(), numbers.weight_scales, 0, filter_axis)),
        model.add_tensor(Tensor(bias.shape, "INT32", bias.tobytes(), bias_scales)),
    )


def _options(layer: Layer) -> Options:
    match layer:
        case Conv():
            return "Conv2DOptions", {**_window(layer), **_fused(layer.activation)}
        case DepthwiseConv():
            return "DepthwiseConv2DOptions", {
                **_window(layer),
                "DepthMultiplier": 1,
                **_fused(layer.activation),
            }
        case AveragePool():
            height, width = layer.kernel
            return "Pool2DOptions", {**_window(layer), "FilterWidth": width, "FilterHeight": height}
        case Add():
            return "AddOptions", _fused(layer.activation)
        case Concat():
            return "ConcatenationOptions", {"Axis": _CHANNEL_AXIS, **_fused(Activation.NONE)}
        case GlobalMean():
            return "ReducerOptions", {"KeepDims": False}
        case Dense():
            return "FullyConnectedOptions", _fused(layer.activation)
        case Softmax():
            return "SoftmaxOptions", {"Beta": 1.0}
        case _:
            raise TypeError(f"no operator for {type(layer).__name__}")


def _window(layer: Conv | DepthwiseConv | AveragePool) -> dict[str, int]:
    return {"Padding": _SAME, "StrideW": layer.stride[1], "StrideH": layer.stride[0]}


def _fused(activation: Activation) -> dict[str, int]:
    return {"FusedActivationFunction": ACTIVATION_CODES[activation]}

"""The Keras model of a graph: what is trained.

Every layer of the graph becomes the Keras layers that quantization-aware training can take: a convolution without
bias, its batch normalisation directly after it, its ReLU as a layer of its own. The layers are named after the
graph's (`part_name`), so that `trained_network` finds their variables again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from search.training.framework import keras
from search.training.layer_weights import NORM_EPSILON, LayerWeights

NORM_MOMENTUM = 0.9
"""How much of the running statistics a step keeps: trainings here are short, Keras's 0.99 would lag epochs behind."""

INPUT_NAME = "source"
"""The name of the Keras layer that is the network's input."""

_RELU6_CEILING = 6.0
_FUNCTIONS = {Activation.NONE: "linear", Activation.RELU: "relu"}


def build_keras(graph: Graph) -> Any:
    """The tf_keras model of a graph, with fresh random weights.

    Returns:
        A functional model: float input (batch, *graph.input_shape), output (batch, classes), probabilities
        where the graph ends with a softmax.
    """
    source = keras.Input(graph.input_shape, name=INPUT_NAME)
    values = [source]
    softmaxed = {layer.inputs[0] for layer in graph.layers if isinstance(layer, Softmax)}
    for index, layer in enumerate(graph.layers):
        inputs = [values[number] for number in layer.inputs]
        values.append(_laid(index, layer, inputs, before_softmax=index + 1 in softmaxed))
    return keras.Model(source, values[-1])


def set_weights(model: Any, weights: Mapping[int, LayerWeights]) -> None:
    """Gives a model of `build_keras` the weights of its graph's layers; in place.

    Raises:
        ValueError: of another shape than the model's.
    """
    for index, layer in weights.items():
        main = model.get_layer(part_name(index, "main"))
        if layer.factor is None:
            main.set_weights([layer.kernel, layer.offset])
            continue
        main.set_weights([layer.kernel])
        norm = model.get_layer(part_name(index, "norm"))
        norm.set_weights([layer.factor, layer.offset, layer.mean, layer.variance])


def part_name(index: int, part: str) -> str:
    """The name of a Keras layer: of the graph's layer `index`, its `part` (main, norm or relu)."""
    return f"layer{index:03d}_{part}"


def _laid(index: int, layer: Layer, inputs: list[Any], *, before_softmax: bool) -> Any:
    x, name = inputs[0], part_name(index, "main")
    match layer:
        case Conv():
            window = {"strides": layer.stride, "padding": "same", "use_bias": False, "name": name}
            y = keras.layers.Conv2D(layer.out_shape[-1], layer.kernel, **window)(x)
            return _activated(index, layer.activation, _normalised(index, y))
        case DepthwiseConv():
            window = {"strides": layer.stride, "padding": "same", "use_bias": False, "name": name}
            y = keras.layers.DepthwiseConv2D(layer.kernel, **window)(x)
            return _activated(index, layer.activation, _normalised(index, y))
        case Add():
            return _activated(index, layer.activation, keras.layers.Add(name=name)(inputs))
        case Concat():
            return keras.layers.Concatenate(name=name)(inputs)
        case AveragePool():
            return keras.layers.AveragePooling2D(layer.kernel, layer.stride, padding="same", name=name)(x)
        case GlobalMean():
            return keras.layers.GlobalAveragePooling2D(name=name)(x)
        case Dense():
            # Softmax within the dense layer is what the toolkit quantizes as the paper counts it.
            function = "softmax" if before_softmax else _FUNCTIONS[layer.activation]
            return keras.layers.Dense(layer.out_shape[-1], activation=function, name=name)(x)
        case Softmax():
            return x
        case _:
            raise TypeError(f"no Keras layer for {type(layer).__name__}")


def _normalised(index: int, x: Any) -> Any:
    return keras.layers.BatchNormalization(momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, name=part_name(index, "norm"))(
        x
    )


def _activated(index: int, activation: Activation, x: Any) -> Any:
    name = part_name(index, "relu")
    match activation:
        case Activation.NONE:
            return x
        case Activation.RELU:
            return keras.layers.ReLU(name=name)(x)
        case Activation.RELU6:
            return keras.layers.ReLU(_RELU6_CEILING, name=name)(x)

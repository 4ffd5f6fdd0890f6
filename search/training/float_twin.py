"""The Keras model that a trained int8 network stands for: its weights and biases as real numbers.

Activations are not rounded, so its outputs differ from those of the file by what the rounding does: it is for users who
wants to look into a network, train it further or carry it elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.whole_file import whole_file
from search.errors import BuildFailed
from search.networks.layers import Conv, Dense, DepthwiseConv
from search.tflite.build import build_failed
from search.tflite.quantized import Constants, Quantization, QuantizedNetwork
from search.training.keras_network import build_keras, part_name
from search.training.layer_weights import NORM_EPSILON

KERAS_SUFFIX = ".keras"

Floats = NDArray[np.float32]


def float_twin(network: QuantizedNetwork) -> Any:
    """The model of `build_keras` with the numbers of a network.

    Batch normalisations, which an int8 network has folded into its weights, only add the biases.

    Returns:
        Float input (batch, *graph.input_shape), output (batch, classes).
    """
    model = build_keras(network.graph)
    for index, layer in enumerate(network.graph.layers):
        if not isinstance(layer, (Conv, DepthwiseConv, Dense)):
            continue
        kernel, bias = _real(layer, network.constants[index], network.quantizations[layer.inputs[0]])
        main = model.get_layer(part_name(index, "main"))
        if isinstance(layer, Dense):
            main.set_weights([kernel, bias])
            continue
        main.set_weights([kernel])
        ones = np.ones_like(bias)
        gamma = np.sqrt(ones + np.float32(NORM_EPSILON))
        model.get_layer(part_name(index, "norm")).set_weights([gamma, bias, 0 * ones, ones])
    return model


def save_keras(model: Any, path: Path) -> None:
    """Writes a model as a .keras file.

    Raises:
        BuildFailed: it is not named so, or cannot be written.
    """
    if path.suffix != KERAS_SUFFIX:
        raise BuildFailed(f"{path} is no name for a Keras model", f"let it end in {KERAS_SUFFIX}")
    try:
        # Keras goes by the ending of the name.
        with whole_file(path, KERAS_SUFFIX) as part:
            model.save(part)
    except OSError as error:
        raise build_failed(error, path) from error


def _real(layer: Conv | DepthwiseConv | Dense, constants: Constants, source: Quantization) -> tuple[Floats, Floats]:
    """Kernel, as Keras lays it out, and bias."""
    weights, scales = constants.weights.astype(np.float32), constants.weight_scales
    bias = (constants.bias * (source.scale * scales.astype(np.float64))).astype(np.float32)
    match layer:
        case Conv():
            return (weights * scales.reshape(-1, 1, 1, 1)).transpose(1, 2, 3, 0), bias
        case DepthwiseConv():
            return (weights[0] * scales)[..., np.newaxis], bias
        case Dense():
            return (weights * scales).T, bias

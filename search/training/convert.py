"""The TFLite converter's own files, stripped as the paper's sizes are.

The slow and authoritative way from a trained model to a file (ten seconds and more a file, nearly all of it
Keras being traced again), and the standard that `search.tflite.writer` is held against.
"""

from __future__ import annotations

import struct
import warnings
from typing import Any

from search.errors import ConversionFailed
from search.networks.layers import Graph
from search.tflite.strip import strip
from search.training.framework import ConverterError, keras, tf
from search.training.keras_network import build_keras
from search.training.quantization_aware import quantize, randomise


def convert_quantization_aware(model: Any) -> bytes:
    """The stripped .tflite file of a quantization-aware model: int8 within, int8 in and out.

    Raises:
        ConversionFailed: the converter refuses the model.
    """
    return _converted(tf.lite.TFLiteConverter.from_keras_model(model))


def convert_function(function: Any) -> bytes:
    """The stripped .tflite file of a concrete function that carries its own fake quantization; errors as above."""
    # No trackable object: without variables there is nothing to look after, and a second saved a file.
    return _converted(tf.lite.TFLiteConverter.from_concrete_functions([function]))


def converted_file(graph: Graph, seed: int) -> bytes:
    """What the converter writes for a graph that nobody has trained, with random weights, statistics and ranges.

    Its size is that of a trained network; that of a fresh model would be less, because the converter merges
    equal constants and leaves out biases that are zero.
    """
    keras.utils.set_random_seed(seed)
    model = quantize(build_keras(graph))
    randomise(model, seed)
    data = convert_quantization_aware(model)
    # Keras remembers every model it has ever made.
    keras.backend.clear_session()
    return data


def _converted(converter: Any) -> bytes:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    try:
        with warnings.catch_warnings():
            # The ranges are in the model; the converter asks for a data set all the same.
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
            return strip(converter.convert())
    except (ConverterError, tf.errors.OpError, ValueError, RuntimeError, struct.error) as error:
        # struct.error is its answer to a model that came out empty.
        raise ConversionFailed(
            f"the TFLite converter refuses the model: {error}",
            "build it with build_keras and quantize; other layers may have no int8 kernel",
        ) from error

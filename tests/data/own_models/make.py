"""Makes the small .tflite files beside it, as people convert them; needs TensorFlow (`pip install -e '.[train]'`).

Run it in this folder. The files are committed: converters differ from release to release.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf  # noqa: TID253
import tf_keras as keras  # noqa: TID253

SHAPE = (40, 16, 1)
Converter = Any


def small_network() -> Any:
    source = keras.layers.Input(SHAPE, batch_size=1)
    x = keras.layers.Conv2D(16, 3, activation="relu")(source)
    x = keras.layers.DepthwiseConv2D(3, activation="relu")(x)
    x = keras.layers.Conv2D(96, 1, activation="relu")(x)
    return keras.Model(source, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x)))


def converted(network: Any, change: Callable[[Converter], None] = lambda converter: None) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    change(converter)
    return bytes(converter.convert())


def of_function(function: Any, *ops: Any) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], function)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, *ops]
    converter.allow_custom_ops = True
    return bytes(converter.convert())


def dynamic(converter: Converter) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def float16(converter: Converter) -> None:
    dynamic(converter)
    converter.target_spec.supported_types = [tf.float16]


def int8(converter: Converter) -> None:
    dynamic(converter)
    rng = np.random.default_rng(1)
    converter.representative_dataset = lambda: ([rng.normal(size=(1, *SHAPE)).astype(np.float32)] for _ in range(20))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8


@tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
def loop(values: Any) -> Any:
    def step(count: Any, state: Any) -> Any:
        return count + 1, tf.matmul(state, tf.ones((4, 4)) * 0.1) + values

    return tf.while_loop(lambda count, _: count < 50, step, (tf.constant(0), values))[1]


@tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
def flex(values: Any) -> Any:
    return tf.linalg.det(tf.reshape(values, (1, 2, 2)))


@tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
def custom(values: Any) -> Any:
    return tf.math.digamma(values)


def main() -> None:
    source = keras.layers.Input(SHAPE, batch_size=1)
    mean = keras.layers.Lambda(tf.reduce_mean)(keras.layers.Conv2D(8, 3)(source))
    network = small_network()
    series = keras.layers.Input((40, 10), batch_size=1)
    first, second = keras.layers.Input((8,), batch_size=1), keras.layers.Input((8,), batch_size=1)
    joined = keras.layers.Dense(2)(keras.layers.Concatenate()([first, second]))
    files = {
        "float32": converted(network),
        "float16": converted(network, float16),
        "dynamic": converted(network, dynamic),
        "int8": converted(network, int8),
        "scalar": converted(keras.Model(source, mean)),
        "lstm": converted(keras.Model(series, keras.layers.Dense(4)(keras.layers.LSTM(16)(series)))),
        "two_inputs": converted(keras.Model([first, second], joined)),
        "while": of_function(loop),
        "custom": of_function(custom),
        "flex": of_function(flex, tf.lite.OpsSet.SELECT_TF_OPS),
    }
    for name, content in files.items():
        Path(f"{name}.tflite").write_bytes(content)


if __name__ == "__main__":
    main()

"""Quantization-aware training: the model that rounds as the int8 network will.

tensorflow-model-optimization's default 8-bit scheme, unchanged. Its variables are the paper's parameters
(`search.networks.count`), which is why average pools keep the output range that the scheme gives them, although the
TFLite kernel cannot use one: the converter then writes a QUANTIZE after AVERAGE_POOL_2D wherever that range is
not its input's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from search.training.framework import tfmot


def quantize(model: Any) -> Any:
    """The quantization-aware model of one from `build_keras`; it shares no variable with it.

    Input and output as in `model`. Compile and fit it like any Keras model.
    """
    return tfmot.quantization.keras.quantize_model(model)


def randomise(model: Any, seed: int) -> None:
    """Gives a quantization-aware model the statistics and ranges of a trained one, at random.

    Batch normalisations, biases and activation ranges get values that are neither zero nor equal; weight ranges
    those of the weights. Weights stay as they are.

    Args:
        model: of `quantize`; changed in place.
    """
    rng = np.random.default_rng(seed)
    weights = {variable.name: variable for variable in model.variables}
    for name, variable in weights.items():
        part = name.rpartition("/")[2].removesuffix(":0")
        match part:
            case "gamma" | "moving_variance":
                variable.assign(rng.uniform(0.5, 1.5, variable.shape))
            case "beta" | "moving_mean" | "bias":
                variable.assign(rng.normal(0.0, 0.1, variable.shape))
            case "kernel_min" | "kernel_max" | "depthwise_kernel_min" | "depthwise_kernel_max":
                kernel = weights[name.removeprefix("quant_").rpartition("_")[0] + ":0"].numpy()
                limit = np.abs(kernel).max(tuple(range(kernel.ndim - len(variable.shape)))).reshape(variable.shape)
                variable.assign(limit if part.endswith("max") else -limit)
            case _ if part.endswith("_max"):
                variable.assign(rng.uniform(3.0, 6.0))
            case _ if part.endswith("_min"):
                variable.assign(rng.uniform(-3.0, 0.0))

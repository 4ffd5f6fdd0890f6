"""Networks small enough to train in a test, something to learn, and every block type as a network of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.networks.blocks import BlockBuilder, BlockType, DwStride, PoolMerge, lay_block
from search.networks.graph import lay_head
from search.networks.layers import Activation, Graph, GraphBuilder, Shape
from search.training.framework import keras
from search.training.keras_network import build_keras
from search.training.quantization_aware import quantize

N_CLASSES = 9
# So that a hundred steps are enough for the running statistics; the default is for a hundred times as many.
_BRIEF_MOMENTUM = 0.9


def block_network(kind: BlockType, n_dims: int, stride: tuple[int, int], builder: BlockBuilder | None = None) -> Graph:
    """A convolution, one block, and a head."""
    net = GraphBuilder((12, 8, 1) if n_dims == 2 else (12, 1, 8))
    net.block = 1
    x = net.conv(net.input, 8, (3, 3) if n_dims == 2 else (3, 1))
    net.block = 2
    x = lay_block(net, x, kind, 3, 8, stride, builder or BlockBuilder(n_dims, DwStride.AFTER_POINTWISE, PoolMerge.ADD))
    return lay_head(net, x, (6,), N_CLASSES)


def small_network() -> Graph:
    """Every kind of layer but the concatenation, for 24 frames x 10 bands."""
    net = GraphBuilder((24, 10, 1))
    net.block = 1
    x = net.conv(net.input, 8, (3, 3), (2, 1))
    net.block = 2
    pooled = net.average_pool(x, (3, 3), (2, 2))
    x = net.add(net.depthwise(x, (3, 3), (2, 2)), pooled, Activation.RELU)
    x = net.conv(x, 16, (1, 1), activation=Activation.NONE)
    return lay_head(net, x, (16,), N_CLASSES)


def chirps(shape: Shape, n: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Patterns like log-mel spectrograms: in noise, a ridge that rises or falls over time, by class.

    Returns:
        inputs (n, *shape) of mean 0 and standard deviation 1; classes (n,), 0..8: three starts x three slopes.
    """
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, N_CLASSES, n)
    n_frames, n_bands = shape[0], max(shape[1], shape[2])
    time = np.linspace(0.0, 1.0, n_frames)[np.newaxis, :, np.newaxis]
    bands = np.linspace(0.0, 1.0, n_bands)[np.newaxis, np.newaxis, :]
    start = 0.3 + 0.2 * (classes // 3) + rng.normal(0.0, 0.03, n)
    slope = 0.4 * (classes % 3 - 1) + rng.normal(0.0, 0.05, n)
    ridge = start[:, np.newaxis, np.newaxis] + slope[:, np.newaxis, np.newaxis] * (time - 0.5)
    maps = 3.0 * np.exp(-(((bands - ridge) / 0.08) ** 2)) + rng.normal(0.0, 0.5, (n, n_frames, n_bands))
    maps = (maps - maps.mean()) / maps.std()
    return maps.reshape(n, *shape).astype(np.float32), classes


def train(graph: Graph, n_examples: int, n_epochs: int, seed: int) -> Any:
    """A quantization-aware model of the graph that has learnt the chirps for a while."""
    keras.utils.set_random_seed(seed)
    model = build_keras(graph)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _BRIEF_MOMENTUM
    trained = quantize(model)
    trained.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    inputs, classes = chirps(graph.input_shape, n_examples, seed)
    trained.fit(inputs, classes, batch_size=32, epochs=n_epochs, verbose=0)
    return trained

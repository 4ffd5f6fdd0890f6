"""The Keras model of a graph."""

from __future__ import annotations

import numpy as np
import pytest
from training_specimens import block_network, small_network

from search.networks.baselines import BASELINES, Baseline
from search.networks.blocks import BlockBuilder, BlockType, PoolMerge
from search.networks.graph import build_graph
from search.networks.layers import Conv, Dense, DepthwiseConv, Graph
from search.networks.spaces import AUDIO_1D, TABLE_2
from search.training.keras_network import build_keras, part_name

GRAPHS = {
    "table2": build_graph(TABLE_2),
    "1d": build_graph(AUDIO_1D.sample_unique(1, seed=2)[0]),
    "small": small_network(),
    "concat": block_network(BlockType.MOBILENET_V2_AVG_POOL, 2, (2, 2), BlockBuilder(pool_merge=PoolMerge.CONCAT)),
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_every_layer_has_the_graphs_output_shape(graph: Graph) -> None:
    model = build_keras(graph)
    shapes = {layer.name: layer.output_shape for layer in model.layers}
    for index, layer in enumerate(graph.layers[:-1]):
        assert shapes[part_name(index, "main")] == (None, *layer.out_shape)
    assert model.input_shape == (None, *graph.input_shape)


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda each: each.name)
def test_the_baselines_end_in_nine_classes(baseline: Baseline) -> None:
    assert build_keras(baseline.graph).output_shape == (None, 9)


def test_the_outputs_are_probabilities() -> None:
    graph = small_network()
    outputs = build_keras(graph)(np.random.default_rng(0).normal(size=(3, *graph.input_shape))).numpy()
    np.testing.assert_allclose(outputs.sum(axis=1), 1.0, rtol=1e-5)


def test_the_weights_are_those_of_the_graph() -> None:
    graph = small_network()
    model = build_keras(graph)
    for index, layer in enumerate(graph.layers[:-1]):
        shapes = {weight.shape for weight in model.get_layer(part_name(index, "main")).weights}
        match layer:
            case Conv():
                assert shapes == {(*layer.kernel, layer.in_shape[-1], layer.out_shape[-1])}
            case DepthwiseConv():
                assert shapes == {(*layer.kernel, layer.in_shape[-1], 1)}
            case Dense():
                assert shapes == {(*layer.in_shape, *layer.out_shape), layer.out_shape}
            case _:
                assert shapes == set()

"""The .tflite writer against the TFLite converter: the same operators, the same outputs, the same size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from raw_graph import convert_network
from tflite_likeness import describe, noise, outputs_of, size_ratio

from search.networks.baselines import BASELINES, Baseline
from search.networks.blocks import DwStride, PoolMerge
from search.networks.graph import build_graph
from search.networks.layers import AveragePool, Graph
from search.networks.space import Space
from search.networks.spaces import AUDIO_1D, AUDIO_2D, TABLE_2
from search.tflite.random_constants import draw_constants
from search.tflite.reader import read_network
from search.tflite.writer import serialize

N_INPUTS = 20
SIZE_TOLERANCE = 0.003
N_SWEPT = 36
OPTIONS = tuple(itertools.product(DwStride, PoolMerge))


def sampled(space: Space, n: int, seed: int) -> list[Graph]:
    """Random architectures, all pairs of options in turn."""
    graphs = []
    for i in range(n):
        place, merge = OPTIONS[i % len(OPTIONS)]
        options = space.set_options({"dw_stride": place.value, "pool_merge": merge.value})
        graphs.append(build_graph(space.sample_unique(i + 1, seed, options)[-1]))
    return graphs


def expect_parity(graph: Graph, seed: int = 1) -> None:
    """The writer's file of the converter's constants is the converter's."""
    converted = convert_network(draw_constants(graph, np.random.default_rng(seed)))
    written = serialize(read_network(converted, graph))
    assert describe(written) == describe(converted)
    inputs = noise(graph, N_INPUTS)
    outputs = outputs_of(converted, inputs)
    assert len(np.unique(outputs, axis=0)) > 1
    np.testing.assert_array_equal(outputs_of(written, inputs), outputs)
    assert abs(size_ratio(written, converted)) <= SIZE_TOLERANCE


BRIEF = [*sampled(AUDIO_2D, 3, seed=21), *sampled(AUDIO_1D, 6, seed=22)[3:]]


@pytest.mark.parametrize("graph", BRIEF, ids=[f"{name}-{i}" for name in ("2d", "1d") for i in range(3)])
def test_the_writer_is_the_converter_on_random_architectures(graph: Graph) -> None:
    expect_parity(graph)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(N_SWEPT))
@pytest.mark.parametrize("space", [AUDIO_2D, AUDIO_1D], ids=lambda space: space.name)
def test_the_writer_is_the_converter_in_a_sweep_of_both_spaces(space: Space, number: int) -> None:
    expect_parity(sampled(space, number + 1, seed=31)[-1], seed=number)


@pytest.mark.slow
@pytest.mark.parametrize("baseline", BASELINES, ids=lambda each: each.name)
def test_the_writer_is_the_converter_on_the_baselines(baseline: Baseline) -> None:
    expect_parity(baseline.graph)


def test_the_converter_omits_a_quantize_between_equal_ranges_as_the_writer_does() -> None:
    graph = build_graph(TABLE_2)
    network = draw_constants(graph, np.random.default_rng(0))
    index = next(i for i, layer in enumerate(graph.layers) if isinstance(layer, AveragePool))
    equal = list(network.quantizations)
    equal[index + 1] = equal[graph.layers[index].inputs[0]]
    converted = convert_network(type(network)(graph, tuple(equal), network.constants))
    assert "QUANTIZE" not in {operator["name"] for operator in describe(converted)}
    assert describe(serialize(read_network(converted, graph))) == describe(converted)
    assert "QUANTIZE" in {operator["name"] for operator in describe(convert_network(network))}


def test_the_converter_keeps_the_numbers_it_is_given() -> None:
    graph = build_graph(TABLE_2)
    given = draw_constants(graph, np.random.default_rng(3))
    found = read_network(convert_network(given), graph)
    for ours, theirs in zip(given.quantizations, found.quantizations, strict=True):
        assert theirs.zero_point == ours.zero_point
        assert theirs.scale == pytest.approx(ours.scale, rel=1e-6)
    for index, constants in given.constants.items():
        np.testing.assert_array_equal(found.constants[index].weights, constants.weights)
        np.testing.assert_allclose(found.constants[index].weight_scales, constants.weight_scales, rtol=1e-6)
        np.testing.assert_allclose(found.constants[index].bias, constants.bias, atol=1)

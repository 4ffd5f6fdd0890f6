"""Constants read back from files, and files that are not the network's refused."""

from __future__ import annotations

import contextlib
import dataclasses
import re

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from tflite_specimens import drawn, dressed, varied_file, varied_network

from search.errors import BadModelFile
from search.networks.baselines import BASELINES, Baseline
from search.networks.graph import build_graph
from search.networks.layers import Activation, Conv, Graph
from search.networks.spaces import TABLE_2
from search.tflite.reader import read_network
from search.tflite.strip import strip, unpack
from search.tflite.writer import serialize

GRAPHS = {"varied": varied_network(), "table2": build_graph(TABLE_2)}


def replaced(graph: Graph, index: int, **changes: object) -> Graph:
    layers = list(graph.layers)
    layers[index] = dataclasses.replace(layers[index], **changes)  # type: ignore[arg-type]
    return Graph(graph.input_shape, tuple(layers))


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_what_was_written_is_read_back(graph: Graph) -> None:
    network = drawn(graph, seed=7)
    found = read_network(serialize(network), graph)
    assert found.quantizations == network.quantizations
    assert found.constants.keys() == network.constants.keys()
    for index, constants in network.constants.items():
        np.testing.assert_array_equal(found.constants[index].weights, constants.weights)
        np.testing.assert_array_equal(found.constants[index].weight_scales, constants.weight_scales)
        np.testing.assert_array_equal(found.constants[index].bias, constants.bias)


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda each: each.name)
def test_a_baseline_read_back_is_written_the_same(baseline: Baseline) -> None:
    graph = baseline.graph
    data = serialize(drawn(graph))
    assert serialize(read_network(data, graph)) == data


def test_names_and_signatures_do_not_matter() -> None:
    graph = varied_network()
    assert serialize(read_network(dressed(varied_file()), graph)) == varied_file()


def test_a_file_of_another_width_is_refused_by_its_first_difference() -> None:
    expected = "layer 0 has output shape (1, 8, 8, 16), the file (1, 8, 8, 8)"
    with pytest.raises(BadModelFile, match=re.escape(expected)) as caught:
        read_network(varied_file(), varied_network(filters=16))
    assert "this very network" in caught.value.hint


@pytest.mark.parametrize(
    ("index", "changes", "problem"),
    [
        (0, {"activation": Activation.NONE}, "activation none, the file relu6"),
        (0, {"stride": (1, 2)}, "stride (1, 2), the file (2, 1)"),
        (0, {"kernel": (5, 3)}, "weights (8, 5, 3, 1), the file (8, 3, 3, 1)"),
        (1, {"kernel": (2, 2)}, "window (2, 2), the file (3, 3)"),
        (3, {"inputs": (1, 2)}, "layer 3 has inputs"),
    ],
)
def test_each_difference_of_a_layer_is_named(index: int, changes: dict[str, object], problem: str) -> None:
    with pytest.raises(BadModelFile, match=re.escape(problem)):
        read_network(varied_file(), replaced(varied_network(), index, **changes))


def test_another_kind_of_layer_is_refused() -> None:
    graph = varied_network()
    layers = (*graph.layers[:2], graph.layers[0], *graph.layers[3:])
    assert isinstance(layers[2], Conv)
    with pytest.raises(BadModelFile, match="layer 2 has operator CONV_2D, the file DEPTHWISE_CONV_2D"):
        read_network(varied_file(), Graph(graph.input_shape, layers))


def test_a_file_that_ends_too_early_or_too_late_is_refused() -> None:
    graph = varied_network()
    longer = Graph(graph.input_shape, (*graph.layers, graph.layers[-1]))
    with pytest.raises(BadModelFile, match="the file ends after"):
        read_network(varied_file(), longer)
    shorter = Graph(graph.input_shape, graph.layers[:-1])
    with pytest.raises(BadModelFile, match="goes on after the network's last layer"):
        read_network(varied_file(), shorter)


def test_a_file_without_quantization_is_refused() -> None:
    model = unpack(varied_file())
    for tensor in model.subgraphs[0].tensors:
        tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(BadModelFile, match="not int8"):
        read_network(bytes(builder.Output()), varied_network())


def test_a_file_without_a_bias_is_refused() -> None:
    model = unpack(varied_file())
    first = model.subgraphs[0].operators[0]
    first.inputs = np.array([*first.inputs[:2], -1], np.int32)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(BadModelFile, match="a CONV_2D without weights and bias"):
        read_network(bytes(builder.Output()), varied_network())


@given(st.lists(st.tuples(st.integers(0, len(varied_file()) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_file_is_read_or_refused_but_never_breaks_the_reader(changes: list[tuple[int, int]]) -> None:
    data = bytearray(varied_file())
    for place, value in changes:
        data[place] = value
    with contextlib.suppress(BadModelFile):
        strip(bytes(data))
    with contextlib.suppress(BadModelFile):
        found = read_network(bytes(data), varied_network())
        assert found.constants.keys() == drawn(varied_network()).constants.keys()

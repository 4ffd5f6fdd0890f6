"""The export of trained networks that needs no converter, against the converter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from network_specimens import baseline_named
from numpy.typing import NDArray
from tflite_likeness import describe, noise, outputs_of, size_ratio
from training_specimens import chirps, small_network, train

from search.errors import ConversionFailed, WrongModel
from search.networks.graph import build_graph, lay_head
from search.networks.layers import Graph, GraphBuilder
from search.networks.spaces import AUDIO_1D, TABLE_2
from search.tflite.quantized import QuantizedNetwork
from search.tflite.reader import read_network
from search.tflite.writer import serialize
from search.training.convert import convert_function, convert_quantization_aware, converted_file
from search.training.framework import keras, tf
from search.training.keras_network import build_keras
from search.training.quantization_aware import quantize, randomise
from search.training.trained_network import quantize_range, trained_network

N_TESTED = 1000
LEAST_AGREEMENT = 0.995
SIZE_TOLERANCE = 0.003


def quantized_inputs(network: QuantizedNetwork, n: int, seed: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Unseen chirps as the network takes them, and their classes."""
    inputs, classes = chirps(network.graph.input_shape, n, seed)
    source = network.quantizations[0]
    steps = np.rint(inputs / source.scale) + source.zero_point
    return np.clip(steps, -128, 127).astype(np.int8)[:, np.newaxis], classes


def expect_agreement(model: Any, graph: Graph, *, least_accuracy: float) -> None:
    """The export and the converter's file predict the same classes, but for ties."""
    exported = trained_network(model, graph)
    inputs, classes = quantized_inputs(exported, N_TESTED, seed=99)
    theirs = outputs_of(convert_quantization_aware(model), inputs).astype(int)
    ours = outputs_of(serialize(exported), inputs).astype(int)
    accuracy = np.mean(theirs.argmax(axis=1) == classes)
    differs = ours.argmax(axis=1) != theirs.argmax(axis=1)
    print(f"{N_TESTED} inputs: same class {np.mean(~differs):.1%}, same outputs {np.mean(ours == theirs):.1%}")
    print(f"accuracy {accuracy:.1%}")
    assert accuracy >= least_accuracy
    assert np.mean(~differs) >= LEAST_AGREEMENT
    top_two = np.sort(theirs[differs], axis=1)[:, -2:]
    assert np.all(top_two[:, 1] - top_two[:, 0] <= 1)


def test_a_trained_network_predicts_the_same_without_the_converter() -> None:
    graph = small_network()
    expect_agreement(train(graph, n_examples=400, n_epochs=6, seed=1), graph, least_accuracy=0.3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "graph",
    [build_graph(TABLE_2), build_graph(AUDIO_1D.sample_unique(1, seed=8)[0]), baseline_named("tc_resnet_8").graph],
    ids=["table2", "audio1d", "tc_resnet_8"],
)
def test_three_trained_networks_predict_the_same_without_the_converter(graph: Graph) -> None:
    expect_agreement(train(graph, n_examples=600, n_epochs=8, seed=1), graph, least_accuracy=0.6)


def test_a_random_architecture_through_training_and_converter_is_the_writers() -> None:
    drawn = [build_graph(architecture) for architecture in AUDIO_1D.sample_unique(400, seed=4)]
    graph = min(drawn, key=lambda each: len(each.layers))
    model = quantize(build_keras(graph))
    randomise(model, seed=5)
    converted = convert_quantization_aware(model)
    inputs = noise(graph, 20)
    outputs = outputs_of(converted, inputs)
    for network in (read_network(converted, graph), trained_network(model, graph)):
        written = serialize(network)
        assert describe(written) == describe(converted)
        np.testing.assert_array_equal(outputs_of(written, inputs), outputs)
        assert abs(size_ratio(written, converted)) <= SIZE_TOLERANCE


def test_the_numbers_are_those_that_the_converter_writes() -> None:
    graph = small_network()
    model = quantize(build_keras(graph))
    randomise(model, seed=2)
    # Batch normalisation with a negative factor turns the signs of its filter.
    gamma = next(variable for variable in model.variables if variable.name.endswith("gamma:0"))
    gamma.assign(-gamma)
    # The zero point of a symmetric range lies half-way between two steps.
    for variable in model.layers[1].variables[:2]:
        variable.assign(3.0 if variable.name.endswith("_max:0") else -3.0)
    ours, theirs = trained_network(model, graph), read_network(convert_quantization_aware(model), graph)
    assert ours.quantizations == theirs.quantizations
    for index, constants in theirs.constants.items():
        np.testing.assert_array_equal(ours.constants[index].weights, constants.weights)
        np.testing.assert_array_equal(ours.constants[index].weight_scales, constants.weight_scales)
        np.testing.assert_allclose(ours.constants[index].bias, constants.bias, atol=1)


def test_a_seed_fixes_the_file_of_an_untrained_network() -> None:
    net = GraphBuilder((8, 8, 1))
    graph = lay_head(net, net.conv(net.input, 4, (3, 3)), (), 2)
    data = converted_file(graph, seed=3)
    assert converted_file(graph, seed=3) == data
    read_network(data, graph)


@pytest.mark.parametrize(
    ("low", "high", "zero_point"), [(0.0, 6.0, -128), (-6.0, 0.0, 127), (-3.0, 3.0, 0), (-2.0, 6.0, -64)]
)
def test_a_range_becomes_scale_and_zero_point(low: float, high: float, zero_point: int) -> None:
    quantization = quantize_range(low, high)
    assert quantization.scale == pytest.approx((high - low) / 255, rel=1e-6)
    assert quantization.zero_point == zero_point


def test_a_range_without_width_keeps_zero_exact() -> None:
    assert (quantize_range(0.0, 0.0).scale, quantize_range(0.0, 0.0).zero_point) == (1.0, -128)


def test_a_model_that_is_not_quantization_aware_is_refused() -> None:
    graph = small_network()
    with pytest.raises(WrongModel, match="has no range") as caught:
        trained_network(build_keras(graph), graph)
    assert "quantize(build_keras(graph))" in caught.value.hint


def test_a_model_of_another_graph_is_refused() -> None:
    with pytest.raises(WrongModel, match="the model has no"):
        trained_network(quantize(build_keras(small_network())), build_graph(TABLE_2))


def test_the_converter_refuses_a_model_without_ranges_with_a_hint() -> None:
    with pytest.raises(ConversionFailed, match="converter refuses") as caught:
        convert_quantization_aware(build_keras(small_network()))
    assert "quantize" in caught.value.hint


def test_the_converter_refuses_an_operation_that_it_does_not_know() -> None:
    def invert(x: Any) -> Any:
        return tf.linalg.inv(tf.quantization.fake_quant_with_min_max_args(x, -6.0, 6.0))

    function = tf.function(invert, input_signature=[tf.TensorSpec((1, 4, 4), tf.float32)])
    with pytest.raises(ConversionFailed, match="converter refuses"):
        convert_function(function.get_concrete_function())
    keras.backend.clear_session()

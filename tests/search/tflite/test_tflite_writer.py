"""The .tflite writer, read back with the schema and run by LiteRT."""

from __future__ import annotations

import dataclasses
from itertools import product
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from search.networks.architecture import Architecture, Block
from search.networks.baselines import BASELINES, Baseline
from search.networks.blocks import BlockType, DwStride, PoolMerge
from search.networks.graph import build_graph
from search.networks.layers import AveragePool, Conv, DepthwiseConv
from search.networks.spaces import AUDIO_1D, AUDIO_2D, TABLE_2
from search.tflite.random_constants import draw_constants
from search.tflite.writer import serialize, write_tflite

PAPER_SIZE_BYTES = 51_220
OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()}


def sampled(n: int, seed: int) -> list[Architecture]:
    """Of both spaces in turn, with every combination of options."""
    spaces = [AUDIO_2D, AUDIO_1D]
    options = [{"dw_stride": place.value, "pool_merge": merge.value} for place, merge in product(DwStride, PoolMerge)]
    drawn = [space.sample_unique(n, seed) for space in spaces]
    return [
        dataclasses.replace(drawn[i % 2][i // 2], options=spaces[i % 2].set_options(options[i // 2 % len(options)]))
        for i in range(n)
    ]


SAMPLED = sampled(40, seed=1)
RNG = np.random.default_rng(3)
NOISE = [RNG.integers(-128, 128, 196 * 40, dtype=np.int8) for _ in range(2)]


def read(data: bytes) -> Any:
    assert schema.Model.ModelBufferHasIdentifier(data, 0)
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))


def operators_of(model: Any) -> list[tuple[str, int]]:
    codes = [(OPERATOR_NAMES[code.builtinCode], code.version) for code in model.operatorCodes]
    return [codes[operator.opcodeIndex] for operator in model.subgraphs[0].operators]


def zip_operators(model: Any) -> list[tuple[Any, tuple[str, int]]]:
    return list(zip(model.subgraphs[0].operators, operators_of(model), strict=True))


def shapes_of(model: Any) -> list[tuple[int, ...]]:
    return [tuple(int(n) for n in tensor.shape) for tensor in model.subgraphs[0].tensors]


def run(interpreter: Any, values: NDArray[np.int8]) -> NDArray[np.int8]:
    source = interpreter.get_input_details()[0]
    interpreter.set_tensor(source["index"], values.reshape(source["shape"]))
    interpreter.invoke()
    return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


@pytest.mark.parametrize("architecture", SAMPLED, ids=range(len(SAMPLED)))
def test_litert_runs_the_file_and_its_output_follows_the_input(architecture: Architecture) -> None:
    interpreter = Interpreter(model_content=write_tflite(architecture, seed=1), num_threads=1)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert (tuple(source["shape"]), source["dtype"]) == ((1, *build_graph(architecture).input_shape), np.int8)
    assert (tuple(result["shape"]), result["dtype"]) == ((1, 9), np.int8)
    first, second = run(interpreter, NOISE[0]), run(interpreter, NOISE[1])
    assert not np.array_equal(first, second)
    assert np.array_equal(run(interpreter, NOISE[0]), first)


@pytest.mark.slow
def test_litert_runs_every_one_of_2000_random_files() -> None:
    n_silent = 0
    for architecture in sampled(2000, seed=7):
        interpreter = Interpreter(model_content=write_tflite(architecture, seed=7), num_threads=1)
        interpreter.allocate_tensors()
        outputs = [run(interpreter, noise) for noise in NOISE]
        assert outputs[0].shape == (1, 9), architecture.text
        assert abs(int(outputs[0].astype(int).sum()) + 9 * 128 - 256) <= 9, architecture.text
        n_silent += np.array_equal(*outputs)
    # Two noises can fall on the same nine levels; that is rare, and not the mark of a dead network.
    assert n_silent <= 10


@pytest.mark.parametrize("baseline", BASELINES, ids=[baseline.name for baseline in BASELINES])
def test_litert_runs_the_baselines(baseline: Baseline) -> None:
    interpreter = Interpreter(model_content=write_tflite(baseline, seed=1), num_threads=1)
    interpreter.allocate_tensors()
    first, second = run(interpreter, NOISE[0]), run(interpreter, NOISE[1])
    assert first.shape == (1, 9)
    assert not np.array_equal(first, second)


def test_both_halves_of_a_concatenation_have_its_scale() -> None:
    options = AUDIO_2D.set_options({"pool_merge": PoolMerge.CONCAT.value})
    model = read(write_tflite(dataclasses.replace(TABLE_2, options=options), seed=0))
    (concat,) = (o for o, (name, _) in zip_operators(model) if name == "CONCATENATION")
    assert concat.builtinOptions.axis == 3
    tensors = [model.subgraphs[0].tensors[i].quantization for i in (*concat.inputs, *concat.outputs)]
    assert len({(float(t.scale[0]), int(t.zeroPoint[0])) for t in tensors}) == 1


@pytest.mark.parametrize("architecture", SAMPLED[:10], ids=range(10))
def test_the_tensors_have_the_shapes_of_the_graph(architecture: Architecture) -> None:
    graph = build_graph(architecture)
    model = read(write_tflite(architecture, seed=0))
    subgraph, shapes = model.subgraphs[0], shapes_of(model)
    outputs = [shapes[o.outputs[0]] for o, (name, _) in zip_operators(model) if name != "QUANTIZE"]
    assert outputs == [(1, *layer.out_shape) for layer in graph.layers]
    assert shapes[subgraph.inputs[0]] == (1, *graph.input_shape)
    weights = [shapes[o.inputs[1]] for o, (name, _) in zip_operators(model) if name.endswith("CONV_2D")]
    convolutions = [layer for layer in graph.layers if isinstance(layer, (Conv, DepthwiseConv))]
    assert weights == [
        (1 if isinstance(c, DepthwiseConv) else c.out_shape[-1], *c.kernel, c.in_shape[-1]) for c in convolutions
    ]


def test_the_operators_of_table_2_are_those_of_the_converter() -> None:
    conv, depthwise, add = ("CONV_2D", 3), ("DEPTHWISE_CONV_2D", 3), ("ADD", 2)
    split, v1, v2 = [depthwise, conv, depthwise], [depthwise, conv], [conv, depthwise, conv]
    pooled = [("AVERAGE_POOL_2D", 2), ("QUANTIZE", 1), conv, depthwise, add, conv]
    head = [("MEAN", 2), ("FULLY_CONNECTED", 4), ("FULLY_CONNECTED", 4), ("SOFTMAX", 2)]
    blocks = [conv, *split, *split, *v1, *pooled, *v2, add, *v1, *v2, *v2, *v1]
    assert operators_of(read(write_tflite(TABLE_2, seed=0))) == [*blocks, *head]


def test_a_last_block_of_two_convolutions_is_two_operators() -> None:
    blocks = (*TABLE_2.blocks[:11], Block(BlockType.SPLIT_CONV, 3, 64))
    data = write_tflite(dataclasses.replace(TABLE_2, blocks=blocks), seed=0)
    assert operators_of(read(data))[-6:-4] == [("CONV_2D", 3), ("CONV_2D", 3)]


def test_strides_padding_and_activations_are_in_the_options() -> None:
    operators = zip_operators(read(write_tflite(TABLE_2, seed=0)))
    windowed = [o.builtinOptions for o, (name, _) in operators if name.endswith("2D")]
    layers = [layer for layer in build_graph(TABLE_2).layers if isinstance(layer, (Conv, DepthwiseConv, AveragePool))]
    assert [(o.strideH, o.strideW) for o in windowed] == [layer.stride for layer in layers]
    assert all(o.padding == schema.Padding.SAME for o in windowed)
    kinds = schema.ActivationFunctionType
    codes = {"none": kinds.NONE, "relu6": kinds.RELU6}
    fused = [codes[getattr(layer, "activation", "none")] for layer in layers]
    assert [o.fusedActivationFunction for o in windowed] == fused
    dense = [o.builtinOptions for o, (name, _) in operators if name == "FULLY_CONNECTED"]
    assert [o.fusedActivationFunction for o in dense] == [kinds.RELU, kinds.NONE]


def test_the_quantization_is_that_of_the_tflite_specification() -> None:
    model = read(write_tflite(TABLE_2, seed=0))
    tensors = model.subgraphs[0].tensors
    for operator, (name, _) in zip_operators(model):
        if not name.endswith("CONV_2D") and name != "FULLY_CONNECTED":
            continue
        source, weights, bias = (tensors[i].quantization for i in operator.inputs)
        n_filters = tensors[operator.inputs[2]].shape[0]
        assert len(weights.scale) == (1 if name == "FULLY_CONNECTED" else n_filters)
        assert not np.any(weights.zeroPoint)
        assert not np.any(bias.zeroPoint)
        assert weights.quantizedDimension == (3 if name == "DEPTHWISE_CONV_2D" else 0)
        np.testing.assert_allclose(bias.scale, source.scale[0] * weights.scale, rtol=1e-6)
        values = np.frombuffer(bytes(model.buffers[tensors[operator.inputs[1]].buffer].data), np.int8)
        assert values.min() >= -127
    output = tensors[model.subgraphs[0].outputs[0]].quantization
    assert (output.scale[0], output.zeroPoint[0]) == (1 / 256, -128)


def test_only_int8_activations_and_no_names_are_in_the_file() -> None:
    model = read(write_tflite(TABLE_2, seed=0))
    types = {tensor.type for tensor in model.subgraphs[0].tensors}
    assert types == {schema.TensorType.INT8, schema.TensorType.INT32}
    assert all(tensor.name is None for tensor in model.subgraphs[0].tensors)
    assert model.metadata is None
    assert model.signatureDefs is None


def test_an_average_pool_with_equal_ranges_needs_no_quantize() -> None:
    network = draw_constants(build_graph(TABLE_2), np.random.default_rng(0))
    index = next(i for i, layer in enumerate(network.graph.layers) if isinstance(layer, AveragePool))
    quantizations = list(network.quantizations)
    quantizations[index + 1] = quantizations[network.graph.layers[index].inputs[0]]
    data = serialize(dataclasses.replace(network, quantizations=tuple(quantizations)))
    assert "QUANTIZE" not in {name for name, _ in operators_of(read(data))}
    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    assert run(interpreter, NOISE[0]).shape == (1, 9)


def test_the_outputs_are_probabilities_that_no_class_takes_alone() -> None:
    n_saturated = 0
    for architecture in SAMPLED[:10]:
        interpreter = Interpreter(model_content=write_tflite(architecture, seed=2), num_threads=1)
        interpreter.allocate_tensors()
        levels = run(interpreter, NOISE[0]).astype(int) + 128
        assert abs(levels.sum() - 256) <= 9
        n_saturated += int(levels.max() >= 255)
    assert n_saturated <= 2


def test_architecture_and_seed_fix_every_byte() -> None:
    assert write_tflite(TABLE_2, seed=4) == write_tflite(TABLE_2, seed=4)
    assert write_tflite(TABLE_2, seed=4) != write_tflite(TABLE_2, seed=5)
    assert len(write_tflite(TABLE_2, seed=4)) == len(write_tflite(TABLE_2, seed=5))


def test_table_2_has_the_papers_size_within_two_percent() -> None:
    assert len(write_tflite(TABLE_2, seed=0)) == pytest.approx(PAPER_SIZE_BYTES, rel=0.02)


def test_constants_start_at_multiples_of_sixteen_bytes() -> None:
    data = write_tflite(TABLE_2, seed=0)
    model = read(data)
    found = [bytes(buffer.data) for buffer in model.buffers if buffer.data is not None]
    assert len(found) > 40
    assert all(data.find(content) % 16 == 0 for content in found if len(content) > 64)

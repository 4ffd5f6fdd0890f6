"""Stripped files: smaller, and the same model."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from tflite_specimens import drawn, dressed, varied_file, varied_network

from search.errors import BadModelFile
from search.tflite.reader import read_network
from search.tflite.strip import strip, unpack


def outputs_of(data: bytes) -> NDArray[np.int8]:
    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(5):
        values = rng.integers(-128, 128, (1, 16, 8, 1), dtype=np.int8)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
        interpreter.invoke()
        rows.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].copy())
    return np.array(rows)


def test_names_metadata_and_signatures_are_gone() -> None:
    model = unpack(strip(dressed(varied_file())))
    assert model.metadata is None
    assert model.signatureDefs is None
    assert model.subgraphs[0].name is None
    assert all(tensor.name is None for tensor in model.subgraphs[0].tensors)
    assert all(tensor.shapeSignature is None for tensor in model.subgraphs[0].tensors)


def test_the_stripped_file_is_smaller_and_computes_the_same() -> None:
    data = dressed(varied_file())
    stripped = strip(data)
    assert len(stripped) < 0.8 * len(data)
    np.testing.assert_array_equal(outputs_of(stripped), outputs_of(data))


def test_constants_and_quantization_stay() -> None:
    network = drawn(varied_network())
    found = read_network(strip(dressed(varied_file())), network.graph)
    assert found.quantizations == network.quantizations
    for index, constants in network.constants.items():
        np.testing.assert_array_equal(found.constants[index].weights, constants.weights)
        np.testing.assert_array_equal(found.constants[index].bias, constants.bias)


def test_stripping_twice_changes_nothing_more() -> None:
    stripped = strip(dressed(varied_file()))
    assert strip(stripped) == stripped


@pytest.mark.parametrize("data", [b"", b"TFL3", b"not a model at all, only text", bytes(64)])
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    with pytest.raises(BadModelFile) as caught:
        strip(data)
    assert "whole .tflite file" in caught.value.hint


def test_a_file_cut_short_is_refused() -> None:
    data = varied_file()
    with pytest.raises(BadModelFile, match="damaged"):
        strip(data[: len(data) // 2])

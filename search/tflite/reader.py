"""The numbers in a .tflite file whose network is known.

The way back of `writer`: with the constants of a converter's file, `serialize` must give a file that computes the
same, bit for bit. Operators are matched to layers in order, so a file of another network, or one whose
operators were fused or split otherwise, is refused with the first difference named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from search.errors import BadModelFile
from search.networks.layers import (
    Add,
    AveragePool,
    Conv,
    Dense,
    DepthwiseConv,
    Graph,
    Layer,
)
from search.tflite.quantized import Constants, Quantization, QuantizedNetwork
from search.tflite.strip import damage_named, unpack
from search.tflite.writer import ACTIVATION_CODES, OPERATORS

_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()}
_ACTIVATIONS = {code: activation for activation, code in ACTIVATION_CODES.items()}
_HINT = "pass the int8 file that was converted from this very network"


def read_network(data: bytes, graph: Graph) -> QuantizedNetwork:
    """The constants and quantization that a file holds for a graph.

    Args:
        data: an int8 .tflite file of this graph, stripped or not.
        graph: the layers that it was made from.

    Raises:
        BadModelFile: not a .tflite file, not int8, or the file of another network.
    """
    model = unpack(data)
    with damage_named(data):
        return _read(_File(model), graph)


@dataclass(frozen=True)
class FileOperator:
    """An operator of a file.

    Attributes:
        kernel: (height, width) of its weights or window; (1, 1) where it has none.
        in_shape, out_shape: of its first input and output, with the batch.
    """

    name: str
    kernel: tuple[int, int]
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]


def read_operators(data: bytes) -> list[FileOperator]:
    """The operators of a file, in order.

    Raises:
        BadModelFile: not a .tflite file, damaged, or of several subgraphs.
    """
    model = unpack(data)
    with damage_named(data):
        return _File(model).described()


def _read(file: _File, graph: Graph) -> QuantizedNetwork:
    values = [file.input]
    constants: dict[int, Constants] = {}
    for index, layer in enumerate(graph.layers):
        operator = file.next_operator(f"layer {index}")
        _check(file, index, layer, operator, values)
        if isinstance(layer, (Conv, DepthwiseConv, Dense)):
            constants[index] = file.constants(operator)
        values.append(file.requantized(operator.output) if isinstance(layer, AveragePool) else operator.output)
    file.expect_end(values[-1])
    return QuantizedNetwork(graph, tuple(file.quantization(value) for value in values), constants)


@dataclass(frozen=True)
class _Operator:
    name: str
    inputs: tuple[int, ...]
    output: int
    options: Any


class _File:
    """A file's one subgraph, its operators taken one after the other."""

    def __init__(self, model: Any) -> None:
        if len(model.subgraphs) != 1:
            raise BadModelFile(f"{len(model.subgraphs)} subgraphs in one file", _HINT)
        self._buffers = model.buffers
        self._tensors = model.subgraphs[0].tensors
        # Older files have their codes in a field of one byte.
        codes = [max(code.deprecatedBuiltinCode, code.builtinCode) for code in model.operatorCodes]
        self._operators = [
            _Operator(_NAMES[codes[each.opcodeIndex]], tuple(map(int, each.inputs)), int(each.outputs[0]), options)
            for each in model.subgraphs[0].operators
            for options in (each.builtinOptions,)
        ]
        self._n_taken = 0
        self.input = int(model.subgraphs[0].inputs[0])
        self._output = int(model.subgraphs[0].outputs[0])

    def next_operator(self, wanted: str) -> _Operator:
        if self._n_taken == len(self._operators):
            raise BadModelFile(f"the file ends after {self._n_taken} operators, before {wanted}", _HINT)
        self._n_taken += 1
        return self._operators[self._n_taken - 1]

    def described(self) -> list[FileOperator]:
        return [
            FileOperator(each.name, self._kernel(each), self.shape(each.inputs[0]), self.shape(each.output))
            for each in self._operators
        ]

    def _kernel(self, operator: _Operator) -> tuple[int, int]:
        if operator.name in (OPERATORS[Conv][0], OPERATORS[DepthwiseConv][0]):
            _, height, width, _ = self.shape(operator.inputs[1])
            return height, width
        if operator.name == OPERATORS[AveragePool][0]:
            return operator.options.filterHeight, operator.options.filterWidth
        return 1, 1

    def requantized(self, value: int) -> int:
        """What a QUANTIZE that follows makes of the value; the value itself where none does."""
        following = self._operators[self._n_taken : self._n_taken + 1]
        if following and following[0].name == "QUANTIZE" and following[0].inputs == (value,):
            self._n_taken += 1
            return following[0].output
        return value

    def expect_end(self, output: int) -> None:
        if self._n_taken != len(self._operators) or output != self._output:
            raise BadModelFile(
                f"the file goes on after the network's last layer: {len(self._operators)} operators", _HINT
            )

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(n) for n in self._tensors[tensor].shape)

    def quantization(self, tensor: int) -> Quantization:
        found = self._tensors[tensor]
        if found.type != schema.TensorType.INT8 or found.quantization is None or found.quantization.scale is None:
            raise BadModelFile(f"tensor {tensor} is not int8 with a scale", _HINT)
        return Quantization(float(found.quantization.scale[0]), int(found.quantization.zeroPoint[0]))

    def constants(self, operator: _Operator) -> Constants:
        if len(operator.inputs) != 3 or min(operator.inputs) < 0:
            raise BadModelFile(f"a {operator.name} without weights and bias", _HINT)
        _, weights, bias = operator.inputs
        self.quantization(weights)
        scales = np.asarray(self._tensors[weights].quantization.scale, np.float32)
        return Constants(self._numbers(weights, "<i1"), scales, self._numbers(bias, "<i4"))

    def _numbers(self, tensor: int, dtype: str) -> NDArray[Any]:
        data = self._buffers[self._tensors[tensor].buffer].data
        if data is None:
            raise BadModelFile(f"tensor {tensor} has no data", _HINT)
        try:
            return np.frombuffer(bytes(data), dtype).reshape(self.shape(tensor))
        except ValueError as error:
            raise BadModelFile(f"tensor {tensor} of shape {self.shape(tensor)}: {error}", _HINT) from error


def _check(file: _File, index: int, layer: Layer, operator: _Operator, values: list[int]) -> None:
    expected = {
        "operator": OPERATORS[type(layer)][0],
        "inputs": sorted(values[number] for number in layer.inputs),
        "output shape": (1, *layer.out_shape),
        **_expected_options(layer),
    }
    seen = {
        "operator": operator.name,
        "inputs": sorted(operator.inputs[: len(layer.inputs)]),
        "output shape": file.shape(operator.output),
    }
    if seen["operator"] == expected["operator"]:
        seen.update(_seen_options(layer, operator, file))
    for what, value in expected.items():
        if seen.get(what) != value:
            raise BadModelFile(f"layer {index} has {what} {value}, the file {seen.get(what)}", _HINT)


def _expected_options(layer: Layer) -> dict[str, Any]:
    match layer:
        case Conv():
            weights = (layer.out_shape[-1], *layer.kernel, layer.in_shape[-1])
            return {"weights": weights, "stride": layer.stride, "activation": layer.activation}
        case DepthwiseConv():
            weights = (1, *layer.kernel, layer.in_shape[-1])
            return {"weights": weights, "stride": layer.stride, "activation": layer.activation}
        case AveragePool():
            return {"window": layer.kernel, "stride": layer.stride}
        case Dense():
            return {"weights": (*layer.out_shape, *layer.in_shape), "activation": layer.activation}
        case Add():
            return {"activation": layer.activation}
        case _:
            return {}


def _seen_options(layer: Layer, operator: _Operator, file: _File) -> dict[str, Any]:
    options = operator.options
    seen: dict[str, Any] = {}
    if isinstance(layer, (Conv, DepthwiseConv, Dense)):
        seen["weights"] = file.shape(operator.inputs[1])
    if isinstance(layer, (Conv, DepthwiseConv, AveragePool)):
        seen["stride"] = (options.strideH, options.strideW)
    if isinstance(layer, AveragePool):
        seen["window"] = (options.filterHeight, options.filterWidth)
    if isinstance(layer, (Conv, DepthwiseConv, Dense, Add)):
        seen["activation"] = _ACTIVATIONS.get(options.fusedActivationFunction)
    return seen

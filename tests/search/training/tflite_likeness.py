"""What two .tflite files have in common, and what LiteRT computes with them; shared by tests and benchmarks."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from search.networks.layers import Graph
from search.tflite.strip import unpack

_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()}


def operator_names(data: bytes) -> list[str]:
    """The operators in order."""
    return [operator["name"] for operator in describe(data)]


def describe(data: bytes) -> list[dict[str, Any]]:
    """Each operator in order: name, version, options, and of each tensor shape, type and number of scales.

    Tensors that operators hand on to each other are named by the operator that made them, so two descriptions
    are equal only when the files are wired alike.
    """
    model = unpack(data)
    subgraph = model.subgraphs[0]
    makers = {int(tensor): -1 for tensor in subgraph.inputs}
    described = []
    for number, operator in enumerate(subgraph.operators):
        code = model.operatorCodes[operator.opcodeIndex]
        described.append(
            {
                "name": _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)],
                "version": code.version,
                "options": vars(operator.builtinOptions) if operator.builtinOptions else {},
                "made by": [makers.get(int(tensor), "constant") for tensor in operator.inputs],
                "tensors": [_tensor(subgraph.tensors[i]) for i in (*operator.inputs, *operator.outputs)],
            }
        )
        makers.update({int(tensor): number for tensor in operator.outputs})
    return described


def _tensor(tensor: Any) -> tuple[tuple[int, ...], int, int, int]:
    quantization = tensor.quantization
    n_scales = 0 if quantization is None or quantization.scale is None else len(quantization.scale)
    axis = quantization.quantizedDimension if n_scales else 0
    return tuple(int(n) for n in tensor.shape), tensor.type, n_scales, axis


def noise(graph: Graph, n: int, seed: int = 0) -> NDArray[np.int8]:
    """`n` random int8 inputs, (n, 1, *input_shape)."""
    rng = np.random.default_rng(seed)
    return rng.integers(-128, 128, (n, 1, *graph.input_shape), dtype=np.int8)


def outputs_of(data: bytes, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
    """What LiteRT computes on one thread: (n, classes) int8."""
    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]
    rows = []
    for each in inputs:
        interpreter.set_tensor(source, each)
        interpreter.invoke()
        rows.append(interpreter.get_tensor(result)[0].copy())
    return np.array(rows)


def size_ratio(data: bytes, other: bytes) -> float:
    """Size of the first over that of the second, less one."""
    return len(data) / len(other) - 1

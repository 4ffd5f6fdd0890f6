"""FLOPs of any .tflite file, counted in its own graph by the rules of `search.networks.count`.

Multiplications and additions of convolutions, dense and recurrent layers, of pools and means; everything else counts
nothing, as sums and activations do in the paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from search.tflite.strip import damage_named, unpack

Shape = tuple[int, ...]
_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()}
_UNTOLD = frozenset(
    ("CUSTOM", "WHILE", "IF", "CALL", "CALL_ONCE", "DELEGATE", "STABLEHLO_WHILE", "STABLEHLO_CASE", "RNN", "SVDF",
     "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_LSTM")
)  # fmt: skip
"""Operators whose work does not stand in the file, or is not counted here."""


def flops_of_file(data: bytes) -> int | None:
    """FLOPs of one inference.

    Args:
        data: a .tflite file.

    Returns:
        None where the graph does not tell: loops, branches, custom operators, shapes that are only known at run time.

    Raises:
        BadModelFile: not a .tflite file, or damaged.
    """
    model = unpack(data)
    with damage_named(data):
        graph = model.subgraphs[0]
        codes = [max(code.deprecatedBuiltinCode, code.builtinCode) for code in model.operatorCodes]
        total = 0
        for operator in graph.operators or []:
            name = _NAMES[codes[operator.opcodeIndex]]
            if name in _UNTOLD:
                return None
            rule = _RULES.get(name)
            if rule is not None:
                total += rule(operator, _shapes(graph, operator.inputs), _shapes(graph, operator.outputs))
        # A dimension that is only known at run time, or damage.
        return total if 0 <= total < 2**63 else None


def _shapes(graph: Any, tensors: Any) -> list[Shape]:
    indices = [] if tensors is None else [int(index) for index in tensors]
    return [() if index < 0 else _shape(graph.tensors[index]) for index in indices]


def _shape(tensor: Any) -> Shape:
    return () if tensor.shape is None else tuple(int(n) for n in tensor.shape)


def _conv(operator: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    return (2 * math.prod(inputs[1][1:]) + 1) * math.prod(outputs[0])


def _depthwise(operator: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    _, height, width, _ = inputs[1]
    return (2 * height * width + 1) * math.prod(outputs[0])


def _transposed(operator: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    return 2 * math.prod(inputs[1][:-1]) * math.prod(inputs[2]) + math.prod(outputs[0])


def _dense(operator: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    return (2 * inputs[1][-1] + 1) * math.prod(outputs[0])


def _matmul(operator: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    return 2 * inputs[0][-1] * math.prod(outputs[0])


def _pool(operator: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    options = operator.builtinOptions
    return int(options.filterHeight) * int(options.filterWidth) * math.prod(outputs[0])


def _mean(operator: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    return math.prod(inputs[0])


def _lstm(operator: Any, inputs: list[Shape], outputs: list[Shape]) -> int:
    # Four gates, each of the input and of the state before.
    units, depth = outputs[0][-1], inputs[0][-1]
    return math.prod(inputs[0][:-1]) * 4 * units * (2 * (depth + units) + 1)


_RULES: dict[str, Callable[[Any, list[Shape], list[Shape]], int]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _matmul,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "L2_POOL_2D": _pool,
    "MEAN": _mean,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}

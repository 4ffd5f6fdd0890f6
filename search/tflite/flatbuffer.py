"""TFLite models as lists of tensors and operators, and their bytes by the official flatbuffer schema.

The lowest part of writing a .tflite file: knows the file format, but no layer. `tflite_writer` makes the
lists. The format is schema.fbs of TFLite, version 3; https://github.com/tensorflow/tensorflow,
tensorflow/compiler/mlir/lite.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

Options = tuple[str, dict[str, Any]]
"""Name of an options table of the schema, and its fields."""

_FILE_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
_DESCRIPTION = "MLIR Converted."
_DATA_ALIGNMENT = 16
_ZERO_POINT_BYTES = 8
_ROOM_BYTES = 64 * 1024
# Readers from before there were more than 127 operators look at an older field of one byte.
_LAST_OLD_CODE = 127


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of the file.

    Attributes:
        type_name: INT8 or INT32, as in the schema's TensorType.
        data: little-endian numbers of a constant, nothing for an activation.
        scales: float32, one in all or one per element of `scale_axis`; None when not quantized.
        zero_point: the same for every scale.
        scale_axis: the dimension along which the scales run.
    """

    shape: tuple[int, ...]
    type_name: str
    data: bytes = b""
    scales: NDArray[np.float32] | None = None
    zero_point: int = 0
    scale_axis: int = 0


@dataclass(frozen=True)
class Operator:
    """An operator: its name in the schema's BuiltinOperator, version, tensor numbers and options."""

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options | None = None


@dataclass
class Model:
    """A model of one subgraph, being put together."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    input: int = 0
    output: int = 0

    def add_tensor(self, tensor: Tensor) -> int:
        """Appends a tensor and returns its number."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def encode(model: Model, metadata: Mapping[str, bytes] | None = None) -> bytes:
    """The .tflite file, without names and signatures.

    Args:
        metadata: by name, in buffers behind all others; a runtime does not look at them.
    """
    metadata = metadata or {}
    builder = flatbuffers.Builder(sum(len(tensor.data) for tensor in model.tensors) + _ROOM_BYTES)
    # Buffer 0 is empty by convention; all activations can share that one table.
    empty = _table(builder, "Buffer", {})
    buffers = [empty, *(_buffer(builder, t.data) if t.data else empty for t in model.tensors)]
    entries = [_metadata(builder, name, len(buffers) + i) for i, name in enumerate(metadata)]
    buffers += [_buffer(builder, content) for content in metadata.values()]
    tensors = [_tensor(builder, tensor, number) for number, tensor in enumerate(model.tensors, start=1)]
    codes = list(dict.fromkeys((operator.name, operator.version) for operator in model.operators))
    operators = [_operator(builder, operator, codes) for operator in model.operators]
    subgraph = {
        "Tensors": _offsets(builder, tensors),
        "Inputs": _int32s(builder, (model.input,)),
        "Outputs": _int32s(builder, (model.output,)),
        "Operators": _offsets(builder, operators),
    }
    subgraphs = [_table(builder, "SubGraph", subgraph)]
    root = {
        "Version": _SCHEMA_VERSION,
        "OperatorCodes": _offsets(builder, [_operator_code(builder, *code) for code in codes]),
        "Subgraphs": _offsets(builder, subgraphs),
        "Description": builder.CreateString(_DESCRIPTION),
        "Buffers": _offsets(builder, buffers),
    }
    if entries:
        root["Metadata"] = _offsets(builder, entries)
    builder.Finish(_table(builder, "Model", root), _FILE_IDENTIFIER)
    return bytes(builder.Output())


def _tensor(builder: Any, tensor: Tensor, buffer: int) -> int:
    fields: dict[str, Any] = {
        "Shape": _int32s(builder, tensor.shape),
        "Type": getattr(schema.TensorType, tensor.type_name),
        "Buffer": buffer,
    }
    if tensor.scales is not None:
        n_scales = len(tensor.scales)
        zero_points = tensor.zero_point.to_bytes(_ZERO_POINT_BYTES, "little", signed=True) * n_scales
        quantization = {
            "Scale": _vector(builder, tensor.scales.tobytes(), n_scales),
            "ZeroPoint": _vector(builder, zero_points, n_scales),
            "QuantizedDimension": tensor.scale_axis,
        }
        fields["Quantization"] = _table(builder, "QuantizationParameters", quantization)
    return _table(builder, "Tensor", {**fields, "HasRank": True})


def _operator(builder: Any, operator: Operator, codes: list[tuple[str, int]]) -> int:
    fields: dict[str, Any] = {
        "OpcodeIndex": codes.index((operator.name, operator.version)),
        "Inputs": _int32s(builder, operator.inputs),
        "Outputs": _int32s(builder, operator.outputs),
    }
    if operator.options is not None:
        name, options = operator.options
        fields["BuiltinOptionsType"] = getattr(schema.BuiltinOptions, name)
        fields["BuiltinOptions"] = _table(builder, name, options)
    return _table(builder, "Operator", fields)


def _metadata(builder: Any, name: str, buffer: int) -> int:
    return _table(builder, "Metadata", {"Name": builder.CreateString(name), "Buffer": buffer})


def _operator_code(builder: Any, name: str, version: int) -> int:
    code = getattr(schema.BuiltinOperator, name)
    fields = {
        "DeprecatedBuiltinCode": min(code, _LAST_OLD_CODE),
        "Version": version,
        "BuiltinCode": code,
    }
    return _table(builder, "OperatorCode", fields)


def _buffer(builder: Any, data: bytes) -> int:
    # Kernels read constants in place, so these start at multiples of 16 bytes.
    builder.Prep(_DATA_ALIGNMENT, len(data))
    return _table(builder, "Buffer", {"Data": builder.CreateByteVector(data)})


def _table(builder: Any, name: str, fields: dict[str, Any]) -> int:
    _schema_function(f"{name}Start")(builder)
    for field_name, value in fields.items():
        _schema_function(f"{name}Add{field_name}")(builder, value)
    return int(_schema_function(f"{name}End")(builder))


@cache
def _schema_function(name: str) -> Any:
    # The schema has some 4,000 names; a file asks for the same few hundreds of times.
    return getattr(schema, name)


def _int32s(builder: Any, numbers: tuple[int, ...]) -> int:
    return _vector(builder, struct.pack(f"<{len(numbers)}i", *numbers), len(numbers))


def _vector(builder: Any, data: bytes, n: int) -> int:
    """A vector of `n` little-endian numbers; does what CreateNumpyVector does, in a third of its time."""
    builder.StartVector(len(data) // n, n, len(data) // n)
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    return int(builder.EndVector())


def _offsets(builder: Any, offsets: list[int]) -> int:
    """A vector of references; PrependUOffsetTRelative for all of them at once."""
    n = len(offsets)
    builder.StartVector(4, n, 4)
    # A reference is stored as the distance from itself to its target; offsets count from the buffer's end.
    end = builder.Offset()
    distances = [end + 4 * (n - i) - offset for i, offset in enumerate(offsets)]
    builder.head -= 4 * n
    builder.Bytes[builder.head : builder.head + 4 * n] = struct.pack(f"<{n}I", *distances)
    return int(builder.EndVector())

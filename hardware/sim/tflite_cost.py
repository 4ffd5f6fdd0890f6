"""Latency and energy of a .tflite file on the simulated phone, operator by operator, from the file's own graph.

Nothing about a network is looked up by name: tensors and options are read from the flatbuffer, and each operator
costs what the constants of `pixel4xl.toml` say (their formula stands there).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

from hardware.sim.constants import Cost, KernelTable, SimulationConstants


class InvalidModel(Exception):
    """The bytes are not a .tflite model that the tool could load; the text is the tool's own."""


class UnpreparedModel(Exception):
    """The tool loads the model and cannot run it; each line of `lines` is the tool's own, or says SIMULATED."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True)
class OpWork:
    """What one operator has to do.

    Attributes:
        kind: "gemm", "depthwise" or "elementwise".
        rows, columns: output pixels and channels.
        taps, depth: kernel positions, and input channels each reads.
        weight_bytes, moved_bytes: constants read, and activations read and written.
        arithmetic: name of the arithmetic it is done in, see `pixel4xl.toml`.
    """

    kind: str
    rows: int
    columns: int
    taps: int
    depth: int
    weight_bytes: int
    moved_bytes: int
    arithmetic: str = "int8"


@dataclass(frozen=True)
class InferenceCost:
    """One inference at a clock: time, and mean power of the whole phone meanwhile."""

    latency_ms: float
    power_w: float

    @property
    def energy_mj(self) -> float:
        """Energy of an inference, mJ."""
        return self.latency_ms * self.power_w


def read_work(model: bytes) -> tuple[OpWork, ...]:
    """The operators of a model.

    Args:
        model: bytes of a .tflite file.

    Raises:
        InvalidModel: not a flatbuffer of TensorFlow Lite, or cut short.
        UnpreparedModel: operators that the tool has no kernel for, or whose cost is not in the file.
    """
    from ai_edge_litert import schema_py_generated as schema

    if len(model) < 8 or model[4:8] != b"TFL3":
        raise InvalidModel("The model is not a valid Flatbuffer buffer")
    try:
        file = _File(schema, schema.Model.GetRootAs(model, 0))
        return tuple(file.work(i) for i in range(file.graph.OperatorsLength()))
    except (struct.error, LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InvalidModel("The model is not a valid Flatbuffer buffer") from error


_LOOPS = ("WHILE", "IF", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_CASE")
_RECURRENT = ("UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "LSTM")
_RECURRENT_GATES = 4


@dataclass(frozen=True)
class _Tensor:
    """A tensor of a file: a scalar has no dimensions."""

    shape: tuple[int, ...]
    type: str
    constant: bool

    @property
    def n_values(self) -> int:
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        return self.n_values * _BYTES.get(self.type, 1)


_BYTES = {
    "FLOAT32": 4, "FLOAT16": 2, "BFLOAT16": 2, "FLOAT64": 8, "INT16": 2, "UINT16": 2, "INT32": 4, "UINT32": 4,
    "INT64": 8, "UINT64": 8, "COMPLEX64": 8, "COMPLEX128": 16,
}  # fmt: skip
"""Of a value, where it is more than one."""


class _File:
    """A file's first subgraph, which is the one that the tool runs."""

    def __init__(self, schema: Any, root: Any) -> None:
        self._root = root
        self.graph = root.Subgraphs(0)
        self._types = _names_of(schema.TensorType)
        self._operators = _names_of(schema.BuiltinOperator)

    def _tensor(self, index: int) -> _Tensor:
        tensor = self.graph.Tensors(index)
        # Of a scalar the schema gives no array.
        shape = tuple(int(d) for d in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
        constant = self._root.Buffers(tensor.Buffer()).DataLength() > 0
        return _Tensor(shape, self._types[tensor.Type()], constant)

    def work(self, node: int) -> OpWork:
        operator = self.graph.Operators(node)
        code = self._root.OperatorCodes(operator.OpcodeIndex())
        name = self._operators[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        self._check_runs(name, (code.CustomCode() or b"").decode("ascii", "replace"), node)
        inputs = [self._tensor(operator.Inputs(i)) for i in range(operator.InputsLength()) if operator.Inputs(i) >= 0]
        outputs = [self._tensor(operator.Outputs(i)) for i in range(operator.OutputsLength())]
        return _op_work(name, inputs, outputs)

    def _check_runs(self, name: str, custom: str, node: int) -> None:
        """As the tool without TensorFlow's own kernels does; loops are where the simulation gives up."""
        if custom.startswith("Flex"):
            raise UnpreparedModel(
                "Select TensorFlow op(s), included in the given model, is(are) not supported by this interpreter. "
                "Make sure you apply/link the Flex delegate before inference.",
                f"Node number {node} ({custom}) failed to prepare.",
                "Failed to allocate tensors!",
            )
        if name == "CUSTOM":
            raise UnpreparedModel(
                f"Encountered unresolved custom op: {custom}.",
                f"Node number {node} ({custom}) failed to prepare.",
                "Failed to allocate tensors!",
            )
        if name in _LOOPS:
            raise UnpreparedModel(
                f"the SIMULATED phone cannot run {name} (node {node}): how often it runs its subgraphs does not "
                "stand in the file",
            )


def _names_of(enumeration: Any) -> dict[int, str]:
    return {code: name for name, code in vars(enumeration).items() if name.isupper()}


def _op_work(name: str, inputs: list[_Tensor], outputs: list[_Tensor]) -> OpWork:
    output = outputs[0] if outputs else _Tensor((), "INT8", False)
    moved = sum(each.n_bytes for each in outputs) + sum(each.n_bytes for each in inputs if not each.constant)
    weights = inputs[1] if len(inputs) > 1 else output
    weight_bytes = weights.n_bytes if weights.constant else 0
    rows, columns = math.prod(output.shape[:-1]), output.shape[-1] if output.shape else 1
    arithmetic = _arithmetic(inputs[0] if inputs else output, weights)
    if name == "DEQUANTIZE" and all(each.constant for each in inputs):
        # Done once, before the first inference; the operator stays in the list.
        return OpWork("elementwise", rows, columns, 1, 1, 0, 0, arithmetic)
    if name in ("CONV_2D", "CONV_3D"):
        *window, depth = weights.shape[1:] if name == "CONV_2D" else weights.shape[:-1]
        return OpWork("gemm", rows, columns, math.prod(window), depth, weight_bytes, moved, arithmetic)
    if name == "DEPTHWISE_CONV_2D":
        _, height, width, _ = weights.shape
        return OpWork("depthwise", rows, columns, height * width, 1, weight_bytes, moved, arithmetic)
    if name in ("FULLY_CONNECTED", "BATCH_MATMUL"):
        return OpWork("gemm", rows, columns, 1, inputs[0].shape[-1], weight_bytes, moved, arithmetic)
    if name == "TRANSPOSE_CONV":
        n_filters, height, width, depth = weights.shape
        source = math.prod(inputs[2].shape[:-1])
        arithmetic = _arithmetic(inputs[2], weights)
        return OpWork("gemm", source, n_filters * height * width, 1, depth, weight_bytes, moved, arithmetic)
    if name in _RECURRENT:
        # Every step multiplies its input and the state before with the weights of four gates, all of them constant.
        weight_bytes = sum(each.n_bytes for each in inputs if each.constant)
        units, steps = columns, math.prod(inputs[0].shape[:-1])
        depth = inputs[0].shape[-1] + units
        return OpWork("gemm", steps, _RECURRENT_GATES * units, 1, depth, weight_bytes, moved, arithmetic)
    return OpWork("elementwise", rows, columns, 1, 1, 0, moved, arithmetic)


def _arithmetic(source: _Tensor, weights: _Tensor) -> str:
    """What the multiplications are done in: half precision is only stored, the phone's kernels compute in float32."""
    if source.type == "INT16":
        return "int16"
    if source.type not in ("FLOAT32", "FLOAT16", "BFLOAT16", "FLOAT64"):
        return "int8"
    return "dynamic" if weights.type in ("INT8", "UINT8", "INT4") and weights.constant else "float32"


def cost_of(
    work: tuple[OpWork, ...], constants: SimulationConstants, kernels: KernelTable, freq_khz: int
) -> InferenceCost:
    """Time and power of one inference.

    Args:
        constants: cost, power and scaling constants.
        freq_khz: the core's clock.
    """
    cost = constants.cost
    clock = freq_khz / cost.fitted_khz
    volts = _volts(constants, freq_khz) / _volts(constants, cost.fitted_khz)
    cycles = sum(_cycles(op, cost, kernels) for op in work)
    spilled = max(0.0, sum(op.weight_bytes for op in work) - cost.l2_bytes)
    latency_us = (len(work) * cost.op_us + cycles / (cost.fitted_khz * 1e-3)) / clock
    latency_us += spilled * cost.spill_ns_per_byte * 1e-3
    idle_w = constants.power.idle_w
    base_w = idle_w + (cost.active_power_w - idle_w) * clock * volts**2
    picojoules = sum(_operation_pj(op, cost, kernels) for op in work) * volts**2
    picojoules += spilled * cost.spill_pj_per_byte
    return InferenceCost(latency_us * 1e-3, base_w + picojoules * 1e-6 / latency_us)


def spin_power_w(constants: SimulationConstants, freq_khz: int) -> float:
    """What a busy loop on a big core adds at a clock."""
    clock = freq_khz / constants.cost.fitted_khz
    volts = _volts(constants, freq_khz) / _volts(constants, constants.cost.fitted_khz)
    return constants.power.spin_w * clock * volts**2


def _volts(constants: SimulationConstants, freq_khz: int) -> float:
    return constants.scaling.volt_base + constants.scaling.volt_per_ghz * freq_khz * 1e-6


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _padded_macs(op: OpWork, kernels: KernelTable) -> float:
    if op.kind == "depthwise":
        taps = next((t for t in kernels.depthwise_taps if t >= op.taps), op.taps)
        return float(op.rows * op.columns * taps)
    depth = _up(op.taps * op.depth, 4) if kernels.pad_all_depth else op.taps * _up(op.depth, 4)
    return float(_up(op.rows, kernels.tile_rows) * _up(op.columns, kernels.tile_columns) * depth)


def _outputs(op: OpWork, kernels: KernelTable) -> int:
    if kernels.pad_outputs and op.kind == "gemm":
        return _up(op.rows, kernels.tile_rows) * _up(op.columns, kernels.tile_columns)
    return op.rows * op.columns


def _cycles(op: OpWork, cost: Cost, kernels: KernelTable) -> float:
    if op.kind == "elementwise":
        return op.moved_bytes * cost.byte_cycles
    arithmetic = cost.arithmetic[op.arithmetic]
    if op.kind == "gemm":
        per_mac = cost.gemm_cycles_per_mac * arithmetic.gemm_time
    else:
        per_mac = cost.depthwise_cycles_per_mac * arithmetic.depthwise_time
    return _padded_macs(op, kernels) * per_mac + _outputs(op, kernels) * cost.output_cycles


def _operation_pj(op: OpWork, cost: Cost, kernels: KernelTable) -> float:
    if op.kind == "elementwise":
        return 0.0
    mac_pj = cost.mac_pj * cost.arithmetic[op.arithmetic].mac_energy
    return _padded_macs(op, kernels) * mac_pj + _outputs(op, kernels) * cost.output_pj

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


@dataclass(frozen=True)
class OpWork:
    """What one operator has to do.

    Attributes:
        kind: "gemm", "depthwise" or "elementwise".
        rows, columns: output pixels and channels.
        taps, depth: kernel positions, and input channels each reads.
        weight_bytes, moved_bytes: constants read, and activations read and written.
    """

    kind: str
    rows: int
    columns: int
    taps: int
    depth: int
    weight_bytes: int
    moved_bytes: int


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
    """
    from ai_edge_litert import schema_py_generated as schema

    if len(model) < 8 or model[4:8] != b"TFL3":
        raise InvalidModel("The model is not a valid Flatbuffer buffer")
    try:
        root = schema.Model.GetRootAs(model, 0)
        graph = root.Subgraphs(0)
        return tuple(_op_work(schema, root, graph, graph.Operators(i)) for i in range(graph.OperatorsLength()))
    except (struct.error, IndexError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InvalidModel("The model is not a valid Flatbuffer buffer") from error


def _op_work(schema: Any, root: Any, graph: Any, operator: Any) -> OpWork:
    code = root.OperatorCodes(operator.OpcodeIndex())
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    inputs = [graph.Tensors(operator.Inputs(i)) for i in range(operator.InputsLength()) if operator.Inputs(i) >= 0]
    output = [int(d) for d in graph.Tensors(operator.Outputs(0)).ShapeAsNumpy()]
    shapes = [[int(d) for d in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else [] for tensor in inputs]
    constant = [root.Buffers(tensor.Buffer()).DataLength() > 0 for tensor in inputs]
    moved = math.prod(output) + sum(math.prod(s) for s, c in zip(shapes, constant, strict=True) if not c)
    weights = math.prod(shapes[1]) if len(shapes) > 1 and constant[1] else 0
    rows, columns = math.prod(output[:-1]), output[-1]
    ops = schema.BuiltinOperator
    if builtin == ops.CONV_2D:
        _, height, width, depth = shapes[1]
        return OpWork("gemm", rows, columns, height * width, depth, weights, moved)
    if builtin == ops.DEPTHWISE_CONV_2D:
        _, height, width, _ = shapes[1]
        return OpWork("depthwise", rows, columns, height * width, 1, weights, moved)
    if builtin == ops.FULLY_CONNECTED:
        return OpWork("gemm", rows, columns, 1, shapes[1][-1], weights, moved)
    return OpWork("elementwise", rows, columns, 1, 1, 0, moved)


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
    per_mac = cost.gemm_cycles_per_mac if op.kind == "gemm" else cost.depthwise_cycles_per_mac
    return _padded_macs(op, kernels) * per_mac + _outputs(op, kernels) * cost.output_cycles


def _operation_pj(op: OpWork, cost: Cost, kernels: KernelTable) -> float:
    if op.kind == "elementwise":
        return 0.0
    return _padded_macs(op, kernels) * cost.mac_pj + _outputs(op, kernels) * cost.output_pj

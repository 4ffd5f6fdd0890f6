"""What the simulated phone makes of a .tflite file: the published figures, the clock, and files that are torn."""

from __future__ import annotations

import math
from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from hardware.sim.constants import pixel4xl
from hardware.sim.tflite_cost import InferenceCost, InvalidModel, UnpreparedModel, cost_of, read_work
from search.networks.architecture import Architecture
from search.networks.spaces import AUDIO_2D, TABLE_2
from search.tflite.writer import write_tflite

# NAS-Bayesian in Table 1 of Speckhard et al. 2023.
LATENCY_MS, ENERGY_MJ, MEASURED_KHZ = 0.98, 1.30, 2_841_600

OWN = Path(__file__).parents[2] / "data" / "own_models"


def own(name: str) -> bytes:
    return (OWN / f"{name}.tflite").read_bytes()


def cost(model: bytes, freq_khz: int = MEASURED_KHZ, table: str = "ruy8") -> InferenceCost:
    constants = pixel4xl()
    return cost_of(read_work(model), constants, constants.kernels[table], freq_khz)


@pytest.fixture(scope="module")
def table_2() -> bytes:
    return write_tflite(TABLE_2, 0)


def test_the_network_of_table_2_costs_what_the_paper_measured(table_2: bytes) -> None:
    found = cost(table_2)
    assert found.latency_ms == pytest.approx(LATENCY_MS, rel=0.08)
    assert found.energy_mj == pytest.approx(ENERGY_MJ, rel=0.08)
    assert found.energy_mj == pytest.approx(found.latency_ms * found.power_w)


def test_the_weights_do_not_matter_and_the_shape_does(table_2: bytes) -> None:
    assert cost(write_tflite(TABLE_2, 1)) == cost(table_2)
    others = {cost(write_tflite(architecture, 0)).latency_ms for architecture in AUDIO_2D.sample_unique(5, 1)}
    assert len(others) == 5


@pytest.mark.parametrize("freq_khz", [825_600, 1_804_800, 2_419_200])
def test_latency_goes_with_one_over_the_clock_and_energy_falls_with_it(table_2: bytes, freq_khz: int) -> None:
    fast, slow = cost(table_2), cost(table_2, freq_khz)
    # Exactly so for a network whose weights fit the second-level cache.
    assert slow.latency_ms == pytest.approx(fast.latency_ms * MEASURED_KHZ / freq_khz)
    assert slow.power_w < fast.power_w
    idle_w = pixel4xl().power.idle_w
    assert (slow.power_w - idle_w) * slow.latency_ms < (fast.power_w - idle_w) * fast.latency_ms


def test_the_other_kernel_table_costs_more_but_not_everywhere_the_same(table_2: bytes) -> None:
    ratios = set()
    for architecture in [TABLE_2, *AUDIO_2D.sample_unique(4, 2)]:
        model = write_tflite(architecture, 0)
        ratios.add(round(cost(model, table="xnnpack16").latency_ms / cost(model).latency_ms, 4))
    assert len(ratios) == 5
    assert all(0.9 < ratio < 2.0 for ratio in ratios)
    assert 1.0 not in ratios


def test_more_work_costs_more() -> None:
    found = sorted(
        ((read_work(model), cost(model)) for model in map(_file, AUDIO_2D.sample_unique(12, 3))),
        key=lambda pair: sum(op.rows * op.columns * op.taps * op.depth for op in pair[0]),
    )
    assert found[0][1].energy_mj < found[-1][1].energy_mj
    assert all(math.isfinite(c.energy_mj) and c.energy_mj > 0 for _, c in found)


def _file(architecture: Architecture) -> bytes:
    return write_tflite(architecture, 0)


def test_a_torn_file_is_invalid_wherever_it_was_torn(table_2: bytes) -> None:
    for n_bytes in [*range(64), *range(64, len(table_2), 97), *range(len(table_2) - 64, len(table_2))]:
        with pytest.raises(InvalidModel):
            read_work(table_2[:n_bytes])


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", bytes(100), b"\x1c\0\0\0TFL3" + bytes(92), b"\xff" * 4 + b"TFL3\xff\xff"]
)
def test_something_else_than_a_model_is_invalid(content: bytes) -> None:
    with pytest.raises(InvalidModel):
        read_work(content)


def test_the_arithmetic_of_a_network_has_its_price() -> None:
    costs = {kind: cost(own(kind)) for kind in ("float32", "float16", "dynamic", "int8")}
    latencies_ms = {kind: found.latency_ms for kind, found in costs.items()}
    assert latencies_ms["int8"] < latencies_ms["dynamic"] < latencies_ms["float32"]
    # Half precision is only stored: the same multiplications, and operators that widen the weights.
    assert latencies_ms["float32"] < latencies_ms["float16"] < 1.2 * latencies_ms["float32"]
    assert costs["int8"].energy_mj < costs["float32"].energy_mj


@pytest.mark.parametrize("name", ["scalar", "lstm", "two_inputs"])
def test_scalars_recurrent_layers_and_several_inputs_cost_something(name: str) -> None:
    assert 1e-3 < cost(own(name)).latency_ms < 1.0


def test_a_recurrent_layer_costs_its_multiplications() -> None:
    gemms = [work for work in read_work(own("lstm")) if work.kind == "gemm"]
    assert (gemms[0].rows, gemms[0].columns, gemms[0].depth) == (40, 4 * 16, 10 + 16)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("flex", "apply/link the Flex delegate"),
        ("custom", "unresolved custom op"),
        ("while", "SIMULATED"),
    ],
)
def test_what_the_tool_could_not_run_is_said_in_its_words(name: str, words: str) -> None:
    with pytest.raises(UnpreparedModel, match=words):
        read_work(own(name))


@pytest.mark.parametrize("field", ["operator", "type"])
def test_codes_of_no_release_are_an_invalid_model(field: str) -> None:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(own("int8"), 0))
    if field == "operator":
        model.operatorCodes[0].builtinCode = 9_999
    else:
        model.subgraphs[0].tensors[0].type = 99
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(InvalidModel):
        read_work(bytes(builder.Output()))

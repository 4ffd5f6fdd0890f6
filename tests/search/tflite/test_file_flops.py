"""FLOPs counted in a file: those of the description for networks that have one, by hand for others."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.errors import BadModelFile
from search.networks.architecture_spec import architecture_spec
from search.networks.baselines import BASELINES, Baseline
from search.networks.count import count_graph
from search.networks.spaces import SPACES
from search.tflite.file_flops import flops_of_file
from search.tflite.writer import write_tflite

OWN = Path(__file__).parents[2] / "data" / "own_models"
# Of make.py's small network: 3x3 to 16 channels on 38x14, depthwise 3x3, 1x1 to 96 on 36x12, mean, dense to 4.
SMALL = 38 * 14 * 16 * 19 + 36 * 12 * 16 * 19 + 36 * 12 * 96 * 33 + 36 * 12 * 96 + 4 * (2 * 96 + 1)
LSTM = 40 * 4 * 16 * (2 * (10 + 16) + 1) + 4 * (2 * 16 + 1)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_a_file_of_a_space_counts_what_its_architecture_counts(space: object) -> None:
    for architecture in space.sample_unique(12, 5):  # type: ignore[attr-defined]
        assert flops_of_file(write_tflite(architecture, 0)) == architecture_spec(architecture).flops


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda baseline: baseline.text)
def test_a_file_of_a_baseline_does_too(baseline: Baseline) -> None:
    assert flops_of_file(write_tflite(baseline, 0)) == count_graph(baseline.graph).total.flops


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic", "int8"])
def test_the_arithmetic_changes_no_count(kind: str) -> None:
    assert flops_of_file((OWN / f"{kind}.tflite").read_bytes()) == SMALL


def test_a_recurrent_layer_counts_its_four_gates_at_every_step() -> None:
    assert flops_of_file((OWN / "lstm.tflite").read_bytes()) == LSTM


@pytest.mark.parametrize("kind", ["while", "custom", "flex"])
def test_a_graph_that_does_not_tell_has_no_count(kind: str) -> None:
    assert flops_of_file((OWN / f"{kind}.tflite").read_bytes()) is None


def test_a_damaged_file_is_named_so() -> None:
    whole = (OWN / "int8.tflite").read_bytes()
    for data in (b"", b"hello, world", whole[: len(whole) // 2]):
        with pytest.raises(BadModelFile):
            flops_of_file(data)

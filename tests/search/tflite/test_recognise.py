"""Which network a file holds."""

from __future__ import annotations

import dataclasses
from itertools import product

import pytest
from tflite_specimens import dressed, varied_file

from search.errors import BadModelFile, UnknownNetwork
from search.networks.architecture import Architecture
from search.networks.baselines import BASELINES, Baseline
from search.networks.blocks import DwStride, PoolMerge
from search.networks.graph import build_graph
from search.networks.layers import HEAD, Graph
from search.networks.space import Space
from search.networks.spaces import AUDIO_1D, AUDIO_2D, TABLE_2
from search.tflite.recognise import recognise
from search.tflite.writer import write_tflite

OPTIONS = [
    (space, place, merge, seed)
    for seed, (space, place, merge) in enumerate(product((AUDIO_2D, AUDIO_1D), DwStride, PoolMerge))
]


def without_blocks(graph: Graph) -> Graph:
    """The layers alone: what two architectures can have in common."""
    layers = tuple(dataclasses.replace(layer, block=HEAD) for layer in graph.layers)
    return dataclasses.replace(graph, layers=layers)


def test_table_2_is_recognised_with_its_options() -> None:
    found = recognise(write_tflite(TABLE_2, seed=3))
    assert isinstance(found, Architecture)
    assert found.options == TABLE_2.options
    assert without_blocks(build_graph(found)) == without_blocks(build_graph(TABLE_2))


@pytest.mark.parametrize(("space", "place", "merge", "seed"), OPTIONS, ids=lambda value: getattr(value, "name", None))
def test_files_of_both_spaces_are_recognised_under_every_option(
    space: Space, place: DwStride, merge: PoolMerge, seed: int
) -> None:
    options = space.set_options({"dw_stride": place.value, "pool_merge": merge.value})
    for architecture in space.sample_unique(4, seed, options):
        found = recognise(write_tflite(architecture, seed=0))
        assert isinstance(found, Architecture)
        space.validate(found)
        assert without_blocks(build_graph(found)) == without_blocks(build_graph(architecture))


@pytest.mark.parametrize("baseline", BASELINES, ids=[baseline.name for baseline in BASELINES])
def test_baselines_are_recognised(baseline: Baseline) -> None:
    assert recognise(write_tflite(baseline, seed=1)) == baseline


@pytest.mark.parametrize("n_classes", [2, 10, 41])
def test_networks_of_any_number_of_classes_are_recognised(n_classes: int) -> None:
    for architecture in (TABLE_2, *AUDIO_1D.sample_unique(2, 7)):
        found = recognise(write_tflite(architecture, 3, n_classes))
        assert isinstance(found, Architecture)
        assert without_blocks(build_graph(found)) == without_blocks(build_graph(architecture))
    for baseline in BASELINES[2:]:
        assert recognise(write_tflite(baseline, 3, n_classes)) == baseline


def test_names_and_metadata_do_not_matter() -> None:
    assert recognise(dressed(write_tflite(TABLE_2, seed=3))) == recognise(write_tflite(TABLE_2, seed=3))


def test_a_network_of_no_space_is_refused_with_what_to_do() -> None:
    with pytest.raises(UnknownNetwork) as caught:
        recognise(varied_file())
    assert "audio2d" in caught.value.hint
    assert "lab measure --models" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"not a model at all", write_tflite(TABLE_2, seed=0)[:5000]])
def test_what_is_no_whole_file_is_refused(data: bytes) -> None:
    with pytest.raises(BadModelFile):
        recognise(data)

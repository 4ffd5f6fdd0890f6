"""The quantization-aware model has exactly the parameters that `search.networks.count` counts without TensorFlow."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from network_specimens import baseline_named
from training_specimens import block_network, small_network

from search.networks.blocks import BlockBuilder, BlockType, DwStride, PoolMerge
from search.networks.count import count_graph
from search.networks.graph import build_graph
from search.networks.layers import Graph
from search.networks.spaces import AUDIO_2D, TABLE_2
from search.training.keras_network import build_keras
from search.training.quantization_aware import quantize, randomise

OPTIONS = tuple(itertools.product(DwStride, PoolMerge))
# The other pairs are in the slow sweep.
BRIEF_OPTIONS = (OPTIONS[0], OPTIONS[-1])
BLOCKS = [
    (kind, n_dims, stride)
    for kind, n_dims, stride in itertools.product(BlockType, (1, 2), ((1, 1), (2, 1)))
    if stride == (1, 1) or kind is not BlockType.IDENTITY
]


def expect_exact_count(graph: Graph) -> None:
    variables = quantize(build_keras(graph)).variables
    assert sum(math.prod(each.shape) for each in variables) == count_graph(graph).total.n_params


def table_2(place: DwStride, merge: PoolMerge) -> Graph:
    options = AUDIO_2D.set_options({"dw_stride": place.value, "pool_merge": merge.value})
    return build_graph(dataclasses.replace(TABLE_2, options=options))


@pytest.mark.parametrize(("kind", "n_dims", "stride"), BLOCKS)
def test_each_block_type_has_the_parameters_counted(kind: BlockType, n_dims: int, stride: tuple[int, int]) -> None:
    expect_exact_count(block_network(kind, n_dims, stride))


@pytest.mark.parametrize("n_dims", [1, 2])
@pytest.mark.parametrize("place", DwStride)
def test_each_place_of_the_stride_has_the_parameters_counted(place: DwStride, n_dims: int) -> None:
    expect_exact_count(block_network(BlockType.SPLIT_DEPTHWISE, n_dims, (2, 1), BlockBuilder(n_dims, place)))


@pytest.mark.parametrize("n_dims", [1, 2])
def test_a_concatenation_has_the_parameters_counted(n_dims: int) -> None:
    builder = BlockBuilder(n_dims, pool_merge=PoolMerge.CONCAT)
    expect_exact_count(block_network(BlockType.MOBILENET_V2_AVG_POOL, n_dims, (2, 1), builder))


@pytest.mark.parametrize(("place", "merge"), BRIEF_OPTIONS)
def test_table_2_has_the_parameters_counted(place: DwStride, merge: PoolMerge) -> None:
    expect_exact_count(table_2(place, merge))


def test_tc_resnet_8_has_the_parameters_counted() -> None:
    expect_exact_count(baseline_named("tc_resnet_8").graph)


@pytest.mark.slow
@pytest.mark.parametrize(("place", "merge"), OPTIONS)
def test_table_2_has_the_parameters_counted_with_every_option(place: DwStride, merge: PoolMerge) -> None:
    expect_exact_count(table_2(place, merge))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tc_resnet_14", "mobilenet_v1", "mobilenet_v2"])
def test_the_other_baselines_have_the_parameters_counted(name: str) -> None:
    expect_exact_count(baseline_named(name).graph)


def test_random_statistics_are_fixed_by_the_seed_and_leave_the_weights() -> None:
    model = quantize(build_keras(small_network()))
    kernel = next(variable for variable in model.variables if variable.name.endswith("kernel:0"))
    before = kernel.numpy()
    drawn = []
    for seed in (1, 1, 2):
        randomise(model, seed)
        drawn.append(np.concatenate([variable.numpy().ravel() for variable in model.variables]))
    np.testing.assert_array_equal(kernel.numpy(), before)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.any(drawn[0] != drawn[2])
    ranges = [variable.numpy() for variable in model.variables if variable.name.endswith("_max:0")]
    assert all(np.all(limit > 0) for limit in ranges)

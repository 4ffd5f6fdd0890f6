"""Architectures laid out as layers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import OutsideSpace
from search.networks.architecture import IDENTITY, Architecture, Block
from search.networks.blocks import BlockType, DwStride, PoolMerge
from search.networks.graph import build_graph, network_key, place_strides
from search.networks.layers import (
    HEAD,
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv,
    DepthwiseConv,
    Graph,
    GraphBuilder,
    Layer,
)
from search.networks.space import Space
from search.networks.spaces import AUDIO_1D, AUDIO_2D, TABLE_2


def with_dw_stride(architecture: Architecture, place: DwStride) -> Architecture:
    return dataclasses.replace(architecture, options=AUDIO_2D.set_options({"dw_stride": place.value}))


def drawn(seed: int, place: DwStride) -> Architecture:
    return AUDIO_2D.sample(np.random.default_rng(seed), AUDIO_2D.set_options({"dw_stride": place.value}))


def of_block(graph: Graph, block: int) -> list[Layer]:
    return [layer for layer in graph.layers if layer.block == block]


@given(st.builds(drawn, st.integers(0, 2**32), st.sampled_from(DwStride)))
def test_every_layer_reads_earlier_values_of_the_shape_it_expects(architecture: Architecture) -> None:
    graph = build_graph(architecture)
    shapes = [graph.input_shape]
    for layer in graph.layers:
        for number in layer.inputs:
            assert shapes[number] == layer.in_shape
        shapes.append(layer.out_shape)
    assert shapes[-1] == (9,)


@given(st.builds(drawn, st.integers(0, 2**32), st.sampled_from(DwStride)))
def test_every_value_is_used_and_the_strides_lead_to_seven_by_five(architecture: Architecture) -> None:
    graph = build_graph(architecture)
    read = {number for layer in graph.layers for number in layer.inputs}
    assert read == set(range(len(graph.layers)))
    mean = of_block(graph, HEAD)[0]
    last = next(block for block in reversed(architecture.blocks) if block != IDENTITY)
    assert mean.in_shape == (7, 5, last.filters)


@given(st.integers(0, 2**32))
def test_each_block_ends_with_its_filters(seed: int) -> None:
    architecture = drawn(seed, DwStride.AFTER_POINTWISE)
    graph = build_graph(architecture)
    for ordinal, block in enumerate(architecture.blocks, start=1):
        layers = of_block(graph, ordinal)
        assert bool(layers) == (block != IDENTITY)
        assert all(layer.out_shape[-1] == block.filters for layer in layers[-1:])


def test_the_maps_of_table_2_shrink_as_the_strides_say() -> None:
    graph = build_graph(TABLE_2)
    sizes = [of_block(graph, ordinal)[-1].out_shape for ordinal in (1, 2, 3, 4, 5, 10)]
    expected = [(98, 40, 8), (49, 40, 24), (25, 20, 32), (25, 20, 32), (13, 10, 24), (7, 5, 48)]
    assert sizes == expected


def test_the_split_depthwise_block_has_its_stride_where_the_option_says() -> None:
    strides = {}
    for place in DwStride:
        block = of_block(build_graph(with_dw_stride(TABLE_2, place)), 3)
        assert all(isinstance(layer, (Conv, DepthwiseConv)) for layer in block)
        strides[place] = [
            (type(layer).__name__, layer.kernel, layer.stride)
            for layer in block
            if isinstance(layer, (Conv, DepthwiseConv))
        ]
    conv, row, column = ("Conv", (1, 1), (1, 1)), ("DepthwiseConv", (1, 3)), ("DepthwiseConv", (3, 1))
    assert strides[DwStride.AFTER_POINTWISE] == [(*row, (1, 1)), conv, (*column, (2, 2))]
    assert strides[DwStride.BEFORE_POINTWISE] == [(*row, (1, 1)), (*column, (2, 2)), conv]
    assert strides[DwStride.NEXT_BLOCK] == [(*row, (2, 1)), (*column, (1, 1)), conv]


def test_strides_that_move_on_pass_identities_and_stay_when_nothing_follows() -> None:
    moved = place_strides(with_dw_stride(TABLE_2, DwStride.NEXT_BLOCK), AUDIO_2D)
    assert moved[:5] == ((2, 1), (1, 1), (2, 1), (2, 2), (2, 2))
    dw = Block(BlockType.SPLIT_DEPTHWISE, 3, 48)
    blocks = (*TABLE_2.blocks[:9], dw, IDENTITY, TABLE_2.blocks[11])
    passed = place_strides(with_dw_stride(dataclasses.replace(TABLE_2, blocks=blocks), DwStride.NEXT_BLOCK), AUDIO_2D)
    assert passed[9:] == ((1, 1), (1, 1), (2, 2))
    blocks = (*TABLE_2.blocks[:9], dw, IDENTITY, IDENTITY)
    kept = place_strides(with_dw_stride(dataclasses.replace(TABLE_2, blocks=blocks), DwStride.NEXT_BLOCK), AUDIO_2D)
    assert kept[9:] == ((2, 2), (1, 1), (1, 1))


def test_mobilenet_v2_has_a_residual_exactly_where_shape_is_kept() -> None:
    graph = build_graph(TABLE_2)
    assert isinstance(of_block(graph, 6)[-1], Add)
    assert not any(isinstance(layer, Add) for layer in of_block(graph, 9))
    first, *_, add = of_block(graph, 6)
    assert first.inputs[0] in add.inputs


def test_the_average_pool_joins_before_a_linear_projection() -> None:
    pool, _, depthwise, add, projection = of_block(build_graph(TABLE_2), 5)
    assert isinstance(pool, AveragePool)
    assert (pool.kernel, pool.stride) == ((3, 3), (2, 2))
    assert isinstance(add, Add)
    assert add.in_shape == pool.out_shape == depthwise.out_shape
    assert isinstance(projection, Conv)
    assert projection.activation is Activation.NONE


def test_the_last_block_can_be_two_full_convolutions() -> None:
    blocks = (*TABLE_2.blocks[:11], Block(BlockType.SPLIT_CONV, 3, 56))
    layers = of_block(build_graph(dataclasses.replace(TABLE_2, blocks=blocks)), 12)
    assert [layer.kernel for layer in layers if isinstance(layer, Conv)] == [(3, 1), (1, 3)]
    assert [layer.out_shape[-1] for layer in layers] == [56, 56]


def test_an_architecture_outside_its_space_has_no_graph() -> None:
    with pytest.raises(OutsideSpace):
        build_graph(dataclasses.replace(TABLE_2, blocks=TABLE_2.blocks[::-1]))


def test_values_of_different_shape_cannot_be_added() -> None:
    net = GraphBuilder((8, 8, 4))
    with pytest.raises(ValueError, match="cannot add"):
        net.add(net.input, net.conv(net.input, 8, (1, 1)))


def test_values_of_different_height_cannot_be_put_side_by_side() -> None:
    net = GraphBuilder((8, 8, 4))
    with pytest.raises(ValueError, match="side by side"):
        net.concat(net.input, net.conv(net.input, 8, (1, 1), (2, 1)))


def test_the_pooled_half_can_be_put_beside_the_other() -> None:
    options = AUDIO_2D.set_options({"pool_merge": PoolMerge.CONCAT.value})
    graph = build_graph(dataclasses.replace(TABLE_2, options=options))
    concat = next(layer for layer in graph.layers if isinstance(layer, Concat))
    one, other = (graph.layers[number - 1] for number in concat.inputs)
    assert one.out_shape == other.out_shape == (13, 10, 12)
    assert concat.out_shape == (13, 10, 24)
    # The converter computes the pooled path first.
    assert concat.inputs[0] > concat.inputs[1]


@given(st.integers(0, 2**32), st.sampled_from(DwStride), st.sampled_from(PoolMerge))
def test_one_dimensional_networks_move_along_time_only_and_end_at_25_frames(
    seed: int, place: DwStride, merge: PoolMerge
) -> None:
    options = AUDIO_1D.set_options({"dw_stride": place.value, "pool_merge": merge.value})
    graph = build_graph(AUDIO_1D.sample(np.random.default_rng(seed), options))
    for layer in graph.layers:
        if isinstance(layer, (Conv, DepthwiseConv, AveragePool)):
            assert (layer.kernel[1], layer.stride[1], layer.out_shape[1]) == (1, 1, 1)
    mean = of_block(graph, HEAD)[0]
    # A stride that moves on meets another: rounding up once instead of twice can differ by a frame.
    assert mean.in_shape[0] in ({24, 25} if place is DwStride.NEXT_BLOCK else {25})


@pytest.mark.parametrize("space", [AUDIO_2D, AUDIO_1D], ids=lambda space: space.name)
def test_architectures_have_one_key_exactly_when_their_layers_are_the_same(space: Space) -> None:
    drawn = space.sample_unique(30, 3)
    block = next(each for each in space.positions[5].blocks if each != IDENTITY)
    middles = ((IDENTITY, block, IDENTITY), (block, IDENTITY, IDENTITY), (IDENTITY, block, block))
    moved = [dataclasses.replace(a, blocks=(*a.blocks[:5], *three, *a.blocks[8:])) for a in drawn for three in middles]
    layers = [tuple(dataclasses.replace(layer, block=HEAD) for layer in build_graph(a).layers) for a in moved]
    keys = [network_key(a) for a in moved]
    assert keys[0] == keys[1] != keys[2]
    for i, key in enumerate(keys):
        assert [key == other for other in keys] == [layers[i] == other for other in layers]

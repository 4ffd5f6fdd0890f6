"""Which part of the shared weights a layer takes."""

from __future__ import annotations

import numpy as np
import pytest

from search.networks.architecture import IDENTITY, Architecture, Block
from search.networks.blocks import BlockType
from search.networks.graph import build_graph
from search.networks.layers import Conv, DepthwiseConv
from search.networks.space import Space
from search.networks.spaces import AUDIO_1D, AUDIO_2D, SPACES, TABLE_2
from search.supernet.sharing import names_of, shared_weights, steps_of


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_every_layer_of_every_architecture_fits_into_its_shared_weight(space: Space) -> None:
    weights = shared_weights(space, 9)
    for architecture in space.sample_unique(200, seed=4):
        for step in steps_of(architecture, build_graph(architecture, 9), weights):
            if step.name is None:
                continue
            whole, layer = weights[step.name], step.layer
            assert layer.out_shape[-1] <= whole.n_out
            if isinstance(layer, Conv | DepthwiseConv):
                assert layer.kernel in whole.kernels
                ends = [at + width for at, width in zip(step.crop, layer.kernel, strict=True)]
                assert min(step.crop) >= 0
                assert all(end <= size for end, size in zip(ends, whole.kernel, strict=True))


@pytest.mark.parametrize(
    ("place", "kernel", "crop"),
    [
        # Time has 196 cells and a stride of 2 there, frequency 40 and none.
        (1, 3, (1, 1)),
        (1, 4, (0, 1)),
        # Time 49 and frequency 40, both with a stride of 2: odd and even.
        (3, 3, (1, 1)),
        (3, 4, (1, 0)),
        (4, 3, (1, 1)),
        (4, 4, (1, 1)),
    ],
)
def test_a_smaller_kernel_is_cut_out_where_the_padding_of_its_own_size_puts_it(
    place: int, kernel: int, crop: tuple[int, int]
) -> None:
    kinds = {1: BlockType.KXK, 3: BlockType.MOBILENET_V1, 4: BlockType.MOBILENET_V1}
    blocks = list(TABLE_2.blocks)
    blocks[place - 1] = Block(kinds[place], kernel, 24)
    architecture = Architecture(AUDIO_2D.name, tuple(blocks), TABLE_2.options)
    steps = steps_of(architecture, build_graph(architecture, 9), shared_weights(AUDIO_2D, 9))
    first = next(step for step in steps if step.layer.block == place)
    assert first.crop == crop


def test_kinds_of_block_at_one_place_share_nothing_and_the_same_kind_all() -> None:
    one = TABLE_2
    blocks = list(one.blocks)
    blocks[3] = Block(BlockType.MOBILENET_V2, 3, 32)
    other = Architecture(one.space, tuple(blocks), one.options)
    names = [{name for name in names_of(each, build_graph(each, 9)) if name} for each in (one, other)]
    only = names[0] ^ names[1]
    assert {name[:7] for name in only} == {"block04"}
    assert all(name in names[0] & names[1] for name in names[0] if not name.startswith("block04"))


def test_identity_has_no_weights_and_the_head_reads_what_is_left() -> None:
    architecture = Architecture(
        AUDIO_1D.name,
        tuple(
            IDENTITY if BlockType.IDENTITY in position.types else Block(position.types[0], 3, min(position.filters))
            for position in AUDIO_1D.positions
        ),
        AUDIO_1D.default_options,
    )
    graph = build_graph(architecture, 9)
    weights = shared_weights(AUDIO_1D, 9)
    assert all(not (name or "").startswith("block12") for name in names_of(architecture, graph))
    head = next(step for step in steps_of(architecture, graph, weights) if step.name == "head_1")
    assert head.layer.in_shape[-1] < weights["head_1"].n_in == max(AUDIO_1D.positions[-1].filters)


def test_a_pass_draws_identity_as_often_as_any_other_kind() -> None:
    from search.supernet.sampling import random_architecture

    rng = np.random.default_rng(3)
    drawn = [random_architecture(AUDIO_2D, rng).blocks[5].type for _ in range(4000)]
    shares = {kind: drawn.count(kind) / 4000 for kind in AUDIO_2D.positions[5].types}
    assert all(abs(share - 0.25) < 0.03 for share in shares.values())

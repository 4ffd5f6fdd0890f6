"""The two-dimensional space and drawing from it."""

from __future__ import annotations

import dataclasses
import math
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import OutsideSpace, SpaceExhausted, UnknownSpace
from search.networks.architecture import IDENTITY, Architecture, Block
from search.networks.blocks import BlockType
from search.networks.space import Position, Space
from search.networks.spaces import AUDIO_1D, AUDIO_2D, TABLE_2, space_named

TINY = Space("tiny", (4, 4, 1), (Position((1, 1), (BlockType.KXK,), (1, 3), (8, 16)),) * 2, 4, 2)


def test_every_block_has_the_number_of_options_of_the_definition() -> None:
    assert AUDIO_2D.n_options == (9, 9, 27, 28, 27, 10, 10, 10, 10, 12, 10, 13)
    assert AUDIO_2D.size == math.prod(AUDIO_2D.n_options)


def test_no_block_is_listed_twice_at_a_position() -> None:
    for position in AUDIO_2D.positions:
        assert len(set(position.blocks)) == len(position.blocks)


def test_table_2_is_in_the_space() -> None:
    AUDIO_2D.validate(TABLE_2)
    assert AUDIO_2D.contains(TABLE_2)


@given(st.integers(0, 2**63))
def test_what_is_drawn_is_in_the_space(seed: int) -> None:
    AUDIO_2D.validate(AUDIO_2D.sample(np.random.default_rng(seed)))


def test_drawing_is_uniform_at_every_position() -> None:
    rng = np.random.default_rng(5)
    n = 6000
    drawn = [AUDIO_2D.sample(rng).blocks for _ in range(n)]
    for i, position in enumerate(AUDIO_2D.positions):
        counts = Counter(blocks[i] for blocks in drawn)
        expected = n / len(position.blocks)
        tolerance = 5 * math.sqrt(expected)
        assert all(abs(counts[block] - expected) < tolerance for block in position.blocks)


def test_a_shorter_list_is_the_beginning_of_a_longer_one() -> None:
    longer = AUDIO_2D.sample_unique(300, seed=7)
    assert AUDIO_2D.sample_unique(40, seed=7) == longer[:40]
    assert AUDIO_2D.sample_unique(40, seed=8) != longer[:40]


def test_the_first_draw_of_a_seed_never_changes() -> None:
    first = AUDIO_2D.sample_unique(1, seed=0)[0]
    assert first.architecture_hash == "14039d10a9b90790a1134903283b0802cd430fea614cdd73de499befc69c90a0"


@given(st.integers(0, 2**32), st.integers(0, 16), st.integers(0, 16))
def test_a_small_space_is_drawn_without_duplicates_to_its_end(seed: int, a: int, b: int) -> None:
    few, many = sorted((a, b))
    drawn = TINY.sample_unique(many, seed)
    assert len(set(drawn)) == many
    assert drawn[:few] == TINY.sample_unique(few, seed)


def test_asking_for_more_than_there_are_says_how_many_there_are() -> None:
    with pytest.raises(SpaceExhausted) as caught:
        TINY.sample_unique(17, seed=0)
    assert "16" in caught.value.hint


def test_a_block_that_is_not_allowed_is_named_with_what_is_allowed() -> None:
    blocks = list(TABLE_2.blocks)
    blocks[3] = Block(BlockType.MOBILENET_V2, 7, 32)
    with pytest.raises(OutsideSpace) as caught:
        AUDIO_2D.validate(dataclasses.replace(TABLE_2, blocks=tuple(blocks)))
    assert "block 4 is MobileNetV2:7:32" in caught.value.problem
    assert "kernels 3 4 5" in caught.value.hint


@pytest.mark.parametrize(
    ("architecture", "problem"),
    [
        (dataclasses.replace(TABLE_2, space="tiny"), "tiny"),
        (dataclasses.replace(TABLE_2, blocks=TABLE_2.blocks[:-1]), "11 blocks"),
        (dataclasses.replace(TABLE_2, blocks=(IDENTITY, *TABLE_2.blocks[1:])), "block 1 is Identity"),
        (dataclasses.replace(TABLE_2, options=()), "dw_stride missing"),
        (dataclasses.replace(TABLE_2, options=(("dw_stride", "never"), ("pool_merge", "add"))), "dw_stride=never"),
        (dataclasses.replace(TABLE_2, options=(*TABLE_2.options, ("skip", "no"))), "option skip"),
    ],
)
def test_what_is_outside_the_space_is_refused(architecture: Architecture, problem: str) -> None:
    assert not AUDIO_2D.contains(architecture)
    with pytest.raises(OutsideSpace, match=problem):
        AUDIO_2D.validate(architecture)


def test_an_unknown_space_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownSpace) as caught:
        space_named("audio3d")
    assert "audio2d" in caught.value.hint


def test_an_error_keeps_its_hint_from_one_process_to_another() -> None:
    error = OutsideSpace("problem", "hint")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.problem, copy.hint) == (OutsideSpace, "problem", "hint")


def test_the_one_dimensional_space_has_the_options_of_the_other() -> None:
    assert AUDIO_1D.n_options == AUDIO_2D.n_options
    assert (AUDIO_1D.n_dims, AUDIO_2D.n_dims) == (1, 2)
    assert all(position.stride[1] == 1 for position in AUDIO_1D.positions)
    assert {filters for position in AUDIO_1D.positions for filters in position.filters} == {32, 40, 48, 64}


def test_neighbours_differ_in_one_block_and_are_all_there() -> None:
    neighbours = list(AUDIO_2D.neighbours(TABLE_2))
    assert len(neighbours) == len(set(neighbours)) == sum(n - 1 for n in AUDIO_2D.n_options)
    for neighbour in neighbours:
        AUDIO_2D.validate(neighbour)
        assert sum(a != b for a, b in zip(neighbour.blocks, TABLE_2.blocks, strict=True)) == 1
        assert neighbour.options == TABLE_2.options


def test_what_is_not_in_the_space_has_no_neighbours() -> None:
    with pytest.raises(OutsideSpace):
        next(AUDIO_2D.neighbours(dataclasses.replace(TABLE_2, blocks=TABLE_2.blocks[::-1])))


def test_options_are_chosen_by_name_and_the_others_keep_their_default() -> None:
    assert dict(AUDIO_2D.set_options({"pool_merge": "concat"})) == {
        "dw_stride": "after_pointwise",
        "pool_merge": "concat",
    }


@pytest.mark.parametrize(("chosen", "seen"), [({"pool": "add"}, "option pool"), ({"pool_merge": "x"}, "pool_merge=x")])
def test_an_unknown_option_is_refused(chosen: dict[str, str], seen: str) -> None:
    with pytest.raises(OutsideSpace) as caught:
        AUDIO_2D.set_options(chosen)
    assert seen in caught.value.problem

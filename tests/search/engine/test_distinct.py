"""Proposals that are taken are moved."""

from __future__ import annotations

import numpy as np
import pytest
from engine_specimens import NINE, SMALL

from search.engine.distinct import untaken
from search.engine.encoding import key
from search.errors import SpaceExhausted

RNG = np.random.default_rng


def test_what_is_not_taken_stays() -> None:
    codes = SMALL.random(RNG(0))
    assert untaken(codes, {key(SMALL.random(RNG(1)))}, SMALL, RNG(2)) is codes


def test_what_is_taken_moves_to_an_untaken_neighbour() -> None:
    codes = SMALL.random(RNG(0))
    neighbours = SMALL.neighbours(codes)
    taken = {key(codes), *(key(row) for row in neighbours[:-3])}
    moved = {key(untaken(codes, taken, SMALL, RNG(seed))) for seed in range(40)}
    assert moved == {key(row) for row in neighbours[-3:]}


def test_with_all_neighbours_taken_it_goes_further_away() -> None:
    codes = SMALL.random(RNG(0))
    taken = {key(codes), *(key(row) for row in SMALL.neighbours(codes))}
    assert key(untaken(codes, taken, SMALL, RNG(1))) not in taken


def test_the_last_free_architecture_is_found() -> None:
    everything = list(SMALL.in_order_from(np.zeros(4, dtype=np.int64)))
    taken = set(everything) - {(8, 7, 6, 5)}
    assert key(untaken(np.zeros(4, dtype=np.int64), taken, SMALL, RNG(1))) == (8, 7, 6, 5)


def test_a_space_without_free_architectures_is_exhausted() -> None:
    taken = {(i,) for i in range(9)}
    with pytest.raises(SpaceExhausted) as caught:
        untaken(np.array([3]), taken, NINE, RNG(0))
    assert "all 9 architectures" in caught.value.problem

"""Architectures as the parameters of trials, and back."""

from __future__ import annotations

import numpy as np
import pytest
from engine_specimens import AUDIO, NINE, SMALL
from hypothesis import given
from hypothesis import strategies as st

from search.engine.encoding import Encoding, key, params_of
from search.errors import OutsideSpace
from search.networks.spaces import AUDIO_1D, AUDIO_2D, TABLE_2


@given(st.integers(0, 2**32))
def test_parameters_give_back_their_architecture(seed: int) -> None:
    architecture = AUDIO_2D.sample(np.random.default_rng(seed))
    assert Encoding(AUDIO_2D, architecture.options).architecture(params_of(architecture)) == architecture


def test_the_parameters_are_the_texts_of_the_blocks() -> None:
    params = params_of(TABLE_2)
    assert next(iter(params)) == "b01"
    assert list(params)[-1] == "b12"
    assert params["b01"] == "KxK:5:8"
    assert params["b07"] == "Identity"


def test_every_block_of_a_position_is_a_choice() -> None:
    for distribution, position in zip(AUDIO.distributions.values(), AUDIO_2D.positions, strict=True):
        assert distribution.choices == tuple(block.text for block in position.blocks)  # type: ignore[attr-defined]


def test_options_of_the_study_are_those_of_its_architectures() -> None:
    encoding = Encoding(AUDIO_2D, AUDIO_2D.set_options({"pool_merge": "concat"}))
    assert encoding.architecture(params_of(TABLE_2)).option("pool_merge") == "concat"
    assert AUDIO.architecture(params_of(TABLE_2)) == TABLE_2


def test_parameters_of_another_space_are_refused_by_name() -> None:
    params = params_of(AUDIO_1D.sample(np.random.default_rng(0)))
    with pytest.raises(OutsideSpace) as caught:
        AUDIO.architecture({**params, "b01": "KxK:3:48"})
    assert "b01 is KxK:3:48" in caught.value.problem
    assert "filters 8 16 24" in caught.value.hint


def test_missing_parameters_are_named() -> None:
    params = params_of(TABLE_2)
    del params["b03"]
    with pytest.raises(OutsideSpace) as caught:
        AUDIO.architecture(params)
    assert "b03" in caught.value.problem


def test_neighbours_differ_in_one_block_each() -> None:
    codes = AUDIO.codes(params_of(TABLE_2))
    neighbours = AUDIO.neighbours(codes)
    assert len(neighbours) == sum(AUDIO_2D.n_options) - 12
    assert ((neighbours != codes).sum(axis=1) == 1).all()
    assert {AUDIO.decoded(row) for row in neighbours} == set(AUDIO_2D.neighbours(TABLE_2))


def test_the_order_from_an_architecture_begins_with_it_and_has_every_other_once() -> None:
    start = SMALL.random(np.random.default_rng(1))
    rows = list(SMALL.in_order_from(start))
    assert rows[0] == key(start)
    assert len(rows) == len(set(rows)) == SMALL.space.size
    assert len(list(NINE.in_order_from(np.array([4])))) == 9

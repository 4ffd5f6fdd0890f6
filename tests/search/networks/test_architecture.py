"""Architectures as text, hash and flat parameters."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import BadText
from search.networks.architecture import IDENTITY, Architecture, Block, parse
from search.networks.blocks import BlockType
from search.networks.spaces import TABLE_2

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
working_types = st.sampled_from([kind for kind in BlockType if kind is not BlockType.IDENTITY])
blocks = st.just(IDENTITY) | st.builds(Block, working_types, st.integers(1, 99), st.integers(1, 9999))
architectures = st.builds(
    Architecture,
    names,
    st.lists(blocks, min_size=1, max_size=20).map(tuple),
    st.dictionaries(names, names, max_size=3).map(lambda options: tuple(options.items())),
)


@given(architectures)
def test_parsing_the_text_gives_the_architecture_back(architecture: Architecture) -> None:
    assert parse(architecture.text) == architecture
    assert parse(architecture.text).architecture_hash == architecture.architecture_hash


@given(architectures, architectures)
def test_different_architectures_have_different_texts(a: Architecture, b: Architecture) -> None:
    assert (a.text == b.text) == (a == b)


def test_the_hash_of_table_2_never_changes() -> None:
    expected = "ae63f697800ff4d7b638e373b69681a4082862b72b041e2b9c93396b769ed2fa"
    assert TABLE_2.architecture_hash == expected


def test_the_text_is_one_shell_word() -> None:
    assert TABLE_2.text.startswith("audio2d,dw_stride=after_pointwise,pool_merge=add,KxK:5:8,1xK-Kx1-DW:3:24,")
    assert not set(TABLE_2.text) & set(" \t\n\"'$&;|<>()*?[]\\`!#")


def test_options_have_one_order() -> None:
    one = Architecture("s", (IDENTITY,), (("a", "x"), ("b", "y")))
    other = Architecture("s", (IDENTITY,), (("b", "y"), ("a", "x")))
    assert one == other
    assert one.text == other.text


def test_identity_has_parameters_of_zero() -> None:
    params = TABLE_2.to_params()
    assert (params["b07_type"], params["b07_kernel"], params["b07_filters"]) == ("Identity", 0, 0)
    assert len(params) == 1 + 2 + 3 * 12


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("audio2d,KxK:5", "KxK:5"),
        ("audio2d,KxQ:5:8", "KxQ"),
        ("audio2d,KxK:0:8", "KxK:0:8"),
        ("audio2d,KxK:+5:8", "KxK:+5:8"),
        ("audio2d,Identity:0:0", "Identity:0:0"),
        ("audio2d,KxK:5:8,dw_stride=x", "dw_stride=x"),
        ("audio2d,,KxK:5:8", "''"),
        ("Audio 2d,KxK:5:8", "Audio 2d"),
        ("audio2d,a=b,a=c,KxK:5:8", "a, a"),
        ("", "''"),
    ],
)
def test_a_text_that_is_no_architecture_is_refused_with_its_bad_part(text: str, named: str) -> None:
    with pytest.raises(BadText) as caught:
        parse(text)
    assert named in caught.value.problem
    assert caught.value.hint


def test_an_identity_with_filters_cannot_be_made() -> None:
    with pytest.raises(BadText):
        dataclasses.replace(IDENTITY, filters=8)


def test_a_number_of_thousands_of_digits_is_no_block() -> None:
    with pytest.raises(BadText, match="is not a block"):
        parse(f"audio2d,KxK:{'9' * 5000}:8")

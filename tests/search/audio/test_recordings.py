"""Which recording a file is a piece of, and how recordings are split."""

from __future__ import annotations

import pytest

from search.audio.recordings import SPLITS, RecordingRule, joined, shared_recordings, split_recordings
from search.errors import DataBroken


@pytest.mark.parametrize(
    ("stem", "recording"),
    [
        ("street_01", "street"),
        ("street-12", "street"),
        ("street.3", "street"),
        ("street (copy) 4", "street (copy)"),
        ("street_part2", "street"),
        ("street-chunk_007", "street"),
        ("0a7c2a8d_nohash_0", "0a7c2a8d_nohash"),
        ("7_jackson_32", "7_jackson"),
        ("b0RFKhbpFJA_30", "b0RFKhbpFJA"),
        ("001", "001"),
        ("2024-05", "2024"),
        ("_12", "_12"),
        ("dog7", "dog7"),
        ("dog", "dog"),
    ],
)
def test_a_number_that_is_set_off_at_the_end_of_a_name_is_a_piece(stem: str, recording: str) -> None:
    assert RecordingRule().recording_of(stem) == recording


def test_an_expression_gives_its_first_group_or_all_of_it() -> None:
    assert RecordingRule("_([a-z]+)_").recording_of("7_jackson_32") == "jackson"
    assert RecordingRule("[a-z]+").recording_of("7_jackson_32") == "jackson"
    assert RecordingRule("(.+)").recording_of("7_jackson_32") == "7_jackson_32"


@pytest.mark.parametrize("pattern", ["(", "[", "*", "(?P<a"])
def test_what_is_no_expression_is_said(pattern: str) -> None:
    with pytest.raises(DataBroken, match="no regular expression") as caught:
        RecordingRule(pattern)
    assert "(.+)" in caught.value.hint


@pytest.mark.parametrize(("pattern", "stem"), [("x(.)", "abc"), ("a(x)?", "abc"), ("a()", "abc")])
def test_a_name_in_which_the_expression_finds_nothing_is_said(pattern: str, stem: str) -> None:
    with pytest.raises(DataBroken, match="'abc'"):
        RecordingRule(pattern).recording_of(stem)


def test_every_class_stands_in_every_split_and_a_tenth_is_held_out_twice() -> None:
    of_class = {"a": [f"a{i}" for i in range(100)], "b": [f"b{i}" for i in range(3)]}
    split_of = split_recordings(of_class)
    counts = [sum(split_of[each] == split for each in of_class["a"]) for split in SPLITS]
    assert counts == [80, 10, 10]
    assert sorted(split_of[each] for each in of_class["b"]) == sorted(SPLITS)
    again = split_recordings({"b": of_class["b"][::-1], "a": of_class["a"][::-1]})
    assert again == split_of, "whatever the order"


def test_a_recording_of_several_classes_goes_to_one_split() -> None:
    both = [f"both{i}" for i in range(10)]
    split_of = split_recordings({"a": [*both, "a1", "a2"], "b": [*both, "b1", "b2", "b3"]})
    assert len(split_of) == 15
    for name in ("a", "b"):
        own = {split for recording, split in split_of.items() if recording in both or recording.startswith(name)}
        assert own == set(SPLITS)


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_recordings_are_refused_with_how_many_are_needed(n: int) -> None:
    with pytest.raises(DataBroken, match=f"b has {n}") as caught:
        split_recordings({"a": ["1", "2", "3"], "b": ["x", "y", "z"][:n]})
    assert "needs 3 recordings" in caught.value.hint
    assert "--recording" in caught.value.hint


def test_copies_are_one_recording_through_any_number_of_them() -> None:
    assert joined(["a", "b", "c", "d"], ["1", "2", "3", "4"]) == ["a", "b", "c", "d"]
    assert len(set(joined(["a", "b", "b", "c", "d"], ["1", "1", "2", "2", "3"]))) == 2


def test_recordings_on_two_sides_are_named_with_the_sides() -> None:
    assert shared_recordings([("a", "test"), ("b", "train"), ("a", "train")]) == [("a", ("train", "test"))]

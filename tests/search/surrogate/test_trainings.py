"""The table of trainings, as a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from surrogate_specimens import made_up_table, made_up_trainings

from search.errors import BadTrainings, StableSearchError
from search.surrogate.trainings import merged, read_trainings, write_trainings


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = made_up_trainings(5)
    write_trainings(tmp_path / "t.csv", table)
    read = read_trainings(tmp_path / "t.csv")
    assert replace(read, rows=()) == replace(table, rows=())
    assert [row.architecture for row in read.rows] == [row.architecture for row in table.rows]
    for ours, theirs in zip(read.rows, table.rows, strict=True):
        assert ours.curve == pytest.approx(theirs.curve, abs=1e-5)
        assert ours.accuracy == pytest.approx(theirs.accuracy, abs=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"format": 1', '"format": 2', "format 2"),
        ("# {", "", "does not begin"),
        ('"audio2d"', '"audio9d"', "audio9d"),
        ("MobileNetV1", "MobileNetV9", "row 1"),
        (",0.5 ", ",", "row 1.*: 5 evaluations instead of 6"),
        (",0.5 ", ",1.5 ", "row 1.*: 1.5 is not in 0..1"),
        ("training_seed", "seed", "row 1"),
    ],
)
def test_what_is_no_table_is_refused_with_the_row(tmp_path: Path, old: str, new: str, why: str) -> None:
    path = made_up_table(tmp_path / "t.csv", 3)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(StableSearchError, match=why) as caught:
        read_trainings(path)
    assert caught.value.hint


def test_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadTrainings, match="cannot be read"):
        read_trainings(tmp_path / "none.csv")


def test_tables_are_merged_only_when_they_go_together() -> None:
    table = made_up_trainings(3)
    others = made_up_trainings(3, seed=4)
    assert len(merged([table, others, table]).rows) == 6
    with pytest.raises(BadTrainings, match="differ"):
        merged([table, replace(table, data="other")])
    with pytest.raises(BadTrainings, match="no table"):
        merged([])

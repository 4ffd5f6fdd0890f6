"""What a table of measurements must have to be learnt from."""

from dataclasses import replace

import numpy as np
import pytest
from made_rows import made_rows

from predictor.errors import BadTable, OneArchitecture, TooFewRows
from predictor.table import FeatureTable, Target, check_complete, check_learnable


def test_numbers_become_numeric_and_anything_else_categorical() -> None:
    table = FeatureTable.of({"a": [1, 2.5, None], "b": ["x", "y", None], "c": [True, False, True]})
    assert [table.is_categorical(name) for name in "abc"] == [False, True, False]
    assert np.isnan(table.columns["a"][2])
    assert table.columns["b"][2] == ""


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(BadTable, match="different lengths"):
        FeatureTable.of({"a": [1, 2], "b": [1]})


def test_a_table_without_columns_is_refused() -> None:
    with pytest.raises(BadTable, match="no feature column"):
        FeatureTable({})


def test_missing_and_infinite_features_are_named_with_their_rows() -> None:
    table = FeatureTable.of({"a": [1.0, np.inf, np.nan], "b": ["x", "", "y"], "c": [1, 2, 3]})
    with pytest.raises(BadTable) as caught:
        check_complete(table)
    assert "a in rows 2, 3" in caught.value.problem
    assert "b in row 2" in caught.value.problem
    assert "c in" not in caught.value.problem


def test_an_unknown_column_is_named_with_those_there_are() -> None:
    with pytest.raises(BadTable, match="no column z") as caught:
        made_rows().features.select(["width", "z"])
    assert "kind, width, depth, flops" in caught.value.hint


def test_too_few_architectures_are_refused_however_many_visits_they_had() -> None:
    rows = made_rows(29, repeat_frac=1.0)
    with pytest.raises(TooFewRows, match="29 architectures"):
        check_learnable(rows)
    check_learnable(made_rows(30))


def test_many_visits_of_one_architecture_are_refused() -> None:
    rows = made_rows(100)
    with pytest.raises(OneArchitecture, match="one architecture"):
        check_learnable(replace(rows, groups=np.zeros(rows.n_rows, np.intp)))


def test_architectures_that_no_feature_tells_apart_are_refused() -> None:
    rows = made_rows(100)
    same = FeatureTable({name: np.repeat(column[:1], rows.n_rows) for name, column in rows.features.columns.items()})
    with pytest.raises(OneArchitecture, match="no feature differs"):
        check_learnable(replace(rows, features=same))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_target_that_is_not_finite_is_refused(bad: float) -> None:
    rows = made_rows(100)
    values = rows.values.copy()
    values[3] = bad
    with pytest.raises(BadTable, match="1 rows have no finite energy_mj"):
        check_learnable(replace(rows, values=values))


def test_equal_targets_are_refused() -> None:
    rows = made_rows(100)
    with pytest.raises(BadTable, match="the same energy_mj"):
        check_learnable(replace(rows, values=np.ones(rows.n_rows)))


@pytest.mark.parametrize(("name", "unit"), [("energy_mj", "mJ"), ("latency_ms", "ms"), ("pixel3", "")])
def test_the_unit_of_a_target_follows_from_its_name(name: str, unit: str) -> None:
    assert Target.named(name).unit == unit
    assert Target.named(name, "W").unit == "W"


def test_the_hash_changes_with_every_part_of_the_data() -> None:
    rows = made_rows(50)
    other = rows.values.copy()
    other[0] += 1e-9
    columns = dict(rows.features.columns)
    columns["kind"] = np.roll(columns["kind"], 1)
    changed = [
        replace(rows, values=other),
        replace(rows, features=FeatureTable(columns)),
        replace(rows, groups=rows.groups[::-1].copy()),
        replace(rows, row_ids=rows.row_ids + 1),
        replace(rows, latencies_ms=None),
    ]
    assert len({rows.sha256, *(one.sha256 for one in changed)}) == len(changed) + 1
    assert rows.sha256 == made_rows(50).sha256

"""Turning tables into the matrix of a model."""

import numpy as np
import pytest

from predictor.errors import BadTable
from predictor.schema import UNSEEN, FeatureSchema
from predictor.table import FeatureTable

TABLE = FeatureTable.of({"kind": ["b", "a", "c"], "width": [1.0, 3.0, 2.0]}, {"width": "size"})
SCHEMA = FeatureSchema.of(TABLE)


def test_categories_become_their_number_and_numbers_stay() -> None:
    assert SCHEMA.encode(TABLE).tolist() == [[1, 1], [0, 3], [2, 2]]


def test_the_order_of_a_tables_columns_does_not_matter_and_others_are_ignored() -> None:
    other = FeatureTable.of({"more": [9.0], "width": [5.0], "kind": ["c"]})
    assert SCHEMA.encode(other).tolist() == [[2, 5]]


def test_a_category_that_was_never_measured_is_refused_with_those_that_were() -> None:
    with pytest.raises(BadTable, match="kind is 'd' in row 2") as caught:
        SCHEMA.encode(FeatureTable.of({"kind": ["a", "d"], "width": [1, 1]}))
    assert "a, b, c" in caught.value.hint


def test_numbers_where_categories_were_learnt_are_refused() -> None:
    with pytest.raises(BadTable, match="has numbers"):
        SCHEMA.encode(FeatureTable.of({"kind": [1, 2], "width": [1, 1]}))


def test_rows_beyond_what_was_measured_are_marked() -> None:
    table = FeatureTable.of({"kind": ["a", "a", "a"], "width": [0.9, 1.0, 3.1]})
    assert SCHEMA.outside(table).tolist() == [True, False, True]


def test_a_schema_survives_json() -> None:
    import json

    again = FeatureSchema.from_plain(json.loads(json.dumps(SCHEMA.as_plain())))
    assert again == SCHEMA
    assert np.array_equal(again.encode(TABLE), SCHEMA.encode(TABLE))


def test_a_category_that_was_never_measured_is_marked_and_is_none_of_those_that_were() -> None:
    table = FeatureTable.of({"kind": ["a", "d", "c"], "width": [2, 2, 2]})
    assert SCHEMA.encode(table, unseen=True).tolist() == [[0, 2], [UNSEEN, 2], [2, 2]]
    assert SCHEMA.outside(table).tolist() == [False, True, False]

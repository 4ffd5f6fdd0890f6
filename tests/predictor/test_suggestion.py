"""What to measure next: far from what is known, without asking twice."""

import numpy as np
import pytest
from made_rows import made_rows

from predictor.errors import BadTable
from predictor.suggestion import SPACE_FILLING_UNTIL, k_center, standardised, suggest, tree_sd
from predictor.table import FeatureTable


def line(*values: float) -> FeatureTable:
    return FeatureTable.of({"x": list(values)})


def test_each_choice_is_the_farthest_from_all_before_it() -> None:
    points = np.array([[0.0], [1.0], [2.0], [10.0]])
    assert k_center(points, np.array([[0.0]]), 3).tolist() == [3, 2, 1]


def test_nothing_is_chosen_twice_even_when_candidates_look_alike() -> None:
    assert sorted(k_center(np.zeros((5, 2)), np.zeros((1, 2)), 5).tolist()) == [0, 1, 2, 3, 4]


def test_a_longer_list_begins_with_the_shorter_one() -> None:
    points = np.random.default_rng(0).normal(size=(200, 3))
    assert k_center(points, points[:0], 50)[:20].tolist() == k_center(points, points[:0], 20).tolist()


def test_what_is_measured_is_kept_away_from() -> None:
    found = suggest(line(0.0, 1.0, 2.0), None, line(0.1, 1.1, 9.0, 2.1), 1, seed=0)
    assert found.chosen.tolist() == [2]
    assert found.method == "space-filling"


def test_only_the_named_columns_span_the_space() -> None:
    measured = FeatureTable.of({"x": [0.0], "y": [0.0]})
    candidates = FeatureTable.of({"x": [5.0, 0.0], "y": [0.0, 50.0]})
    assert suggest(measured, None, candidates, 1, 0, ["x"]).chosen.tolist() == [0]
    assert suggest(measured, None, candidates, 1, 0, ["y"]).chosen.tolist() == [1]


def test_two_categories_are_one_apart_and_numbers_have_unit_variance() -> None:
    points = standardised(None, FeatureTable.of({"kind": ["a", "b", "a"], "x": [1.0, 5.0, 9.0], "same": [2, 2, 2]}))
    assert np.linalg.norm(points[0, :2] - points[1, :2]) == pytest.approx(1.0)
    assert points[:, 2].std() == pytest.approx(1.0)
    assert points.shape == (3, 3)


def test_with_many_rows_the_forest_is_asked_where_it_is_unsure() -> None:
    rows = made_rows(SPACE_FILLING_UNTIL, repeat_frac=0)
    candidates = made_rows(400, seed=9, repeat_frac=0).features
    found = suggest(rows.features, rows, candidates, 20, seed=1, method="variance")
    assert found.method == "variance with diversity"
    deviations = tree_sd(rows, candidates, seed=1)
    assert deviations[found.chosen].min() >= np.sort(deviations)[-100]
    assert len(set(found.chosen.tolist())) == 20


def test_a_category_that_was_never_measured_can_be_suggested() -> None:
    rows = made_rows(SPACE_FILLING_UNTIL, repeat_frac=0)
    new = made_rows(40, seed=9, repeat_frac=0).features
    columns = {**new.columns, "kind": np.repeat("z", 40)}
    assert len(suggest(rows.features, rows, FeatureTable(columns), 5, seed=1, method="variance").chosen) == 5


def test_more_than_there_are_candidates_is_refused() -> None:
    with pytest.raises(BadTable, match="2 candidates, fewer than the 3"):
        suggest(None, None, line(1.0, 2.0), 3, seed=0)


def test_with_few_rows_the_space_is_filled_whatever_is_asked_for() -> None:
    rows = made_rows(SPACE_FILLING_UNTIL - 1, repeat_frac=0)
    candidates = made_rows(50, seed=9, repeat_frac=0).features
    assert suggest(rows.features, rows, candidates, 5, seed=1, method="variance").method == "space-filling"

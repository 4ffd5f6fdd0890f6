"""Trees of a model file that would lead scikit-learn out of its arrays."""

from typing import Any

import numpy as np
import pytest
from made_rows import made_rows

from predictor.predictor import fit_model
from predictor.schema import FeatureSchema
from predictor.sound_trees import trees_are_sound

ROWS = made_rows(60)


def regressor(recipe: str) -> Any:
    return fit_model(recipe, FeatureSchema.of(ROWS.features), ROWS, 1).pipeline["model"]


@pytest.mark.parametrize("recipe", ["random-forest", "gradient-boosting", "ridge"])
def test_what_was_fitted_is_sound(recipe: str) -> None:
    assert trees_are_sound(regressor(recipe), 6)


@pytest.mark.parametrize(("field", "number"), [("left_child", 10**6), ("right_child", 0), ("feature", 99)])
def test_a_forest_that_leads_out_of_its_arrays_is_not(field: str, number: int) -> None:
    forest = regressor("random-forest")
    tree = forest.estimators_[3].tree_
    state = tree.__getstate__()
    state["nodes"][field][0] = number
    tree.__setstate__(state)
    assert not trees_are_sound(forest, 6)


@pytest.mark.parametrize(
    ("field", "number"), [("left", 10**6), ("right", 0), ("feature_idx", 99), ("is_categorical", 1)]
)
def test_boosted_trees_that_lead_out_of_their_arrays_are_not(field: str, number: int) -> None:
    boosting = regressor("gradient-boosting")
    nodes = boosting._predictors[5][0].nodes.copy()
    nodes[field][0] = number
    boosting._predictors[5][0].nodes = nodes
    assert not trees_are_sound(boosting, 6)


def test_a_tree_without_nodes_is_not() -> None:
    boosting = regressor("gradient-boosting")
    boosting._predictors[0][0].nodes = np.empty(0, boosting._predictors[0][0].nodes.dtype)
    assert not trees_are_sound(boosting, 6)

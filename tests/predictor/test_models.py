"""Asking fitted pipelines."""

from __future__ import annotations

import numpy as np
import pytest
from made_rows import made_rows

from predictor.errors import BadTable
from predictor.models import RECIPES, ModelRecipe, fit_pipeline, predict_with
from predictor.predictor import fit_model
from predictor.schema import FeatureSchema
from predictor.table import FeatureTable


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("columns", [("kind", "width", "depth"), ("width", "depth"), ("kind",)])
def test_one_row_or_many_get_the_numbers_of_scikit_learn(recipe: ModelRecipe, columns: tuple[str, ...]) -> None:
    rows = made_rows(150)
    schema = FeatureSchema.of(rows.features.select(columns))
    matrix = schema.encode(rows.features)
    pipeline = fit_pipeline(recipe, schema, matrix, rows.values, 3, 1)
    assert predict_with(pipeline, matrix).tolist() == pipeline.predict(matrix).tolist()
    assert predict_with(pipeline, matrix[5:6]).tolist() == pipeline.predict(matrix[5:6]).tolist()


def test_a_category_that_the_fold_lacked_is_no_trouble() -> None:
    rows = made_rows(150)
    schema = FeatureSchema.of(rows.features)
    matrix = schema.encode(rows.features)
    without = matrix[:, schema.names.index("kind")] != 2
    pipeline = fit_pipeline(RECIPES[0], schema, matrix[without], rows.values[without], 3, 1)
    assert np.isfinite(predict_with(pipeline, matrix[~without])).all()


@pytest.mark.parametrize("recipe", [recipe.name for recipe in RECIPES])
def test_a_category_that_was_never_measured_is_predicted_from_the_other_columns(recipe: str) -> None:
    rows = made_rows(120)
    model = fit_model(recipe, FeatureSchema.of(rows.features), rows, 1)
    few = rows.features.take(np.arange(5))
    strange = FeatureTable({**few.columns, "kind": np.array(["z"] * 5)}, few.families)
    with pytest.raises(BadTable, match="never measured"):
        model.expected(strange)
    predicted = model.expected(strange, unseen=True)
    np.testing.assert_allclose(predicted, model.pipeline.predict(model.schema.encode(strange, unseen=True)), rtol=1e-6)
    np.testing.assert_allclose(predicted, model.expected(few), rtol=0.6)

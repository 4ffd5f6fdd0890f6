"""Models on rows with a known truth: near the ceiling, tested on architectures that they never saw."""

from dataclasses import replace

import numpy as np
import pytest
from made_rows import made_rows

from predictor.errors import TooFewRows, UnknownRecipe
from predictor.evaluation import evaluate, fit_predictor
from predictor.models import RECIPES
from predictor.report import FitPlan, make_report
from predictor.split import held_out
from predictor.table import FeatureTable


@pytest.mark.parametrize("recipe", [recipe.name for recipe in RECIPES])
def test_every_model_learns_what_there_is_to_learn(recipe: str) -> None:
    rows = made_rows(300)
    evaluation = evaluate(recipe, rows, seed=1)
    assert evaluation.noise is not None
    assert 0.9 < evaluation.test.r2 < 1
    assert evaluation.test.rmse < 3 * evaluation.noise.sd
    assert 0.8 < evaluation.coverage.frac <= 1


def test_nothing_can_be_learnt_from_noise_and_the_score_says_so() -> None:
    rows = made_rows(200, repeat_frac=0)
    shuffled = np.random.default_rng(3).permutation(rows.values)
    evaluation = evaluate("random-forest", replace(rows, values=shuffled), seed=1)
    assert evaluation.test.r2 < 0.2
    assert evaluation.folds.mean.r2 < 0.2


def test_the_test_visits_are_of_architectures_that_no_fold_saw() -> None:
    rows = made_rows(100, repeat_frac=1.0)
    split = evaluate("ridge", rows, seed=2).split
    assert not set(rows.groups[split.train]) & set(rows.groups[split.test])


def test_the_same_seed_gives_the_same_figures_and_predictions() -> None:
    rows = made_rows(100)
    first, again = (evaluate("random-forest", rows, seed=5) for _ in range(2))
    assert (first.test, first.folds, first.band) == (again.test, again.folds, again.band)
    predictors = [fit_predictor(one, rows, seed=5) for one in (first, again)]
    values = [predictor.predict(rows.features).values for predictor in predictors]
    assert np.array_equal(*values)


def test_the_kept_predictor_has_seen_all_rows() -> None:
    rows = made_rows(100, noise_frac=0.0, repeat_frac=0)
    evaluation = evaluate("gradient-boosting", rows, seed=1)
    kept = fit_predictor(evaluation, rows, seed=1).predict(rows.features)
    test = evaluation.split.test
    assert np.mean((kept.values - rows.values)[test] ** 2) < np.mean((evaluation.predicted - rows.values[test]) ** 2)
    assert np.all(kept.low < kept.values)
    assert np.all(kept.values < kept.high)


def test_too_few_rows_are_refused_before_anything_is_fitted() -> None:
    with pytest.raises(TooFewRows):
        evaluate("random-forest", made_rows(12), seed=1)


def test_an_unknown_model_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownRecipe, match="perceptron") as caught:
        evaluate("perceptron", made_rows(50), seed=1)
    assert "random-forest, ridge" in caught.value.hint


def test_a_category_that_only_held_out_rows_have_is_no_trouble_and_no_size_is_tried_twice() -> None:
    rows = made_rows(50, repeat_frac=0)
    kind = rows.features.columns["kind"].astype(object)
    kind[held_out(rows.groups, seed=1).test[0]] = "winograd"
    rare = replace(rows, features=FeatureTable({**rows.features.columns, "kind": kind.astype(str)}))
    report = make_report(rare, FitPlan(seed=1))
    assert "winograd" in report.predictor.model.schema.columns[0].levels
    assert [point.n_architectures for point in report.curve] == [40]

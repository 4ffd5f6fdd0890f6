"""The models behind one interface: each a scikit-learn pipeline over the matrix of a `FeatureSchema`.

| name | what | when |
|---|---|---|
| random-forest | 100 trees, leaves of 3 or more, 40 % of the columns at each split | the paper's model; the default |
| ridge | linear in one-hot columns and numbers, penalty by leave-one-out | few rows; costs that add up |
| gaussian-process | linear and smooth kernel, on at most 2,000 rows | few rows |
| gradient-boosting | scikit-learn's histogram boosting, shallow trees | many rows |

Speckhard et al. (2023) state a forest of 100 trees. Trying 40 % of the columns at each split is ours: it is
better on every table of `benchmarks/`, and 2.5 times as fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from predictor.errors import UnknownRecipe
from predictor.schema import FeatureSchema, Matrix
from predictor.table import Floats

_GP_TUNING_ROWS = 300
_GP_ROWS = 2000


@dataclass(frozen=True)
class ModelRecipe:
    """A model that can be fitted.

    Attributes:
        name: as a user types it.
        fit: of schema, matrix, targets, seed and number of threads: a fitted scikit-learn pipeline.
    """

    name: str
    fit: Callable[[FeatureSchema, Matrix, Floats, int, int], Any]


def recipe_named(name: str) -> ModelRecipe:
    """The recipe of this name.

    Raises:
        UnknownRecipe: there is none.
    """
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise UnknownRecipe(f"no model {name!r}", f"models: {', '.join(recipe.name for recipe in RECIPES)}")


def fit_pipeline(
    recipe: ModelRecipe, schema: FeatureSchema, matrix: Matrix, targets: Floats, seed: int, n_jobs: int
) -> Any:
    """The recipe's pipeline, fitted; a forest grows its trees on `n_jobs` threads.

    BLAS and OpenMP get one: theirs wait for each other in busy loops, minutes instead of seconds whenever
    something else runs on the machine.
    """
    with _thread_pools().limit(limits=1):
        return recipe.fit(schema, matrix, targets, seed, n_jobs)


def predict_with(pipeline: Any, matrix: Matrix) -> Floats:
    """What a fitted pipeline gives for the rows of a matrix, (n,), on one core.

    A search asks for one row at a time, thousands of times: then scikit-learn's encoder and forest spend nearly all of
    their time on checks and on dispatching trees. Doing their work directly gives the same numbers, bit for bit.
    """
    from sklearn.ensemble import RandomForestRegressor

    with _thread_pools().limit(limits=1):
        encoded = _encoded(pipeline[0], matrix)
        if isinstance(pipeline[-1], RandomForestRegressor):
            return _mean_of_trees(pipeline[-1], encoded)
        return np.asarray(pipeline[-1].predict(encoded), np.float64)


def _encoded(encoder: Any, matrix: Matrix) -> Matrix:
    """What the fitted `_encoder` makes of a matrix; a category not seen in training is zero everywhere."""
    from sklearn.preprocessing import OneHotEncoder

    parts = []
    for _, part, places in encoder.transformers_:
        if isinstance(part, OneHotEncoder):
            parts += [matrix[:, [place]] == levels for place, levels in zip(places, part.categories_, strict=True)]
        else:
            parts.append(part.transform(matrix[:, places]))
    return np.hstack(parts).astype(np.float32)


def _mean_of_trees(forest: Any, rows: Matrix) -> Floats:
    total = np.zeros(len(rows))
    for tree in forest.estimators_:
        total += tree.tree_.predict(rows)[:, 0]
    return total / len(forest.estimators_)


@cache
def _thread_pools() -> Any:
    """Those of the libraries under scikit-learn; looking for them takes milliseconds, so it is done once."""
    import sklearn.ensemble  # noqa: F401 its libraries are to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _encoder(schema: FeatureSchema, *, scaled: bool) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    levels = [np.arange(len(schema.columns[place].levels), dtype=np.float32) for place in schema.categorical]
    one_hot = OneHotEncoder(categories=levels, handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    numbers = StandardScaler() if scaled else "passthrough"
    parts = [("categories", one_hot, schema.categorical), ("numbers", numbers, schema.numeric)]
    return ColumnTransformer([part for part in parts if part[2]])


def _pipeline(encoder: Any, model: Any) -> Any:
    from sklearn.pipeline import Pipeline

    return Pipeline([("encoder", encoder), ("model", model)])


def _fit_forest(schema: FeatureSchema, matrix: Matrix, targets: Floats, seed: int, n_jobs: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(100, min_samples_leaf=3, max_features=0.4, random_state=seed, n_jobs=n_jobs)
    pipeline = _pipeline(_encoder(schema, scaled=False), forest).fit(matrix, targets)
    # Threads cost more than they bring for the batches that a search asks for, and one core is the promise.
    forest.n_jobs = 1
    return pipeline


def _fit_ridge(schema: FeatureSchema, matrix: Matrix, targets: Floats, seed: int, n_jobs: int) -> Any:
    from sklearn.linear_model import RidgeCV

    return _pipeline(_encoder(schema, scaled=True), RidgeCV(np.logspace(-3, 3, 13))).fit(matrix, targets)


def _fit_gaussian_process(schema: FeatureSchema, matrix: Matrix, targets: Floats, seed: int, n_jobs: int) -> Any:
    """Kernel parameters from 300 rows, the process itself from up to 2,000: its cost grows with the third power."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

    order = np.random.default_rng(seed).permutation(len(targets))
    kernel = (
        ConstantKernel(0.01, (1e-5, 1e3)) * DotProduct(1.0, (1e-3, 1e3))
        + ConstantKernel(0.1, (1e-5, 1e3)) * RBF(10.0, (1.0, 1e3))
        + WhiteKernel(0.1, (1e-5, 1.0))
    )
    tuning = GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)
    few = order[:_GP_TUNING_ROWS]
    tuned = _quietly(_pipeline(_encoder(schema, scaled=True), tuning).fit, matrix[few], targets[few])
    process = GaussianProcessRegressor(tuned["model"].kernel_, optimizer=None, normalize_y=True, random_state=seed)
    many = order[:_GP_ROWS]
    return _pipeline(_encoder(schema, scaled=True), process).fit(matrix[many], targets[many])


def _quietly(fit: Callable[..., Any], *arguments: Any) -> Any:
    """A kernel parameter at its bound (no curvature, say) is an answer, not a fault."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*arguments)


def _fit_boosting(schema: FeatureSchema, matrix: Matrix, targets: Floats, seed: int, n_jobs: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    # Without early stopping: it would set rows aside without looking at their groups.
    boosting = HistGradientBoostingRegressor(
        learning_rate=0.05, max_iter=400, max_leaf_nodes=8, min_samples_leaf=10, l2_regularization=1.0,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    return _pipeline(_encoder(schema, scaled=False), boosting).fit(matrix, targets)


FOREST = ModelRecipe("random-forest", _fit_forest)
RIDGE = ModelRecipe("ridge", _fit_ridge)
GAUSSIAN_PROCESS = ModelRecipe("gaussian-process", _fit_gaussian_process)
BOOSTING = ModelRecipe("gradient-boosting", _fit_boosting)
RECIPES = (FOREST, RIDGE, GAUSSIAN_PROCESS, BOOSTING)

"""Whether the trees of a model file can be walked: scikit-learn follows their numbers without looking at them.

A file with a child or a column that is not there would read beyond an array, or walk in circles for ever; so the
numbers are looked at before the first prediction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

_LEAF = -1


def trees_are_sound(model: Any, n_columns: int) -> bool:
    """Whether every tree of a fitted regressor stays within itself and its columns.

    Args:
        model: any recipe's regressor; one without trees is sound.
        n_columns: of the matrix that it will be given.
    """
    return all(_is_sound(*tree, n_columns) for tree in _trees(model))


def _trees(model: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Left child, right child, column and whether it is a leaf, for the nodes of each tree."""
    for estimator in getattr(model, "estimators_", ()):
        tree = estimator.tree_
        yield tree.children_left, tree.children_right, tree.feature, tree.children_left == _LEAF
    for stage in getattr(model, "_predictors", ()):
        for predictor in stage:
            nodes = predictor.nodes
            # No recipe has categorical splits, and their bit sets would be one more table to look at.
            if nodes["is_categorical"].any():
                yield np.array([0]), np.array([0]), np.array([0]), np.array([False])
            yield nodes["left"], nodes["right"], nodes["feature_idx"], nodes["is_leaf"].astype(bool)


def _is_sound(left: Any, right: Any, column: Any, leaf: Any, n_columns: int) -> bool:
    n_nodes = len(leaf)
    place = np.arange(n_nodes)[~leaf]
    children = np.stack([left[~leaf], right[~leaf]]).astype(np.int64)
    split = column[~leaf].astype(np.int64)
    # Children stand behind their parent, so every walk ends.
    inside = (children > place) & (children < n_nodes)
    return bool(n_nodes and inside.all() and ((split >= 0) & (split < n_columns)).all())

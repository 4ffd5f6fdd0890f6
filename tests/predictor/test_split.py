"""An architecture is never on both sides of a split."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from predictor.split import grouped_folds, held_out

GROUPS = st.lists(st.integers(0, 40), min_size=60, max_size=200).map(np.array)


@given(GROUPS, st.integers(0, 99))
def test_the_held_out_architectures_are_in_no_training_row(groups: np.ndarray, seed: int) -> None:  # type: ignore[type-arg]
    split = held_out(groups, seed)
    assert not set(groups[split.train]) & set(groups[split.test])
    assert sorted([*split.train, *split.test]) == list(range(len(groups)))


@given(GROUPS, st.integers(0, 99))
def test_every_row_is_tested_once_by_folds_that_never_saw_its_architecture(groups: np.ndarray, seed: int) -> None:  # type: ignore[type-arg]
    tested: list[int] = []
    for fold in grouped_folds(groups, seed):
        assert not set(groups[fold.train]) & set(groups[fold.test])
        tested.extend(fold.test)
    assert sorted(tested) == list(range(len(groups)))


def test_another_seed_holds_out_others_and_the_same_the_same() -> None:
    groups = np.arange(100)
    assert np.array_equal(held_out(groups, 1).test, held_out(groups, 1).test)
    assert not np.array_equal(held_out(groups, 1).test, held_out(groups, 2).test)
    assert len(held_out(groups, 1).test) == 20

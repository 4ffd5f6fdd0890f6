"""Fireflies by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from search.engine.samplers.firefly_pool import FireflyParameters, Pool

N_OPTIONS = np.full(12, 10)
DIM = np.zeros(12, dtype=np.int64)
NEAR = np.array([1, *[0] * 11])
FAR = np.full(12, 1)


def pool_of(*flies: tuple[np.ndarray, float], **parameters: float) -> Pool:
    pool = Pool(FireflyParameters(pool_size=len(flies), **parameters))  # type: ignore[arg-type]
    for fly_id, (point, value) in enumerate(flies):
        pool.born(fly_id, point, value)
    return pool


def share_copied(other: np.ndarray, *, visibility: float) -> float:
    pool = pool_of((DIM, 0.1), (other, 0.9), resample=0.0, visibility=visibility)
    moved = [pool.move_blocks(0, N_OPTIONS, np.random.default_rng(seed)) for seed in range(400)]
    differing = other != DIM
    return float(np.mean([point[differing] == other[differing] for point in moved]))


def test_a_fly_is_drawn_more_to_the_brighter_fly_that_it_shares_more_with() -> None:
    for other, n_different in ((NEAR, 1), (FAR, 12)):
        expected = np.exp(-0.2 * 10 * n_different / 12)
        assert share_copied(other, visibility=0.2) == pytest.approx(expected, abs=0.06)


def test_a_dimmer_fly_draws_nothing() -> None:
    pool = pool_of((DIM, 0.9), (FAR, 0.1), resample=0.0)
    assert (pool.move_blocks(0, N_OPTIONS, np.random.default_rng(0)) == DIM).all()


def test_blocks_are_drawn_anew_with_the_probability_of_resampling() -> None:
    pool = pool_of((DIM, 0.9), (FAR, 0.1), resample=0.3)
    moved = np.stack([pool.move_blocks(0, N_OPTIONS, np.random.default_rng(seed)) for seed in range(500)])
    assert (moved != DIM).mean() == pytest.approx(0.3 * 0.9, abs=0.02)
    assert moved.max() < 10


def test_a_better_point_is_taken_and_a_worse_one_wears_the_fly_out_after_44_failures() -> None:
    pool = pool_of((DIM, 0.5), (FAR, 0.9))
    pool.tell(0, NEAR, 0.6)
    assert (pool.flies[0].point == NEAR).all()
    for _ in range(43):
        pool.tell(0, FAR, 0.1)
    assert 0 in pool.flies
    pool.tell(0, FAR, 0.1)
    assert 0 not in pool.flies
    assert not pool.full()


def test_the_brightest_fly_does_not_die() -> None:
    pool = pool_of((DIM, 0.5), (FAR, 0.9))
    for _ in range(200):
        pool.tell(1, DIM, 0.1)
    assert 1 in pool.flies


def test_a_fly_that_did_not_move_is_stirred_up() -> None:
    pool = pool_of((DIM, 0.5), (FAR, 0.9))
    for _ in range(30):
        pool.tell(0, FAR, 0.1)
    worn = pool.flies[0].perturbation
    pool.tell(0, DIM, 0.4)
    assert pool.flies[0].perturbation == pytest.approx(10 * worn)


def test_flies_take_turns_in_the_order_of_their_birth() -> None:
    pool = pool_of((DIM, 0.5), (FAR, 0.9), (NEAR, 0.7))
    assert [pool.next_after(each) for each in (None, 0, 1, 2)] == [0, 1, 2, 0]
    assert pool.closest(np.array([1, 1, *[0] * 10])) == 2


def test_continuous_flies_stay_in_the_unit_cube_and_move_towards_the_brighter() -> None:
    pool = pool_of((np.full(3, 0.2), 0.1), (np.full(3, 0.8), 0.9))
    moved = np.stack([pool.move_coordinates(0, np.random.default_rng(seed)) for seed in range(200)])
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert moved.mean() == pytest.approx(0.2 + 0.6 * np.exp(-10 * 0.2 * 0.36), abs=0.02)

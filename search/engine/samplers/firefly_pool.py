"""Fireflies: a pool of points that fly towards the brighter ones, on categorical or on continuous spaces.

The Eagle strategy of Vizier (Golovin et al. 2017; the rules and defaults are those of google-vizier 0.1.24,
eagle_strategy_utils.py), the firefly algorithm on which Speckhard et al. (2023) build. One thing is different: there
the categorical distance counts the parameters that are equal, so that flies are drawn to those they share least with;
here it counts those that differ.

    move: for each other fly, in random order, w = g exp(-10 v d / n)
          g = gravity towards a brighter fly, -negative_gravity from a dimmer one
          d = number of blocks that differ (categorical), squared distance (continuous); n = dimensions
    tell: better -> the fly is there; the same point again -> perturbation x 10; else -> perturbation x penalize
          below the floor, in a full pool, and not the best -> the fly dies, and a random one is born in its place

Nothing here knows of studies or spaces; the same pool serves both levels of HyperFirefly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = NDArray[Any]
"""Codes (int64) or coordinates in 0..1 (float64), (n_dims,)."""

_NOT_MOVED_FACTOR = 10.0
_VISIBILITY_SCALE = 10.0


@dataclass(frozen=True)
class FireflyParameters:
    """How a pool behaves.

    Attributes:
        gravity: pull of a brighter fly at distance 0.
        negative_gravity: push of a dimmer one.
        visibility: how fast the pull fades with distance.
        resample: probability that a block is drawn anew after a move.
        penalize: what a fly's perturbation is multiplied with at each failure.
        pool_size: flies; Vizier's for 12 parameters is 26.
        perturbation: of a newborn; moves continuous points, and counts down a fly's life in both spaces.
        perturbation_floor: a fly below it dies.
        perturbation_ceiling: it grows no larger.
    """

    gravity: float = 1.0
    negative_gravity: float = 0.02
    visibility: float = 0.2
    resample: float = 0.1
    penalize: float = 0.9
    pool_size: int = 26
    perturbation: float = 0.1
    perturbation_floor: float = 1e-3
    perturbation_ceiling: float = 0.5


@dataclass
class Fly:
    """A fly: where it is, how bright that is, and how long it may yet fail."""

    point: Point
    value: float
    perturbation: float


class Pool:
    """Flies by id, in the order of their birth.

    Args:
        parameters: may be changed while it lives; a pool that is then too large shrinks as its flies die.
    """

    def __init__(self, parameters: FireflyParameters) -> None:
        self.parameters = parameters
        self.flies: dict[int, Fly] = {}

    def full(self, n_unborn: int = 0) -> bool:
        """Whether no more flies are to be born, n_unborn being on their way."""
        return len(self.flies) + n_unborn >= self.parameters.pool_size

    def next_after(self, fly_id: int | None) -> int:
        """The fly whose turn it is after that of `fly_id`; the first when that was none or the last."""
        return next((each for each in self.flies if fly_id is not None and each > fly_id), next(iter(self.flies)))

    def closest(self, point: Point) -> int:
        """The fly that differs from `point` in the fewest dimensions, the brightest of equals."""
        return min(self.flies, key=lambda i: (int((self.flies[i].point != point).sum()), -self.flies[i].value))

    def born(self, fly_id: int, point: Point, value: float) -> None:
        """A new fly; ids must grow."""
        self.flies[fly_id] = Fly(point, value, self.parameters.perturbation)

    def tell(self, fly_id: int, point: Point, value: float) -> None:
        """What became of a fly's proposal; nothing when it has died since."""
        fly = self.flies.get(fly_id)
        if fly is None:
            return
        rules = self.parameters
        if value > fly.value:
            fly.point, fly.value = point, value
        elif np.array_equal(point, fly.point):
            fly.perturbation = min(fly.perturbation * _NOT_MOVED_FACTOR, rules.perturbation_ceiling)
        else:
            fly.perturbation *= rules.penalize
            spent = fly.perturbation < rules.perturbation_floor
            if spent and self.full() and fly is not max(self.flies.values(), key=lambda each: each.value):
                del self.flies[fly_id]

    def move_blocks(self, fly_id: int, n_options: NDArray[np.int64], rng: np.random.Generator) -> Point:
        """Where a fly goes on a categorical space.

        Args:
            n_options: choices in each dimension.
            rng: for the order of the others, and for what is copied and drawn anew.
        """

        def pull(point: Point, other: Point, gravity: float) -> Point:
            weight = self._weight(gravity, float((point != other).sum()), len(point))
            return np.where(rng.random(len(point)) < weight, other, point)

        point = self._pulled(fly_id, pull, rng)
        anew = rng.random(len(point)) < self.parameters.resample
        return np.where(anew, rng.integers(0, n_options), point)

    def move_coordinates(self, fly_id: int, rng: np.random.Generator) -> Point:
        """Where a fly goes in the unit cube: pulled, then shaken by its perturbation."""

        def pull(point: Point, other: Point, gravity: float) -> Point:
            away = other - point
            moved: Point = point + self._weight(gravity, float(away @ away), len(point)) * away
            return moved

        point = self._pulled(fly_id, pull, rng)
        noise = rng.laplace(size=len(point))
        noise *= self.flies[fly_id].perturbation / np.abs(noise).max()
        return np.clip(point + noise, 0.0, 1.0)

    def _pulled(self, fly_id: int, pull: Callable[[Point, Point, float], Point], rng: np.random.Generator) -> Point:
        fly, rules = self.flies[fly_id], self.parameters
        point = fly.point
        others = [other for i, other in self.flies.items() if i != fly_id]
        for index in rng.permutation(len(others)).tolist():
            other = others[index]
            point = pull(point, other.point, rules.gravity if other.value > fly.value else -rules.negative_gravity)
        return point

    def _weight(self, gravity: float, distance: float, n_dims: int) -> float:
        return gravity * math.exp(-_VISIBILITY_SCALE * self.parameters.visibility * distance / n_dims)

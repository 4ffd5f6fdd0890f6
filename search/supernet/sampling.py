"""Which architectures a step of the supernet's training takes, and how an architecture changes by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from search.networks.architecture import IDENTITY, Architecture, Block
from search.networks.blocks import BlockType
from search.networks.space import Position, Space

Choice = Callable[[Sequence[int]], int]


def largest(space: Space, rng: np.random.Generator, openness: float = 1.0) -> Architecture:
    """Kinds of block at random, none of them Identity; kernels and filters at their largest.

    Args:
        openness: chance that a place may have any of its kinds; else it has the first.
    """
    return _drawn(space, lambda position: _kind(position, rng, openness, with_identity=False), max)


def smallest(space: Space, rng: np.random.Generator, openness: float = 1.0) -> Architecture:
    """Kernels and filters at their smallest; every second time Identity wherever it may stand and is open."""
    shallow = bool(rng.random() < 0.5)

    def kind(position: Position) -> BlockType:
        if shallow and BlockType.IDENTITY in position.types:
            return BlockType.IDENTITY if rng.random() < openness else position.types[0]
        return _kind(position, rng, openness, with_identity=True)

    return _drawn(space, kind, min)


def random_architecture(space: Space, rng: np.random.Generator, openness: float = 1.0) -> Architecture:
    """Kinds of block first, then kernels and filters: uniform over whole blocks Identity would be one in 28."""
    return _drawn(
        space, lambda position: _kind(position, rng, openness, with_identity=True), lambda few: _one(few, rng)
    )


def mutated(architecture: Architecture, space: Space, rng: np.random.Generator, chance: float = 0.15) -> Architecture:
    """Each block drawn anew with a chance; one at least."""
    changed = rng.random(len(space.positions)) < chance
    changed[rng.integers(len(changed))] = True
    fresh = random_architecture(space, rng)
    blocks = (
        new if change else old for new, old, change in zip(fresh.blocks, architecture.blocks, changed, strict=True)
    )
    return Architecture(space.name, tuple(blocks), architecture.options)


def crossed(one: Architecture, other: Architecture, rng: np.random.Generator) -> Architecture:
    """Each block from one of two architectures of a space."""
    pairs = zip(one.blocks, other.blocks, rng.random(len(one.blocks)) < 0.5, strict=True)
    return Architecture(one.space, tuple(a if first else b for a, b, first in pairs), one.options)


def _drawn(space: Space, kind_of: Callable[[Position], BlockType], choice: Choice) -> Architecture:
    blocks = []
    for position in space.positions:
        kind = kind_of(position)
        identity = kind is BlockType.IDENTITY
        blocks.append(IDENTITY if identity else Block(kind, choice(position.kernels), choice(position.filters)))
    return Architecture(space.name, tuple(blocks), space.default_options)


def _kind(position: Position, rng: np.random.Generator, openness: float, *, with_identity: bool) -> BlockType:
    if rng.random() >= openness:
        return position.types[0]
    kinds = [kind for kind in position.types if with_identity or kind is not BlockType.IDENTITY]
    return kinds[int(rng.integers(len(kinds)))]


def _one(values: Sequence[int], rng: np.random.Generator) -> int:
    return values[int(rng.integers(len(values)))]

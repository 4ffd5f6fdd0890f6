"""Search spaces: which architectures there are, drawing them, and saying why one is not among them.

A space fixes the input, the stride of every block and the head; an architecture chooses type, kernel and
filters per block. The spaces themselves stand in `spaces`, what a block is made of in `blocks`. Campaigns and
search algorithms draw from here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from search.errors import BadText, OutsideSpace, SpaceExhausted
from search.networks.architecture import IDENTITY, Architecture, Block
from search.networks.blocks import BlockType

Stride = tuple[int, int]


@dataclass(frozen=True)
class Position:
    """One place in the network: its stride (time, frequency) and what may stand there.

    `types` x `kernels` x `filters`, where Identity counts once.
    """

    stride: Stride
    types: tuple[BlockType, ...]
    kernels: tuple[int, ...]
    filters: tuple[int, ...]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Every block allowed here, in a fixed order."""
        allowed: list[Block] = []
        for kind in self.types:
            if kind is BlockType.IDENTITY:
                allowed.append(IDENTITY)
            else:
                allowed.extend(Block(kind, k, f) for k in self.kernels for f in self.filters)
        return tuple(allowed)

    @property
    def text(self) -> str:
        """What is allowed here, for a user."""
        types = ", ".join(kind.value for kind in self.types)
        return f"types {types}; kernels {_listed(self.kernels)}; filters {_listed(self.filters)}"


@dataclass(frozen=True)
class Space:
    """A search space.

    Attributes:
        name: as it stands in an architecture's text.
        input_shape: (time, frequency, channels).
        positions: one per block, from input to output.
        hidden_units: of the dense layer (ReLU) after global average pooling.
        n_classes: of the last dense layer (softmax) of what is measured, and what features tell of; a trained network
            has as many as its data.
        options: (name, allowed values) with the default first.
    """

    name: str
    input_shape: tuple[int, int, int]
    positions: tuple[Position, ...]
    hidden_units: int
    n_classes: int
    options: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def size(self) -> int:
        """How many architectures there are, for one setting of the options."""
        return math.prod(self.n_options)

    @property
    def n_options(self) -> tuple[int, ...]:
        """How many blocks are allowed at each position."""
        return tuple(len(position.blocks) for position in self.positions)

    @property
    def n_dims(self) -> int:
        """2 when kernels move over time and frequency, 1 when frequency is the channels."""
        return 1 if self.input_shape[1] == 1 else 2

    @property
    def default_options(self) -> tuple[tuple[str, str], ...]:
        """Every option at its default."""
        return tuple((name, values[0]) for name, values in self.options)

    def set_options(self, chosen: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """The default options with some of them chosen otherwise.

        Raises:
            OutsideSpace: an option, or a value, that the space does not have.
        """
        options = {**dict(self.default_options), **chosen}
        self._validate_options(options)
        return tuple(sorted(options.items()))

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """Every architecture that differs in exactly one block, position by position; the options are kept.

        Raises:
            OutsideSpace: the architecture is not in the space.
        """
        self.validate(architecture)
        blocks = architecture.blocks
        for i, position in enumerate(self.positions):
            for block in position.blocks:
                if block != blocks[i]:
                    yield replace(architecture, blocks=(*blocks[:i], block, *blocks[i + 1 :]))

    def sample(self, rng: np.random.Generator, options: tuple[tuple[str, str], ...] | None = None) -> Architecture:
        """An architecture, uniform over the allowed blocks of each position."""
        choices = rng.integers(0, self.n_options)
        blocks = (position.blocks[choice] for position, choice in zip(self.positions, choices.tolist(), strict=True))
        return Architecture(self.name, tuple(blocks), self.default_options if options is None else options)

    def sample_unique(
        self, n: int, seed: int, options: tuple[tuple[str, str], ...] | None = None
    ) -> list[Architecture]:
        """`n` different architectures; of any longer list with the same seed they are the first `n`.

        So a campaign can be extended later without changing what it has already measured.

        Raises:
            SpaceExhausted: the space holds fewer.
        """
        if n > self.size:
            raise SpaceExhausted(
                f"{n} different architectures of {self.name}, which has {self.size}",
                f"ask for at most {self.size}",
            )
        rng = np.random.default_rng(seed)
        # A dict keeps the order of drawing, which the promise above rests on.
        drawn: dict[Architecture, None] = {}
        while len(drawn) < n:
            drawn.setdefault(self.sample(rng, options))
        return list(drawn)

    def contains(self, architecture: Architecture) -> bool:
        """Whether `validate` accepts it."""
        try:
            self.validate(architecture)
        except OutsideSpace:
            return False
        return True

    def validate(self, architecture: Architecture) -> None:
        """Returns when the space contains the architecture.

        Raises:
            OutsideSpace: names the first block, or option, that is not allowed, and what is.
        """
        if architecture.space != self.name:
            raise OutsideSpace(
                f"an architecture of {architecture.space} in {self.name}", f"start the text with {self.name}"
            )
        self._validate_options(dict(architecture.options))
        if len(architecture.blocks) != len(self.positions):
            raise OutsideSpace(
                f"{len(architecture.blocks)} blocks in {self.name}", f"give {len(self.positions)} blocks"
            )
        pairs = zip(architecture.blocks, self.positions, strict=True)
        for ordinal, (block, position) in enumerate(pairs, start=1):
            if block not in position.blocks:
                raise OutsideSpace(
                    f"block {ordinal} is {block.text}, which {self.name} does not have there",
                    f"block {ordinal} allows {position.text}",
                )

    def _validate_options(self, given: dict[str, str]) -> None:
        allowed = dict(self.options)
        for name in sorted(allowed.keys() | given.keys()):
            if name not in allowed:
                known = ", ".join(allowed) or "none"
                raise OutsideSpace(f"option {name} in {self.name}", f"its options: {known}")
            if given.get(name) not in allowed[name]:
                seen = f"{name}={given[name]}" if name in given else f"option {name} missing"
                raise OutsideSpace(f"{seen} in {self.name}", f"{name} is one of {', '.join(allowed[name])}")


def read_options(texts: Iterable[str]) -> dict[str, str]:
    """The options that a user gave as `NAME=VALUE`.

    Raises:
        BadText: not of that form, or a name twice.
    """
    options: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name in options:
            raise BadText(f"option {text!r}", "give each option once, as NAME=VALUE; `search space` lists them")
        options[name] = value
    return options


def _listed(numbers: tuple[int, ...]) -> str:
    return " ".join(str(number) for number in numbers)

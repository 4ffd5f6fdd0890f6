"""Search spaces: which architectures there are, drawing them, and saying why one is not among them.

A space fixes the input, the stride of every block and the head; an architecture chooses type, kernel and
filters per block. `AUDIO_2D` follows the rules of Speckhard et al. (2023), section 3 and Table 2; the paper
does not print its filter lists, so these are ours, chosen so that the spread of energy and the share of small
networks match the paper's. Campaigns and search algorithms draw from here; what a block is made of stands in
`search/graph.py` alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from search.architecture import IDENTITY, Architecture, Block, BlockType
from search.errors import OutsideSpace, SpaceExhausted, UnknownSpace

Stride = tuple[int, int]


class DwStride(StrEnum):
    """Option `dw_stride`: where the stride of a 1xK-Kx1-DW block acts. The paper does not say."""

    AFTER_POINTWISE = "after_pointwise"
    """depthwise 1xK, pointwise, depthwise Kx1 with the stride: all totals of Table 2 within 2 %."""
    BEFORE_POINTWISE = "before_pointwise"
    """depthwise 1xK, depthwise Kx1 with the stride, pointwise: 28 % below Table 2's FLOPs."""
    NEXT_BLOCK = "next_block"
    """depthwise 1xK, depthwise Kx1, pointwise; its stride acts in the first strided layer of the next block
    that is not Identity. All totals of Table 2 within 1 %."""


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
        """What is allowed here, for a person."""
        types = ", ".join(kind.value for kind in self.types)
        return f"types {types}; kernels {_listed(self.kernels)}; filters {_listed(self.filters)}"


@dataclass(frozen=True)
class Space:
    """A search space.

    Args:
        name: as it stands in an architecture's text.
        input_shape: (time, frequency, channels).
        positions: one per block, from input to output.
        hidden_units: of the dense layer (ReLU) after global average pooling.
        n_classes: of the last dense layer (softmax).
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
    def default_options(self) -> tuple[tuple[str, str], ...]:
        """Every option at its default."""
        return tuple((name, values[0]) for name, values in self.options)

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


def space_named(name: str) -> Space:
    """The space of this name.

    Raises:
        UnknownSpace: there is none.
    """
    for space in SPACES:
        if space.name == name:
            return space
    raise UnknownSpace(f"no search space {name!r}", f"spaces: {', '.join(space.name for space in SPACES)}")


def _listed(numbers: tuple[int, ...]) -> str:
    return " ".join(str(number) for number in numbers)


_KXK = (BlockType.KXK,)
_DW = (BlockType.SPLIT_DEPTHWISE,)
_STRIDED = (BlockType.MOBILENET_V1, BlockType.MOBILENET_V2_AVG_POOL, BlockType.SPLIT_DEPTHWISE)
_PLAIN = (BlockType.MOBILENET_V1, BlockType.MOBILENET_V2, BlockType.SPLIT_DEPTHWISE, BlockType.IDENTITY)
_LATE_STRIDED = (
    BlockType.MOBILENET_V1,
    BlockType.MOBILENET_V2,
    BlockType.MOBILENET_V2_AVG_POOL,
    BlockType.SPLIT_DEPTHWISE,
)
_LAST = (*_PLAIN, BlockType.SPLIT_CONV)

AUDIO_2D = Space(
    name="audio2d",
    input_shape=(196, 40, 1),
    positions=(
        Position((2, 1), _KXK, (3, 4, 5), (8, 16, 24)),
        Position((2, 1), _DW, (3, 4, 5), (16, 24, 32)),
        Position((2, 2), _STRIDED, (3, 4, 5), (24, 32, 40)),
        Position((1, 1), _PLAIN, (3, 4, 5), (24, 32, 40)),
        Position((2, 2), _STRIDED, (3, 4, 5), (24, 32, 40)),
        Position((1, 1), _PLAIN, (3,), (24, 32, 40)),
        Position((1, 1), _PLAIN, (3,), (24, 32, 40)),
        Position((1, 1), _PLAIN, (3,), (24, 32, 40)),
        Position((1, 1), _PLAIN, (3,), (32, 40, 48)),
        Position((2, 2), _LATE_STRIDED, (3,), (32, 40, 48)),
        Position((1, 1), _PLAIN, (3,), (40, 48, 56)),
        Position((1, 1), _LAST, (3,), (48, 56, 64)),
    ),
    hidden_units=32,
    n_classes=9,
    options=(("dw_stride", tuple(place.value for place in DwStride)),),
)
"""The two-dimensional space: log-mel input, 196 frames x 40 bands; 2.6e13 networks."""

SPACES = (AUDIO_2D,)

TABLE_2 = Architecture(
    space=AUDIO_2D.name,
    blocks=(
        Block(BlockType.KXK, 5, 8),
        Block(BlockType.SPLIT_DEPTHWISE, 3, 24),
        Block(BlockType.SPLIT_DEPTHWISE, 3, 32),
        Block(BlockType.MOBILENET_V1, 3, 32),
        Block(BlockType.MOBILENET_V2_AVG_POOL, 5, 24),
        Block(BlockType.MOBILENET_V2, 3, 24),
        IDENTITY,
        Block(BlockType.MOBILENET_V1, 3, 40),
        Block(BlockType.MOBILENET_V2, 3, 32),
        Block(BlockType.MOBILENET_V2, 3, 48),
        IDENTITY,
        Block(BlockType.MOBILENET_V1, 3, 64),
    ),
    options=AUDIO_2D.default_options,
)
"""NAS-Bayesian, Table 2 of Speckhard et al. (2023): 12.52 MFLOPs, 23.95 k parameters, 51.22 kB."""

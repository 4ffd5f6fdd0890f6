"""The search spaces of this project, and the paper's network in them.

Both follow the rules of Speckhard et al. (2023), section 3 and Table 2. The paper does not print its filter
lists, so these are ours: for two dimensions chosen so that the spread of energy and the share of small
networks match the paper's; for one dimension so that the paper's network (37.23 k parameters, 6.43 MFLOPs) lies
in the middle.
"""

from __future__ import annotations

from search.errors import UnknownSpace
from search.networks.architecture import IDENTITY, Architecture, Block
from search.networks.blocks import BlockType, DwStride, PoolMerge
from search.networks.space import Position, Space

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

_OPTIONS = (
    ("dw_stride", tuple(place.value for place in DwStride)),
    ("pool_merge", tuple(merge.value for merge in PoolMerge)),
)

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
    options=_OPTIONS,
)
"""The two-dimensional space: log-mel input, 196 frames x 40 bands; 2.6e13 networks."""

_NARROW, _WIDE = (32, 40, 48), (32, 48, 64)

AUDIO_1D = Space(
    name="audio1d",
    input_shape=(196, 1, 40),
    # The strides are Table 2's frequency strides, along time: the output is 25 frames long.
    positions=(
        Position((1, 1), _KXK, (3, 4, 5), _NARROW),
        Position((1, 1), _DW, (3, 4, 5), _NARROW),
        Position((2, 1), _STRIDED, (3, 4, 5), _NARROW),
        Position((1, 1), _PLAIN, (3, 4, 5), _NARROW),
        Position((2, 1), _STRIDED, (3, 4, 5), _NARROW),
        Position((1, 1), _PLAIN, (3,), _NARROW),
        Position((1, 1), _PLAIN, (3,), _NARROW),
        Position((1, 1), _PLAIN, (3,), _NARROW),
        Position((1, 1), _PLAIN, (3,), _WIDE),
        Position((2, 1), _LATE_STRIDED, (3,), _WIDE),
        Position((1, 1), _PLAIN, (3,), _WIDE),
        Position((1, 1), _LAST, (3,), _WIDE),
    ),
    hidden_units=32,
    n_classes=9,
    options=_OPTIONS,
)
"""The one-dimensional space: 196 frames with the 40 bands as channels."""

SPACES = (AUDIO_2D, AUDIO_1D)

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


def space_named(name: str) -> Space:
    """The space of this name.

    Raises:
        UnknownSpace: there is none.
    """
    for space in SPACES:
        if space.name == name:
            return space
    raise UnknownSpace(f"no search space {name!r}", f"spaces: {', '.join(space.name for space in SPACES)}")

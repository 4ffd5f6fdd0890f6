"""Which part of the shared weights each layer of an architecture takes: names, sizes and crops, without any framework.

A layer's weights are shared by all architectures that have the same kind of block at the same place; those of another
kind of block are others. Of a shared weight a layer takes the first of its input and output channels. A kernel smaller
than the shared one is cut out where SAME padding puts it, for each axis by itself: TensorFlow pads asymmetrically, so
that the place depends on stride and size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from search.networks.architecture import IDENTITY, Architecture, Block
from search.networks.blocks import BlockType
from search.networks.graph import build_graph
from search.networks.layers import HEAD, Conv, Dense, DepthwiseConv, Graph, Layer, Pair
from search.networks.space import Position, Space

WeightLayer = Conv | DepthwiseConv | Dense


@dataclass(frozen=True)
class SharedWeight:
    """A weight of the supernet.

    Attributes:
        kind: the layer's.
        n_out, n_in: channels, or units; 1 input channel for a depthwise convolution.
        kernel: the largest, (1, 1) for a dense layer.
        kernels: all that layers have, the largest among them.
    """

    kind: type[WeightLayer]
    n_out: int
    n_in: int
    kernel: Pair
    kernels: frozenset[Pair]


@dataclass(frozen=True)
class Step:
    """A layer and the shared weight that it takes a part of; `name` is None where it has none.

    Attributes:
        crop: where its kernel begins in the shared one, (time, frequency).
    """

    layer: Layer
    name: str | None
    crop: Pair = (0, 0)


def shared_weights(space: Space, n_classes: int) -> dict[str, SharedWeight]:
    """Every weight of a space's supernet by its name, as large as the widest architecture needs it."""
    found: dict[str, SharedWeight] = {}
    for architecture in _widest(space):
        graph = build_graph(architecture, n_classes)
        for name, layer in zip(names_of(architecture, graph), graph.layers, strict=True):
            if name is not None:
                found[name] = _joined(found.get(name), _weight_of(layer))
    return found


def steps_of(architecture: Architecture, graph: Graph, weights: dict[str, SharedWeight]) -> tuple[Step, ...]:
    """An architecture's layers with their parts of the shared weights.

    Args:
        graph: `build_graph` of the architecture.
    """
    steps = []
    for name, layer in zip(names_of(architecture, graph), graph.layers, strict=True):
        crop = (0, 0)
        if name is not None and isinstance(layer, Conv | DepthwiseConv):
            crop = _crop(layer, weights[name].kernel)
        steps.append(Step(layer, name, crop))
    return tuple(steps)


def names_of(architecture: Architecture, graph: Graph) -> tuple[str | None, ...]:
    """The name of the shared weight of each layer: place and kind of the block, and which of its weights it is."""
    seen: dict[int, int] = {}
    names: list[str | None] = []
    for layer in graph.layers:
        if not isinstance(layer, Conv | DepthwiseConv | Dense):
            names.append(None)
            continue
        number = seen[layer.block] = seen.get(layer.block, 0) + 1
        if layer.block == HEAD:
            names.append(f"head_{number}")
        else:
            kind = architecture.blocks[layer.block - 1].type
            names.append(f"block{layer.block:02d}_{kind.name.lower()}_{number}")
    return tuple(names)


def pads(layer: Layer, size: Pair, kernel: Pair, stride: Pair) -> tuple[Pair, Pair]:
    """Zeros before and after, of time and of frequency, that SAME padding puts around a map of `size`."""
    sides = []
    for n, width, step, n_out in zip(size, kernel, stride, layer.out_shape[:2], strict=True):
        total = max((n_out - 1) * step + width - n, 0)
        sides.append((total // 2, total - total // 2))
    return sides[0], sides[1]


def _crop(layer: Conv | DepthwiseConv, largest: Pair) -> Pair:
    size = (layer.in_shape[0], layer.in_shape[1])
    own, whole = (pads(layer, size, kernel, layer.stride) for kernel in (layer.kernel, largest))
    return whole[0][0] - own[0][0], whole[1][0] - own[1][0]


def _widest(space: Space) -> Iterator[Architecture]:
    """Architectures that together have every layer of the space at its largest, and every kernel."""
    options = space.default_options
    plain = [_widest_block(position, _first_kind(position)) for position in space.positions]
    for place, position in enumerate(space.positions):
        for kind in position.types:
            for kernel in position.kernels if kind is not BlockType.IDENTITY else (0,):
                block = IDENTITY if kind is BlockType.IDENTITY else Block(kind, kernel, max(position.filters))
                yield Architecture(space.name, (*plain[:place], block, *plain[place + 1 :]), options)


def _first_kind(position: Position) -> BlockType:
    return next(kind for kind in position.types if kind is not BlockType.IDENTITY)


def _widest_block(position: Position, kind: BlockType) -> Block:
    return Block(kind, max(position.kernels), max(position.filters))


def _weight_of(layer: Layer) -> SharedWeight:
    match layer:
        case Conv():
            return SharedWeight(Conv, layer.out_shape[-1], layer.in_shape[-1], layer.kernel, frozenset({layer.kernel}))
        case DepthwiseConv():
            return SharedWeight(DepthwiseConv, layer.out_shape[-1], 1, layer.kernel, frozenset({layer.kernel}))
        case _:
            return SharedWeight(Dense, layer.out_shape[-1], layer.in_shape[-1], (1, 1), frozenset({(1, 1)}))


def _joined(one: SharedWeight | None, other: SharedWeight) -> SharedWeight:
    if one is None:
        return other
    kernel = (max(one.kernel[0], other.kernel[0]), max(one.kernel[1], other.kernel[1]))
    return replace(
        one, n_out=max(one.n_out, other.n_out), n_in=max(one.n_in, other.n_in), kernel=kernel,
        kernels=one.kernels | other.kernels,
    )  # fmt: skip

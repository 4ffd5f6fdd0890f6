"""Which network a .tflite file holds: a baseline, or an architecture of a space.

For a caller that is handed a file and needs what only the network's description gives (the predictor's columns). The
file's operators are read once; blocks are then laid position by position, as long as what they are made of is what
comes next in the file, and the whole is held against the file by `read_network`. Different architectures can
have the same layers (an Identity before or after a block of the same kind): one of them is returned, with the
spaces' default options if these fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from search.errors import BadModelFile, UnknownNetwork
from search.networks.architecture import Architecture, Block
from search.networks.baselines import BASELINES
from search.networks.blocks import BlockBuilder, DwStride, PoolMerge, lay_block
from search.networks.graph import build_graph
from search.networks.layers import HEAD, AveragePool, Conv, DepthwiseConv, Graph, GraphBuilder, Layer, Pair, Shape
from search.networks.network import Network
from search.networks.space import Space
from search.networks.spaces import SPACES
from search.tflite.reader import FileOperator, read_network, read_operators
from search.tflite.writer import OPERATORS

_ONE: Pair = (1, 1)
_END = "MEAN"
_WINDOWED = (Conv, DepthwiseConv, AveragePool)


@dataclass(frozen=True)
class _Sketch:
    """What tells one layer from another, whatever the size of the map."""

    name: str
    kernel: Pair
    n_channels: int


def recognise(data: bytes) -> Network:
    """The network of a file, whatever its number of classes.

    Raises:
        BadModelFile: not a .tflite file.
        UnknownNetwork: the file of a network that is neither a baseline nor in a space.
    """
    operators = read_operators(data)
    n_classes = n_classes_of(operators)
    for baseline in BASELINES if n_classes else ():
        if _holds(data, baseline.lay(n_classes)):
            return baseline
    body = tuple(_sketch_of(each) for each in _body(operators))
    for space in SPACES if n_classes else ():
        if operators[0].in_shape == (1, *space.input_shape):
            tried = set[tuple[Layer, ...]]()
            for architecture in _candidates(space, body):
                graph = build_graph(architecture, n_classes)
                layers = tuple(replace(layer, block=HEAD) for layer in graph.layers)
                if layers not in tried and _holds(data, graph):
                    return architecture
                tried.add(layers)
    names = ", ".join((*(space.name for space in SPACES), *(baseline.name for baseline in BASELINES)))
    raise UnknownNetwork(
        f"the file's {len(operators)} operators are those of no known network",
        f"known are {names}; measure any other file with `lab measure --models`",
    )


def n_classes_of(operators: list[FileOperator]) -> int:
    """Outputs of the last operator; 0 where there is none."""
    return operators[-1].out_shape[-1] if operators and operators[-1].out_shape else 0


def _body(operators: list[FileOperator]) -> Iterator[FileOperator]:
    """The operators of the blocks: all before the global mean, but for changes of scale."""
    for operator in operators:
        if operator.name == _END:
            return
        if operator.name != "QUANTIZE":
            yield operator


def _sketch_of(operator: FileOperator) -> _Sketch:
    return _Sketch(operator.name, operator.kernel, operator.out_shape[-1] if operator.out_shape else 1)


def _sketch_layer(layer: Layer) -> _Sketch:
    kernel = layer.kernel if isinstance(layer, _WINDOWED) else _ONE
    return _Sketch(OPERATORS[type(layer)][0], kernel, layer.out_shape[-1])


def _holds(data: bytes, graph: Graph) -> bool:
    try:
        read_network(data, graph)
    except BadModelFile:
        return False
    return True


def _candidates(space: Space, body: tuple[_Sketch, ...]) -> Iterator[Architecture]:
    for place, merge in product(DwStride, PoolMerge):
        options = space.set_options({"dw_stride": place.value, "pool_merge": merge.value})
        builder = BlockBuilder(space.n_dims, place, merge)
        for blocks in _matches(space, builder, body, 0, space.input_shape[-1]):
            yield Architecture(space.name, blocks, options)


def _matches(
    space: Space, builder: BlockBuilder, body: tuple[_Sketch, ...], index: int, n_channels: int
) -> Iterator[tuple[Block, ...]]:
    """Blocks for the positions from `index` on that are made of exactly `body`."""
    if index == len(space.positions):
        if not body:
            yield ()
        return
    position = space.positions[index]
    for block in position.blocks:
        moving = builder.dw_stride is DwStride.NEXT_BLOCK
        strides = (position.stride, _ONE, (2, 2)) if moving else (position.stride,)
        made_of = {_layers_of(block, n_channels, stride, builder) for stride in strides}
        for layers in made_of:
            if body[: len(layers)] == layers:
                width = layers[-1].n_channels if layers else n_channels
                for rest in _matches(space, builder, body[len(layers) :], index + 1, width):
                    yield (block, *rest)


def _layers_of(block: Block, n_channels: int, stride: Pair, builder: BlockBuilder) -> tuple[_Sketch, ...]:
    # A stride may have moved here from the block before: then a sum is missing or added, nothing else.
    shape: Shape = (8, 8 if builder.n_dims == 2 else 1, n_channels)
    net = GraphBuilder(shape)
    lay_block(net, net.input, block.type, block.kernel, block.filters, stride, builder)
    return tuple(_sketch_layer(layer) for layer in net.graph().layers)

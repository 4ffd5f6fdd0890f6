"""A small network with every kind of layer, and a file of it as a converter leaves it."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from search.networks.graph import lay_head
from search.networks.layers import Activation, Graph, GraphBuilder
from search.tflite.quantized import QuantizedNetwork
from search.tflite.random_constants import draw_constants
from search.tflite.strip import unpack
from search.tflite.writer import serialize


def varied_network(filters: int = 8) -> Graph:
    """Convolutions, pool, sum, concatenation and head, for 16 x 8 maps."""
    net = GraphBuilder((16, 8, 1))
    net.block = 1
    x = net.conv(net.input, filters, (3, 3), (2, 1))
    net.block = 2
    pooled = net.average_pool(x, (3, 3), (2, 2))
    x = net.add(net.depthwise(x, (3, 3), (2, 2)), pooled, Activation.RELU)
    halves = [net.conv(x, 4, (1, 1), activation=Activation.NONE) for _ in range(2)]
    return lay_head(net, net.concat(*halves), (6,), 5)


def drawn(graph: Graph, seed: int = 0) -> QuantizedNetwork:
    """The graph with random numbers."""
    return draw_constants(graph, np.random.default_rng(seed))


def dressed(data: bytes) -> bytes:
    """The same model with names, shape signatures, metadata and a signature, as a converter leaves it."""
    model = unpack(data)
    subgraph = model.subgraphs[0]
    subgraph.name = "main"
    for number, tensor in enumerate(subgraph.tensors):
        tensor.name = f"a/long/name/that/fusing/layers/has/joined;{number}"
        tensor.shapeSignature = np.array([-1, *tensor.shape[1:]], np.int32)
    note = schema.BufferT()
    note.data = np.frombuffer(b"1.14.0\0\0\0\0\0\0\0\0\0\0", np.uint8)
    model.buffers.append(note)
    metadata = schema.MetadataT()
    metadata.name, metadata.buffer = "min_runtime_version", len(model.buffers) - 1
    model.metadata = [metadata]
    signature, argument = schema.SignatureDefT(), schema.TensorMapT()
    argument.name, argument.tensorIndex = "source", int(subgraph.inputs[0])
    signature.signatureKey, signature.inputs, signature.outputs = "serving_default", [argument], []
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def varied_file() -> bytes:
    """The writer's file of the varied network."""
    return serialize(drawn(varied_network()))

"""What a .tflite file can do without, taken out: names, metadata, signatures.

The paper's sizes are those of stripped files: a converter's names alone are a fifth of a small network. Knows the
file format, no layer, no TensorFlow.

The table of buffers stays as it is (what metadata held stays in it, unreferenced: 160 bytes), and constants are
packed without gaps, at multiples of 4 bytes where a converter has 16. So the baselines have the paper's sizes
within 0.2 %; LiteRT runs such files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from search.errors import BadModelFile

_FILE_IDENTIFIER = b"TFL3"
_HINT = "pass the bytes of a whole .tflite file"


def strip(data: bytes) -> bytes:
    """The same model without tensor names, shape signatures, metadata and signatures.

    Operators, tensors, quantization and constants stay, in their order; LiteRT computes the same outputs.
    Stripping twice changes nothing more.

    Raises:
        BadModelFile: not a .tflite file, or cut short.
    """
    model = unpack(data)
    with damage_named(data):
        for subgraph in model.subgraphs:
            subgraph.name = None
            for tensor in subgraph.tensors:
                tensor.name = None
                tensor.shapeSignature = None
        model.metadata = None
        model.metadataBuffer = None
        model.signatureDefs = None
        builder = flatbuffers.Builder(len(data))
        builder.Finish(model.Pack(builder), _FILE_IDENTIFIER)
        return bytes(builder.Output())


def unpack(data: bytes) -> Any:
    """The model as an object tree of the schema (`ModelT`).

    Raises:
        BadModelFile: not a .tflite file, or cut short.
    """
    with damage_named(data):
        if not schema.Model.ModelBufferHasIdentifier(data, 0):
            raise BadModelFile("not a .tflite file: the mark TFL3 is missing", _HINT)
        return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))


@contextmanager
def damage_named(data: bytes) -> Iterator[None]:
    """While a file's object tree is walked: what breaks on the way is BadModelFile, the file's fault."""
    try:
        yield
    except (struct.error, LookupError, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise BadModelFile(f"a damaged .tflite file of {len(data)} bytes: {error}", _HINT) from error

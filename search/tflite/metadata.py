"""What a .tflite file says of itself: buffers with names, which no runtime looks at."""

from __future__ import annotations

from search.tflite.strip import damage_named, unpack

DESCRIPTION = "energy-lab.description"
"""The name under which `search export` puts what it takes to run a network."""


def read_metadata(data: bytes, name: str) -> bytes | None:
    """The content of a file's metadata of a name; None where it has none.

    Raises:
        BadModelFile: not a .tflite file, or cut short.
    """
    model = unpack(data)
    with damage_named(data):
        for entry in model.metadata or ():
            if bytes(entry.name or b"") == name.encode():
                content = model.buffers[entry.buffer].data
                return None if content is None else bytes(content)
    return None

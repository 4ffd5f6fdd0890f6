"""A trained network that says how it is run: its .tflite file with a description inside, and a program beside it.

The description is JSON in the file's metadata, under the name DESCRIPTION. The network is the one that was trained, and
computes the same, bit for bit; the file's hash is another, so the description carries that of the network as measured.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from db.whole_file import whole_file
from search.audio.front_end import DataDescription
from search.networks.layers import Graph
from search.studies.files import write_file
from search.tflite.build import build_failed
from search.tflite.metadata import DESCRIPTION, read_metadata
from search.tflite.reader import read_network
from search.tflite.writer import serialize

PROGRAM = "classify.py"
FORMAT = 1
_CLIP = "channels averaged, resampled, the loudest clip in steps of 0.5 s; silence added at the end of shorter sounds"


def described(tflite: bytes, graph: Graph, data: DataDescription) -> tuple[bytes, dict[str, Any]]:
    """The file with its description inside, and the description.

    Args:
        tflite: as it was trained.
        graph: its layers.

    Raises:
        BadModelFile: not the file of this graph.
    """
    network = read_network(tflite, graph)
    source, result = network.quantizations[0], network.quantizations[-1]
    front = data.front_end
    description = {
        "format": FORMAT,
        **data.to_plain(),
        "front_end": {
            **dataclasses.asdict(front),
            "n_frames": front.n_frames,
            "window_shape": "periodic Hann",
            "edges_hz": [round(edge, 3) for edge in front.edges_hz],
        },
        "clip": _CLIP,
        "input": {"shape": [1, *graph.input_shape], "scale": source.scale, "zero_point": source.zero_point},
        "output": {"scale": result.scale, "zero_point": result.zero_point},
        "network_sha256": hashlib.sha256(tflite).hexdigest(),
    }
    return serialize(network, {DESCRIPTION: json.dumps(description).encode()}), description


def network_sha256_of(tflite: bytes, graph: Graph) -> str | None:
    """The hash of the file without its description: what a study knows the network by. None for any other file.

    It is computed from the numbers in the file, not read in the description, and only for a file that is in every byte
    what `described` makes: one whose weights were changed is another network.

    Args:
        graph: the layers that it was found to hold.

    Raises:
        BadModelFile: not the file of this graph.
    """
    description = read_metadata(tflite, DESCRIPTION)
    if description is None:
        return None
    network = read_network(tflite, graph)
    if serialize(network, {DESCRIPTION: description}) != tflite:
        return None
    return hashlib.sha256(serialize(network)).hexdigest()


def write_program(folder: Path) -> bool:
    """Writes the program that runs such files into a folder; False where another of its name lies there, and stays.

    Raises:
        BuildFailed: it cannot be written.
    """
    path = folder / PROGRAM
    content = Path(__file__).with_name(PROGRAM).read_bytes()
    try:
        if path.exists():
            return path.read_bytes() == content
        with whole_file(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise build_failed(error, path) from error
    return True


def facts_of(description: dict[str, Any]) -> list[tuple[str, str]]:
    """What a card lists of a description."""
    front, source, result = description["front_end"], description["input"], description["output"]
    edges = front["edges_hz"]
    return [
        ("classes, in the order of the outputs", ", ".join(description["class_names"])),
        ("clip", f"{front['n_samples']} samples at {front['rate_hz']} Hz: {description['clip']}"),
        (
            "spectrogram",
            f"{front['window_shape']} window of {front['window']} samples, hop {front['hop']}, FFT {front['n_fft']}, "
            f"power / {front['window']}: {front['n_frames']} frames",
        ),
        (
            "bands",
            f"{front['n_bands']} triangles from {front['low_hz']} to {front['high_hz']} Hz, equal steps of "
            f"{front['mel_factor']} log10(1 + f / {front['mel_break_hz']}); edges "
            f"{', '.join(f'{edge:.1f}' for edge in edges)} Hz",
        ),
        ("logarithm", f"base {front['log_base']}, of the power + {front['floor']}"),
        (
            "standardised",
            f"less the clip's own mean, divided by {description['deviation']!r}, cut off at +-{description['limit']}",
        ),
        ("input", f"int8 {source['shape']}, scale {source['scale']!r}, zero point {source['zero_point']}"),
        ("output", f"int8, a share per class: scale {result['scale']!r}, zero point {result['zero_point']}"),
    ]


def write_described(
    tflite: bytes, graph: Graph, data: DataDescription, path: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    """Writes a network with its description, and the program beside it; returns the description.

    Raises:
        BadModelFile: not the file of this graph.
        BuildFailed: a file cannot be written.
    """
    content, description = described(tflite, graph, data)
    write_file(path, content)
    if not write_program(path.parent):
        say(f"{path.with_name(PROGRAM)} is another than this version's, and stays; remove it to have it written")
    return {**description, "file_sha256": hashlib.sha256(content).hexdigest(), "file_bytes": len(content)}

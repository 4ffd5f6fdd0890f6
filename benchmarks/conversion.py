"""What a .tflite file costs, by four ways to it, on one core and in one run.

    python benchmarks/conversion.py --written 300 --raw 20 --qat 4

The ways: this project's writer (random constants drawn, file written); its export of a trained model (numbers
read out of Keras, file written); the TFLite converter on plain operations with constants; the TFLite converter
on a quantization-aware Keras model (built, quantized, converted). Random architectures of both spaces in turn.
The process is pinned to one core; since that may be shared, processor time stands beside wall time, and the
ratios are of processor time. The first file of each way is made once before, unmeasured. Asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from raw_graph import convert_network
from rich.console import Console
from rich.table import Table

from search.networks.architecture import Architecture
from search.networks.graph import build_graph
from search.networks.spaces import SPACES
from search.tflite.random_constants import draw_constants
from search.tflite.writer import serialize, write_tflite
from search.training.convert import convert_quantization_aware
from search.training.framework import keras
from search.training.keras_network import build_keras
from search.training.quantization_aware import quantize, randomise
from search.training.trained_network import trained_network

CAMPAIGN = 15_000


@dataclass
class ConversionRoute:
    """One way to a file, and what its files have taken."""

    name: str
    cpu_ms: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)

    def timed(self, make: Callable[[], bytes]) -> int:
        """Makes one file and returns its size in bytes."""
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        size_bytes = len(make())
        self.cpu_ms.append((time.process_time() - cpu_s) * 1e3)
        self.wall_ms.append((time.perf_counter() - wall_s) * 1e3)
        return size_bytes


def sampled(n: int, seed: int) -> list[Architecture]:
    """Random architectures, the spaces in turn."""
    by_space = [space.sample_unique((n + 1) // 2, seed) for space in SPACES]
    return [architecture for pair in zip(*by_space, strict=True) for architecture in pair][:n]


def convert_raw(architecture: Architecture) -> bytes:
    """Constants drawn, then the converter on plain operations."""
    return convert_network(draw_constants(build_graph(architecture), np.random.default_rng(1)))


def measure_keras(architecture: Architecture, converter: ConversionRoute, export: ConversionRoute) -> None:
    """The converter on a quantization-aware model, and the export of that same model."""
    graph = build_graph(architecture)
    models = []

    def convert() -> bytes:
        models.append(quantize(build_keras(graph)))
        randomise(models[-1], seed=1)
        return convert_quantization_aware(models[-1])

    converter.timed(convert)
    export.timed(lambda: serialize(trained_network(models[-1], graph)))
    keras.backend.clear_session()


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):,.1f} ({min(values):,.1f} to {max(values):,.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--written", type=int, default=300, help="files by the writer")
    parser.add_argument("--raw", type=int, default=20, help="files by the converter on plain operations")
    parser.add_argument("--qat", type=int, default=4, help="files by the converter on Keras models, and by the export")
    parser.add_argument("--seed", type=int, default=1, help="of the architectures")
    arguments = parser.parse_args()
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})

    writer, export = ConversionRoute("writer, random constants"), ConversionRoute("writer, from a trained model")
    raw, qat = (
        ConversionRoute("converter, plain operations"),
        ConversionRoute("converter, quantization-aware Keras model"),
    )
    warm_up = sampled(2, arguments.seed + 1)
    for architecture in warm_up:
        write_tflite(architecture, seed=0)
    convert_raw(warm_up[0])
    for architecture in sampled(arguments.written, arguments.seed):
        writer.timed(lambda architecture=architecture: write_tflite(architecture, seed=1))
    for architecture in sampled(arguments.raw, arguments.seed):
        raw.timed(lambda architecture=architecture: convert_raw(architecture))
    measure_keras(warm_up[0], ConversionRoute(""), ConversionRoute(""))
    for architecture in sampled(arguments.qat, arguments.seed):
        measure_keras(architecture, qat, export)

    table = Table(title=f"One .tflite file, core {core}: median (range)")
    for header in ("way", "files", "processor ms", "wall ms", "times the writer", f"{CAMPAIGN:,} files, h"):
        table.add_column(header, justify="left" if header == "way" else "right")
    for way in (writer, export, raw, qat):
        cpu_ms = statistics.median(way.cpu_ms)
        ratio = cpu_ms / statistics.median(writer.cpu_ms)
        hours = statistics.mean(way.cpu_ms) * CAMPAIGN / 3.6e6
        table.add_row(
            way.name, str(len(way.cpu_ms)), spread(way.cpu_ms), spread(way.wall_ms), f"{ratio:,.1f}", f"{hours:,.2f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()

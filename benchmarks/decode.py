"""How fast HVPM packets become samples: the PyPI package's engine and this project's decoder, on the same bytes.

Run `python benchmarks/decode.py`. Everything is measured in one run; ratios are of that run. The host may be shared,
so each figure comes with the spread of its repeats. The package's engine is given its packets from memory, without
any USB; it reads current and main voltage, its default.
"""

from __future__ import annotations

import array
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "hardware"))

from meter_rig import build
from package_engine import as_read, run_engine

from hardware.monsoon.hvpm_packets import RATE_HZ, SLOT_BYTES, HvpmDecoder, HvpmScale

_DURATION_S = 40.0
_N_ENGINE_SAMPLES = 100_000
_N_REPEATS = 7
_LIVE_PACKETS = 67
_LARGE_PACKETS = 8192


@dataclass(frozen=True)
class Speed:
    """Samples per second of each repeat."""

    name: str
    rates_hz: Sequence[float]

    def line(self, base: Speed) -> str:
        """Median, spread, multiple of real time, and the ratio to `base` with its spread, repeat by repeat."""
        median_hz, low_hz, high_hz = _median_and_spread(self.rates_hz)
        ratio, low, high = _median_and_spread([a / b for a, b in zip(self.rates_hz, base.rates_hz, strict=True)])
        return (
            f"{self.name:<34} {median_hz:>11,.0f} {low_hz:>11,.0f} {high_hz:>11,.0f} {median_hz / RATE_HZ:>9,.0f}x"
            f" {ratio:>8,.1f} ({low:,.1f} to {high:,.1f})"
        )


def _median_and_spread(values: Sequence[float]) -> tuple[float, float, float]:
    return statistics.median(values), min(values), max(values)


def _record() -> bytes:
    """Packets of a simulated unit in slots, with calibrations and short packets among them."""
    rig = build("hvpm")
    rig.feed()
    rig.set_load(1.5)
    with rig.meter.recording() as recording:
        rig.time.sleep(_DURATION_S)
    rig.close()
    return recording.raw()


def _packets(raw: bytes) -> list[bytes]:
    slots = [raw[at : at + SLOT_BYTES] for at in range(0, len(raw), SLOT_BYTES)]
    return [slot[: 4 + 18 * slot[3]] for slot in slots]


def _measure(variants: dict[str, Callable[[], tuple[int, float]]]) -> list[Speed]:
    """Run all variants in turn, several times: what else the host does then falls on all of them."""
    rates_hz: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(_N_REPEATS):
        for name, once in variants.items():
            n_samples, duration_s = once()
            rates_hz[name].append(n_samples / duration_s)
    return [Speed(name, rates) for name, rates in rates_hz.items()]


def _n_samples(packets: Iterable[array.array[int]]) -> int:
    return sum(packet[3] for packet in packets)


def _engine_once(packets: Sequence[array.array[int]], registers: dict[int, int]) -> tuple[int, float]:
    """Counts all samples the engine took, those before its calibration too: it works as hard for them."""
    to_come = iter(packets)
    began_s = time.perf_counter()
    run_engine(to_come, registers, _N_ENGINE_SAMPLES)
    duration_s = time.perf_counter() - began_s
    return _n_samples(packets) - _n_samples(to_come), duration_s


def _decoder_once(raw: bytes, n_packets: int) -> tuple[int, float]:
    chunk_bytes = n_packets * SLOT_BYTES
    view = memoryview(raw)
    decoder = HvpmDecoder(HvpmScale())
    began_s = time.perf_counter()
    for at in range(0, len(view), chunk_bytes):
        decoder.decode(view[at : at + chunk_bytes])
    return decoder.n_total, time.perf_counter() - began_s


def main() -> None:
    raw = _record()
    packets = as_read(_packets(raw))
    registers = {0x1A: 36500, 0x1B: 6400, 0x1C: 14000, 0x1D: 600, 0x1E: 3100, 0x1F: 250}
    live_ms = _LIVE_PACKETS * 3 / RATE_HZ * 1e3
    speeds = _measure(
        {
            "PyPI Monsoon 0.1.88 engine": lambda: _engine_once(packets, registers),
            f"HvpmDecoder, {_LIVE_PACKETS} packets ({live_ms:.0f} ms)": lambda: _decoder_once(raw, _LIVE_PACKETS),
            f"HvpmDecoder, {_LARGE_PACKETS} packets": lambda: _decoder_once(raw, _LARGE_PACKETS),
            "HvpmDecoder, all at once": lambda: _decoder_once(raw, len(packets)),
        }
    )
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{len(packets):,} packets of a simulated HVPM, {_DURATION_S:g} s of samples; {_N_REPEATS} repeats in turn.")
    print(f"The PyPI engine stops after {_N_ENGINE_SAMPLES:,} calibrated samples. Shared host, load average {load}.\n")
    titles = f"{'median':>11} {'slowest':>11} {'fastest':>11} {'real time':>10} {'ratio':>8}"
    print(f"{'samples per second':<34} {titles}")
    for speed in speeds:
        print(speed.line(speeds[0]))


if __name__ == "__main__":
    main()

"""Fuzzing what meters send: HVPM packets and LVPM frames."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from fuzzing import specimens
from fuzzing.mutations import mutated
from fuzzing.wrong import hold
from hardware.meter import Trace
from hardware.monsoon.hvpm_packets import SLOT_BYTES, HvpmDecoder, HvpmScale
from hardware.monsoon.lvpm_packets import LvpmDecoder

# The fifth pair of calibrations comes after five seconds, 8,400 packets.
_PACKETS, _SURE_AFTER = 12_000, 9000
_SERIAL_BYTES = 60_000


def check_trace(trace: Trace, most: int) -> None:
    """What holds of every trace, whatever came over the wire."""
    n = len(trace.index)
    hold(n == len(trace.current_a) == len(trace.supply_v) == len(trace.usb_v), "channels differ in length")
    hold(n <= most, f"{n} samples from bytes that hold {most}")
    hold(bool((np.diff(trace.index) > 0).all()), "sample numbers do not rise")
    hold(not n or (int(trace.index[0]) >= 0 and int(trace.index[-1]) < trace.n_total), "sample numbers beyond n_total")
    hold(0 <= trace.n_dropped <= trace.n_total, "more dropped than taken")
    hold(bool(np.isfinite(trace.current_a).all()), "a current that is no number")
    hold(bool(np.isfinite(trace.supply_v).all()), "a voltage that is no number")
    hold(np.isfinite(trace.zero_se_a), "an error of the zero that is no number")


def same(one: Trace, other: Trace) -> bool:
    """Whether two traces are equal bit for bit."""
    arrays = all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("index", "current_a", "supply_v", "usb_v")
    )
    counts = ("n_total", "n_dropped", "n_calibrations", "over_current")
    return arrays and all(getattr(one, name) == getattr(other, name) for name in counts)


def usb_packets() -> Callable[[random.Random], None]:
    """HVPM packets: mutated inside, lost, doubled, out of order, in chunks of any size."""
    whole = specimens.usb_slots()
    scale = HvpmScale()
    plain = whole[: _PACKETS * SLOT_BYTES]
    expected = HvpmDecoder(scale).decode(plain)
    calibrations = _calibrations(whole)

    def run(rng: random.Random) -> None:
        if rng.random() < 0.1:
            _lose_packets(rng)
            return
        start = rng.randrange(len(whole) // SLOT_BYTES - 200) * SLOT_BYTES
        n = rng.randrange(1, 3000)
        data = bytearray(mutated(calibrations + whole[start : start + n * SLOT_BYTES], rng))
        data += bytes(-len(data) % SLOT_BYTES)
        trace = HvpmDecoder(scale).decode(bytes(data))
        check_trace(trace, 3 * len(data) // SLOT_BYTES)
        check_chunks(bytes(data), trace, rng)

    def check_chunks(data: bytes, trace: Trace, rng: random.Random) -> None:
        decoder = HvpmDecoder(scale)
        cut = rng.randrange(len(data) // SLOT_BYTES + 1) * SLOT_BYTES
        parts = [decoder.decode(data[:cut]), decoder.decode(data[cut:])]
        hold(sum(len(part.index) for part in parts) == len(trace.index), "chunks hold other samples than the whole")
        hold(decoder.n_total == trace.n_total, "chunks count other samples than the whole")
        both = np.concatenate([part.current_a for part in parts])
        hold(both.tobytes() == trace.current_a.tobytes(), "chunks decode to other currents than the whole")

    def _lose_packets(rng: random.Random) -> None:
        # Sixteen in a row bring the counter round: the device's own count of drops is there for those.
        n_lost = rng.randrange(1, 16)
        at = rng.randrange(_SURE_AFTER, _PACKETS - 20)
        data = plain[: at * SLOT_BYTES] + plain[(at + n_lost) * SLOT_BYTES :]
        trace = HvpmDecoder(scale).decode(data)
        check_trace(trace, 3 * len(data) // SLOT_BYTES)
        hold(trace.n_dropped == 3 * n_lost, f"{n_lost} packets were lost, {trace.n_dropped} samples are called dropped")
        kept = np.isin(trace.index, expected.index)
        hold(bool(kept.mean() > 0.99), "after a loss samples have other numbers")

    return run


def _calibrations(slots: bytes) -> bytes:
    """The first packets that hold calibrations, without the seconds between them: what comes after is converted."""
    packets = [slots[at : at + SLOT_BYTES] for at in range(0, len(slots), SLOT_BYTES)]
    kinds = (0x10, 0x30)
    return b"".join([p for p in packets if any(p[21 + 18 * k] & 0x30 in kinds for k in range(p[3]))][:12])


def serial_frames() -> Callable[[random.Random], None]:
    """LVPM frames: a checksum of 8 bits tells every single byte that is changed."""
    whole = specimens.serial_bytes()
    data = whole[:_SERIAL_BYTES]
    expected = LvpmDecoder().decode(data)
    currents = set(np.unique(expected.current_a.view(np.uint32)).tolist())
    frames = _frames_of(data)

    def run(rng: random.Random) -> None:
        if rng.random() < 0.3:
            _one_byte(rng)
            return
        start = rng.randrange(max(1, len(whole) - 3 * _SERIAL_BYTES))
        changed = mutated(whole[:3000] + whole[start : start + rng.randrange(1, _SERIAL_BYTES)], rng)
        trace = LvpmDecoder().decode(changed)
        check_trace(trace, len(changed) // 8)
        _check_chunks(changed, trace, rng)

    def _one_byte(rng: random.Random) -> None:
        # Of a measurement: a calibration that is lost changes what follows, and rightly.
        start, size = rng.choice(frames)
        at = start + rng.randrange(1, size)
        changed = bytearray(data)
        changed[at] ^= rng.randrange(1, 256)
        trace = LvpmDecoder().decode(bytes(changed))
        check_trace(trace, len(changed) // 8)
        hold(trace.n_total == expected.n_total, "the samples of a bad frame are not counted")
        hold(trace.n_dropped > expected.n_dropped, "a bad frame is not seen as dropped")
        strange = set(np.unique(trace.current_a.view(np.uint32)).tolist()) - currents
        hold(not strange, "a frame with a wrong checksum was used")

    return run


def _check_chunks(data: bytes, trace: Trace, rng: random.Random) -> None:
    decoder = LvpmDecoder()
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    ends = [0, *cuts, len(data)]
    parts = [decoder.decode(data[a:b]) for a, b in pairwise(ends)]
    hold(decoder.n_total == trace.n_total, "chunks count other samples than the whole")
    both = np.concatenate([part.current_a for part in parts])
    hold(both.tobytes() == trace.current_a.tobytes(), "chunks decode to other currents than the whole")


def _frames_of(data: bytes) -> list[tuple[int, int]]:
    """Start and size of the good measurement frames after the first second."""
    found, at = list[tuple[int, int]](), 0
    while at < len(data) and at + data[at] + 1 <= len(data):
        size = data[at] + 1
        framed = data[at : at + size]
        good = size > 20 and sum(framed[:-1]) & 0xFF == framed[-1]
        if good and framed[1] & 0xE0 == 0x20 and framed[2] == 0 and at > 20_000:
            found.append((at, size))
        at += size
    return found[:-40]

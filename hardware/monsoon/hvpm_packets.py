"""Bytes of a Monsoon HVPM to calibrated samples: the one place where that happens. Vectorised.

One bulk transfer brings one packet of 4 + 18 n bytes (n = 1, 2 or 3; so 22, 40 or 58):

    offset  type   meaning
    0       u16 LE samples dropped by the device since the start of sampling; rolls over, and may read
                   65535 in the first milliseconds, so the first second of it is ignored
    2       u8     bits 0-3 packet counter; bit 4 output cut by over-current or heat; bit 5 output at voltage
    3       u8     n
    4+18i   8 x u16 BE  main coarse, main fine, USB coarse, USB fine, aux coarse, aux fine, main V, USB V
    20+18i  u8     USB gain
    21+18i  u8     bits 4-5 kind: 0x00 measurement, 0x10 zero calibration, 0x20 invalid, 0x30 reference

Current in mA = scale (code - Z) / (R - Z), for the fine range divided by 1,000 more; Z is the mean of the last five
zero calibrations plus the unit's zero offset, R that of the last five references. The fine range holds while its
raw code is below 64,000. Volts = code x 62.5e-6 x 4 (main) or x 2 (USB).
(Monsoon/sampleEngine.py and HVPM.py of the PyPI package `Monsoon` 0.1.88; ACTS monsoon_lib hvpm/packet.py, which
notes that the vendor's document swaps the last two bytes.)

The reader keeps each packet in a slot of 64 bytes, zero-filled, so that many can be decoded at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.meter import FloatArray, Trace

SLOT_BYTES = 64
RATE_HZ = 5000.0
OVER_CURRENT_BIT = 0x10

_FINE_LIMIT = 64000
_ADC_V = 62.5e-6
_MAIN_V_SCALE = np.float32(_ADC_V * 4)
_USB_V_SCALE = np.float32(_ADC_V * 2)
_CALIBRATIONS_AVERAGED = 5
_CALIBRATIONS_FOR_SCATTER = 8
# Calibrations scatter by some codes; in the coarse range so many are 8 mA.
_GARBLED_CODES = 32
_DROPS_UNRELIABLE_SAMPLES = int(RATE_HZ)
_ZERO, _REFERENCE, _ABSENT = 0x10, 0x30, 0xFF
_MOST_OBSERVATIONS = 3
_BLOCK_PACKETS = 8192

# Packet counters in the order in which they follow each other.
_COUNTERS = (np.arange(_BLOCK_PACKETS + 16) & 0x0F).astype(np.uint8)

_OBSERVATION = np.dtype(
    {
        "names": ["coarse", "fine", "main_v", "usb_v", "kind"],
        "formats": [">u2", ">u2", ">u2", ">u2", "u1"],
        "offsets": [0, 2, 12, 14, 17],
        "itemsize": 18,
    }
)
_SLOT = np.dtype(
    {
        "names": ["dropped", "flags", "n", "observations"],
        "formats": ["<u2", "u1", "u1", (_OBSERVATION, 3)],
        "offsets": [0, 2, 3, 4],
        "itemsize": SLOT_BYTES,
    }
)


@dataclass(frozen=True)
class HvpmScale:
    """The unit's calibration constants for the main channel, as its EEPROM holds them.

    Attributes:
        fine_scale, coarse_scale: full scale of the two ranges (mA x 1,000 and mA).
        fine_zero_offset, coarse_zero_offset: ADC codes added to the zero calibration.
    """

    fine_scale: float = 36500.0
    coarse_scale: float = 6400.0
    fine_zero_offset: float = 0.0
    coarse_zero_offset: float = 0.0


class _RollingCalibration:
    """Mean of the last five calibration codes (coarse, fine), as it was at any position of a chunk.

    A packet has no checksum. One calibration that is garbled would spoil all samples of six seconds, so codes far
    from the median of the five are left out of their mean; the vendor's is without that, and equal otherwise.
    """

    def __init__(self) -> None:
        self._codes: FloatArray = np.empty((0, 2))
        self.latest: FloatArray = np.full(2, np.nan)
        self._n, self._sum, self._squares, self._origin = 0, 0.0, 0.0, 0.0

    def standard_error(self) -> float:
        """Of the mean of five coarse codes, from the scatter of all codes so far; 0.0 below eight codes."""
        if self._n < _CALIBRATIONS_FOR_SCATTER:
            return 0.0
        variance = (self._squares - self._sum**2 / self._n) / (self._n - 1)
        return math.sqrt(max(0.0, variance) / _CALIBRATIONS_AVERAGED)

    def step(self, codes: FloatArray) -> FloatArray:
        """Take new codes (k, 2); return the means (k + 1, 2) before the first and after each."""
        before = self.latest
        history = np.concatenate([self._codes, codes])
        n_old = len(self._codes)
        means = np.full((len(codes), 2), np.nan)
        first = max(n_old, _CALIBRATIONS_AVERAGED - 1)
        if len(history) > first:
            latest_five = np.lib.stride_tricks.sliding_window_view(history, _CALIBRATIONS_AVERAGED, axis=0)
            windows = latest_five[first + 1 - _CALIBRATIONS_AVERAGED :]
            kept = np.abs(windows - np.median(windows, axis=2, keepdims=True)) <= _GARBLED_CODES
            means[first - n_old :] = (windows * kept).sum(axis=2) / kept.sum(axis=2)
            self._note_scatter(windows[:, 0], kept[:, 0])
        self._codes = history[-_CALIBRATIONS_AVERAGED:]
        self.latest = means[-1]
        return np.concatenate([before[None], means])

    def _note_scatter(self, windows: FloatArray, kept: NDArray[np.bool_]) -> None:
        """Count the coarse codes of windows (k, 5): all of the very first, the newest of each other."""
        codes = windows[:, -1][kept[:, -1]]
        if self._n == 0:
            codes = np.concatenate([windows[0, :-1][kept[0, :-1]], codes])
            # Counted from a code of the first five, so that squares of large codes do not drown their scatter.
            self._origin = float(windows[0][kept[0]][0])
        deviations = codes - self._origin
        self._n += len(codes)
        self._sum += float(deviations.sum())
        self._squares += float((deviations**2).sum())


class HvpmDecoder:
    """Decodes packets in the order they came, in chunks of any size.

    Samples before the fifth pair of calibrations cannot be converted, nor where references do not lie above zeros;
    they are counted and left out.
    """

    def __init__(self, scale: HvpmScale) -> None:
        self._scale = scale
        self._zero = _RollingCalibration()
        self._reference = _RollingCalibration()
        self._last_dropped: int | None = None
        self._last_counter: int | None = None
        self._n_received = 0
        self.n_total = 0
        self.n_dropped = 0
        self.n_calibrations = 0
        self.over_current = False

    @property
    def calibrated(self) -> bool:
        """Five zero and five reference calibrations were seen, and the references lie above the zeros."""
        return bool((self._spans(self._zero.latest[None], self._reference.latest[None]) > 0).all())

    def _spans(self, zero: FloatArray, reference: FloatArray) -> FloatArray:
        """Codes (s, 2) from zero to reference in the coarse and the fine range; NaN before there are both."""
        spans: FloatArray = reference - zero - [self._scale.coarse_zero_offset, self._scale.fine_zero_offset]
        return spans

    def decode(self, slots: bytes | bytearray | memoryview) -> Trace:
        """Decode a chunk.

        Args:
            slots: k x 64 bytes, one packet a slot.

        Returns:
            The chunk's measurements; `n_total`, `n_dropped`, `n_calibrations` and `over_current` are the chunk's.
        """
        packets = np.frombuffer(slots, dtype=_SLOT)
        if len(packets) <= _BLOCK_PACKETS:
            return self._decode_block(packets)
        # In blocks that stay in the processor's cache.
        starts = range(0, len(packets), _BLOCK_PACKETS)
        return concatenate([self._decode_block(packets[i : i + _BLOCK_PACKETS]) for i in starts])

    def _decode_block(self, packets: NDArray[np.void]) -> Trace:
        readable = packets["n"] <= _MOST_OBSERVATIONS
        if not readable.all():
            # Nothing in such a packet can be relied on: left out, it is one that the counter misses.
            packets = packets[readable]
        if not len(packets):
            return concatenate([])
        counts, seen = packets["n"], packets["observations"]
        over = bool((packets["flags"] & OVER_CURRENT_BIT).any())
        self.over_current |= over
        # Slots are zero-filled: an observation that is absent looks like a measurement here.
        kind = (seen["kind"] & np.uint8(0x30)).reshape(-1)
        whole = bool(counts.size) and int(counts.min()) == 3
        goes_on = self._goes_on(packets)
        if self.calibrated and goes_on and not kind.any():
            return self._plain_block(packets, over, whole)
        present = None if whole else (np.arange(3) < counts[:, None]).reshape(-1)
        if present is not None:
            kind[~present] = _ABSENT
        measured = np.flatnonzero(kind == 0)
        index, n_dropped = self._index(packets, measured, present, goes_on)
        zero, reference, ends = self._held_calibrations(seen, kind, measured)
        usable = (self._spans(zero, reference) > 0).all(axis=1)
        if not usable.all():
            kept = np.repeat(usable, np.diff(ends, prepend=0))
            measured, index = measured[kept], index[kept]
            ends = np.cumsum(np.diff(ends, prepend=0)[usable])
            zero, reference = zero[usable], reference[usable]
        return Trace(
            index=index,
            current_a=self._amperes(seen, measured, zero, reference, np.diff(ends, prepend=0)),
            supply_v=_column(seen, "main_v", measured) * _MAIN_V_SCALE,
            usb_v=_column(seen, "usb_v", measured) * _USB_V_SCALE,
            rate_hz=RATE_HZ,
            n_total=int(counts.sum(dtype=np.int64)) + n_dropped,
            n_dropped=n_dropped,
            n_calibrations=int(((kind == _ZERO) | (kind == _REFERENCE)).sum()),
            over_current=over,
            zero_se_a=self._zero_se_a(),
        )

    def _plain_block(self, packets: NDArray[np.void], over: bool, whole: bool) -> Trace:
        """A block of measurements alone with nothing missing, as most short ones are."""
        counts, seen = packets["n"], packets["observations"]
        n = 3 * len(counts) if whole else int(counts.sum(dtype=np.int64))
        measured = None if whole else np.flatnonzero(np.arange(3) < counts[:, None])
        index = np.arange(self.n_total, self.n_total + n)
        self.n_total += n
        self._n_received += n
        self._last_counter = int(packets["flags"][-1]) & 0x0F
        zero, reference = self._zero.latest[None], self._reference.latest[None]
        return Trace(
            index=index,
            current_a=self._amperes(seen, measured, zero, reference, None),
            supply_v=_column(seen, "main_v", measured) * _MAIN_V_SCALE,
            usb_v=_column(seen, "usb_v", measured) * _USB_V_SCALE,
            rate_hz=RATE_HZ,
            n_total=n,
            n_dropped=0,
            n_calibrations=0,
            over_current=over,
            zero_se_a=self._zero_se_a(),
        )

    def _index(
        self,
        packets: NDArray[np.void],
        measured: NDArray[np.intp],
        present: NDArray[np.bool_] | None,
        goes_on: bool,
    ) -> tuple[NDArray[np.int64], int]:
        """Sample numbers of the measurements (m,), and how many samples were lost in the block."""
        if not goes_on:
            numbers, n_dropped = self._number(packets, packets["n"])
            return numbers.reshape(-1)[measured], n_dropped
        n = len(packets) * 3 if present is None else int(packets["n"].sum(dtype=np.int64))
        first = self.n_total
        self.n_total += n
        self._n_received += n
        self._last_counter = int(packets["flags"][-1]) & 0x0F
        places = measured if present is None else (np.cumsum(present) - 1)[measured]
        return first + places, 0

    def _number(self, packets: NDArray[np.void], counts: NDArray[np.uint8]) -> tuple[NDArray[np.int64], int]:
        """Sample numbers (k, 3), corrected by what the device and the host lost, and the number lost."""
        if not counts.size:
            return np.empty((0, 3), np.int64), 0
        lost = self._lost_before(packets, counts)
        ends = np.cumsum(counts.astype(np.int64) + lost)
        firsts = self.n_total + ends - counts
        n_dropped = int(lost.sum())
        self.n_total += int(ends[-1])
        self.n_dropped += n_dropped
        return firsts[:, None] + np.arange(3), n_dropped

    def _goes_on(self, packets: NDArray[np.void]) -> bool:
        """Nothing is missing: the drop counter stands still and each packet has the next number."""
        if self._last_dropped is None or self._last_counter is None:
            return False
        first = (self._last_counter + 1) & 0x0F
        expected = _COUNTERS[first : first + len(packets)]
        return bool(
            ((packets["flags"] & np.uint8(0x0F)) == expected).all() and (packets["dropped"] == self._last_dropped).all()
        )

    def _lost_before(self, packets: NDArray[np.void], counts: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Samples missing before each packet: unwrapped drops, and three for each packet the counter skips."""
        dropped = packets["dropped"].astype(np.int64)
        counter = (packets["flags"] & 0x0F).astype(np.int64)
        previous = np.empty_like(dropped)
        previous[0] = dropped[0] if self._last_dropped is None else self._last_dropped
        previous[1:] = dropped[:-1]
        lost = (dropped - previous) & 0xFFFF
        if self._n_received <= _DROPS_UNRELIABLE_SAMPLES:
            # By samples that came, not by sample numbers: the same packets must decode alike in any chunks.
            received = self._n_received + np.cumsum(counts, dtype=np.int64)
            lost[received <= _DROPS_UNRELIABLE_SAMPLES] = 0
        self._n_received += int(counts.sum(dtype=np.int64))
        before = np.empty_like(counter)
        before[0] = (counter[0] - 1) & 15 if self._last_counter is None else self._last_counter
        before[1:] = counter[:-1]
        skipped = (counter - before - 1) & 15
        self._last_dropped, self._last_counter = int(dropped[-1]), int(counter[-1])
        if skipped.any():
            lost += 3 * skipped
        return lost

    def _zero_se_a(self) -> float:
        if not self.calibrated:
            return 0.0
        span = float(self._reference.latest[0] - self._zero.latest[0]) - self._scale.coarse_zero_offset
        return self._zero.standard_error() * self._scale.coarse_scale / 1e3 / span

    def _held_calibrations(
        self, seen: NDArray[np.void], kind: NDArray[np.uint8], measured: NDArray[np.intp]
    ) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
        """What holds between calibrations.

        Returns:
            Zero codes (s, 2) and reference codes (s, 2) of each stretch between calibrations, and the number of
            measurements up to the end of each stretch (s,).
        """
        at_zero, at_reference = np.flatnonzero(kind == _ZERO), np.flatnonzero(kind == _REFERENCE)
        zeros = self._zero.step(_codes(seen, at_zero)) if len(at_zero) else self._zero.latest[None]
        references = (
            self._reference.step(_codes(seen, at_reference)) if len(at_reference) else self._reference.latest[None]
        )
        self.n_calibrations += len(at_zero) + len(at_reference)
        turns = np.sort(np.concatenate([at_zero, at_reference]))
        starts = np.concatenate([[-1], turns])
        ends = np.append(np.searchsorted(measured, turns), len(measured))
        zero = zeros[np.searchsorted(at_zero, starts, side="right")]
        reference = references[np.searchsorted(at_reference, starts, side="right")]
        return zero, reference, ends

    def _amperes(
        self,
        seen: NDArray[np.void],
        measured: NDArray[np.intp] | None,
        zero: FloatArray,
        reference: FloatArray,
        lengths: NDArray[np.intp] | None,
    ) -> NDArray[np.float32]:
        """Currents of the measurements; `lengths` says how many each calibration holds for, None: one for all."""
        scale = self._scale
        coarse = _column(seen, "coarse", measured)
        zero_coarse = zero[:, 0] + scale.coarse_zero_offset
        coarse -= _spread(zero_coarse, lengths)
        coarse *= _spread(scale.coarse_scale / 1e3 / (reference[:, 0] - zero_coarse), lengths)
        fine_codes = _codes_of(seen, "fine", measured)
        in_fine = fine_codes < _FINE_LIMIT
        if in_fine.any():
            fine = fine_codes.astype(np.float32)
            zero_fine = zero[:, 1] + scale.fine_zero_offset
            fine -= _spread(zero_fine, lengths)
            fine *= _spread(scale.fine_scale / 1e6 / (reference[:, 1] - zero_fine), lengths)
            np.copyto(coarse, fine, where=in_fine)
        return coarse


def _column(seen: NDArray[np.void], name: str, measured: NDArray[np.intp] | None) -> NDArray[np.float32]:
    """One channel of the measurements as floats (m,); None: all are."""
    return _codes_of(seen, name, measured).astype(np.float32)


def _codes_of(seen: NDArray[np.void], name: str, measured: NDArray[np.intp] | None) -> NDArray[np.uint16]:
    """One channel of the measurements as codes (m,)."""
    # First into the computer's byte order: numpy converts far faster from there.
    column: NDArray[np.uint16] = seen[name].astype(np.uint16).reshape(-1)
    return column if measured is None else column[measured]


def _codes(seen: NDArray[np.void], at: NDArray[np.intp]) -> FloatArray:
    """Coarse and fine codes (k, 2) of some observations."""
    rows = seen[at // 3, at % 3]
    return np.stack([rows["coarse"], rows["fine"]], axis=1).astype(np.float64)


def _spread(values: FloatArray, lengths: NDArray[np.intp] | None) -> NDArray[np.float32]:
    """A value for each measurement of each stretch; as it is where it holds for all."""
    narrow = values.astype(np.float32)
    return narrow if lengths is None else np.repeat(narrow, lengths)


def concatenate(parts: list[Trace], rate_hz: float = RATE_HZ) -> Trace:
    """One trace of chunks decoded in order.

    Args:
        parts: chunks of one recording; may be empty.
        rate_hz: sampling rate, used when there are none.
    """

    def joined(name: str, dtype: type) -> NDArray[np.generic]:
        arrays = [getattr(part, name) for part in parts]
        return np.concatenate(arrays) if arrays else np.empty(0, dtype)

    return Trace(
        index=joined("index", np.int64),  # type: ignore[arg-type]
        current_a=joined("current_a", np.float32),  # type: ignore[arg-type]
        supply_v=joined("supply_v", np.float32),  # type: ignore[arg-type]
        usb_v=joined("usb_v", np.float32),  # type: ignore[arg-type]
        rate_hz=parts[0].rate_hz if parts else rate_hz,
        n_total=sum(part.n_total for part in parts),
        n_dropped=sum(part.n_dropped for part in parts),
        n_calibrations=sum(part.n_calibrations for part in parts),
        over_current=any(part.over_current for part in parts),
        zero_se_a=parts[-1].zero_se_a if parts else 0.0,
    )

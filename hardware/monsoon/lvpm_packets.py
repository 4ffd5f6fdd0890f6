"""Bytes of a Monsoon white box (LVPM, serial) to calibrated samples. The white box's `monsoon_packets`.

Frames and status are in `lvpm_frames`. Body of a data frame, big endian:

    offset  type           meaning
    0       u8             bits 0-3 sequence; bit 5 always set; bit 4 over-current (assumed, see below)
    1       u8             kind: 0 measurement, 1 zero calibration, 2 reference calibration
    2       2 x u8         unknown
    4+8i    3 x i16, u16   main, USB, auxiliary current; voltage
    -1      u8             unknown

Bit 0 of a current says that it is in the coarse range, and is cleared before use; bits 0-1 of the voltage are flags.
In calibration frames even rows are fine, odd rows coarse. Current = full scale x (code - zero) / (reference - zero)
with 33.2 mA (fine) and 2.88 A (coarse); zero and reference are means of the last five.
(AOSP cts/tools/utils/monsoon.py and power_meter/monsoon.py; ACTS monsoon_lib sampling/lvpm_stock.)

Three things no public source tells, and what is assumed: each row of a calibration frame takes the time of a
sample, as on the HVPM; bit 4 of a data frame means over-current, as on the HVPM; a status frame can come between
data frames.

USB voltage is not measured. `Trace.usb_v` is therefore a verdict, not a reading: 5.0 while more than 5 mA flow into
the phone's USB or while the last status did not say that passthrough is off, else 0.0. Before the first status it
counts as on, so that silence never proves a cut.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hardware.meter import FloatArray, Passthrough, Trace
from hardware.monsoon.hvpm_packets import concatenate
from hardware.monsoon.lvpm_frames import (
    DATA_BIT,
    KIND_MAX,
    ROW_BYTES,
    ROWS_AT,
    VOLTS_PER_CODE,
    Bytes,
    LvpmStatus,
    is_status,
    n_rows_of,
    read_status,
    split_frames,
)

Rows = NDArray[np.int16]
Floats = NDArray[np.float32]

RATE_HZ = 5000.0

_OVER_CURRENT_BIT = 0x10
_FINE_A, _COARSE_A = 0.0332, 2.88
_CALIBRATIONS_AVERAGED, _CALIBRATIONS_FOR_SCATTER = 5, 8
_ZERO = 1
_USB_FLOWS_A = 0.005
_USB_V = 5.0


class _Calibration:
    """Means of the last five codes of one kind: [fine, coarse] x [main, USB]."""

    def __init__(self) -> None:
        self._last: deque[FloatArray] = deque(maxlen=_CALIBRATIONS_AVERAGED)
        self._main_coarse: list[float] = []
        self.mean: FloatArray = np.full((2, 2), np.nan)

    def add(self, rows: FloatArray) -> None:
        """Take a calibration frame's rows (k, 2): even ones are fine, odd ones coarse."""
        if len(rows) < 2:
            return
        self._last.append(np.stack([rows[0::2].mean(axis=0), rows[1::2].mean(axis=0)]))
        self._main_coarse.append(float(self._last[-1][1, 0]))
        self.mean = np.mean(self._last, axis=0)

    def standard_error(self) -> float:
        """Of the main coarse mean, in codes, from the scatter of all so far; 0.0 below eight."""
        if len(self._main_coarse) < _CALIBRATIONS_FOR_SCATTER:
            return 0.0
        return float(np.std(self._main_coarse, ddof=1)) / math.sqrt(_CALIBRATIONS_AVERAGED)


class LvpmDecoder:
    """Decodes what the serial port brought, in chunks of any size; an unfinished frame waits for the next chunk.

    A frame with a bad checksum and a frame that never came are both seen as a gap in the sequence numbers: their
    samples are counted as dropped, and leave a hole in the time axis. Sixteen lost frames in a row (45 ms) cannot be
    told from none: the sequence number has four bits.

    Attributes:
        n_total, n_dropped, n_calibrations, over_current: of all chunks so far, as in `Trace`.
        n_bad_frames: places with a bad checksum.
        n_statuses: status frames seen; `status` is the newest.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._zero, self._reference = _Calibration(), _Calibration()
        self._last_sequence: int | None = None
        self._rows_per_frame = 0
        self._passthrough_off = False
        self._volts_per_code = VOLTS_PER_CODE
        self.n_total = 0
        self.n_dropped = 0
        self.n_calibrations = 0
        self.n_bad_frames = 0
        self.n_statuses = 0
        self.over_current = False
        self.status: LvpmStatus | None = None

    @property
    def calibrated(self) -> bool:
        """A zero and a reference calibration were seen."""
        return not bool(np.isnan(self._zero.mean).any() or np.isnan(self._reference.mean).any())

    def decode(self, raw: bytes | bytearray | memoryview) -> Trace:
        """Decode a chunk.

        Args:
            raw: bytes in the order they came.

        Returns:
            The measurements of the frames that became complete; the counts are the chunk's.
        """
        data = self._rest + bytes(raw)
        split = split_frames(np.frombuffer(data, np.uint8))
        self._rest = data[split.n_used :]
        self.n_bad_frames += split.n_bad
        parts = [part for block in split.blocks for part in self._read_block(block)]
        return concatenate(parts, RATE_HZ)

    def _read_block(self, block: Bytes) -> list[Trace]:
        size = block.shape[1]
        if is_status(block[-1, 1:-1].tobytes()):
            self._note_status(block)
            return []
        n_rows = n_rows_of(size)
        if not n_rows:
            return []
        usable = (block[:, 1] & 0xE0 == DATA_BIT) & (block[:, 2] <= KIND_MAX)
        return self._read_data(block if usable.all() else block[usable], n_rows)

    def _note_status(self, block: Bytes) -> None:
        self.status = read_status(block[-1, 1:-1].tobytes())
        self.n_statuses += len(block)
        self._passthrough_off = self.status.passthrough == Passthrough.OFF
        self._volts_per_code = self.status.volts_per_code

    def _read_data(self, block: Bytes, n_rows: int) -> list[Trace]:
        """Data frames (n, size) of n_rows each, in stretches that end with a calibration frame or the block."""
        n_frames = len(block)
        codes = np.ascontiguousarray(block[:, ROWS_AT : ROWS_AT + n_rows * ROW_BYTES])
        rows = codes.view(">i2").reshape(n_frames, n_rows, 4)
        firsts, lost = self._number(block[:, 1].astype(np.int64) & 0x0F, n_rows)
        edges = sorted({0, *(np.flatnonzero(block[:, 2]) + 1).tolist(), n_frames})
        return [
            self._read_stretch(block[start:end], rows[start:end], firsts[start:end], int(lost[start:end].sum()))
            for start, end in pairwise(edges)
        ]

    def _number(self, sequence: NDArray[np.int64], n_rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Number of the first sample of each frame (n,), and the samples lost before each (n,)."""
        if not len(sequence):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        self._rows_per_frame = max(self._rows_per_frame, n_rows)
        last = (int(sequence[0]) - 1) & 0x0F if self._last_sequence is None else self._last_sequence
        before = np.concatenate([[last], sequence[:-1]])
        lost = ((sequence - before - 1) & 0x0F) * self._rows_per_frame
        ends = self.n_total + np.cumsum(lost + n_rows)
        self._last_sequence = int(sequence[-1])
        self.n_total = int(ends[-1])
        self.n_dropped += int(lost.sum())
        return ends - n_rows, lost

    def _read_stretch(self, block: Bytes, rows: Rows, firsts: NDArray[np.int64], n_lost: int) -> Trace:
        """Measurement frames, the last one perhaps a calibration: (n, size) bytes, (n, k, 4) codes."""
        kind = int(block[-1, 2])
        n_measured = len(block) - (kind != 0)
        current_a, usb_a, supply_v = self._convert(rows[:n_measured].reshape(-1, 4))
        index = (firsts[:n_measured, None] + np.arange(rows.shape[1])).reshape(-1)
        if not self.calibrated:
            index = index[:0]
        if kind:
            (self._zero if kind == _ZERO else self._reference).add(rows[-1, :, :2].astype(np.float64))
            self.n_calibrations += rows.shape[1]
        over = bool((block[:, 1] & _OVER_CURRENT_BIT).any())
        self.over_current |= over
        usb_on = (usb_a > _USB_FLOWS_A) | (not self._passthrough_off)
        return Trace(
            index=index,
            current_a=current_a[: len(index)],
            supply_v=supply_v[: len(index)],
            usb_v=np.where(usb_on, _USB_V, 0.0).astype(np.float32)[: len(index)],
            rate_hz=RATE_HZ,
            n_total=rows.shape[0] * rows.shape[1] + n_lost,
            n_dropped=n_lost,
            n_calibrations=rows.shape[1] if kind else 0,
            over_current=over,
            zero_se_a=self._zero_se_a(),
        )

    def _convert(self, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """Main current (n,), USB current (n,) and voltage (n,) of codes (n, 4); NaN currents before calibration."""
        zero, span = self._zero.mean, self._reference.mean - self._zero.mean
        span = np.where(span == 0, np.nan, span)
        fine = (rows[:, :2] - zero[0]) * (_FINE_A / span[0])
        coarse = ((rows[:, :2] & ~1) - zero[1]) * (_COARSE_A / span[1])
        currents = np.where(rows[:, :2] & 1, coarse, fine).astype(np.float32)
        volts = (rows[:, 3].astype(np.uint16) & 0xFFFC) * np.float32(self._volts_per_code)
        return currents[:, 0], currents[:, 1], volts.astype(np.float32)

    def _zero_se_a(self) -> float:
        if not self.calibrated:
            return 0.0
        span = float(self._reference.mean[1, 0] - self._zero.mean[1, 0])
        return self._zero.standard_error() * _COARSE_A / span if span else 0.0

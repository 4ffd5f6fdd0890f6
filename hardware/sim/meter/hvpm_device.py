"""A simulated HVPM: registers, sample packets, and the 16-sample queue that overflows when the host is late.

The byte layout is that of `hardware/monsoon/hvpm_packets.py`; the calibration codes are assumptions (pixel4xl.toml).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hardware.sim.world import World

RATE_HZ = 5000.0
_HVPM = 2
_VOLTAGE, _PASSTHROUGH, _START_STATUS = 0x41, 0x10, 0xC4
_VOLTS_PER_CODE = 1 / 1048576
_SAMPLING_BIT = 0x80
_MEASUREMENT, _ZERO, _REFERENCE = 0x00, 0x10, 0x30
_SLOT_BYTES = 64
_ROW_BYTES = 18
_OUTPUT_OK_BIT, _OVER_CURRENT_BIT = 0x20, 0x10
_MAX_CODE = 65535
_EARLY_PACKETS = 3


class HvpmDevice:
    """One unit.

    Args:
        world: what it feeds and measures.
        on_output: called with a new output voltage.
        on_passthrough: called with whether USB is passed.
        late_host: if True the queue overflows by the clock (paced time); in virtual time no host is late by itself.

    Attributes:
        calibrating: if False no calibration is sent.
        early_rollover: the first packets say 65535 dropped, as units do in their first millisecond.
        dropped_at_start: where the drop counter, which has 16 bits, begins.
        short_packet_share: share of packets with fewer than three samples.
        on_start: called when sampling begins.
        n_unplugged: how often its USB was lost: what was opened before is then of no use.
    """

    def __init__(
        self,
        world: World,
        on_output: Callable[[float], None],
        on_passthrough: Callable[[bool], None],
        *,
        late_host: bool = False,
    ) -> None:
        meter = world.constants.meter
        self.world = world
        self.serial = str(meter.serial)
        self._gone = False
        self.n_unplugged = 0
        self.over_current = False
        self.calibrating = True
        self.early_rollover = False
        self.dropped_at_start = 0
        self.short_packet_share = meter.short_packet_share
        self.on_start: Callable[[], None] = lambda: None
        self.sampling = False
        self._meter = meter
        self._late_host = late_host
        self._on_output, self._on_passthrough = on_output, on_passthrough
        self._rate_hz = RATE_HZ * (1.0 + meter.rate_drift_ppm * 1e-6)
        self._rng = world.rng.spawn(1)[0]
        self.registers = {
            0xC0: meter.firmware,
            0xC1: 17,
            0x45: _HVPM,
            0x42: meter.serial,
            0x88: 0xE000,
            0x89: 0xC800,
            0x0C: 20,
            0x29: 0x3C00,
            _PASSTHROUGH: 1,
            0x23: 0,
            0x43: 0x7FFF,
            0x44: 0x7FFF,
            _VOLTAGE: 0,
            0x1A: 36500,
            0x1B: 6400,
            0x1C: 14000,
            0x1D: 600,
            0x1E: 3100,
            0x1F: 250,
            0x25: meter.zero_offsets[1],
            0x26: meter.zero_offsets[0],
            0x27: 0,
            0x28: 0,
        }
        self._clear()

    def _clear(self) -> None:
        self._n_made = 0
        self._dropped = 0
        self._counter = 0
        self._chunk = memoryview(b"")
        self._lengths: list[int] = []
        self._next = 0
        self._delivered_s = 0.0

    @property
    def gone(self) -> bool:
        """Unplugged; what waits for a packet is let go, as by libusb."""
        return self._gone

    @gone.setter
    def gone(self, gone: bool) -> None:
        self.n_unplugged += gone and not self._gone
        self._gone = gone
        if gone:
            self.stop()

    # -- control transfers

    def get(self, opcode: int) -> int:
        """A register's value."""
        if opcode == _START_STATUS:
            return _SAMPLING_BIT if self.sampling else 0
        return self.registers.get(opcode, 0)

    def set(self, opcode: int, value: int) -> None:
        """Write a register, with what follows from it."""
        with self.world.lock:
            self.world.catch_up()
            self.registers[opcode] = value
            if opcode == _VOLTAGE:
                self._on_output(value * _VOLTS_PER_CODE)
            elif opcode == _PASSTHROUGH:
                self._on_passthrough(value == 1)

    def start(self, calibration_ms: int) -> None:
        """Begin to sample."""
        self._clear()
        self.on_start()
        self._dropped = self.dropped_at_start
        self._period = max(4, round(calibration_ms * RATE_HZ / 1e3))
        self.world.catch_up()
        self._began_s = self._delivered_s = self.world.time.now_s()
        self.sampling = True
        self.world.time.open_stream()

    def stop(self) -> None:
        """End sampling; what was made but not read is still delivered."""
        self.sampling = False
        self.world.time.close_stream()

    # -- samples

    def packet(self, into: memoryview) -> int:
        """Copy the next packet into `into`; its length, or 0 when the device has stopped."""
        i = self._next
        if i == len(self._lengths):
            if not self._refill():
                return 0
            i = 0
        self._next = i + 1
        length = self._lengths[i]
        start = i * _SLOT_BYTES
        into[:length] = self._chunk[start : start + length]
        return length

    def _refill(self) -> bool:
        while True:
            if not self.sampling:
                return False
            limit_s = self.world.time.advance_stream(self._delivered_s)
            if limit_s <= self._delivered_s:
                return False
            self.world.advance_to(limit_s)
            n_due = int((limit_s - self._began_s) * self._rate_hz) - self._n_made
            self._delivered_s = limit_s
            if self._late_host and n_due > self._meter.queue_samples:
                self._overflow(n_due - self._meter.queue_samples)
                n_due = self._meter.queue_samples
            if n_due > 0:
                self._make(n_due)
                return True

    def lose_output(self) -> None:
        """The output goes off by itself."""
        self.registers[_VOLTAGE] = 0
        self._on_output(0.0)

    def stall(self, n_samples: int) -> None:
        """The host has not read for so many samples: all that the queue cannot hold is lost."""
        self._overflow(max(0, n_samples - self._meter.queue_samples))

    def _overflow(self, n_lost: int) -> None:
        self._n_made += n_lost
        self._dropped += n_lost

    def _make(self, n: int) -> None:
        """Make packets of the next n samples."""
        rows = self._rows(n)
        sizes = self._packet_sizes(n)
        starts = np.cumsum(sizes) - sizes
        slots = np.zeros((len(sizes), _SLOT_BYTES), np.uint8)
        slots[:, 0] = self._dropped & 0xFF
        slots[:, 1] = (self._dropped >> 8) & 0xFF
        if self.early_rollover and self._n_made == 0:
            slots[:_EARLY_PACKETS, :2] = 0xFF
        counters = (self._counter + np.arange(len(sizes))) & 0x0F
        flags = _OVER_CURRENT_BIT if self.over_current else _OUTPUT_OK_BIT * (self.world.output_v > 0)
        slots[:, 2] = counters | flags
        slots[:, 3] = sizes
        for k in range(3):
            has = sizes > k
            slots[has, 4 + k * _ROW_BYTES : 4 + (k + 1) * _ROW_BYTES] = rows[starts[has] + k]
        self._counter = int(counters[-1]) + 1
        self._chunk = memoryview(slots.tobytes())
        self._lengths = (4 + _ROW_BYTES * sizes).tolist()
        self._next = 0
        self._n_made += n

    def _packet_sizes(self, n: int) -> NDArray[np.int64]:
        sizes = np.full(n // 3 + 1, 3)
        short = self._rng.random(len(sizes)) < self.short_packet_share
        sizes[short] = self._rng.integers(1, 3, int(short.sum()))
        totals = np.cumsum(sizes)
        while totals[-1] < n:
            sizes = np.concatenate([sizes, np.full((n - int(totals[-1])) // 3 + 1, 3)])
            totals = np.cumsum(sizes)
        last = int(np.searchsorted(totals, n))
        sizes = sizes[: last + 1]
        sizes[-1] -= int(totals[last]) - n
        return sizes

    def _rows(self, n: int) -> NDArray[np.uint8]:
        """(n, 18) bytes of the next n samples."""
        numbers = np.arange(self._n_made, self._n_made + n)
        powers_w = self.world.powers_at(self._began_s + numbers / self._rate_hz)
        current_a, supply_v = self.world.terminals(powers_w)
        zero, reference = self._meter.zero_codes, self._meter.reference_codes
        offset_coarse, offset_fine = self._meter.zero_offsets
        words = np.empty((n, 9), ">u2")
        noise = self._rng.standard_normal((2, n), dtype=np.float32)
        noise[0] *= self._meter.code_noise_lsb
        noise[1] *= self._meter.volt_noise_lsb
        milliamps = current_a * np.float32(1e3)
        zero_coarse, zero_fine = zero[0] + offset_coarse, zero[1] + offset_fine
        coarse = zero_coarse + milliamps * np.float32((reference[0] - zero_coarse) / self.registers[0x1B])
        fine = zero_fine + milliamps * np.float32((reference[1] - zero_fine) * 1e3 / self.registers[0x1A])
        words[:, 0] = _code(coarse + noise[0])
        words[:, 1] = _code(fine + noise[0])
        words[:, 2:6] = (zero[2], zero[3], 1000, 1020)
        words[:, 6] = _code(supply_v * np.float32(1 / 250e-6) + noise[1])
        words[:, 7] = round(self.world.usb_v / 125e-6)
        words[:, 8] = _MEASUREMENT
        self._calibrate(words, numbers)
        return words.view(np.uint8).reshape(n, _ROW_BYTES)

    def _calibrate(self, words: NDArray[np.uint16], numbers: NDArray[np.int64]) -> None:
        """Put a zero and a reference calibration in place of measurements, once a period."""
        if not self.calibrating:
            return
        phase = numbers % self._period
        for position, kind, codes in (
            (0, _ZERO, self._meter.zero_codes),
            (1, _REFERENCE, self._meter.reference_codes),
        ):
            at = np.flatnonzero(phase == position)
            if len(at):
                jitter = self._rng.normal(0.0, self._meter.code_noise_lsb, (len(at), 4))
                words[at, :4] = np.rint(np.asarray(codes) + jitter).astype(np.uint16)
                words[at, 8] = kind


def _code(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(np.rint(value), 0, _MAX_CODE)


def pack_register(value: int) -> bytes:
    """A register as a control transfer returns it: 4 bytes, little-endian."""
    return struct.pack("<I", value & 0xFFFFFFFF)

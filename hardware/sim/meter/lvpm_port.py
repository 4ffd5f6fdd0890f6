"""A simulated white box with its factory firmware at the far end of a pseudo-terminal: pyserial opens it unchanged.

Frames are those of `hardware/monsoon/lvpm_frames.py` and `lvpm_packets.py`, built here independently. One thread
answers commands, one delivers samples and carries the world's time forward with what the reader has taken. The
calibration codes, 14 rows a frame and two rows a calibration frame are assumptions.
"""

from __future__ import annotations

import os
import select
import struct
import threading
import tty
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hardware.sim.world import World

RATE_HZ = 5000
ROWS_PER_FRAME = 14
_CALIBRATION_ROWS = 2
_STATUS = struct.Struct(">BBBhhhHhhhHBBBxBbHBHHHHBbbHHBBBbbbbbbbbbBH")
_SERIAL, _FIRMWARE, _PROTOCOL, _REVISION = 7536, 20, 17, 3
_ZERO, _REFERENCE = 1, 2
# Codes of zero and reference: (fine, coarse), even as the range bit is not part of them.
_ZERO_CODES, _REFERENCE_CODES = (120, 80), (16000, 14400)
_FINE_A, _COARSE_A, _FINE_UP_TO_A = 0.0332, 2.88, 0.030
_CURRENT_NOISE_LSB, _VOLT_NOISE_LSB, _CALIBRATION_NOISE_LSB = 3.0, 4.0, 0.5
_VOLTS_PER_CODE = 125e-6
_DATA_BIT, _OVER_CURRENT_BIT = 0x20, 0x10
_POLL_S = 0.0003


class LvpmPort:
    """One white box.

    Args:
        world: what it feeds and measures.
        on_output: called with a new output voltage.
        on_passthrough: called with whether USB is passed.

    Attributes:
        path: of the serial port.
        registers: what the commands have set, by command number.
        corrupt_every: the checksum of every so many measurement frames is wrong; 0 for none.
        lose_every: every so many measurement frames do not arrive; 0 for none.
        calibrating: if False no calibration is sent.
        over_current: what the flag in each data frame says.
    """

    def __init__(
        self, world: World, on_output: Callable[[float], None], on_passthrough: Callable[[bool], None]
    ) -> None:
        self._world = world
        self._on_output, self._on_passthrough = on_output, on_passthrough
        self._rng = world.rng.spawn(1)[0]
        self.registers = {0x01: 0, 0x08: 0, 0x09: 0, 0x0A: 0, 0x0B: 0, 0x10: 1, 0x1B: 0}
        self._setting = 0
        self.corrupt_every = self.lose_every = 0
        self.calibrating = True
        self.over_current = False
        self.sampling = False
        self._gone = threading.Event()
        self._to_deliver, self._idle = threading.Event(), threading.Event()
        self._line = threading.Lock()
        self._clear()
        self._host, self._port = os.openpty()
        tty.setraw(self._port)
        os.set_blocking(self._host, False)
        self.path = os.ttyname(self._port)
        self._threads = [
            threading.Thread(target=target, name=f"white box {name}", daemon=True)
            for name, target in (("commands", self._obey), ("samples", self._deliver))
        ]
        for thread in self._threads:
            thread.start()

    def _clear(self) -> None:
        self._n_made = 0
        self._n_frames = 0
        self._n_calibrated = 0
        self._sequence = 0
        self._began_s = self._delivered_s = self._world.time.now_s()

    @property
    def gone(self) -> bool:
        """Unplugged: the port has vanished. Setting it True is for good."""
        return self._gone.is_set()

    @gone.setter
    def gone(self, gone: bool) -> None:
        if gone:
            self.close()

    def close(self) -> None:
        """Take the port away."""
        if self._gone.is_set():
            return
        self._gone.set()
        self._stop()
        self._to_deliver.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        os.close(self._host)
        os.close(self._port)

    # -- commands

    def _obey(self) -> None:
        pending = b""
        while not self._gone.is_set():
            if not select.select([self._host], [], [], 0.05)[0]:
                continue
            try:
                pending += os.read(self._host, 4096)
            except OSError:
                # Nobody has the other end open.
                self._gone.wait(_POLL_S)
                continue
            while pending and len(pending) > pending[0]:
                framed, pending = pending[: pending[0] + 1], pending[pending[0] + 1 :]
                if sum(framed[:-1]) & 0xFF == framed[-1]:
                    self._command(framed[1:-1])

    def _command(self, body: bytes) -> None:
        if body == b"\x01\x00\x00":
            self._send(_framed(self._status()))
        elif body[0] == 0x01 and len(body) == 3:
            self._set(body[1], body[2])
        elif body[0] == 0x02:
            self._start()
        elif body[0] == 0x03:
            self._stop()

    def _set(self, number: int, value: int) -> None:
        with self._world.lock:
            self._world.catch_up()
            self.registers[number] = value
            if number == 0x01:
                self._setting = value or self._setting
                self._on_output(2.0 + value * 0.01 if value else 0.0)
            elif number == 0x10:
                self._on_passthrough(value == 1)

    def _start(self) -> None:
        if self.sampling:
            return
        self._idle.wait()
        self._idle.clear()
        self._clear()
        self._world.catch_up()
        self.sampling = True
        self._world.time.open_stream()
        self._to_deliver.set()

    def _stop(self) -> None:
        if self.sampling:
            self.sampling = False
            self._world.time.close_stream()

    def _status(self) -> bytes:
        fields = [0] * 41
        fields[0:3] = 0x10, _FIRMWARE, _PROTOCOL
        fields[6] = round(self._world.output_v / _VOLTS_PER_CODE)
        fields[11] = self._setting
        fields[16], fields[17] = _SERIAL, RATE_HZ // 1000
        fields[20] = self.registers[0x08] | self.registers[0x09] << 8
        fields[21] = self.registers[0x0A] | self.registers[0x0B] << 8
        fields[27], fields[29] = _REVISION, self.registers[0x10]
        return _STATUS.pack(*fields)

    # -- samples

    def _deliver(self) -> None:
        while not self._gone.is_set():
            self._idle.set()
            self._to_deliver.wait()
            self._to_deliver.clear()
            while self.sampling:
                limit_s = self._world.time.advance_stream(self._delivered_s)
                if limit_s <= self._delivered_s:
                    break
                self._world.advance_to(limit_s)
                self._send(self._due(limit_s))
                self._wait_taken()
                self._delivered_s = limit_s

    def _send(self, data: bytes) -> None:
        """Put whole frames on the line; waits while it is full."""
        view = memoryview(data)
        with self._line:
            while view and not self._gone.is_set():
                try:
                    view = view[os.write(self._host, view) :]
                except BlockingIOError:
                    select.select([], [self._host], [], 0.05)

    def _wait_taken(self) -> None:
        """Until the reader has taken everything. `select` also moves on what the kernel has not yet passed over."""
        while self.sampling and select.select([self._port], [], [], 0)[0]:
            self._gone.wait(_POLL_S)

    def stall(self, n_samples: int) -> int:
        """So many samples are lost before they are sent, in whole frames; returns how many."""
        n_frames = -(-n_samples // ROWS_PER_FRAME)
        self._n_made += n_frames * ROWS_PER_FRAME
        self._sequence += n_frames
        return n_frames * ROWS_PER_FRAME

    def _due(self, limit_s: float) -> bytes:
        """Frames of all samples before a moment; what does not fill a frame waits."""
        n_due = int((limit_s - self._began_s) * RATE_HZ)
        frames = []
        while True:
            next_calibration = self._n_calibrated * RATE_HZ
            if not self.calibrating:
                next_calibration = n_due
            elif self._n_made >= next_calibration and self._n_made + 2 * _CALIBRATION_ROWS <= n_due:
                frames += [self._calibration(_ZERO, _ZERO_CODES), self._calibration(_REFERENCE, _REFERENCE_CODES)]
                self._n_calibrated += 1
                continue
            n_frames = min(
                (n_due - self._n_made) // ROWS_PER_FRAME, -((self._n_made - next_calibration) // ROWS_PER_FRAME)
            )
            if n_frames <= 0:
                return b"".join(frames)
            frames.append(self._measurements(n_frames))

    def _head(self, sequence: int) -> int:
        return _DATA_BIT | (_OVER_CURRENT_BIT if self.over_current else 0) | (sequence & 0x0F)

    def _calibration(self, kind: int, codes: tuple[int, int]) -> bytes:
        """A frame of calibrations: even rows fine, odd rows coarse."""
        noise = self._rng.normal(0.0, _CALIBRATION_NOISE_LSB, (_CALIBRATION_ROWS, 4))
        rows = np.rint(np.array(codes)[:, None] + noise).astype(">i2")
        body = bytes([self._head(self._sequence), kind, 0, 0]) + rows.tobytes() + b"\0"
        self._sequence += 1
        self._n_made += _CALIBRATION_ROWS
        return _framed(body)

    def _measurements(self, n_frames: int) -> bytes:
        """The next frames, one after another."""
        n = n_frames * ROWS_PER_FRAME
        moments_s = self._began_s + np.arange(self._n_made, self._n_made + n) / RATE_HZ
        rows = self._rows(self._world.powers_at(moments_s))
        frames = np.zeros((n_frames, 7 + rows.shape[1] * ROWS_PER_FRAME), np.uint8)
        frames[:, 0] = frames.shape[1] - 1
        frames[:, 1] = [self._head(self._sequence + k) for k in range(n_frames)]
        frames[:, 5:-2] = rows.reshape(n_frames, -1)
        frames[:, -1] = frames[:, :-1].sum(axis=1, dtype=np.uint8)
        order = self._n_frames + 1 + np.arange(n_frames)
        if self.corrupt_every:
            frames[order % self.corrupt_every == 0, -1] ^= 0x55
        if self.lose_every:
            frames = frames[order % self.lose_every != 0]
        self._sequence += n_frames
        self._n_frames += n_frames
        self._n_made += n
        return frames.tobytes()

    def _rows(self, powers_w: NDArray[np.float32]) -> NDArray[np.uint8]:
        """(n, 8) bytes: main, USB, auxiliary current, voltage."""
        current_a, supply_v = self._world.terminals(powers_w)
        usb_share = self._world.constants.power.usb_share if self._world.usb_connected else 0.0
        words = np.zeros((len(powers_w), 4), ">u2")
        words[:, 0] = self._current_codes(current_a)
        words[:, 1] = self._current_codes(powers_w * np.float32(usb_share / self._world.usb_v))
        words[:, 2] = self._current_codes(np.zeros_like(powers_w))
        noise = self._rng.normal(0.0, _VOLT_NOISE_LSB, len(powers_w))
        words[:, 3] = np.clip(4 * np.rint((supply_v / _VOLTS_PER_CODE + noise) / 4), 0, 65532)
        return words.view(np.uint8).reshape(len(powers_w), 8)

    def _current_codes(self, current_a: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Codes of a channel; bit 0 set means coarse. Noise of some codes keeps rounding from biasing a mean."""
        noise = self._rng.normal(0.0, _CURRENT_NOISE_LSB, len(current_a))
        is_coarse = current_a > _FINE_UP_TO_A
        codes = []
        for which, full_scale_a in enumerate((_FINE_A, _COARSE_A)):
            zero, reference = _ZERO_CODES[which], _REFERENCE_CODES[which]
            codes.append(zero + current_a * ((reference - zero) / full_scale_a) + noise)
        even = 2 * np.rint(np.where(is_coarse, codes[1], codes[0]) / 2)
        signed: NDArray[np.int16] = np.clip(even, -32768, 32766).astype(np.int16) | is_coarse
        return signed.view(np.uint16)


def _framed(body: bytes) -> bytes:
    length = len(body) + 1
    return bytes([length]) + body + bytes([(length + sum(body)) & 0xFF])

"""Reads a white box's serial port in a thread of its own and decodes on demand: `hvpm_reader` for the LVPM.

The kernel holds about 4 kB for a serial port, 90 ms of samples, so the loop only reads and keeps; decoding happens in
the thread that asks. While samples flow, answers to status requests come between them and are kept with them: the
raw bytes alone say when passthrough was off.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import serial

from hardware.clock import Clock
from hardware.errors import MeterFault, UsbLost
from hardware.meter import Glimpse, Trace, glimpse_of
from hardware.monsoon.hvpm_packets import concatenate
from hardware.monsoon.lvpm_frames import LvpmStatus
from hardware.monsoon.lvpm_packets import RATE_HZ, LvpmDecoder

_SILENT_AFTER_S = 2.0
_JOIN_TIMEOUT_S = 5.0
_REPLUG = "Check the meter's USB cable and power, then replug it."


class SerialRecording:
    """One recording: bytes as they came, and their decoded samples.

    Args:
        port: the open serial port, with a read timeout; sampling started after construction.
        clock: stamps the start, and notices silence.
    """

    def __init__(self, port: serial.Serial, name: str, clock: Clock) -> None:
        self._port: Any = port
        self._name = name
        self._clock = clock
        self._chunks: list[bytes] = []
        self._arrived = threading.Condition()
        self._decoding = threading.Lock()
        self._decoder = LvpmDecoder()
        self._decoded: list[Trace] = []
        self._n_decoded = self._n_glimpsed = 0
        self._failure: Exception | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader of {name}", daemon=True)
        self.started_s = 0.0

    def start(self) -> None:
        """Begin reading."""
        self._thread.start()

    def mark_started(self) -> None:
        """Sampling begins now."""
        self.started_s = self._clock.now_s()

    def ask_to_stop(self) -> None:
        """Let the loop end when the port has nothing more."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the loop to end."""
        self._thread.join(_JOIN_TIMEOUT_S)
        if self._thread.is_alive():
            self.fail(UsbLost(self._name, "stop reading", "samples go on after the stop command", _REPLUG))

    def fail(self, error: Exception) -> None:
        """Note why reading ended; the first reason stays."""
        with self._arrived:
            self._failure = self._failure or error
            self._arrived.notify_all()

    @property
    def failure(self) -> Exception | None:
        """Why the reader ended before it was told to; None while all is well."""
        return self._failure

    def _run(self) -> None:
        heard_s = self._clock.now_s()
        try:
            while True:
                chunk = self._port.read(max(1, self._port.in_waiting))
                if chunk:
                    heard_s = self._clock.now_s()
                    with self._arrived:
                        self._chunks.append(chunk)
                        self._arrived.notify_all()
                elif self._stopping.is_set():
                    return
                elif self._clock.now_s() - heard_s > _SILENT_AFTER_S:
                    silence = f"no sample for {_SILENT_AFTER_S:g} s"
                    self.fail(UsbLost(self._name, "read samples", silence, _REPLUG))
                    return
        except OSError as error:
            # pyserial's SerialException is an OSError; a vanished port raises either.
            self.fail(UsbLost(self._name, "read samples", str(error), _REPLUG))
        except Exception as error:  # noqa: BLE001 (a thread has nobody to raise to: the waiting caller asks `failure`)
            self.fail(error)

    def answer(self, request: Callable[[], None], timeout_s: float) -> LvpmStatus:
        """Send a request for a status while sampling, and wait for it to come between the samples.

        Args:
            timeout_s: real seconds, as a port's own timeout.

        Raises:
            UsbLost: reading has failed.
            MeterFault: nothing came in time.
        """
        before = self._n_statuses()
        request()
        with self._arrived:
            self._arrived.wait_for(lambda: self._failure is not None or self._n_statuses() > before, timeout_s)
        if self._failure is not None:
            raise self._failure
        status = self._decoder.status
        if status is None or self._n_statuses() == before:
            hint = "Power-cycle the meter."
            raise MeterFault(self._name, "read status while sampling", f"no answer in {timeout_s:g} s", hint)
        return status

    def _n_statuses(self) -> int:
        self._decode_new()
        return self._decoder.n_statuses

    def _decode_new(self) -> None:
        with self._decoding:
            n_chunks = len(self._chunks)
            if n_chunks > self._n_decoded:
                self._decoded.append(self._decoder.decode(b"".join(self._chunks[self._n_decoded : n_chunks])))
                self._n_decoded = n_chunks

    def glimpse(self) -> Glimpse:
        """What the last tenth of a second says; decodes what is new."""
        self._decode_new()
        with self._decoding:
            # Status requests decode too: what came since the last glimpse may be in several parts, or in none.
            old, new = self._decoded[: self._n_glimpsed], self._decoded[self._n_glimpsed :]
            self._n_glimpsed = len(self._decoded)
        return glimpse_of(
            old + new,
            new,
            self._decoder.n_total,
            over_current=self._decoder.over_current,
            calibrated=self._decoder.calibrated,
        )

    def raw(self) -> bytes:
        """All bytes so far, as they came (docs/reference/raw-traces.md)."""
        return b"".join(self._chunks)

    def trace(self) -> Trace:
        """All samples so far."""
        self._decode_new()
        with self._decoding:
            self._decoded = [concatenate(self._decoded, RATE_HZ)]
            self._n_glimpsed = 1
            return self._decoded[0]

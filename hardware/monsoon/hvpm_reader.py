"""Reads HVPM packets in a thread of its own and decodes them on demand.

The device queues 16 samples, 3.2 ms: a reader that is later than that loses samples. So the loop does nothing but
read and copy; decoding happens in the thread that asks.
"""

from __future__ import annotations

import array
import sys
import threading
from typing import Any

import usb.core

from hardware.clock import Clock
from hardware.errors import UsbLost
from hardware.meter import Glimpse, Trace, glimpse_of
from hardware.monsoon.hvpm_packets import SLOT_BYTES, HvpmDecoder, HvpmScale, concatenate

_ENDPOINT_IN = 0x81
_READ_TIMEOUT_MS = 1000
_BLOCK_SLOTS = 16384
# CPython lets a busy thread keep the interpreter for 5 ms by default: longer than the device can wait.
_SWITCH_INTERVAL_S = 0.0005
_JOIN_TIMEOUT_S = 5.0


class UsbRecording:
    """One recording: packets as they came, and their decoded samples.

    Args:
        device: the pyusb device, sampling started after construction.
        scale: the unit's calibration constants.
    """

    def __init__(self, device: Any, name: str, scale: HvpmScale, clock: Clock) -> None:
        self._device = device
        self._name = name
        self._clock = clock
        self._decoder = HvpmDecoder(scale)
        self._decoded: list[Trace] = []
        self._n_decoded = 0
        self._blocks: list[bytearray] = [bytearray(_BLOCK_SLOTS * SLOT_BYTES)]
        self._n_packets = 0
        self._failure: Exception | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader of {name}", daemon=True)
        self.started_s = 0.0

    def start(self) -> None:
        """Begin reading."""
        self.started_s = self._clock.now_s()
        self._switch_interval_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the loop end when the device has nothing more."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the loop to end."""
        self._thread.join(_JOIN_TIMEOUT_S)
        sys.setswitchinterval(self._switch_interval_s)
        if self._thread.is_alive():
            self.fail(UsbLost(self._name, "stop reading", "a USB read does not return", "Replug the meter."))

    def fail(self, error: Exception) -> None:
        """Note why reading ended; the first reason stays."""
        self._failure = self._failure or error

    @property
    def failure(self) -> Exception | None:
        """Why the reader ended before it was told to; None while all is well."""
        return self._failure

    def _run(self) -> None:
        packet = array.array("B", bytes(SLOT_BYTES))
        source = memoryview(packet)
        read = self._device.read
        block, slot = memoryview(self._blocks[-1]), 0
        try:
            while True:
                try:
                    n_bytes = read(_ENDPOINT_IN, packet, _READ_TIMEOUT_MS)
                except usb.core.USBTimeoutError:
                    if self._stopping.is_set():
                        return
                    raise
                block[slot : slot + n_bytes] = source[:n_bytes]
                slot += SLOT_BYTES
                self._n_packets += 1
                if slot == len(block):
                    self._blocks.append(bytearray(_BLOCK_SLOTS * SLOT_BYTES))
                    block, slot = memoryview(self._blocks[-1]), 0
        except usb.core.USBError as error:
            if not self._stopping.is_set():
                self.fail(UsbLost(self._name, "read samples", str(error), "Check the meter's USB cable and power."))
        except Exception as error:  # noqa: BLE001 (a thread has nobody to raise to: the waiting caller asks `failure`)
            self.fail(error)

    def _decode_new(self) -> None:
        n_packets = self._n_packets
        while self._n_decoded < n_packets:
            block, first = divmod(self._n_decoded, _BLOCK_SLOTS)
            last = min(_BLOCK_SLOTS, first + n_packets - self._n_decoded)
            view = memoryview(self._blocks[block])[first * SLOT_BYTES : last * SLOT_BYTES]
            self._decoded.append(self._decoder.decode(view))
            self._n_decoded += last - first

    def glimpse(self) -> Glimpse:
        """What the last tenth of a second says; decodes what is new."""
        n_before = len(self._decoded)
        self._decode_new()
        return glimpse_of(
            self._decoded,
            self._decoded[n_before:],
            self._decoder.n_total,
            over_current=self._decoder.over_current,
            calibrated=self._decoder.calibrated,
        )

    def raw(self) -> bytes:
        """All packets so far in slots of 64 bytes (docs/reference/raw-traces.md)."""
        return b"".join(self._blocks)[: self._n_packets * SLOT_BYTES]

    def trace(self) -> Trace:
        """All samples so far."""
        self._decode_new()
        self._decoded = [concatenate(self._decoded)]
        return self._decoded[0]

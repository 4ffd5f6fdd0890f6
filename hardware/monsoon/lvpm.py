"""Monsoon LVPM driver: the white box with its factory firmware, over pyserial.

A white box whose firmware was updated to 25 or later is a USB unit that this driver cannot talk to; nor is it an
HVPM. Frames are `lvpm_frames`, decoding `lvpm_packets`, sampling `lvpm_reader`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import serial

from hardware.clock import Clock, Deadline
from hardware.errors import MeterFault, MeterNotFound, UsbLost
from hardware.meter import MeterInfo, Passthrough, SupplyLimits
from hardware.monsoon.lvpm_frames import (
    REQUEST_STATUS,
    START,
    STOP,
    LvpmStatus,
    NotAFrame,
    frame,
    is_status,
    limit_code,
    read_status,
    unframe,
    voltage_code,
)
from hardware.monsoon.lvpm_reader import SerialRecording
from hardware.monsoon.supply_guard import SupplyGuard

MIN_V, MAX_V, MAX_A = 2.01, 4.55, 8.0
_BAUD = 115200
_READ_TIMEOUT_S = 0.1
_ANSWER_TIMEOUT_S = 2.0
_N_TRIES = 3
# Reads of up to 0.1 s each: to empty a line that was sampling, and to hear one answer.
_N_DRAIN_READS, _N_ANSWER_READS = 40, 10
_SETTLE_TIMEOUT_S = 2.0
_SETTLE_POLL_S = 0.05
_SET_VOLTAGE, _SET_PASSTHROUGH = 0x01, 0x10
_POWER_UP_LIMIT, _RUN_LIMIT = (0x08, 0x09), (0x0A, 0x0B)
_SAME_V = 0.005
_SAME_A = 0.001

_PORT_HINT = (
    "Check the cable, the meter's power and [meter] port in the bench profile; for a permission error join the "
    "group that owns the port (`sudo usermod -aG dialout $USER`), then log in again."
)
_FIRMWARE_HINT = (
    "Is this port a white box with its factory firmware? One that was updated for the USB software has no serial "
    "port any more. Otherwise power-cycle it."
)


class LvpmMeter:
    """One white box that is open.

    Args:
        limits: the profile's supply limits.
        port: path of its serial port.
        simulated: what `info.simulated` says.
        open_port: makes the port; as `serial.Serial`.

    Raises:
        MeterNotFound: the port cannot be opened, or nothing answers there.
        VoltageOutOfRange: the profile's limits are not within this meter's range.
    """

    def __init__(
        self,
        clock: Clock,
        limits: SupplyLimits,
        port: str,
        simulated: bool = False,
        open_port: Callable[..., Any] = serial.Serial,
    ) -> None:
        self._clock = clock
        self._name = f"meter on {port}"
        self._recording: SerialRecording | None = None
        self._guard = SupplyGuard(self._name, limits, meter_min_v=MIN_V, meter_max_v=MAX_V, meter_max_a=MAX_A)
        self._path, self._open_port = port, open_port
        status = self._open()
        self._name = f"meter {status.serial}"
        self.info = MeterInfo(
            kind="lvpm",
            serial=str(status.serial),
            firmware=status.firmware,
            simulated=simulated,
            calibration={
                "hardware_revision": float(status.hardware_revision),
                "volts_per_code": status.volts_per_code,
            },
        )

    def _open(self) -> LvpmStatus:
        try:
            self._port = self._open_port(self._path, _BAUD, timeout=_READ_TIMEOUT_S, write_timeout=_ANSWER_TIMEOUT_S)
        except (OSError, ValueError) as error:
            raise MeterNotFound(self._name, "open", str(error), _PORT_HINT) from error
        try:
            return self._greet()
        except BaseException:
            self._port.close()
            raise

    def reopen(self) -> None:
        """Open the port anew after it was lost.

        Raises:
            MeterNotFound: it is not back.
            MeterFault: what is back is another unit.
        """
        self._port.close()
        serial_number = str(self._open().serial)
        if serial_number != self.info.serial:
            evidence = f"its serial number is {serial_number}"
            raise MeterFault(self._name, "open again", evidence, "Plug the unit in that the campaign began with.")

    def _greet(self) -> LvpmStatus:
        """Stop a sampling that a killed process has left running, and ask who is there."""
        try:
            self._send(STOP)
            self._drain()
            return self._status()
        except (UsbLost, MeterFault) as error:
            raise MeterNotFound(self._name, "read status", error.evidence, _FIRMWARE_HINT) from error

    def _drain(self) -> None:
        for _ in range(_N_DRAIN_READS):
            if not self._port.read(4096):
                return
        raise MeterFault(self._name, "stop sampling", "bytes go on coming after the stop command", _FIRMWARE_HINT)

    # -- commands

    def _send(self, *bodies: bytes) -> None:
        try:
            self._port.write(b"".join(frame(body) for body in bodies))
        except OSError as error:
            raise UsbLost(self._name, "send a command", str(error), _PORT_HINT) from error

    def _status(self) -> LvpmStatus:
        if self._recording is not None:
            return self._recording.answer(lambda: self._send(REQUEST_STATUS), _ANSWER_TIMEOUT_S)
        evidence = "nothing"
        for _ in range(_N_TRIES):
            self._send(REQUEST_STATUS)
            try:
                body = self._read_frame()
                if is_status(body):
                    return read_status(body)
                evidence = body.hex(" ")
            except NotAFrame as error:
                evidence = str(error)
            except OSError as error:
                raise UsbLost(self._name, "read status", str(error), _PORT_HINT) from error
            self._port.reset_input_buffer()
        raise MeterFault(self._name, "read status", f"asked {_N_TRIES} times, last answer: {evidence}", _FIRMWARE_HINT)

    def _read_frame(self) -> bytes:
        """One frame from an idle line."""
        framed = b""
        for _ in range(_N_ANSWER_READS):
            framed += self._port.read(framed[0] + 1 - len(framed) if framed else 1)
            if framed and len(framed) == framed[0] + 1:
                return unframe(framed)
        raise NotAFrame(f"{len(framed)} bytes and then nothing: {framed.hex(' ')}")

    # -- the output

    def output_v(self) -> float:
        """The voltage that the output is set to; 0.0 when it is off.

        The unit keeps the setting when it is switched off, so "off" is read from the voltage at the output.
        """
        return self._status().output_v

    def set_voltage(self, supply_v: float) -> None:
        """Set the main output after the interlock, in steps of 10 mV, rounded down; the same value is not sent again.

        Raises:
            VoltageOutOfRange: outside the profile's limits or the meter's range; nothing was sent.
            MeterFault: the output does not follow.
        """
        code = voltage_code(self._guard.voltage(supply_v))
        wanted_v = 2.0 + code / 100 if code else 0.0
        if abs(self.output_v() - wanted_v) < _SAME_V:
            return
        self._send(bytes([0x01, _SET_VOLTAGE, code]))
        settled = Deadline(self._clock, _SETTLE_TIMEOUT_S)
        while abs(self.output_v() - wanted_v) >= _SAME_V:
            if settled.passed:
                evidence = f"asked for {wanted_v:g} V, the meter says {self.output_v():g} V"
                hint = "Power-cycle the meter and run `lab doctor`."
                raise MeterFault(self._name, "set voltage", evidence, hint)
            self._clock.sleep(_SETTLE_POLL_S)

    def set_current_limits(self, *, power_up_a: float, run_a: float) -> None:
        """Set the limits for switch-on and for running, each rounded down to the meter's steps of 7.8 mA.

        Raises:
            CurrentOutOfRange: beyond the profile's limits or the meter's range; nothing was sent.
            MeterFault: the meter does not take them.
        """
        codes = (limit_code(self._guard.power_up_limit(power_up_a)), limit_code(self._guard.run_limit(run_a)))
        for (low, high), code in zip((_POWER_UP_LIMIT, _RUN_LIMIT), codes, strict=True):
            self._send(bytes([0x01, low, code & 0xFF]), bytes([0x01, high, code >> 8]))
        status = self._status()
        seen = (limit_code(status.power_up_limit_a + _SAME_A), limit_code(status.run_limit_a + _SAME_A))
        if seen != codes:
            evidence = f"asked for {power_up_a:g} and {run_a:g} A, the meter says " + (
                f"{status.power_up_limit_a:.2f} and {status.run_limit_a:.2f} A"
            )
            raise MeterFault(self._name, "set current limits", evidence, "Power-cycle the meter.")

    # -- USB

    def set_passthrough(self, mode: Passthrough) -> None:
        """Connect or cut the phone's USB; works while sampling.

        Raises:
            MeterFault: the meter's status does not say so afterwards.
        """
        self._send(bytes([0x01, _SET_PASSTHROUGH, int(mode)]))
        if self.passthrough() is not mode:
            raise MeterFault(self._name, "set USB passthrough", "the meter did not take it", "Power-cycle the meter.")

    def passthrough(self) -> Passthrough:
        """The passthrough setting as the meter reports it; anything but off counts as on."""
        return Passthrough.OFF if self._status().passthrough == Passthrough.OFF else Passthrough.ON

    # -- sampling

    @contextmanager
    def recording(self) -> Iterator[SerialRecording]:
        """Sample in a thread of its own until the end of the block.

        Raises:
            UsbLost, MeterFault: sampling could not be started.
        """
        self._port.reset_input_buffer()
        recording = SerialRecording(self._port, self._name, self._clock)
        recording.start()
        self._recording = recording
        try:
            # The first status gives the raw bytes their scale and passthrough; the second says that START was heard.
            self._status()
            recording.mark_started()
            self._send(*START)
            self._status()
            yield recording
        finally:
            self._recording = None
            recording.ask_to_stop()
            try:
                self._send(STOP)
            except UsbLost as error:
                recording.fail(error)
            recording.join()

    def close(self) -> None:
        """Give the port back; output and passthrough stay as they are."""
        self._port.close()

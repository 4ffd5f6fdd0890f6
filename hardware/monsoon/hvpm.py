"""Monsoon HVPM driver: the PyPI `Monsoon` package for control transfers, pyusb for samples.

Of the package only discovery, EEPROM and control transfers are used; its sampling engine hides dropped samples,
restarts silently and shares state between units. Sampling is `hvpm_reader`, decoding `monsoon_packets`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import usb.core
from Monsoon import HVPM, Operations, pmapi

from hardware.clock import Clock, Deadline
from hardware.errors import MeterFault, MeterNotFound, SeveralMeters, UsbLost
from hardware.meter import MeterInfo, Passthrough, SupplyLimits
from hardware.monsoon.hvpm_packets import HvpmScale
from hardware.monsoon.hvpm_reader import UsbRecording
from hardware.monsoon.supply_guard import SupplyGuard

log = logging.getLogger(__name__)

VENDOR_ID, PRODUCT_ID = 0x2AB9, 0x0001
MIN_V, MAX_V, MAX_A = 0.8, 13.5, 15.0
_FIRMWARE_WITH_SAMPLE_FLAG = 26
_CALIBRATION_PERIOD_MS = 1250
_FOREVER = 0xFFFFFFFF
_VOLTS_PER_CODE = 1 / Operations.Conversion.FLOAT_TO_INT
_SAME_V = 0.005
_STOP_TIMEOUT_S = 2.0

_UDEV_HINT = (
    "Check the cable and the meter's power; for a permission error install the udev rule: "
    "`lab doctor --udev-rule | sudo tee /etc/udev/rules.d/60-monsoon.rules`, then replug."
)


def find_meters(backend: Any = None) -> list[str]:
    """Serial numbers of the Monsoon USB units that are plugged in.

    Args:
        backend: a pyusb backend; None for the system's libusb.

    Raises:
        MeterNotFound: there is no libusb, or a unit may not be opened.
    """
    try:
        found = usb.core.find(find_all=True, idVendor=VENDOR_ID, idProduct=PRODUCT_ID, backend=backend)
        return sorted(str(device.serial_number) for device in found)
    except usb.core.NoBackendError as error:
        raise MeterNotFound(
            "meter", "find", "no libusb library", "Install libusb: apt-get install libusb-1.0-0."
        ) from error
    except (usb.core.USBError, ValueError) as error:
        raise MeterNotFound("meter", "find", str(error), _UDEV_HINT) from error


class _Protocol(pmapi.USB_protocol):  # type: ignore[misc]
    """The package's control transfers on a device that was found and checked here.

    Its own `Connect` prints and returns when there is no device, and offers no choice of backend.
    """

    def __init__(self, device: Any) -> None:
        super().__init__()
        self.DEVICE = device
        device.set_configuration()


def _choose(serial: str | None, backend: Any) -> str:
    serials = find_meters(backend)
    if serial is not None and serial in serials:
        return serial
    if serial is not None or not serials:
        wanted = f"meter {serial}" if serial else "a Monsoon meter"
        seen = ", ".join(serials) or "none"
        raise MeterNotFound("meter", f"find {wanted}", f"plugged in: {seen}", _UDEV_HINT)
    if len(serials) > 1:
        raise SeveralMeters(
            "meter",
            "choose",
            f"plugged in: {', '.join(serials)}",
            f'Name one in the bench profile: [meter] serial = "{serials[0]}".',
        )
    return serials[0]


class HvpmMeter:
    """One HVPM that is open.

    Args:
        limits: the profile's supply limits.
        serial: which unit; None if exactly one is plugged in.
        backend: a pyusb backend; None for the system's libusb.
        simulated: what `info.simulated` says.

    Raises:
        MeterNotFound, SeveralMeters, MeterFault: see hardware.errors.
    """

    def __init__(
        self,
        clock: Clock,
        limits: SupplyLimits,
        serial: str | None = None,
        backend: Any = None,
        simulated: bool = False,
    ) -> None:
        self._clock = clock
        chosen = _choose(serial, backend)
        self._name = f"meter {chosen}"
        self._guard = SupplyGuard(self._name, limits, meter_min_v=MIN_V, meter_max_v=MAX_V, meter_max_a=MAX_A)
        self._backend = backend
        self._monsoon = HVPM.Monsoon()
        self._is_sampling = False
        self.info = self._open(chosen, simulated)
        self._scale = HvpmScale(
            fine_scale=self.info.calibration["main_fine_scale"],
            coarse_scale=self.info.calibration["main_coarse_scale"],
            fine_zero_offset=self.info.calibration["main_fine_zero_offset"],
            coarse_zero_offset=self.info.calibration["main_coarse_zero_offset"],
        )

    def _open(self, serial: str, simulated: bool) -> MeterInfo:
        try:
            device = usb.core.find(
                custom_match=lambda d: (
                    d.idVendor == VENDOR_ID and d.idProduct == PRODUCT_ID and str(d.serial_number) == serial
                ),
                backend=self._backend,
            )
            if device is None:
                raise MeterNotFound(self._name, "open", "it is not plugged in", _UDEV_HINT)
            self._monsoon.Protocol = _Protocol(device)
            self._device = device
            self._stop_if_sampling()
            return self._identify(serial, simulated)
        except (usb.core.USBError, UsbLost, ValueError) as error:
            raise MeterNotFound(self._name, "open", str(error), _UDEV_HINT) from error

    def reopen(self) -> None:
        """Open the unit anew after its USB was lost.

        Raises:
            MeterNotFound: it is not back.
            MeterFault: what is back is another unit than it was.
        """
        self.close()
        found = self._open(self.info.serial, self.info.simulated)
        if found != self.info:
            raise MeterFault(self._name, "open again", f"it was {self.info}, now it is {found}", "Run `lab doctor`.")

    def _read(self, opcode: int, n_bytes: int, signed: bool = False) -> int:
        try:
            return int(self._monsoon.Protocol.getValue(opcode, n_bytes, signed))
        except usb.core.USBError as error:
            raise UsbLost(self._name, f"read register {opcode:#x}", str(error), _UDEV_HINT) from error

    def _identify(self, serial: str, simulated: bool) -> MeterInfo:
        codes = Operations.OpCodes
        firmware = self._read(codes.FirmwareVersion, 1)
        if firmware < _FIRMWARE_WITH_SAMPLE_FLAG:
            raise MeterFault(
                self._name,
                "check firmware",
                f"firmware {firmware} cannot report that it is sampling",
                "Update the meter to firmware 32 with the vendor's tool.",
            )
        if self._read(codes.HardwareModel, 2) != Operations.HardwareModel.HVPM:
            raise MeterFault(
                self._name,
                "check model",
                "this USB unit is not an HVPM",
                'A white box with its factory firmware is driven over serial: [meter] kind = "lvpm".',
            )
        calibration = {
            "main_fine_scale": float(self._read(codes.setMainFineScale, 2)),
            "main_coarse_scale": float(self._read(codes.setMainCoarseScale, 2)),
            "main_fine_zero_offset": float(self._read(codes.SetMainFineZeroOffset, 2, True)),
            "main_coarse_zero_offset": float(self._read(codes.SetMainCoarseZeroOffset, 2, True)),
            "dac_cal_low": float(self._read(codes.dacCalLow, 2)),
            "dac_cal_high": float(self._read(codes.dacCalHigh, 2)),
        }
        if calibration["main_fine_scale"] <= 0 or calibration["main_coarse_scale"] <= 0:
            raise MeterFault(
                self._name,
                "read calibration",
                f"scales are {calibration}",
                "The EEPROM holds no calibration; send the unit to its vendor.",
            )
        return MeterInfo("hvpm", serial, firmware, simulated, calibration)

    def _command(self, operation: str, send: Callable[[], None]) -> None:
        try:
            send()
        except usb.core.USBError as error:
            raise UsbLost(self._name, operation, str(error), _UDEV_HINT) from error
        except ValueError as error:
            raise MeterFault(
                self._name, operation, str(error), "Power-cycle the meter if this happens again."
            ) from error

    def _stop_if_sampling(self) -> None:
        protocol = self._monsoon.Protocol
        if not protocol.verifyReady(0):
            protocol.stopSampling()
        deadline = Deadline(self._clock, _STOP_TIMEOUT_S)
        while not protocol.verifyReady(0):
            if deadline.passed:
                raise MeterFault(self._name, "stop sampling", "the meter goes on sampling", "Power-cycle the meter.")
            self._clock.sleep(0.02)

    def output_v(self) -> float:
        """The voltage that the output is set to; 0.0 when off."""
        return float(self._read(Operations.OpCodes.setMainVoltage, 4) * _VOLTS_PER_CODE)

    def set_voltage(self, supply_v: float) -> None:
        """Set the main output after the interlock; the same value is not sent again. 0 works while sampling too.

        Re-sending it can interrupt the power on some units (PyMonsoon issue 15).
        """
        checked_v = self._guard.voltage(supply_v)
        if abs(self.output_v() - checked_v) < _SAME_V:
            return
        # The package refuses any command while the unit samples: switching off must not wait for the recording's end.
        off_at_once = self._is_sampling and checked_v == 0.0
        self._command("set voltage", self._send_off if off_at_once else lambda: self._monsoon.setVout(checked_v))
        if abs(self.output_v() - checked_v) >= _SAME_V:
            raise MeterFault(
                self._name,
                "set voltage",
                f"asked for {checked_v:g} V, the meter says {self.output_v():g} V",
                "Power-cycle the meter and run `lab doctor`.",
            )

    def set_current_limits(self, *, power_up_a: float, run_a: float) -> None:
        """Set the limits for switch-on and for running."""
        power_up_a, run_a = self._guard.power_up_limit(power_up_a), self._guard.run_limit(run_a)
        self._command("set power-up limit", lambda: self._monsoon.setPowerUpCurrentLimit(power_up_a))
        self._command("set run-time limit", lambda: self._monsoon.setRunTimeCurrentLimit(run_a))

    def set_passthrough(self, mode: Passthrough) -> None:
        """Connect or cut the phone's USB; works while sampling.

        The package refuses any command while the unit samples, so the transfer is made here, as it would make it.
        """
        self._command("set USB passthrough", lambda: self._send_passthrough(mode))
        if self.passthrough() is not mode:
            raise MeterFault(self._name, "set USB passthrough", "the meter did not take it", "Power-cycle the meter.")

    def _send_passthrough(self, mode: Passthrough) -> None:
        self._send_value(Operations.OpCodes.setUsbPassthroughMode, int(mode))

    def _send_off(self) -> None:
        self._send_value(Operations.OpCodes.setMainVoltage, 0)

    def _send_value(self, operation: int, value: int) -> None:
        """Send a value below 256 as the package would, which asks first whether the unit samples."""
        self._device.ctrl_transfer(
            Operations.Control_Codes.USB_OUT_PACKET,
            Operations.Control_Codes.USB_SET_VALUE,
            value,
            operation,
            [value, 0, 0, 0],
            5000,
        )

    def passthrough(self) -> Passthrough:
        """The passthrough setting as the meter reports it."""
        value = self._read(Operations.OpCodes.setUsbPassthroughMode, 1)
        return Passthrough.ON if value == Passthrough.ON else Passthrough.OFF

    @contextmanager
    def recording(self) -> Iterator[UsbRecording]:
        """Sample in a thread of its own until the end of the block.

        Raises:
            UsbLost: sampling could not be started.
        """
        self._command("stop sampling", self._stop_if_sampling)
        self._command("choose voltage channel", lambda: self._monsoon.setVoltageChannel(0))
        recording = UsbRecording(self._device, self._name, self._scale, self._clock)
        self._command("start sampling", lambda: self._monsoon.StartSampling(_CALIBRATION_PERIOD_MS, _FOREVER))
        recording.start()
        self._is_sampling = True
        try:
            yield recording
        finally:
            self._is_sampling = False
            recording.ask_to_stop()
            try:
                self._monsoon.Protocol.stopSampling()
            except usb.core.USBError as error:
                recording.fail(UsbLost(self._name, "stop sampling", str(error), _UDEV_HINT))
            recording.join()

    def close(self) -> None:
        """Give the USB device back; output and passthrough stay as they are."""
        try:
            usb.util.dispose_resources(self._device)
        except usb.core.USBError as error:
            log.info("%s: given back, although %s", self._name, error)

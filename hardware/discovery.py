"""Looks for meters, serial ports and phones on this computer: for `lab init`, which writes a profile, and `lab doctor`.

Each look imports what it needs when it is called: the doctor must be able to say that a package is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_MONSOON_VENDOR_ID = 0x2AB9


@dataclass(frozen=True)
class SerialPort:
    """A serial port of this computer; `maker` is all that its USB descriptors say of it."""

    device: str
    serial: str | None
    vendor_id: int | None
    maker: str

    @property
    def is_monsoon(self) -> bool:
        """Whether its descriptors name the vendor: only such a port is taken for a meter unasked."""
        return self.vendor_id == _MONSOON_VENDOR_ID or "monsoon" in self.maker.lower()


@dataclass(frozen=True)
class Discovery:
    """How to look for hardware. Each may raise a HardwareError, which is then part of what was looked for.

    Attributes:
        meters: serial numbers of Monsoons on USB.
        phones: serial number -> state, as adb lists them.
    """

    meters: Callable[[], Sequence[str]]
    ports: Callable[[], Sequence[SerialPort]]
    phones: Callable[[], Mapping[str, str]]


def real_discovery() -> Discovery:
    """How to look on this computer. Looking for phones starts the adb server if there is none."""
    return Discovery(_meters, _serial_ports, _phones)


def _meters() -> list[str]:
    from hardware.monsoon.hvpm import find_meters

    return find_meters()


def _serial_ports() -> list[SerialPort]:
    from serial.tools.list_ports import comports

    return [
        SerialPort(port.device, port.serial_number, port.vid, " ".join(filter(None, (port.manufacturer, port.product))))
        for port in comports()
    ]


def _phones() -> dict[str, str]:
    from hardware.android.adb_link import phone_states
    from hardware.bench import ADB_HOST, ADB_PORT

    return phone_states(ADB_HOST, ADB_PORT)

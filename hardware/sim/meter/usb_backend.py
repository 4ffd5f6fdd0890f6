"""A pyusb backend whose devices are simulated Monsoons: pyusb and the Monsoon package run on it unchanged."""

from __future__ import annotations

import array
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import usb.backend
import usb.core

from hardware.sim.meter.hvpm_device import HvpmDevice, pack_register

_VENDOR_ID, _PRODUCT_ID = 0x2AB9, 0x0001
_IN, _OUT = 0xC0, 0x40
_VALUE, _START, _STOP = 0x01, 0x02, 0x03
_GET_DESCRIPTOR = 6
_NO_DEVICE, _TIMED_OUT = (-4, 19), (-7, 110)


@dataclass(frozen=True)
class _Handle:
    """A device that was opened; of no use any more once its USB was lost, even if it is back."""

    device: HvpmDevice
    n_unplugged: int

    def still_there(self) -> HvpmDevice:
        if self.device.gone or self.device.n_unplugged != self.n_unplugged:
            raise usb.core.USBError("No such device (it may have been disconnected)", *_NO_DEVICE)
        return self.device


class SimulatedUsb(usb.backend.IBackend):  # type: ignore[misc]
    """The USB bus of the simulated bench."""

    def __init__(self, devices: Sequence[HvpmDevice]) -> None:
        self._devices = list(devices)
        self._views: dict[int, memoryview] = {}

    def enumerate_devices(self) -> Iterator[HvpmDevice]:
        """The units on the bus (pyusb's backend interface)."""
        for device in self._devices:
            device.world.catch_up()
        return iter([device for device in self._devices if not device.gone])

    def get_device_descriptor(self, dev: HvpmDevice) -> Any:
        """The device descriptor (pyusb's backend interface)."""
        return SimpleNamespace(
            bLength=18,
            bDescriptorType=1,
            bcdUSB=0x200,
            bDeviceClass=0,
            bDeviceSubClass=0,
            bDeviceProtocol=0,
            bMaxPacketSize0=64,
            idVendor=_VENDOR_ID,
            idProduct=_PRODUCT_ID,
            bcdDevice=0x100,
            iManufacturer=1,
            iProduct=2,
            iSerialNumber=3,
            bNumConfigurations=1,
            address=self._devices.index(dev) + 1,
            bus=1,
            port_number=1,
            port_numbers=(1,),
            speed=2,
        )

    def get_configuration_descriptor(self, dev: HvpmDevice, config: int) -> Any:
        """The configuration descriptor (pyusb's backend interface)."""
        if config:
            raise IndexError(config)
        return SimpleNamespace(
            bLength=9,
            bDescriptorType=2,
            wTotalLength=32,
            bNumInterfaces=1,
            bConfigurationValue=1,
            iConfiguration=0,
            bmAttributes=0xC0,
            bMaxPower=50,
            extra_descriptors=[],
            extralen=0,
        )

    def get_interface_descriptor(self, dev: HvpmDevice, intf: int, alt: int, config: int) -> Any:
        """The interface descriptor (pyusb's backend interface)."""
        if intf or alt or config:
            raise IndexError(intf)
        return SimpleNamespace(
            bLength=9,
            bDescriptorType=4,
            bInterfaceNumber=0,
            bAlternateSetting=0,
            bNumEndpoints=2,
            bInterfaceClass=0xFF,
            bInterfaceSubClass=0,
            bInterfaceProtocol=0,
            iInterface=0,
            extra_descriptors=[],
            extralen=0,
        )

    def get_endpoint_descriptor(self, dev: HvpmDevice, ep: int, intf: int, alt: int, config: int) -> Any:
        """The endpoint descriptor (pyusb's backend interface)."""
        if ep > 1:
            raise IndexError(ep)
        return SimpleNamespace(
            bLength=7,
            bDescriptorType=5,
            bEndpointAddress=(0x81, 0x01)[ep],
            bmAttributes=2,
            wMaxPacketSize=64,
            bInterval=0,
            bRefresh=0,
            bSynchAddress=0,
            extra_descriptors=[],
            extralen=0,
        )

    def open_device(self, dev: HvpmDevice) -> _Handle:
        """A handle of a unit (pyusb's backend interface)."""
        return _Handle(dev, dev.n_unplugged)

    def close_device(self, dev_handle: _Handle) -> None:
        """Gives a handle back (pyusb's backend interface)."""
        return

    def set_configuration(self, dev_handle: _Handle, config_value: int) -> None:
        """Chooses a configuration (pyusb's backend interface)."""
        return

    def get_configuration(self, dev_handle: _Handle) -> int:
        """The number of the chosen configuration (pyusb's backend interface)."""
        return 1

    def claim_interface(self, dev_handle: _Handle, intf: int) -> None:
        """Takes an interface (pyusb's backend interface)."""
        return

    def release_interface(self, dev_handle: _Handle, intf: int) -> None:
        """Gives an interface back (pyusb's backend interface)."""
        return

    def reset_device(self, dev_handle: _Handle) -> None:
        """Resets a unit (pyusb's backend interface)."""
        dev_handle.device.stop()

    def is_kernel_driver_active(self, dev_handle: _Handle, intf: int) -> bool:
        """Whether the kernel holds the interface (pyusb's backend interface)."""
        return False

    def ctrl_transfer(
        self,
        dev_handle: _Handle,
        bmRequestType: int,  # noqa: N803
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: array.array[int],
        timeout: int,
    ) -> int:
        """A control transfer; bytes moved (pyusb's backend interface)."""
        device = dev_handle.still_there()
        if bmRequestType & 0x60 == 0 and bRequest == _GET_DESCRIPTOR:
            return _answer(_string(wValue & 0xFF, device.serial), data)
        opcode = wIndex & 0xFF
        if bmRequestType == _IN and bRequest == _VALUE:
            return _answer(pack_register(device.get(opcode)), data)
        if bmRequestType == _OUT and bRequest == _VALUE:
            device.set(opcode, struct.unpack("<I", bytes(data))[0])
        elif bmRequestType == _OUT and bRequest == _START:
            device.start(wValue)
        elif bmRequestType == _OUT and bRequest == _STOP:
            device.stop()
        return len(data)

    def bulk_read(self, dev_handle: _Handle, ep: int, intf: int, buff: array.array[int], timeout: int) -> int:
        """A bulk transfer into `buff`; bytes read (pyusb's backend interface)."""
        device = dev_handle.still_there()
        key = id(buff)
        view = self._views.get(key)
        if view is None or view.obj is not buff:
            self._views = {key: memoryview(buff)}
            view = self._views[key]
        length = device.packet(view)
        if not length:
            dev_handle.still_there()
            raise usb.core.USBTimeoutError("Operation timed out", *_TIMED_OUT)
        return length


def _string(index: int, serial: str) -> bytes:
    """A USB string descriptor."""
    if index == 0:
        return b"\x04\x03\x09\x04"
    text = {1: "Monsoon", 2: "HVPM", 3: serial}[index].encode("utf-16-le")
    return bytes([2 + len(text), 3]) + text


def _answer(answer: bytes, data: array.array[int]) -> int:
    answer = answer[: len(data)]
    data[: len(answer)] = array.array("B", answer)
    return len(answer)

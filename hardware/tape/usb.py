"""The USB bus of a recorded session: a pyusb backend that keeps what crosses it, and one that says it again.

Only Monsoons are passed on: what else is plugged into the computer is nobody's business.
"""

from __future__ import annotations

import array
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import usb.backend

from hardware.tape.player import Player
from hardware.tape.recorder import Recorder, Shown

_MONSOON_VENDOR = 0x2AB9
_IN_BIT = 0x80
_DEVICE = [
    "bLength", "bDescriptorType", "bcdUSB", "bDeviceClass", "bDeviceSubClass", "bDeviceProtocol", "bMaxPacketSize0",
    "idVendor", "idProduct", "bcdDevice", "iManufacturer", "iProduct", "iSerialNumber", "bNumConfigurations",
    "address", "bus", "port_number", "port_numbers", "speed",
]  # fmt: skip
_CONFIGURATION = [
    "bLength", "bDescriptorType", "wTotalLength", "bNumInterfaces", "bConfigurationValue", "iConfiguration",
    "bmAttributes", "bMaxPower", "extra_descriptors", "extralen",
]  # fmt: skip
_INTERFACE = [
    "bLength", "bDescriptorType", "bInterfaceNumber", "bAlternateSetting", "bNumEndpoints", "bInterfaceClass",
    "bInterfaceSubClass", "bInterfaceProtocol", "iInterface", "extra_descriptors", "extralen",
]  # fmt: skip
_ENDPOINT = [
    "bLength", "bDescriptorType", "bEndpointAddress", "bmAttributes", "wMaxPacketSize", "bInterval", "bRefresh",
    "bSynchAddress", "extra_descriptors", "extralen",
]  # fmt: skip


def _plain(descriptor: Any, names: list[str]) -> dict[str, Any]:
    found = {name: getattr(descriptor, name) for name in names if hasattr(descriptor, name)}
    return {name: list(value) if isinstance(value, list | tuple) else value for name, value in found.items()}


class _Device:
    """A device of the bus under a number; `inner` is what the real backend calls it."""

    def __init__(self, number: int, inner: Any = None) -> None:
        self.number, self.inner = number, inner


class _Bus(usb.backend.IBackend):  # type: ignore[misc]
    """What a driver does to a device beside transfers: order and arguments are kept, and must be the same again."""

    def _act(self, name: str, dev_handle: _Device, *arguments: int) -> None:
        raise NotImplementedError

    def set_configuration(self, dev_handle: _Device, config_value: int) -> None:
        self._act("set_configuration", dev_handle, config_value)

    def claim_interface(self, dev_handle: _Device, intf: int) -> None:
        self._act("claim_interface", dev_handle, intf)

    def reset_device(self, dev_handle: _Device) -> None:
        self._act("reset_device", dev_handle)

    def clear_halt(self, dev_handle: _Device, ep: int) -> None:
        self._act("clear_halt", dev_handle, ep)

    def detach_kernel_driver(self, dev_handle: _Device, intf: int) -> None:
        self._act("detach_kernel_driver", dev_handle, intf)


class RecordedUsb(_Bus):
    """A backend around a backend."""

    def __init__(self, recorder: Recorder, inner: Any) -> None:
        self._recorder, self._inner = recorder, inner
        self._n_devices = 0

    def enumerate_devices(self) -> Iterator[_Device]:
        """The units on the bus (pyusb's backend interface)."""

        def look() -> list[_Device]:
            return [_Device(0, device) for device in self._inner.enumerate_devices() if self._is_monsoon(device)]

        def show(found: list[_Device]) -> Shown:
            for device in found:
                device.number = self._n_devices
                self._n_devices += 1
                self._recorder.device({"number": device.number, "descriptors": self._descriptors(device.inner)})
            return {"numbers": [device.number for device in found]}, b""

        found: list[_Device] = self._recorder.call("usb enumerate", {}, look, show)
        return iter(found)

    def _is_monsoon(self, device: Any) -> bool:
        return bool(self._inner.get_device_descriptor(device).idVendor == _MONSOON_VENDOR)

    def _descriptors(self, device: Any) -> dict[str, Any]:
        """Every descriptor by the arguments that ask for it."""
        found = {"device": _plain(self._inner.get_device_descriptor(device), _DEVICE)}
        for config in range(found["device"]["bNumConfigurations"]):
            described = _plain(self._inner.get_configuration_descriptor(device, config), _CONFIGURATION)
            found[f"configuration {config}"] = described
            for intf in range(described["bNumInterfaces"]):
                self._add_interface(found, device, intf, config)
        return found

    def _add_interface(self, found: dict[str, Any], device: Any, intf: int, config: int) -> None:
        for alt in range(256):
            try:
                described = _plain(self._inner.get_interface_descriptor(device, intf, alt, config), _INTERFACE)
            except IndexError:
                return
            found[f"interface {intf} {alt} {config}"] = described
            for ep in range(described["bNumEndpoints"]):
                endpoint = self._inner.get_endpoint_descriptor(device, ep, intf, alt, config)
                found[f"endpoint {ep} {intf} {alt} {config}"] = _plain(endpoint, _ENDPOINT)

    def get_device_descriptor(self, dev: _Device) -> Any:
        """The device descriptor (pyusb's backend interface)."""
        return self._inner.get_device_descriptor(dev.inner)

    def get_configuration_descriptor(self, dev: _Device, config: int) -> Any:
        """The configuration descriptor (pyusb's backend interface)."""
        return self._inner.get_configuration_descriptor(dev.inner, config)

    def get_interface_descriptor(self, dev: _Device, intf: int, alt: int, config: int) -> Any:
        """The interface descriptor (pyusb's backend interface)."""
        return self._inner.get_interface_descriptor(dev.inner, intf, alt, config)

    def get_endpoint_descriptor(self, dev: _Device, ep: int, intf: int, alt: int, config: int) -> Any:
        """The endpoint descriptor (pyusb's backend interface)."""
        return self._inner.get_endpoint_descriptor(dev.inner, ep, intf, alt, config)

    def open_device(self, dev: _Device) -> _Device:
        """A handle of a unit (pyusb's backend interface)."""
        inner = self._recorder.call(
            "usb open", {"device": dev.number}, lambda: self._inner.open_device(dev.inner), lambda handle: ({}, b"")
        )
        return _Device(dev.number, inner)

    # Closing is left to the code that holds the last reference, so it has no place in the order of events.

    def close_device(self, dev_handle: _Device) -> None:
        """Gives a handle back (pyusb's backend interface)."""
        self._inner.close_device(dev_handle.inner)

    def release_interface(self, dev_handle: _Device, intf: int) -> None:
        """Gives an interface back (pyusb's backend interface)."""
        self._inner.release_interface(dev_handle.inner, intf)

    def get_configuration(self, dev_handle: _Device) -> int:
        """The number of the chosen configuration (pyusb's backend interface)."""
        value = self._recorder.call(
            "usb get_configuration",
            {"device": dev_handle.number},
            lambda: self._inner.get_configuration(dev_handle.inner),
            lambda value: ({"value": value}, b""),
        )
        return int(value)

    def is_kernel_driver_active(self, dev_handle: _Device, intf: int) -> bool:
        """Whether the kernel holds the interface (pyusb's backend interface)."""
        return bool(self._inner.is_kernel_driver_active(dev_handle.inner, intf))

    def _act(self, name: str, dev_handle: _Device, *arguments: int) -> None:
        about = {"device": dev_handle.number, "arguments": list(arguments)}
        self._recorder.call(f"usb {name}", about, lambda: getattr(self._inner, name)(dev_handle.inner, *arguments))

    def ctrl_transfer(
        self,
        dev_handle: _Device,
        bmRequestType: int,  # noqa: N803
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: array.array[int],
        timeout: int,
    ) -> int:
        """A control transfer; bytes moved (pyusb's backend interface)."""
        setup = [bmRequestType, bRequest, wValue, wIndex]
        about: dict[str, Any] = {"device": dev_handle.number, "setup": setup, "length": len(data)}
        if not bmRequestType & _IN_BIT:
            about["sent"] = bytes(data).hex()
        n_bytes = self._recorder.call(
            "usb control",
            about,
            lambda: self._inner.ctrl_transfer(dev_handle.inner, *setup, data, timeout),
            lambda n: ({"n": n}, bytes(data[:n]) if bmRequestType & _IN_BIT else b""),
        )
        return int(n_bytes)

    def bulk_read(self, dev_handle: _Device, ep: int, intf: int, buff: array.array[int], timeout: int) -> int:
        """A bulk transfer into `buff`; bytes read (pyusb's backend interface)."""
        inner, handle = self._inner.bulk_read, dev_handle.inner
        return self._recorder.packet(lambda: inner(handle, ep, intf, buff, timeout), buff)


class ReplayedUsb(_Bus):
    """A backend that says what a recorded one said, and refuses to be asked for anything else."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._handles: dict[int, _Device] = {}

    def enumerate_devices(self) -> Iterator[_Device]:
        """The units on the bus (pyusb's backend interface)."""
        numbers = self._player.take("usb enumerate", {}).head.get("numbers", [])
        return iter([_Device(int(number)) for number in numbers])

    def _descriptor(self, dev: _Device, key: str) -> Any:
        described = self._player.descriptors(dev.number)
        if key not in described:
            raise IndexError(key)
        return SimpleNamespace(**described[key])

    def get_device_descriptor(self, dev: _Device) -> Any:
        """The device descriptor (pyusb's backend interface)."""
        return self._descriptor(dev, "device")

    def get_configuration_descriptor(self, dev: _Device, config: int) -> Any:
        """The configuration descriptor (pyusb's backend interface)."""
        return self._descriptor(dev, f"configuration {config}")

    def get_interface_descriptor(self, dev: _Device, intf: int, alt: int, config: int) -> Any:
        """The interface descriptor (pyusb's backend interface)."""
        return self._descriptor(dev, f"interface {intf} {alt} {config}")

    def get_endpoint_descriptor(self, dev: _Device, ep: int, intf: int, alt: int, config: int) -> Any:
        """The endpoint descriptor (pyusb's backend interface)."""
        return self._descriptor(dev, f"endpoint {ep} {intf} {alt} {config}")

    def open_device(self, dev: _Device) -> _Device:
        """A handle of a unit (pyusb's backend interface)."""
        self._player.take("usb open", {"device": dev.number})
        return _Device(dev.number)

    def close_device(self, dev_handle: _Device) -> None:
        """Gives a handle back (pyusb's backend interface)."""
        return

    def release_interface(self, dev_handle: _Device, intf: int) -> None:
        """Gives an interface back (pyusb's backend interface)."""
        return

    def get_configuration(self, dev_handle: _Device) -> int:
        """The number of the chosen configuration (pyusb's backend interface)."""
        return int(self._player.take("usb get_configuration", {"device": dev_handle.number}).head["value"])

    def is_kernel_driver_active(self, dev_handle: _Device, intf: int) -> bool:
        """Whether the kernel holds the interface (pyusb's backend interface)."""
        return False

    def _act(self, name: str, dev_handle: _Device, *arguments: int) -> None:
        self._player.take(f"usb {name}", {"device": dev_handle.number, "arguments": list(arguments)})

    def ctrl_transfer(
        self,
        dev_handle: _Device,
        bmRequestType: int,  # noqa: N803
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: array.array[int],
        timeout: int,
    ) -> int:
        """A control transfer; bytes moved (pyusb's backend interface)."""
        setup = [bmRequestType, bRequest, wValue, wIndex]
        about: dict[str, Any] = {"device": dev_handle.number, "setup": setup, "length": len(data)}
        if not bmRequestType & _IN_BIT:
            about["sent"] = bytes(data).hex()
        record = self._player.take("usb control", about)
        if bmRequestType & _IN_BIT:
            answer = record.payload[: len(data)]
            data[: len(answer)] = array.array("B", answer)
            return len(answer)
        return int(record.head["n"])

    def bulk_read(self, dev_handle: _Device, ep: int, intf: int, buff: array.array[int], timeout: int) -> int:
        """A bulk transfer into `buff`; bytes read (pyusb's backend interface)."""
        return self._player.packet(buff)

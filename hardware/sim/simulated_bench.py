"""Puts a simulated bench together: time, world, phone, meter, adb server, USB."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import IO, Any

from hardware.sim.constants import SimulationConstants, pixel4xl
from hardware.sim.faults.injector import FaultInjector
from hardware.sim.meter.hvpm_device import HvpmDevice
from hardware.sim.meter.usb_backend import SimulatedUsb
from hardware.sim.phone.fake_adb_server import AdbServer
from hardware.sim.phone.simulated_phone import SimPhone
from hardware.sim.settings import SimulationSettings
from hardware.sim.virtual_time import PacedTime, VirtualTime, WorldTime, epoch_of
from hardware.sim.world import Truth, World


class SimulatedBench:
    """One phone and one meter in one world.

    Args:
        settings: seed, kernel table and so on.

    Attributes:
        world, phone, meter, adb_server: for tests that look behind the wire.
        faults: what goes wrong on purpose.
    """

    def __init__(self, settings: SimulationSettings, constants: SimulationConstants | None = None) -> None:
        self.time: WorldTime = (PacedTime if settings.paced else VirtualTime)(epoch_of(settings.session))
        self.world = World(self.time, constants or pixel4xl(), (settings.seed, settings.session))
        self.phone = SimPhone(
            self.world,
            root=settings.root,
            kernel_table=settings.kernel_table,
            tool_dialect=settings.tool_dialect,
        )
        self.meter = HvpmDevice(self.world, self.phone.supply, self.switch_usb, late_host=settings.paced)
        self.adb_server = AdbServer(self.phone)
        self.faults = FaultInjector(self, settings)
        self._lvpm: Any = None
        self._truth_file: IO[str] | None = None
        if settings.truth_path is not None:
            # One line a run, flushed at once: it must survive a killed process.
            self._truth_file = settings.truth_path.open("a", buffering=1, encoding="utf-8")
            # Ends a line that an earlier kill has cut short.
            self._truth_file.write("\n")
            self.world.on_truth = self._write_truth

    def _write_truth(self, truth: Truth) -> None:
        self.world.truths.append(truth)
        assert self._truth_file is not None
        self._truth_file.write(json.dumps(asdict(truth)) + "\n")

    @property
    def adb_port(self) -> int:
        """Port of the fake adb server on the loopback address."""
        return self.adb_server.port

    def switch_usb(self, connected: bool) -> None:
        """What the meter's passthrough is wired to; a fault may keep the phone from following."""
        if self.faults.usb_follows(connected):
            self.phone.connect_usb(connected)

    def start_adb_server(self) -> None:
        """What `adb start-server` does."""
        if not self.adb_server.listening:
            self.adb_server.start()

    def usb_backend(self) -> SimulatedUsb:
        """A pyusb backend with the HVPM on its bus."""
        return SimulatedUsb([self.meter])

    def open_lvpm_port(self) -> str:
        """Path of a serial port with a white box at its other end."""
        from hardware.sim.meter.lvpm_port import LvpmPort

        self._lvpm = LvpmPort(self.world, self.phone.supply, self.switch_usb)
        return str(self._lvpm.path)

    def close(self) -> None:
        """Switch the bench off."""
        self.adb_server.close()
        if self._truth_file is not None:
            with self.world.lock:
                self.world.on_truth = self.world.truths.append
                self._truth_file.close()
        if self._lvpm is not None:
            self._lvpm.close()
        self.time.close_stream()

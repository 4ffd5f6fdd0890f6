"""One simulated meter with the phone it feeds, and what a test may see behind the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hardware.meter import PowerMeter, SupplyLimits
from hardware.monsoon.hvpm import HvpmMeter
from hardware.monsoon.lvpm import LvpmMeter
from hardware.sim.constants import SimulationConstants, pixel4xl
from hardware.sim.meter.hvpm_device import HvpmDevice
from hardware.sim.meter.lvpm_port import LvpmPort
from hardware.sim.meter.usb_backend import SimulatedUsb
from hardware.sim.phone.fake_adb_server import AdbServer
from hardware.sim.phone.simulated_phone import SimPhone
from hardware.sim.virtual_time import VirtualTime
from hardware.sim.world import World

LIMITS = SupplyLimits(ceiling_v=4.40, floor_v=3.60, power_up_limit_a=7.0, run_limit_a=6.0)
BOOTED_S = 45.0
# Five pairs of calibrations, one each 1.25 s, come before the HVPM's first sample.
CALIBRATED_S = 5.5


@dataclass(frozen=True)
class MeterRig:
    """Attributes:
    output_history: every voltage that the device was told to put out.
    wire_v: the voltage that the device's register holds.
    limits_a: power-up and run-time limit that the registers hold.
    stall: makes the device lose about so many samples; returns how many it lost.
    stop_calibrating: from now on the device sends no calibration.
    """

    meter: PowerMeter
    device: Any
    world: World
    time: VirtualTime
    phone: SimPhone
    server: AdbServer
    output_history: list[float]
    wire_v: Callable[[], float]
    limits_a: Callable[[], tuple[float, float]]
    stall: Callable[[int], int]
    stop_calibrating: Callable[[], None]

    def set_load(self, power_w: float) -> None:
        """From now on the phone draws exactly this, apart from the noise of samples."""
        with self.world.lock:
            self.world.catch_up()
            self.world.clear_loads()
            self.world.set_load("known", power_w)

    def feed(self, supply_v: float = 4.2) -> None:
        """Switch the output on and wait until the phone has booted."""
        self.meter.set_voltage(supply_v)
        self.time.sleep(BOOTED_S)

    def close(self) -> None:
        self.meter.close()
        self.server.close()
        if isinstance(self.device, LvpmPort):
            self.device.close()
        self.time.close_stream()


def quiet_constants(**meter: Any) -> SimulationConstants:
    """Constants without background wake-ups; `meter` replaces some of the meter's."""
    constants = pixel4xl()
    noise = constants.noise.model_copy(update={"wakeups_per_hour": 0.0})
    return constants.model_copy(update={"noise": noise, "meter": constants.meter.model_copy(update=meter)})


def build(kind: str, seed: int = 1, limits: SupplyLimits = LIMITS, **meter: Any) -> MeterRig:
    """A rig with an "hvpm" or an "lvpm"."""
    time = VirtualTime()
    world = World(time, quiet_constants(**meter), (seed, 0))
    phone = SimPhone(world)
    history: list[float] = []

    def on_output(output_v: float) -> None:
        history.append(output_v)
        phone.supply(output_v)

    make = _hvpm if kind == "hvpm" else _lvpm
    server = AdbServer(phone)
    behind, driver = make(world, phone, on_output, limits)
    return MeterRig(driver, behind["device"], world, time, phone, server, history, **_without_device(behind))


def _without_device(behind: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in behind.items() if name != "device"}


def _hvpm(
    world: World, phone: SimPhone, on_output: Callable[[float], None], limits: SupplyLimits
) -> tuple[dict[str, Any], PowerMeter]:
    device = HvpmDevice(world, on_output, phone.connect_usb)

    def stall(n_samples: int) -> int:
        queue = world.constants.meter.queue_samples
        device.stall(n_samples)
        return max(0, n_samples - queue)

    def limits_a() -> tuple[float, float]:
        codes = device.registers[0x43], device.registers[0x44]
        power_up_a, run_a = (15.625 * (code - 3840) / 61695 for code in codes)
        return power_up_a, run_a

    def stop_calibrating() -> None:
        device._calibrate = lambda words, numbers: None  # type: ignore[method-assign]

    behind = {
        "device": device,
        "wire_v": lambda: device.registers[0x41] / 1048576,
        "limits_a": limits_a,
        "stall": stall,
        "stop_calibrating": stop_calibrating,
    }
    return behind, HvpmMeter(world.time, limits, None, SimulatedUsb([device]), simulated=True)


def _lvpm(
    world: World, phone: SimPhone, on_output: Callable[[float], None], limits: SupplyLimits
) -> tuple[dict[str, Any], PowerMeter]:
    device = LvpmPort(world, on_output, phone.connect_usb)

    def wire_v() -> float:
        code = device.registers[0x01]
        return 2.0 + code / 100 if code else 0.0

    def limits_a() -> tuple[float, float]:
        registers = device.registers
        codes = registers[0x08] | registers[0x09] << 8, registers[0x0A] | registers[0x0B] << 8
        power_up_a, run_a = (8.0 * (1023 - code) / 1023 for code in codes)
        return power_up_a, run_a

    def stop_calibrating() -> None:
        device.calibrating = False

    behind = {
        "device": device,
        "wire_v": wire_v,
        "limits_a": limits_a,
        "stall": device.stall,
        "stop_calibrating": stop_calibrating,
    }
    return behind, LvpmMeter(world.time, limits, device.path, simulated=True)

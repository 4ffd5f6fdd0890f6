"""One simulated phone behind its adb server, fed and booted without a meter, and what is behind the wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hardware.android.adb_link import AdbLink
from hardware.android.pixel import Pixel
from hardware.sim.constants import SimulationConstants, pixel4xl
from hardware.sim.phone.shell import Steps
from hardware.sim.phone.simulated_phone import SimPhone
from hardware.sim.settings import SimulationSettings
from hardware.sim.simulated_bench import SimulatedBench
from hardware.sim.virtual_time import WorldTime

BOOTED_S = 45.0


@dataclass
class PhoneRig:
    """Attributes:
    commands: every command line that came over adb, in order.
    """

    bench: SimulatedBench
    commands: list[str] = field(default_factory=list)

    @property
    def phone(self) -> SimPhone:
        return self.bench.phone

    @property
    def time(self) -> WorldTime:
        return self.bench.time

    @property
    def port(self) -> int:
        return self.bench.adb_port

    def link(self, serial: str | None = None) -> AdbLink:
        return AdbLink(self.time, serial, "127.0.0.1", self.port)

    def pixel(self) -> Pixel:
        return Pixel(self.link(), self.time, simulated=True)

    def later(self, delay_s: float, connected: bool) -> None:
        """USB goes, or comes back, so many seconds from now."""
        self.world_at(delay_s, lambda: self.phone.connect_usb(connected))

    def world_at(self, delay_s: float, action: Any) -> None:
        world = self.bench.world
        with world.lock:
            world.catch_up()
            world.at(world.now_s + delay_s, action)

    def lock_state(self) -> dict[str, Any]:
        """All that measuring changes on the phone, as the phone itself has it."""
        phone = self.phone
        return {
            "airplane": phone.settings["global airplane_mode_on"],
            "screen_on": phone.screen_on,
            "services": dict(phone.services),
            "clocks": {n: (c.governor, c.min_khz, c.max_khz) for n, c in phone.clusters.items()},
        }


def quiet() -> SimulationConstants:
    """The shipped constants, without background wake-ups."""
    constants = pixel4xl()
    return constants.model_copy(update={"noise": constants.noise.model_copy(update={"wakeups_per_hour": 0.0})})


@contextmanager
def phone_rig(root: str = "adbd", dialect: str = "litert", seed: int = 1) -> Iterator[PhoneRig]:
    """A phone that has booted."""
    bench = SimulatedBench(SimulationSettings(seed, root=root, tool_dialect=dialect), quiet())
    rig = PhoneRig(bench)
    _listen(rig)
    with bench.world.lock:
        bench.phone.supply(4.2)
    bench.time.sleep(BOOTED_S)
    bench.world.catch_up()
    try:
        yield rig
    finally:
        bench.close()


def _listen(rig: PhoneRig) -> None:
    run = rig.phone.shell

    def shell(text: str, *streams: Any) -> Steps:
        rig.commands.append(text)
        return run(text, *streams)

    rig.phone.shell = shell  # type: ignore[method-assign]

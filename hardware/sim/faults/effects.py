"""What each injected fault does to the simulated devices.

An effect knows the bench by what it reaches of it (`FaultyBench`), and arranges what happens later through `FaultPlan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from hardware.sim.meter.hvpm_device import HvpmDevice
from hardware.sim.phone.fake_adb_server import AdbServer
from hardware.sim.phone.simulated_phone import SimPhone
from hardware.sim.world import World


class FaultyBench(Protocol):
    """What faults reach of a simulated bench."""

    world: World
    phone: SimPhone
    meter: HvpmDevice
    adb_server: AdbServer

    def start_adb_server(self) -> None:
        """What `adb start-server` does."""
        ...


class FaultPlan(Protocol):
    """What an effect can arrange beyond the moment in which the fault is injected."""

    def after_window(self, action: Callable[[], None]) -> None:
        """Have `action` happen when USB is passed again."""
        ...

    def hold_usb(self, cut: Callable[[], None], passed: Callable[[], None] = ...) -> None:
        """At the next cut the phone does not follow; `cut` and `passed` happen in its place."""
        ...

    def hold_usb_passing(self, until_s: float | None) -> None:
        """From now on passing USB does nothing, until a moment of the world (seconds), or until it is mended."""
        ...


Effect = Callable[[FaultyBench, FaultPlan, np.random.Generator], None]
"""Changes the bench as the fault is injected; the generator draws sizes and moments."""

_RATE_HZ = 5000
_RUNNER_FOLDER = "/data/local/tmp/lab/window"
_ROOM_BYTES = 2000


def _bursts(n: int, low: int, high: int, over_s: float) -> Effect:
    """`n` times within `over_s` seconds the host is late by `low` to `high` samples."""

    def effect(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
        for delay_s in rng.uniform(0.0, over_s, n):
            n_samples = int(rng.integers(low, high + 1))
            bench.world.at(bench.world.now_s + float(delay_s), lambda late=n_samples: bench.meter.stall(late))  # type: ignore[misc]

    return effect


def _stall(duration_s: float) -> Effect:
    n_samples = round(duration_s * _RATE_HZ)
    return _bursts(10, n_samples, n_samples, 10.0)


def _counter_wrap(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.meter.dropped_at_start = 65535 - int(rng.integers(0, 400))
    late = _bursts(5, 200, 600, 8.0)
    bench.world.at(bench.world.now_s + float(rng.uniform(8.0, 16.0)), lambda: late(bench, faults, rng))
    faults.after_window(lambda: setattr(bench.meter, "dropped_at_start", 0))


def _first_ms_65535(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.meter.early_rollover = True
    faults.after_window(lambda: setattr(bench.meter, "early_rollover", False))


def _short_packets(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    usual = bench.meter.short_packet_share
    bench.meter.short_packet_share = 0.9
    faults.after_window(lambda: setattr(bench.meter, "short_packet_share", usual))


def _over_current(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.meter.over_current = True
    # A moment later, so that packets with the flag are on their way before the phone is dead.
    bench.world.at(bench.world.now_s + 0.5, bench.meter.lose_output)


def _meter_unplugged(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.meter.gone = True
    bench.world.at(bench.world.now_s + 20.0, lambda: setattr(bench.meter, "gone", False))


def _meter_gone(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.meter.gone = True


def _no_calibration(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.meter.calibrating = False
    faults.after_window(lambda: setattr(bench.meter, "calibrating", True))


def _usb_stays_on(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    faults.hold_usb(cut=lambda: None)


def _usb_line_fed(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    faults.hold_usb(cut=lambda: bench.phone.set_adb(False), passed=lambda: bench.phone.set_adb(True))


def _usb_returns(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.phone.connect_usb(True)


def _adb_gone(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    faults.hold_usb_passing(until_s=None)


def _adb_late(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    faults.hold_usb_passing(until_s=bench.world.now_s + float(rng.uniform(65.0, 110.0)))


def _adb_stuck(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.phone.adb_stuck = True


def _push_hangs(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.adb_server.hang_push = True


def _adb_server_killed(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.adb_server.close()


def _phone_reboots(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    bench.phone.reboot()


def _tool_trouble(trouble: str) -> Effect:
    def effect(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
        bench.phone.tool_troubles.extend([""] * int(rng.integers(0, 3)) + [trouble])

    return effect


def _tool_says(dialect: str) -> Effect:
    def effect(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
        usual = bench.phone.tool_dialect
        bench.phone.tool_dialect = dialect
        faults.after_window(lambda: setattr(bench.phone, "tool_dialect", usual))

    return effect


def _throttling(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    world = bench.world
    usual_c = world.constants.thermal.ambient_c
    bench.phone.services["vendor.thermal-engine"] = "running"
    world.heat(float(rng.uniform(41.0, 45.0)), ambient_c=39.0)
    world.at(world.now_s + 240.0, lambda: world.heat(world.skin_c, usual_c))


def _clock_lies(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    for cluster in bench.phone.clusters.values():
        cluster.account()
        cluster.secret_khz = int(cluster.said_khz * float(rng.uniform(0.6, 0.85)))


def _wakeups(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    # From about the first run on.
    begin_s = bench.world.now_s + float(rng.uniform(7.0, 10.0))
    bench.world.at(begin_s, lambda: bench.phone.disturb(0.25, float(rng.uniform(8.0, 15.0))))


def _clock_steps(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    size_s = float(np.exp(rng.uniform(np.log(0.1), np.log(5.0))))
    bench.phone.step_clock(size_s * float(rng.choice([-1.0, 1.0])))


def _journal_cut(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    journal = bench.phone.files.get(f"{_RUNNER_FOLDER}/journal")
    if journal is not None:
        del journal.content[int(len(journal.content) * float(rng.uniform(0.1, 0.98))) :]


def _phone_full(bench: FaultyBench, faults: FaultPlan, rng: np.random.Generator) -> None:
    files = bench.phone.files
    usual_bytes = files.capacity_bytes
    files.capacity_bytes = files.used_bytes + _ROOM_BYTES
    bench.world.at(bench.world.now_s + 5.0, lambda: setattr(files, "capacity_bytes", usual_bytes))


EFFECTS: Mapping[str, Effect] = {
    "drop_burst": _bursts(8, 100, 1500, 10.0),
    "counter_wrap": _counter_wrap,
    "first_ms_65535": _first_ms_65535,
    "short_packets": _short_packets,
    "stall_3ms": _stall(0.003),
    "stall_5ms": _stall(0.005),
    "stall_50ms": _stall(0.050),
    "over_current": _over_current,
    "meter_unplugged": _meter_unplugged,
    "meter_gone": _meter_gone,
    "no_calibration": _no_calibration,
    "usb_stays_on": _usb_stays_on,
    "usb_line_fed": _usb_line_fed,
    "usb_returns": _usb_returns,
    "adb_gone": _adb_gone,
    "adb_late": _adb_late,
    "adb_stuck": _adb_stuck,
    "push_hangs": _push_hangs,
    "adb_server_killed": _adb_server_killed,
    "phone_reboots": _phone_reboots,
    "model_kills_phone": _tool_trouble("takes the phone down"),
    "throttling": _throttling,
    "clock_lies": _clock_lies,
    "wakeups": _wakeups,
    "clock_steps": _clock_steps,
    "journal_cut": _journal_cut,
    "phone_full": _phone_full,
    "tool_crashes": _tool_trouble("crashes"),
    "tool_cut_short": _tool_trouble("is cut short"),
    "tool_says_tf1": _tool_says("tf1"),
    "tool_says_tf23": _tool_says("tf23"),
    "tool_says_tf": _tool_says("tf"),
}
"""By the name of the fault; what hits the host is not here."""

"""When faults are injected: in which window of a start, and at what moment of it, all from one seed.

With a rate of 0 each fault is injected once, in one of the first windows of the bench's first start; with a rate above
0 each window of every start gets a fault, drawn from those named, with that probability.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hardware.sim.faults.catalogue import FAULTS, Fault, Moment
from hardware.sim.faults.effects import EFFECTS, FaultyBench
from hardware.sim.settings import SimulationSettings

FIRST_WINDOWS = 2
"""A fault that is injected once is so in one of so many windows."""

_STREAM = 17
_EARLIEST_S, _LATEST_S = 2.0, 18.0


@dataclass
class _Usb:
    """What is wired between the meter's passthrough and the phone; None: as it should be."""

    on_cut: Callable[[], None] | None = None
    on_passed: Callable[[], None] | None = None
    passing_held: bool = False


@dataclass(frozen=True)
class InjectedFault:
    """A fault that has been injected: its name, and in which window of this bench (counted from 1)."""

    name: str
    window: int


class FaultInjector:
    """Brings faults about on one simulated bench.

    Args:
        bench: the bench; its meter, phone and adb server exist already.
        settings: names of faults, their seed and their rate.

    Attributes:
        injected: what has been injected, in order.
        on_injection: told the name of each fault as it is injected.
    """

    def __init__(self, bench: FaultyBench, settings: SimulationSettings) -> None:
        self._bench = bench
        self._faults = [FAULTS[name] for name in settings.faults if name in EFFECTS]
        self._rate = settings.fault_rate
        self._rng = np.random.default_rng((settings.fault_seed, settings.session, _STREAM))
        self._usb = _Usb()
        self._n_windows = 0
        self._waiting: list[tuple[int, Fault]] = []
        self._n_planned = 0
        self._afterwards: list[Callable[[], None]] = []
        self.injected: list[InjectedFault] = []
        self.on_injection: Callable[[str], None] = lambda name: None
        if not self._faults:
            return
        if self._rate == 0.0 and settings.session == 0:
            self._waiting = [(self._first_window(fault), fault) for fault in self._faults]
        bench.meter.on_start = self._sampling_begins
        bench.adb_server.on_push = self._push_arrives

    def _first_window(self, fault: Fault) -> int:
        # A clock that lies shows against the canaries of the windows before; a model that kills the phone is one
        # that no window before has measured.
        late = fault.name in ("clock_lies", "model_kills_phone")
        return FIRST_WINDOWS if late else int(self._rng.integers(1, FIRST_WINDOWS + 1))

    def _push_arrives(self, path: str) -> None:
        if not path.endswith("/window.tar"):
            return
        window = self._n_windows + 1
        if self._rate > 0.0 and self._n_planned < window and self._rng.random() < self._rate:
            self._waiting.append((window, self._faults[int(self._rng.integers(len(self._faults)))]))
        self._n_planned = window
        self._inject("push", window)

    def _take(self, moment: Moment, window: int) -> list[Fault]:
        """The faults that are due at a moment of a window; they wait no longer."""
        due = [entry for entry in self._waiting if entry[0] == window and entry[1].moment == moment]
        self._waiting = [entry for entry in self._waiting if entry not in due]
        return [fault for _, fault in due]

    def _inject(self, moment: Moment, window: int) -> None:
        for fault in self._take(moment, window):
            self._now(fault, window)

    def _now(self, fault: Fault, window: int) -> None:
        self.injected.append(InjectedFault(fault.name, window))
        self.on_injection(fault.name)
        EFFECTS[fault.name](self._bench, self, self._rng)

    def _sampling_begins(self) -> None:
        self._n_windows += 1
        self._inject("sampling", self._n_windows)

    # -- what faults arrange

    def after_window(self, action: Callable[[], None]) -> None:
        """Have `action` happen when USB is passed again."""
        self._afterwards.append(action)

    def hold_usb(self, cut: Callable[[], None], passed: Callable[[], None] = lambda: None) -> None:
        """At the next cut the phone does not follow; `cut` and `passed` happen in its place."""

        def once() -> None:
            self._usb.on_cut = None
            self._usb.on_passed = passed
            cut()

        self._usb.on_cut = once

    def hold_usb_passing(self, until_s: float | None) -> None:
        """From now on passing USB does nothing, until a moment of the world, or until `mend`."""
        self._usb.passing_held = True
        if until_s is not None:
            self._bench.world.at(until_s, self._let_usb_pass)

    def _let_usb_pass(self) -> None:
        self._usb.passing_held = False
        if self._bench.meter.registers[0x10] == 1:
            self._bench.phone.connect_usb(True)

    # -- what the bench asks

    def usb_follows(self, connected: bool) -> bool:
        """The meter passes or cuts USB: does the phone follow?"""
        if not self._faults:
            return True
        if connected:
            return self._passed()
        for fault in self._take("unplugged", self._n_windows):
            delay_s = float(self._rng.uniform(_EARLIEST_S, _LATEST_S))
            strike = functools.partial(self._now, fault, self._n_windows)
            self._bench.world.at(self._bench.world.now_s + delay_s, strike)
        if self._usb.on_cut is None:
            return True
        self._usb.on_cut()
        return False

    def _passed(self) -> bool:
        if self._n_windows:
            self._inject("plugged", self._n_windows)
            actions, self._afterwards = self._afterwards, []
            for action in actions:
                action()
        if self._usb.on_passed is not None:
            act, self._usb.on_passed = self._usb.on_passed, None
            act()
            return False
        return not self._usb.passing_held

    def mend(self) -> None:
        """A user has put everything right: plugs, leads, server, storage, the phone restarted if it lied."""
        bench = self._bench
        self._usb = _Usb()
        with bench.world.lock:
            bench.world.catch_up()
            bench.meter.gone = False
            bench.meter.over_current = False
            bench.phone.adb_stuck = False
            for cluster in bench.phone.clusters.values():
                cluster.secret_khz = None
            bench.phone.connect_usb(bench.meter.registers[0x10] == 1)
        bench.start_adb_server()

"""One world for phone and meter: time, power, heat, USB.

The phone's processes are generators that yield how long they take; the world runs them in order of time and keeps
the power that results as a timeline of steps, from which a meter takes its samples.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.meter import FloatArray
from hardware.sim.constants import SimulationConstants
from hardware.sim.virtual_time import WorldTime

Process = Iterator[float]
_MAINS_V = 5.02
_USB_OFF_V = 0.02
_SLOW_STRETCH = 25


@dataclass(frozen=True)
class Truth:
    """What one run of the benchmark tool really cost: what a perfect bench would record.

    Attributes:
        model_sha256: of the .tflite file.
        started_utc_s, ended_utc_s: the measured runs, by the phone's wall clock.
        power_w: mean power of the whole phone, background wake-ups apart.
        latency_ms: mean time of an inference.
    """

    model_sha256: str
    started_utc_s: float
    ended_utc_s: float
    power_w: float
    latency_ms: float
    energy_mj: float


class World:
    """The coupled state of one simulated bench.

    Args:
        seed: of all randomness; two numbers, the bench's and the session's.
    """

    def __init__(self, time: WorldTime, constants: SimulationConstants, seed: tuple[int, int]) -> None:
        self.time = time
        self.constants = constants
        self.lock = threading.RLock()
        self.rng = np.random.default_rng(seed)
        self._sample_rng = np.random.default_rng((*seed, 1))
        self.session_gain = math.exp(self.rng.normal(0.0, constants.noise.session_gain_sd))
        self.output_v = 0.0
        self.usb_connected = True
        self.truths: list[Truth] = []
        self.on_truth: Callable[[Truth], None] = self.truths.append
        self._now_s = 0.0
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._loads_w: dict[str, float] = {}
        self._starts_s: list[float] = [0.0]
        self._powers_w: list[float] = [0.0]
        self.ambient_c = constants.thermal.ambient_c
        self._skin_c = self.ambient_c + 4.0

    @property
    def now_s(self) -> float:
        """Up to where the world has been worked out; a meter's stream may run a little ahead of the clock."""
        return self._now_s

    def at(self, moment_s: float, action: Callable[[], None]) -> None:
        """Have `action` happen at a moment."""
        heapq.heappush(self._events, (max(moment_s, self._now_s), next(self._order), action))

    def run(self, process: Process) -> None:
        """Let a process of the phone run in the background."""

        def step() -> None:
            duration_s = next(process, None)
            if duration_s is not None:
                self.at(self._now_s + duration_s, step)

        self.at(self._now_s, step)

    def catch_up(self) -> None:
        """Work the world out up to the present."""
        self.advance_to(self.time.now_s())

    def advance_to(self, moment_s: float) -> None:
        """Let everything happen that is due until `moment_s`."""
        with self.lock:
            while self._events and self._events[0][0] <= moment_s:
                event_s, _, action = heapq.heappop(self._events)
                self._warm(event_s)
                action()
            self._warm(moment_s)

    def _warm(self, moment_s: float) -> None:
        passed_s = moment_s - self._now_s
        if passed_s <= 0:
            return
        thermal = self.constants.thermal
        target_c = self.ambient_c + thermal.skin_c_per_w * self._powers_w[-1]
        self._skin_c += (target_c - self._skin_c) * (1.0 - math.exp(-passed_s / thermal.skin_tau_s))
        self._now_s = moment_s

    def heat(self, skin_c: float, ambient_c: float) -> None:
        """Something warms the phone: its skin at once, its surroundings from now on."""
        self._skin_c, self.ambient_c = skin_c, ambient_c

    @property
    def skin_c(self) -> float:
        """Temperature of the phone's skin sensor."""
        return self._skin_c

    @property
    def soc_c(self) -> float:
        """Temperature of the processor."""
        return self._skin_c + self.constants.thermal.soc_c_per_w * max(0.0, self._powers_w[-1])

    def leakage_factor(self, power_w: float) -> float:
        """By how much heat raises a load's power."""
        thermal = self.constants.thermal
        die_c = self._skin_c + thermal.soc_c_per_w * power_w
        return 1.0 + thermal.leakage_per_c * (die_c - thermal.reference_c)

    def set_load(self, name: str, power_w: float) -> None:
        """From now on the named part of the phone draws `power_w`."""
        if power_w == 0.0:
            self._loads_w.pop(name, None)
        else:
            self._loads_w[name] = power_w
        self._note_power()

    def clear_loads(self) -> None:
        """The phone has lost its power."""
        self._loads_w.clear()
        self._note_power()

    def _note_power(self) -> None:
        total_w = math.fsum(self._loads_w.values())
        if self._starts_s[-1] == self._now_s:
            self._powers_w[-1] = total_w
        else:
            self._starts_s.append(self._now_s)
            self._powers_w.append(total_w)

    def powers_at(self, moments_s: FloatArray) -> NDArray[np.float32]:
        """The phone's power at rising moments (n,), all up to `now_s`, noise included. Forgets what was before."""
        with self.lock:
            at = np.searchsorted(np.asarray(self._starts_s), moments_s, side="right") - 1
            powers_w = np.asarray(self._powers_w, np.float32)[at]
            done = int(at[-1]) if len(at) else 0
            del self._starts_s[:done], self._powers_w[:done]
        noise = self.constants.noise
        n = len(powers_w)
        wobble = self._sample_rng.standard_normal(n, dtype=np.float32) * np.float32(noise.sample_sd)
        slow = self._sample_rng.standard_normal(n // _SLOW_STRETCH + 1, dtype=np.float32)
        wobble += np.repeat(slow * np.float32(noise.slow_sd), _SLOW_STRETCH)[:n]
        powers_w *= 1.0 + wobble
        return powers_w

    def terminals(self, powers_w: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What flows at the meter's main output.

        Args:
            powers_w: (n,) power of the phone.

        Returns:
            Current (n,) in A and voltage (n,) in V at the phone's end of the leads.
        """
        if self.output_v <= 0.0:
            zeros = np.zeros_like(powers_w)
            return zeros, zeros
        power = self.constants.power
        drawn_w = powers_w * np.float32(1.0 - power.usb_share) if self.usb_connected else powers_w
        supply_v = self.output_v - np.float32(power.lead_ohm / self.output_v) * drawn_w
        return drawn_w / supply_v, supply_v

    @property
    def usb_v(self) -> float:
        """Voltage on the phone's USB line."""
        return _MAINS_V if self.usb_connected else _USB_OFF_V

"""No sequence of calls, losses and profiles puts more on the meter's wire than the profile allows."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from meter_rig import MeterRig, build

from hardware import bench
from hardware.errors import HardwareError
from hardware.meter import Passthrough, SupplyLimits
from hardware.monsoon.hvpm import HvpmMeter
from hardware.monsoon.supply_guard import SupplyGuard
from hardware.sim.meter.usb_backend import SimulatedUsb
from lab.errors import ProfileError
from lab.profile.profile import BenchProfile, parse_profile
from lab.profile.sections import HIGHEST_CEILING_V

_VOLTS = st.floats(3.0, 5.0) | st.floats(allow_nan=True, allow_infinity=True)
_AMPERES = st.floats(0.0, 9.0) | st.floats(allow_nan=True, allow_infinity=True)
_SETTINGS = settings(max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


def supply_profile(voltage_v: float, ceiling_v: float, floor_v: float, power_up_a: float, run_a: float) -> BenchProfile:
    """What a user may write into a profile; refused where it is not allowed."""
    return parse_profile(
        f'name = "x"\n[supply]\nvoltage_v = {voltage_v!r}\nceiling_v = {ceiling_v!r}\nfloor_v = {floor_v!r}\n'
        f"power_up_limit_a = {power_up_a!r}\nrun_limit_a = {run_a!r}\n",
        "x",
    )


class Interlock(RuleBasedStateMachine):
    """Everything that a program can do with a meter, and everything that can happen to one."""

    kind = "hvpm"
    rig: MeterRig

    @initialize(
        ceiling_v=st.floats(3.7, 4.4),
        room_v=st.floats(0.0, 0.6),
        power_up_a=st.floats(0.5, 8.0),
        run_a=st.floats(0.5, 6.0),
    )
    def plug_in(self, ceiling_v: float, room_v: float, power_up_a: float, run_a: float) -> None:
        self.limits = SupplyLimits(ceiling_v, max(3.0, ceiling_v - room_v), power_up_a, run_a)
        self.rig = build(self.kind, limits=self.limits)
        self.usual_a = self.rig.limits_a()
        self.recording: AbstractContextManager[Any] | None = None

    @rule(supply_v=_VOLTS)
    def set_voltage(self, supply_v: float) -> None:
        with suppress(HardwareError):
            self.rig.meter.set_voltage(supply_v)

    @rule(power_up_a=_AMPERES, run_a=_AMPERES)
    def set_limits(self, power_up_a: float, run_a: float) -> None:
        with suppress(HardwareError):
            self.rig.meter.set_current_limits(power_up_a=power_up_a, run_a=run_a)

    @rule(voltage_v=st.floats(3.0, 5.0), power_up_a=_AMPERES, run_a=_AMPERES)
    def feed_as_a_bench_does(self, voltage_v: float, power_up_a: float, run_a: float) -> None:
        limits = SupplyLimits(5.0, 3.0, power_up_a, run_a)
        with suppress(HardwareError):
            bench._feed(self.rig.meter, bench.Supply(voltage_v, limits))

    @rule(mode=st.sampled_from(Passthrough))
    def pass_usb(self, mode: Passthrough) -> None:
        with suppress(HardwareError):
            self.rig.meter.set_passthrough(mode)

    @precondition(lambda self: self.recording is None)
    @rule()
    def begin_to_sample(self) -> None:
        with suppress(HardwareError):
            recording = self.rig.meter.recording()
            recording.__enter__()
            self.recording = recording

    @precondition(lambda self: self.recording is not None)
    @rule(for_s=st.floats(0.0, 1.0))
    def end_sampling(self, for_s: float) -> None:
        self.rig.time.sleep(for_s)
        assert self.recording is not None
        self.recording.__exit__(None, None, None)
        self.recording = None

    @precondition(lambda self: self.kind == "hvpm")
    @rule()
    def unplug(self) -> None:
        self.rig.device.gone = True

    @precondition(lambda self: self.kind == "hvpm")
    @rule()
    def plug_again(self) -> None:
        self.rig.device.gone = False

    @rule()
    def reopen(self) -> None:
        if self.recording is None:
            with suppress(HardwareError):
                self.rig.meter.reopen()

    @rule()
    def over_current(self) -> None:
        self.rig.device.over_current = not self.rig.device.over_current

    @precondition(lambda self: self.kind == "hvpm" and self.recording is None)
    @rule()
    def start_anew(self) -> None:
        """The program dies and is started again with the same profile."""
        with suppress(HardwareError):
            again = HvpmMeter(self.rig.time, self.limits, None, SimulatedUsb([self.rig.device]), simulated=True)
            object.__setattr__(self.rig, "meter", again)

    @invariant()
    def no_voltage_above_the_ceiling_was_ever_on_the_wire(self) -> None:
        if hasattr(self, "rig"):
            assert all(v <= self.limits.ceiling_v + 1e-6 for v in self.rig.output_history)
            assert self.rig.wire_v() <= self.limits.ceiling_v + 1e-6

    @invariant()
    def no_limit_was_raised_beyond_the_profile(self) -> None:
        if hasattr(self, "rig"):
            wanted = (self.limits.power_up_limit_a, self.limits.run_limit_a)
            for now_a, usual_a, allowed_a in zip(self.rig.limits_a(), self.usual_a, wanted, strict=True):
                # Until the first setting that is allowed, the unit has what it was switched on with.
                assert now_a == usual_a or now_a <= allowed_a + 1e-3

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            if self.recording is not None:
                self.recording.__exit__(None, None, None)
            self.rig.close()


class LvpmInterlock(Interlock):
    kind = "lvpm"


@pytest.mark.parametrize("machine", [Interlock, LvpmInterlock])
def test_no_sequence_of_calls_passes_the_interlock(machine: type[Interlock]) -> None:
    steps = _SETTINGS if machine is Interlock else settings(_SETTINGS, max_examples=6, stateful_step_count=12)
    run_state_machine_as_test(machine, settings=steps)  # type: ignore[no-untyped-call]


def _no_guard(guard: SupplyGuard, supply_v: float) -> float:
    return min(max(supply_v, 0.0), 5.0) if math.isfinite(supply_v) else 0.0


def test_an_interlock_with_a_hole_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine itself is tried: without the guard it must find a voltage above the ceiling."""
    monkeypatch.setattr("hardware.monsoon.supply_guard.SupplyGuard.voltage", _no_guard)
    # Without shrinking: that it fails is enough.
    tried = settings(_SETTINGS, print_blob=False, phases=[Phase.generate])
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        run_state_machine_as_test(Interlock, settings=tried)  # type: ignore[no-untyped-call]


@settings(max_examples=200, deadline=None)
@given(
    numbers=st.tuples(
        *[st.floats(-1.0, 20.0) | st.floats(allow_nan=True, allow_infinity=True) for _ in range(5)],
    )
)
def test_no_profile_can_ask_for_more_than_the_project_allows(numbers: tuple[float, ...]) -> None:
    try:
        profile = supply_profile(*numbers)
    except ProfileError:
        return
    limits = profile.bench_settings(0).supply.limits
    assert limits.floor_v <= profile.supply.voltage_v <= limits.ceiling_v <= HIGHEST_CEILING_V
    assert 0 < limits.power_up_limit_a <= 8.0
    assert 0 < limits.run_limit_a <= 6.0

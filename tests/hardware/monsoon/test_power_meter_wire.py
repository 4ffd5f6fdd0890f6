"""What a power meter puts on its wire, and what comes of a unit that fails. Each kind on its simulated device.

What needs no look behind the wire, nor a unit that fails, is in test_power_meter_contract.py, for real ones too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meter_rig import CALIBRATED_S, LIMITS, MeterRig, build

from hardware.errors import CurrentOutOfRange, MeterNotFound, UsbLost, VoltageOutOfRange
from hardware.meter import Passthrough

_ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True) | st.floats(3.0, 5.0)
_ONE_RIG_FOR_ALL = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["hvpm", "lvpm"])
def rig(request: pytest.FixtureRequest) -> Iterator[MeterRig]:
    rig = build(request.param)
    yield rig
    rig.close()


@_ONE_RIG_FOR_ALL
@given(supply_v=_ANY_FLOAT)
def test_no_call_puts_a_voltage_outside_the_profile_on_the_wire(rig: MeterRig, supply_v: float) -> None:
    before_v = rig.wire_v()
    try:
        rig.meter.set_voltage(supply_v)
    except VoltageOutOfRange:
        assert rig.wire_v() == before_v
    else:
        assert rig.wire_v() == pytest.approx(supply_v, abs=0.0101)
    assert all(seen_v <= LIMITS.ceiling_v for seen_v in rig.output_history)


@pytest.mark.parametrize("supply_v", [LIMITS.ceiling_v + 0.001, LIMITS.floor_v - 0.001, -4.2, float("nan")])
def test_a_refused_voltage_sends_nothing_and_says_what_is_allowed(rig: MeterRig, supply_v: float) -> None:
    with pytest.raises(VoltageOutOfRange, match=r"outside 3\.6 to 4\.4 V") as caught:
        rig.meter.set_voltage(supply_v)
    assert rig.output_history == []
    assert "Nothing was sent" in caught.value.hint


def test_zero_switches_the_output_off_and_is_reported_as_off(rig: MeterRig) -> None:
    rig.meter.set_voltage(4.2)
    rig.meter.set_voltage(0.0)
    assert rig.wire_v() == 0.0
    assert rig.meter.output_v() == 0.0


def test_the_voltage_that_is_already_set_is_not_sent_again(rig: MeterRig) -> None:
    for _ in range(3):
        rig.meter.set_voltage(4.2)
    assert rig.output_history == pytest.approx([4.2])


def test_the_output_can_be_switched_off_while_sampling(rig: MeterRig) -> None:
    rig.meter.set_voltage(3.8)
    with rig.meter.recording():
        rig.time.sleep(CALIBRATED_S)
        rig.meter.set_voltage(0.0)
        assert rig.wire_v() == 0.0


def test_after_off_the_old_voltage_is_sent_anew(rig: MeterRig) -> None:
    for supply_v in (4.2, 0.0, 4.2):
        rig.meter.set_voltage(supply_v)
    assert rig.output_history == pytest.approx([4.2, 0.0, 4.2])


def test_accepted_current_limits_reach_the_device_and_are_never_exceeded(rig: MeterRig) -> None:
    rig.meter.set_current_limits(power_up_a=6.5, run_a=3.0)
    power_up_a, run_a = rig.limits_a()
    assert power_up_a == pytest.approx(6.5, abs=0.01)
    assert run_a == pytest.approx(3.0, abs=0.01)
    assert power_up_a <= 6.5
    assert run_a <= 3.0


@pytest.mark.parametrize(("power_up_a", "run_a"), [(7.1, 3.0), (3.0, 6.1), (0.0, 3.0), (3.0, float("nan"))])
def test_current_limits_beyond_the_profile_are_refused_and_nothing_is_sent(
    rig: MeterRig, power_up_a: float, run_a: float
) -> None:
    before = rig.limits_a()
    with pytest.raises(CurrentOutOfRange):
        rig.meter.set_current_limits(power_up_a=power_up_a, run_a=run_a)
    assert rig.limits_a() == before


def test_passthrough_cut_while_sampling_shows_in_the_usb_volts_at_the_right_moment(rig: MeterRig) -> None:
    rig.feed()
    with rig.meter.recording() as recording:
        rig.time.sleep(CALIBRATED_S + 0.5)
        cut_s = rig.time.now_s() - recording.started_s
        rig.meter.set_passthrough(Passthrough.OFF)
        rig.time.sleep(1.0)
        assert recording.glimpse().usb_v < 0.1
    trace = recording.trace()
    connected = trace.usb_v > 0.5
    assert connected[(trace.index / trace.rate_hz) < cut_s - 0.005].all()
    assert not connected[(trace.index / trace.rate_hz) > cut_s + 0.005].any()


def test_mean_power_of_a_recording_is_the_known_load_within_a_thousandth(rig: MeterRig) -> None:
    rig.feed()
    rig.meter.set_passthrough(Passthrough.OFF)
    rig.set_load(1.5)
    with rig.meter.recording() as recording:
        rig.time.sleep(CALIBRATED_S + 10.0)
    trace = recording.trace()
    assert recording.failure is None
    assert len(trace.index) > 45_000
    assert trace.power_w.mean() == pytest.approx(1.5, rel=1e-3)
    assert trace.supply_v.mean() == pytest.approx(4.2 - 0.040 * 1.5 / 4.2, rel=1e-4)


def test_a_small_load_is_measured_in_the_fine_range_within_a_thousandth(rig: MeterRig) -> None:
    rig.feed()
    rig.meter.set_passthrough(Passthrough.OFF)
    rig.set_load(0.08)
    with rig.meter.recording() as recording:
        rig.time.sleep(CALIBRATED_S + 10.0)
    assert recording.trace().power_w.mean() == pytest.approx(0.08, rel=1e-3)


def test_an_unplug_fails_the_recording_but_keeps_what_was_read(rig: MeterRig) -> None:
    rig.meter.set_voltage(4.2)
    with rig.meter.recording() as recording:
        rig.time.sleep(CALIBRATED_S + 1.0)
        rig.device.gone = True
        rig.time.sleep(1.0)
    trace = recording.trace()
    assert isinstance(recording.failure, UsbLost)
    assert trace.n_total == pytest.approx((CALIBRATED_S + 1.0) * 5000, abs=20)
    assert len(trace.index) > 4000
    assert len(recording.raw()) > 0


def test_after_an_unplug_commands_say_that_usb_is_lost(rig: MeterRig) -> None:
    rig.device.gone = True
    with pytest.raises(UsbLost) as caught:
        rig.meter.set_passthrough(Passthrough.OFF)
    assert caught.value.hint


def test_the_over_current_flag_is_seen_at_a_glimpse_and_in_the_trace(rig: MeterRig) -> None:
    rig.meter.set_voltage(4.2)
    with rig.meter.recording() as recording:
        rig.time.sleep(0.5)
        assert not recording.glimpse().over_current
        rig.device.over_current = True
        rig.time.sleep(0.5)
        assert recording.glimpse().over_current
    assert recording.trace().over_current


def test_lost_samples_are_counted_exactly_and_leave_a_hole_in_the_time_axis(rig: MeterRig) -> None:
    rig.feed()
    rig.set_load(0.5)
    with rig.meter.recording() as recording:
        rig.time.sleep(CALIBRATED_S + 1.0)
        n_lost = rig.stall(120)
        rig.time.sleep(1.0)
        rig.set_load(2.5)
        step_s = rig.time.now_s() - recording.started_s
        rig.time.sleep(0.5)
    trace = recording.trace()
    assert trace.n_dropped == n_lost > 0
    assert np.diff(trace.index).max() == n_lost + 1
    assert trace.n_total == pytest.approx((CALIBRATED_S + 2.5) * 5000, abs=20)
    risen = (trace.index / trace.rate_hz)[trace.power_w > 0.5 * trace.power_w.max()]
    assert risen[0] == pytest.approx(step_s, abs=0.0006)


def test_without_calibrations_there_are_no_samples_rather_than_wrong_ones(rig: MeterRig) -> None:
    rig.stop_calibrating()
    rig.meter.set_voltage(4.2)
    with rig.meter.recording() as recording:
        rig.time.sleep(CALIBRATED_S + 2.0)
        glimpse = recording.glimpse()
    trace = recording.trace()
    assert not glimpse.calibrated
    assert glimpse.n_samples > 30_000
    assert len(trace.index) == len(trace.current_a) == len(trace.supply_v) == len(trace.usb_v) == 0
    assert trace.n_calibrations == 0


def test_a_simulated_meter_says_that_it_is_one(rig: MeterRig) -> None:
    assert rig.meter.info.simulated
    assert rig.meter.info.serial in {"26511", "7536"}


def test_a_meter_that_is_back_is_opened_anew_with_its_output_and_limits_as_they_were() -> None:
    rig = build("hvpm")
    try:
        rig.meter.set_current_limits(power_up_a=6.5, run_a=3.0)
        rig.meter.set_voltage(4.2)
        limits_a = rig.limits_a()
        rig.device.gone = True
        rig.device.gone = False
        with pytest.raises(UsbLost):
            rig.meter.passthrough()
        rig.device.gone = True
        with pytest.raises(MeterNotFound, match="not plugged in"):
            rig.meter.reopen()
        rig.device.gone = False
        rig.meter.reopen()
        assert rig.meter.output_v() == pytest.approx(4.2, abs=0.005)
        assert rig.output_history == pytest.approx([4.2])
        assert rig.limits_a() == limits_a
        with rig.meter.recording() as recording:
            rig.time.sleep(CALIBRATED_S + 1.0)
        assert recording.failure is None
        assert len(recording.trace().index) > 4000
        with pytest.raises(VoltageOutOfRange):
            rig.meter.set_voltage(4.41)
    finally:
        rig.close()

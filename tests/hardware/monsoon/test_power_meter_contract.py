"""What every power meter must do on its bench. Unchanged on real hardware: pytest tests/hardware --bench PROFILE.

A phone hangs on the output: nothing above the profile's ceiling or below its voltage is set, and the output is never
switched off, after which a phone must be switched on by hand. That is for the simulated units in
test_power_meter_wire.py. After each test output, limits and USB are as the profile wants them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from meter_rig import CALIBRATED_S, LIMITS

from hardware.bench import Bench, BenchSettings, Supply, open_bench
from hardware.errors import AdbLost, CurrentOutOfRange, VoltageOutOfRange
from hardware.meter import Passthrough, Recording
from hardware.sim.settings import SimulationSettings
from lab.profile.profile import load_profile

RATE_HZ = 5000
# Of a meter's own clock, of its volts, and of the moment at which a command takes hold.
RATE_FRAC, SUPPLY_SLACK_V, SLACK_S = 0.01, 0.15, 0.05
# Capacitors keep a USB line up for a while after it was cut.
USB_FALLS_S = 0.5
BACK_S = 60.0


@dataclass(frozen=True)
class Contract:
    """An open bench, and what its output may be."""

    bench: Bench
    supply: Supply

    def record(self, duration_s: float) -> Recording:
        """A recording that has ended, so long beyond its calibration."""
        with self.bench.meter.recording() as recording:
            self.bench.clock.sleep(CALIBRATED_S + duration_s)
        return recording

    def as_it_was(self) -> None:
        """Output, limits and USB as the profile wants them, and the phone on adb."""
        limits = self.supply.limits
        self.bench.meter.set_current_limits(power_up_a=limits.power_up_limit_a, run_a=limits.run_limit_a)
        self.bench.meter.set_voltage(self.supply.voltage_v)
        if self.bench.meter.passthrough() is not Passthrough.ON:
            self.bench.meter.set_passthrough(Passthrough.ON)
        self.bench.phone.wait_back(BACK_S)


@pytest.fixture(scope="module", params=["hvpm", "lvpm", pytest.param("real", marks=pytest.mark.bench)])
def opened(request: pytest.FixtureRequest) -> Iterator[Contract]:
    if request.param == "real":
        settings = load_profile(request.config.getoption("--bench")).bench_settings(0)
    else:
        settings = BenchSettings(request.param, Supply(4.2, LIMITS), simulation=SimulationSettings(seed=1))
    with open_bench(settings) as bench:
        yield Contract(bench, settings.supply)


@pytest.fixture
def contract(opened: Contract) -> Iterator[Contract]:
    yield opened
    opened.as_it_was()


def test_it_says_who_it_is(contract: Contract) -> None:
    info = contract.bench.meter.info
    assert info.kind in ("hvpm", "lvpm")
    assert info.serial
    assert info.simulated == contract.bench.simulated


def test_it_feeds_the_phone_at_the_voltage_of_the_profile_and_passes_its_usb(contract: Contract) -> None:
    assert contract.bench.meter.output_v() == pytest.approx(contract.supply.voltage_v, abs=0.005)
    assert contract.bench.meter.passthrough() is Passthrough.ON


@pytest.mark.parametrize("beyond", ["above the ceiling", "below the floor", "not a number"])
def test_a_voltage_outside_the_profile_is_refused_and_the_output_stays_as_it_is(
    contract: Contract, beyond: str
) -> None:
    limits = contract.supply.limits
    asked_v = {"above the ceiling": limits.ceiling_v + 0.001, "below the floor": limits.floor_v - 0.001}
    before_v = contract.bench.meter.output_v()
    with pytest.raises(VoltageOutOfRange) as caught:
        contract.bench.meter.set_voltage(asked_v.get(beyond, math.nan))
    assert "Nothing was sent" in caught.value.hint
    assert contract.bench.meter.output_v() == before_v


def test_the_ceiling_itself_may_be_set_and_is_measured_at_the_output(contract: Contract) -> None:
    ceiling_v = contract.supply.limits.ceiling_v
    contract.bench.meter.set_voltage(ceiling_v)
    assert contract.bench.meter.output_v() == pytest.approx(ceiling_v, abs=0.005)
    assert contract.record(0.5).trace().supply_v.mean() == pytest.approx(ceiling_v, abs=SUPPLY_SLACK_V)


def test_the_voltage_that_is_already_set_does_not_interrupt_the_phone(contract: Contract) -> None:
    boot_id = contract.bench.phone.boot_id()
    for _ in range(3):
        contract.bench.meter.set_voltage(contract.supply.voltage_v)
    contract.bench.clock.sleep(2.0)
    assert contract.bench.phone.boot_id() == boot_id


def test_current_limits_of_the_profile_may_be_set_and_those_beyond_it_are_refused(contract: Contract) -> None:
    meter, limits = contract.bench.meter, contract.supply.limits
    power_up_a, run_a = limits.power_up_limit_a, limits.run_limit_a
    meter.set_current_limits(power_up_a=power_up_a, run_a=run_a)
    for beyond in ((power_up_a + 0.01, run_a), (power_up_a, run_a + 0.01), (0.0, run_a), (power_up_a, math.nan)):
        with pytest.raises(CurrentOutOfRange) as caught:
            meter.set_current_limits(power_up_a=beyond[0], run_a=beyond[1])
        assert "Nothing was sent" in caught.value.hint


def test_cutting_passthrough_takes_the_phone_off_adb_and_passing_it_brings_it_back(contract: Contract) -> None:
    meter, phone = contract.bench.meter, contract.bench.phone
    meter.set_passthrough(Passthrough.OFF)
    assert meter.passthrough() is Passthrough.OFF
    phone.wait_gone(10.0)
    with pytest.raises(AdbLost):
        phone.wait_back(2.0)
    meter.set_passthrough(Passthrough.ON)
    assert meter.passthrough() is Passthrough.ON
    phone.wait_back(BACK_S)


def test_passthrough_cut_while_sampling_shows_in_the_usb_volts_at_that_moment(contract: Contract) -> None:
    meter, clock = contract.bench.meter, contract.bench.clock
    with meter.recording() as recording:
        clock.sleep(CALIBRATED_S + 0.5)
        before_s = clock.now_s() - recording.started_s
        meter.set_passthrough(Passthrough.OFF)
        after_s = clock.now_s() - recording.started_s
        clock.sleep(2.0)
        assert recording.glimpse().usb_v < 0.5
    assert recording.failure is None
    trace = recording.trace()
    passed, moment_s = trace.usb_v > 0.5, trace.index / trace.rate_hz
    assert passed[moment_s < before_s - SLACK_S].all()
    assert not passed[moment_s > after_s + USB_FALLS_S].any()
    assert (moment_s > after_s + USB_FALLS_S).any()


def test_a_recording_shows_the_supply_and_a_phone_that_draws_from_it(contract: Contract) -> None:
    recording = contract.record(5.0)
    trace = recording.trace()
    assert recording.failure is None
    assert len(recording.raw()) > 0
    assert not trace.over_current
    assert trace.supply_v.mean() == pytest.approx(contract.supply.voltage_v, abs=SUPPLY_SLACK_V)
    assert trace.supply_v.max() <= contract.supply.limits.ceiling_v + SUPPLY_SLACK_V
    assert 0.001 < trace.current_a.mean() < contract.supply.limits.run_limit_a
    assert np.isfinite(trace.power_w).all()


def test_a_recording_has_five_thousand_samples_a_second_by_the_clock_of_the_bench(contract: Contract) -> None:
    trace = contract.record(5.0).trace()
    expected = (CALIBRATED_S + 5.0) * RATE_HZ
    assert trace.rate_hz == RATE_HZ
    assert trace.n_total == pytest.approx(expected, abs=RATE_FRAC * expected + SLACK_S * RATE_HZ)
    assert trace.n_dropped <= 0.001 * expected
    assert len(trace.index) > 4.0 * RATE_HZ
    assert np.all(np.diff(trace.index) > 0)
    assert trace.n_calibrations > 0


def test_a_second_recording_begins_at_zero_and_is_calibrated_anew(contract: Contract) -> None:
    meter, clock = contract.bench.meter, contract.bench.clock
    for _ in range(2):
        with meter.recording() as recording:
            assert not recording.glimpse().calibrated
            clock.sleep(CALIBRATED_S + 0.5)
            assert recording.glimpse().calibrated
        assert recording.failure is None
        expected = (CALIBRATED_S + 0.5) * RATE_HZ
        assert recording.trace().n_total == pytest.approx(expected, abs=RATE_FRAC * expected + SLACK_S * RATE_HZ)


def test_a_glimpse_while_recording_changes_nothing_of_the_trace(contract: Contract) -> None:
    with contract.bench.meter.recording() as recording:
        for _ in range(8):
            contract.bench.clock.sleep(0.9)
            recording.glimpse()
            early = recording.trace()
    late = recording.trace()
    np.testing.assert_array_equal(late.index[: len(early.index)], early.index)
    np.testing.assert_array_equal(late.current_a[: len(early.index)], early.current_a)
    assert np.all(np.diff(late.index) > 0)


def test_opened_anew_it_is_the_same_unit_and_feeds_the_phone_without_a_break(contract: Contract) -> None:
    meter, phone = contract.bench.meter, contract.bench.phone
    before, boot_id, output_v = meter.info, phone.boot_id(), meter.output_v()
    meter.reopen()
    assert meter.info == before
    assert meter.output_v() == output_v
    assert phone.boot_id() == boot_id
    with pytest.raises(VoltageOutOfRange):
        meter.set_voltage(contract.supply.limits.ceiling_v + 0.001)
    assert contract.record(0.5).failure is None

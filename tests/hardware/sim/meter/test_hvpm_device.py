"""The HVPM driver on the simulated unit: what only this meter has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from meter_rig import CALIBRATED_S, LIMITS, MeterRig, build

from hardware.errors import MeterFault, MeterNotFound, SeveralMeters
from hardware.monsoon.hvpm import HvpmMeter, find_meters
from hardware.sim.meter.hvpm_device import HvpmDevice
from hardware.sim.meter.usb_backend import SimulatedUsb

MakeRig = Callable[..., MeterRig]


@pytest.fixture
def make_rig() -> Iterator[MakeRig]:
    rigs: list[MeterRig] = []

    def make(**meter: object) -> MeterRig:
        rigs.append(build("hvpm", **meter))  # type: ignore[arg-type]
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


def test_the_drop_counter_may_wrap_in_the_middle_of_a_recording(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.meter.set_voltage(4.2)
    with rig.meter.recording() as recording:
        rig.device._dropped = 65530
        rig.time.sleep(CALIBRATED_S)
        n_lost = rig.stall(116)
        rig.time.sleep(1.0)
    trace = recording.trace()
    assert trace.n_dropped == n_lost == 100
    assert np.diff(trace.index).max() == 101


def test_short_packets_lose_nothing(make_rig: MakeRig) -> None:
    traces = []
    for share in (0.0, 0.8):
        rig = make_rig(short_packet_share=share)
        rig.feed()
        rig.set_load(1.0)
        with rig.meter.recording() as recording:
            rig.time.sleep(CALIBRATED_S + 2.0)
        traces.append(recording.trace())
    assert traces[0].n_total == traces[1].n_total
    np.testing.assert_array_equal(traces[0].index, traces[1].index)
    assert traces[0].power_w.mean() == pytest.approx(traces[1].power_w.mean(), rel=5e-3)


def test_a_stall_that_the_queue_can_hold_loses_nothing(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.meter.set_voltage(4.2)
    with rig.meter.recording() as recording:
        rig.time.sleep(CALIBRATED_S)
        rig.device.stall(16)
        rig.time.sleep(0.5)
    assert recording.trace().n_dropped == 0


@pytest.mark.parametrize(("register", "code"), [(0x88, 0xF001), (0x89, 0xBFFF)])
def test_a_unit_with_a_voltage_calibration_out_of_range_is_not_switched_on(
    make_rig: MakeRig, register: int, code: int
) -> None:
    rig = make_rig()
    rig.device.registers[register] = code
    with pytest.raises(MeterFault):
        rig.meter.set_voltage(4.2)
    assert rig.output_history == []


@pytest.mark.parametrize(
    ("register", "code", "said"), [(0xC0, 20, "firmware 20"), (0x45, 1, "not an HVPM"), (0x1A, 0, "scales")]
)
def test_a_unit_that_cannot_measure_is_refused_with_the_reason(
    make_rig: MakeRig, register: int, code: int, said: str
) -> None:
    rig = make_rig()
    rig.device.registers[register] = code
    with pytest.raises(MeterFault, match=said) as caught:
        HvpmMeter(rig.time, LIMITS, None, SimulatedUsb([rig.device]))
    assert caught.value.hint


def test_without_a_unit_the_error_says_what_to_check(make_rig: MakeRig) -> None:
    rig = make_rig()
    with pytest.raises(MeterNotFound, match="plugged in: none") as caught:
        HvpmMeter(rig.time, LIMITS, None, SimulatedUsb([]))
    assert "udev" in caught.value.hint
    with pytest.raises(MeterNotFound, match=f"plugged in: {rig.device.serial}"):
        HvpmMeter(rig.time, LIMITS, "1", SimulatedUsb([rig.device]))


def test_of_several_units_one_must_be_named_and_only_that_one_is_driven(make_rig: MakeRig) -> None:
    rig, other = make_rig(), make_rig()
    assert isinstance(other.device, HvpmDevice)
    other.device.serial = "77777"
    bus = SimulatedUsb([rig.device, other.device])
    assert find_meters(bus) == [rig.device.serial, "77777"]
    with pytest.raises(SeveralMeters):
        HvpmMeter(rig.time, LIMITS, None, bus)
    HvpmMeter(rig.time, LIMITS, "77777", bus).set_voltage(4.0)
    assert (rig.output_history, other.output_history) == ([], [4.0])


def test_a_unit_left_sampling_by_a_killed_process_is_stopped_at_opening(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.device.start(1250)
    meter = HvpmMeter(rig.time, LIMITS, None, SimulatedUsb([rig.device]))
    assert not rig.device.sampling
    meter.set_voltage(4.1)
    assert meter.output_v() == pytest.approx(4.1, abs=1e-5)


def test_the_same_seed_gives_the_same_bytes(make_rig: MakeRig) -> None:
    raws = []
    for _ in range(2):
        rig = make_rig()
        rig.feed()
        with rig.meter.recording() as recording:
            rig.time.sleep(2.0)
        raws.append(recording.raw())
    assert raws[0] == raws[1]

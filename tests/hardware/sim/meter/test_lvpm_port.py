"""The LVPM driver on the simulated white box: what only this meter has."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import serial
from meter_rig import LIMITS, MeterRig, build

from hardware.errors import MeterNotFound, UsbLost
from hardware.meter import Passthrough
from hardware.monsoon.lvpm import LvpmMeter
from hardware.monsoon.lvpm_packets import LvpmDecoder
from hardware.sim.virtual_time import VirtualTime


@pytest.fixture
def rig() -> Iterator[MeterRig]:
    rig = build("lvpm")
    yield rig
    rig.close()


def test_the_raw_bytes_alone_decode_to_the_same_trace(rig: MeterRig) -> None:
    rig.feed()
    with rig.meter.recording() as recording:
        rig.time.sleep(1.3)
        rig.meter.set_passthrough(Passthrough.OFF)
        rig.time.sleep(1.1)
    live, again = recording.trace(), LvpmDecoder().decode(recording.raw())
    for name in ("index", "current_a", "supply_v", "usb_v"):
        np.testing.assert_array_equal(getattr(again, name), getattr(live, name))
    assert (again.n_total, again.n_dropped) == (live.n_total, live.n_dropped)
    assert 0 < np.count_nonzero(live.usb_v) < len(live.usb_v)


def test_a_glimpse_brings_the_currents_since_the_last_one_whatever_was_asked_between(rig: MeterRig) -> None:
    rig.feed()
    with rig.meter.recording() as recording:
        rig.time.sleep(0.5)
        recording.glimpse()
        for _ in range(4):
            rig.time.sleep(0.1)
            rig.meter.output_v()
        assert len(recording.glimpse().recent_a) == pytest.approx(20, abs=1)
        assert recording.glimpse().recent_a == ()


@pytest.mark.parametrize("fault", ["corrupt_every", "lose_every"])
def test_every_damaged_or_lost_frame_is_counted_with_its_samples(rig: MeterRig, fault: str) -> None:
    rig.feed()
    setattr(rig.device, fault, 50)
    rig.set_load(1.0)
    with rig.meter.recording() as recording:
        rig.time.sleep(4.0)
    trace = recording.trace()
    # Of the frames that could be told: the loss of the very last one leaves no trace.
    n_frames = (trace.n_total - trace.n_calibrations) // 14
    assert trace.n_dropped == 14 * (n_frames // 50)
    assert trace.n_dropped >= 14 * 25
    assert len(trace.index) == trace.n_total - trace.n_calibrations - trace.n_dropped
    assert trace.power_w.mean() == pytest.approx(1.0 * 0.35, rel=2e-3)


def test_output_and_passthrough_can_be_asked_for_while_sampling(rig: MeterRig) -> None:
    rig.feed()
    with rig.meter.recording() as recording:
        rig.time.sleep(0.5)
        assert rig.meter.output_v() == pytest.approx(4.2)
        assert rig.meter.passthrough() is Passthrough.ON
        rig.time.sleep(0.5)
    assert recording.failure is None
    assert recording.trace().n_dropped == 0


def test_calibrations_come_once_a_second_and_take_the_place_of_samples(rig: MeterRig) -> None:
    rig.meter.set_voltage(4.2)
    with rig.meter.recording() as recording:
        rig.time.sleep(3.5)
    trace = recording.trace()
    holes = trace.index[1:][np.diff(trace.index) > 1]
    assert trace.n_calibrations == 4 * 4
    assert trace.index[0] == 4
    np.testing.assert_allclose(holes / 5000.0, [1.0, 2.0, 3.0], atol=0.005)


def test_a_box_left_sampling_by_a_killed_process_is_stopped_at_opening(rig: MeterRig) -> None:
    with rig.meter.recording():
        rig.time.sleep(0.2)
        rig.meter._port.write(b"\x04\x01\x1b\x01\x21")  # type: ignore[attr-defined]
    abandoned = serial.Serial(rig.device.path, timeout=0.1)
    abandoned.write(bytes.fromhex("08 02 ff ff ff ff 03 e8 f1"))
    meter = LvpmMeter(rig.time, LIMITS, rig.device.path, simulated=True)
    assert meter.info.serial == "7536"
    assert not rig.device.sampling
    meter.close()
    abandoned.close()


def test_a_port_where_nothing_answers_is_refused_with_a_hint() -> None:
    host, port = os.openpty()
    tty.setraw(port)
    try:
        with pytest.raises(MeterNotFound, match="read status: asked 3 times") as caught:
            LvpmMeter(VirtualTime(), LIMITS, os.ttyname(port))
        assert "factory firmware" in caught.value.hint
    finally:
        os.close(host)
        os.close(port)


def test_a_port_that_does_not_exist_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(MeterNotFound, match="open") as caught:
        LvpmMeter(VirtualTime(), LIMITS, str(tmp_path / "ttyACM0"))
    assert "dialout" in caught.value.hint


def test_a_box_that_falls_silent_fails_the_recording(rig: MeterRig) -> None:
    rig.meter.set_voltage(4.2)
    with rig.meter.recording() as recording:
        rig.time.sleep(1.0)
        rig.device.lose_every = 1
        rig.device.calibrating = False
        for _ in range(10):
            rig.time.sleep(0.5)
            if recording.failure is None:
                recording._stopping.wait(0.15)
    assert isinstance(recording.failure, UsbLost)
    assert "no sample for" in recording.failure.evidence
    assert recording.trace().n_total == pytest.approx(5000, abs=20)


def test_voltages_are_rounded_down_to_the_steps_of_the_box(rig: MeterRig) -> None:
    rig.meter.set_voltage(4.199)
    assert rig.wire_v() == pytest.approx(4.19)

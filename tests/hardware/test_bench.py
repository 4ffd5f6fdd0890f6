"""Opening a bench: what is missing is named, what is on stays on, and USB is passed again however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

import hardware.sim.simulated_bench as simulated_bench
from hardware.bench import Bench, BenchSettings, Supply, open_bench
from hardware.errors import (
    AdbLost,
    CurrentOutOfRange,
    MeterNotFound,
    NoRoot,
    PhoneNotFound,
    PhoneUnauthorised,
    SeveralMeters,
    VoltageOutOfRange,
)
from hardware.meter import Passthrough, SupplyLimits
from hardware.sim.meter.hvpm_device import HvpmDevice
from hardware.sim.meter.usb_backend import SimulatedUsb
from hardware.sim.settings import SimulationSettings
from hardware.sim.simulated_bench import SimulatedBench

LIMITS = SupplyLimits(ceiling_v=4.40, floor_v=3.60, power_up_limit_a=8.0, run_limit_a=6.0)
SETTINGS = BenchSettings("hvpm", Supply(4.20, LIMITS), simulation=SimulationSettings(seed=1))
VOLTAGE, PASSTHROUGH = 0x41, 0x10


class Behind:
    """The simulated bench that `open_bench` makes, and what its meter was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sim: Any = None
        self.sent: list[tuple[int, int]] = []
        self.prepare: Callable[[SimulatedBench], None] = lambda sim: None
        behind = self

        class Watched(SimulatedBench):
            def __init__(self, settings: SimulationSettings) -> None:
                super().__init__(settings)
                behind.sim = self
                set_register = self.meter.set
                behind.prepare(self)

                def noted(opcode: int, value: int) -> None:
                    behind.sent.append((opcode, value))
                    set_register(opcode, value)

                self.meter.set = noted  # type: ignore[method-assign]

        monkeypatch.setattr(simulated_bench, "SimulatedBench", Watched)

    def codes(self, opcode: int) -> list[int]:
        return [value for sent, value in self.sent if sent == opcode]

    @property
    def usb_is_passed(self) -> bool:
        return bool(self.sim.meter.registers[PASSTHROUGH] == 1 and self.sim.world.usb_connected)


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Behind:
    return Behind(monkeypatch)


@contextmanager
def other_meters(monkeypatch: pytest.MonkeyPatch, serials: list[str]) -> Iterator[None]:
    """The bus has meters of these serial numbers instead; the first feeds the phone."""

    def bus(self: SimulatedBench) -> SimulatedUsb:
        devices = [self.meter] if serials else []
        devices += [HvpmDevice(self.world, lambda v: None, lambda on: None) for _ in serials[1:]]
        for device, serial in zip(devices, serials, strict=True):
            device.serial = serial
        return SimulatedUsb(devices)

    with monkeypatch.context() as patched:
        patched.setattr(SimulatedBench, "usb_backend", bus)
        yield


def opened(settings: BenchSettings = SETTINGS) -> None:
    with open_bench(settings):
        pass


def test_meter_and_phone_are_ready_and_marked_as_simulated(behind: Behind) -> None:
    with open_bench(SETTINGS) as bench:
        assert (bench.simulated, bench.meter.info.simulated, bench.phone.info.simulated) == (True, True, True)
        assert bench.meter.output_v() == pytest.approx(4.2, abs=0.005)
        assert bench.phone.read_clock().phone_utc_s > 0
        assert behind.usb_is_passed
    assert behind.usb_is_passed
    assert behind.sim.world.output_v == pytest.approx(4.2, abs=0.005)


def test_no_meter_says_what_to_check(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    with other_meters(monkeypatch, []), pytest.raises(MeterNotFound, match="plugged in: none") as raised:
        opened()
    assert "udev" in raised.value.hint


def test_two_meters_ask_for_a_name_and_none_is_touched(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    with other_meters(monkeypatch, ["26511", "26777"]), pytest.raises(SeveralMeters, match="26511, 26777") as raised:
        opened()
    assert 'serial = "26511"' in raised.value.hint
    assert behind.sent == []


def test_the_meter_that_is_named_is_the_one_that_is_used(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        other_meters(monkeypatch, ["26777", "26511"]),
        open_bench(replace(SETTINGS, meter_serial="26777")) as bench,
    ):
        assert bench.meter.info.serial == "26777"


def test_a_named_meter_that_is_not_there_is_not_replaced_by_another(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    with other_meters(monkeypatch, ["26511"]), pytest.raises(MeterNotFound, match=r"26777.*plugged in: 26511"):
        opened(replace(SETTINGS, meter_serial="26777"))
    assert behind.sent == []


def test_an_output_that_is_on_already_is_not_sent_again(behind: Behind) -> None:
    def feed(sim: SimulatedBench) -> None:
        sim.meter.set(VOLTAGE, round(4.2 * 1048576))

    behind.prepare = feed
    opened()
    assert behind.codes(VOLTAGE) == []
    assert behind.codes(PASSTHROUGH) == []


def test_usb_that_was_left_cut_is_passed_when_the_bench_is_opened(behind: Behind) -> None:
    behind.prepare = lambda sim: sim.meter.set(PASSTHROUGH, 0)
    with open_bench(SETTINGS):
        assert behind.usb_is_passed


@pytest.mark.parametrize("supply_v", [4.41, 5.0, 13.5, 3.59, -1.0, float("nan")])
def test_no_voltage_outside_the_limits_is_ever_sent(behind: Behind, supply_v: float) -> None:
    with pytest.raises(VoltageOutOfRange, match=r"outside 3\.6 to 4\.4 V") as raised:
        opened(replace(SETTINGS, supply=Supply(supply_v, LIMITS)))
    assert "Nothing was sent" in raised.value.hint
    assert behind.codes(VOLTAGE) == []
    assert behind.sim.world.output_v == 0.0


def test_inside_the_block_the_ceiling_holds_too(behind: Behind) -> None:
    with open_bench(SETTINGS) as bench:
        with pytest.raises(VoltageOutOfRange):
            bench.meter.set_voltage(4.5)
        with pytest.raises(CurrentOutOfRange):
            bench.meter.set_current_limits(power_up_a=8.1, run_a=1.0)
    assert max(behind.codes(VOLTAGE)) <= 4.4 * 1048576


def test_a_phone_that_never_comes_up_is_waited_for_and_then_named(behind: Behind) -> None:
    behind.prepare = lambda sim: setattr(sim.phone, "_booted", lambda generation: lambda: None)
    with pytest.raises(PhoneNotFound, match="connected: none") as raised:
        opened()
    assert "waited for 120 s" in raised.value.hint
    assert "switched on by hand" in raised.value.hint
    assert 120 <= behind.sim.time.now_s() < 140
    assert behind.usb_is_passed


def test_another_phone_than_the_named_one_is_not_taken(behind: Behind) -> None:
    with pytest.raises(PhoneNotFound, match=r"find OTHER.*98SIM4XL01"):
        opened(replace(SETTINGS, phone_serial="OTHER"))


def test_a_phone_that_never_ends_booting_is_not_waited_for_for_ever(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hardware.sim.phone import phone_commands

    known = dict(phone_commands.COMMANDS)
    monkeypatch.setattr(phone_commands, "COMMANDS", known | {"getprop": known["echo"]})
    with pytest.raises(AdbLost, match="boot") as raised:
        opened()
    assert raised.value.hint
    assert behind.sim.time.now_s() < 300


def test_an_unauthorised_phone_asks_for_its_dialog(behind: Behind) -> None:
    behind.prepare = lambda sim: setattr(sim.phone, "authorised", False)
    with pytest.raises(PhoneUnauthorised) as raised:
        opened()
    assert "accept this computer's key" in raised.value.hint


def test_a_phone_without_root_is_refused_and_left_as_it_was(behind: Behind) -> None:
    with pytest.raises(NoRoot):
        opened(replace(SETTINGS, simulation=SimulationSettings(seed=1, root="none")))
    assert behind.usb_is_passed
    assert behind.sim.phone.services["vendor.thermal-engine"] == "running"


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt()], ids=repr)
def test_usb_is_passed_again_after_an_error_in_the_block(behind: Behind, error: BaseException) -> None:
    def go_wrong(bench: Bench) -> None:
        bench.meter.set_passthrough(Passthrough.OFF)
        assert not behind.usb_is_passed
        raise error

    with pytest.raises(type(error)) as raised, open_bench(SETTINGS) as bench:
        go_wrong(bench)
    assert raised.value is error
    assert behind.usb_is_passed
    assert behind.sim.world.output_v == pytest.approx(4.2, abs=0.005)


def test_an_error_in_the_block_is_not_hidden_by_a_meter_that_has_gone(behind: Behind) -> None:
    def go_wrong() -> None:
        behind.sim.meter.gone = True
        raise ValueError("the first error")

    with pytest.raises(ValueError, match="the first error"), open_bench(SETTINGS):
        go_wrong()

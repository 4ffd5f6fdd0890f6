"""Opens a bench: a meter and a phone, real, simulated or replayed. The only file that chooses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hardware.android.adb_link import AdbLink, phone_states
from hardware.android.adb_server import AskingClient, server_answers, start_server
from hardware.android.pixel import Pixel, wait_booted
from hardware.clock import Clock, Deadline, RealClock
from hardware.errors import HardwareError, PhoneNotFound
from hardware.meter import Passthrough, PowerMeter, SupplyLimits
from hardware.phone import Phone
from hardware.sim.settings import SimulationSettings

if TYPE_CHECKING:
    from hardware.tape.player import Player
    from hardware.tape.recorder import Recorder

log = logging.getLogger(__name__)

_BOOT_TIMEOUT_S = 120.0
_POLL_S = 1.0
_TRANSFER_TIMEOUT_S = 30.0
# In virtual time a transfer takes as long as the computer works on it: what is silent for so long hangs.
_SIMULATED_TRANSFER_TIMEOUT_S = 6.0
ADB_HOST, ADB_PORT = "127.0.0.1", 5037


@dataclass(frozen=True)
class Supply:
    """The main output: its value, and the limits that nothing may pass."""

    voltage_v: float
    limits: SupplyLimits


@dataclass(frozen=True)
class BenchSettings:
    """Which devices, and how they are fed.

    Attributes:
        meter_kind: "hvpm" or "lvpm".
        meter_serial: which unit; None if there is one.
        meter_port: serial port of an LVPM.
        phone_serial: which phone; None if there is one.
        simulation: makes the bench a simulated one.
    """

    meter_kind: str
    supply: Supply
    meter_serial: str | None = None
    meter_port: str | None = None
    phone_serial: str | None = None
    simulation: SimulationSettings | None = None


@dataclass(frozen=True)
class Bench:
    """A meter and a phone that are ready, and the clock that both go by."""

    meter: PowerMeter
    phone: Phone
    clock: Clock
    simulated: bool


@dataclass(frozen=True)
class _Devices:
    """How to reach the devices: the drivers cannot tell which kind it is.

    Attributes:
        usb_backend: makes a pyusb backend; None stands for the system's libusb.
        serial_path: path of an LVPM's port.
        open_serial, make_adb_client: as `serial.Serial` and `adbutils.AdbClient`.
        start_adb_server: starts it anew where it has gone.
        transfer_timeout_s: longest silence while a file is sent or fetched, by the computer's clock.
    """

    clock: Clock
    simulated: bool
    usb_backend: Callable[[], Any]
    serial_path: Callable[[], str]
    open_serial: Callable[..., Any]
    make_adb_client: Callable[..., Any]
    start_adb_server: Callable[[], None]
    adb_host: str
    adb_port: int
    transfer_timeout_s: float
    close: Callable[[], None]


@contextmanager
def open_bench(settings: BenchSettings, tape: Recorder | Player | None = None) -> Iterator[Bench]:
    """Open meter and phone, feed the phone, wait for it; close both at the end of the block.

    The output stays on at the end, as it was found or as the profile wants it; USB is passed.

    Args:
        tape: a recorder keeps everything that crosses the wire; a player takes the place of all devices.

    Raises:
        HardwareError: something is missing or refuses; see hardware.errors.
        ReplayDiverged: a replay is not what was recorded.
    """
    devices = _devices(settings, tape)
    try:
        meter = _open_meter(settings, devices)
        try:
            _feed(meter, settings.supply)
            phone = _open_phone(settings, devices)
            yield Bench(meter, phone, devices.clock, devices.simulated)
        finally:
            _hand_back(meter)
    finally:
        devices.close()


def _devices(settings: BenchSettings, tape: Recorder | Player | None) -> _Devices:
    from hardware.tape.player import Player

    if isinstance(tape, Player):
        return _replayed(tape)
    devices = _simulated(settings) if settings.simulation else _real(settings)
    return devices if tape is None else _recorded(devices, tape)


def _real(settings: BenchSettings) -> _Devices:
    import serial

    _ensure_adb_server()
    return _Devices(
        clock=RealClock(),
        simulated=False,
        usb_backend=lambda: None,
        serial_path=lambda: settings.meter_port or "/dev/ttyACM0",
        open_serial=serial.Serial,
        make_adb_client=AskingClient,
        start_adb_server=partial(start_server, ADB_PORT),
        adb_host=ADB_HOST,
        adb_port=ADB_PORT,
        transfer_timeout_s=_TRANSFER_TIMEOUT_S,
        close=lambda: None,
    )


def _ensure_adb_server() -> None:
    """Start the adb server if there is none; that it cannot be started is said by the first request."""
    try:
        server_answers(ADB_HOST, ADB_PORT)
    except OSError:
        try:
            start_server(ADB_PORT)
        except OSError as error:
            log.error("the adb server cannot be started: %s", error)


def _simulated(settings: BenchSettings) -> _Devices:
    import serial

    from hardware.sim.simulated_bench import SimulatedBench

    assert settings.simulation is not None
    simulated = SimulatedBench(settings.simulation)
    return _Devices(
        clock=simulated.time,
        simulated=True,
        usb_backend=simulated.usb_backend,
        serial_path=simulated.open_lvpm_port,
        open_serial=serial.Serial,
        make_adb_client=AskingClient,
        start_adb_server=simulated.start_adb_server,
        adb_host="127.0.0.1",
        adb_port=simulated.adb_port,
        transfer_timeout_s=_TRANSFER_TIMEOUT_S if settings.simulation.paced else _SIMULATED_TRANSFER_TIMEOUT_S,
        close=simulated.close,
    )


def _recorded(devices: _Devices, recorder: Recorder) -> _Devices:
    """The same devices, with a recorder between them and the drivers."""
    from hardware.tape.adb_connections import RecordedAdb, connection_numbers
    from hardware.tape.serial_port import RecordedSerial
    from hardware.tape.usb import RecordedUsb

    numbers = connection_numbers()

    def usb_backend() -> Any:
        import usb.backend.libusb1

        inner = devices.usb_backend() or usb.backend.libusb1.get_backend()
        return None if inner is None else RecordedUsb(recorder, inner)

    return replace(
        devices,
        clock=recorder.clock(devices.clock),
        usb_backend=usb_backend,
        open_serial=partial(RecordedSerial, recorder),
        make_adb_client=partial(RecordedAdb, recorder, numbers),
        start_adb_server=partial(recorder.call, "adb start", {}, devices.start_adb_server),
    )


def _replayed(player: Player) -> _Devices:
    """Devices that say what was recorded; nothing reaches a real one."""
    from hardware.tape.adb_connections import ReplayedAdb, connection_numbers
    from hardware.tape.serial_port import ReplayedSerial
    from hardware.tape.usb import ReplayedUsb

    numbers = connection_numbers()

    def start_adb_server() -> None:
        player.take("adb start", {})

    return _Devices(
        clock=player,
        simulated=bool(player.session.get("simulated", True)),
        usb_backend=lambda: ReplayedUsb(player),
        serial_path=player.serial_path,
        open_serial=lambda path, *_, **__: ReplayedSerial(player, path),
        make_adb_client=lambda host, port, socket_timeout: ReplayedAdb(player, numbers, socket_timeout),
        start_adb_server=start_adb_server,
        adb_host="",
        adb_port=0,
        transfer_timeout_s=_TRANSFER_TIMEOUT_S,
        close=player.close,
    )


def _open_meter(settings: BenchSettings, devices: _Devices) -> PowerMeter:
    limits = settings.supply.limits
    if settings.meter_kind == "lvpm":
        from hardware.monsoon.lvpm import LvpmMeter

        return LvpmMeter(devices.clock, limits, devices.serial_path(), devices.simulated, devices.open_serial)
    from hardware.monsoon.hvpm import HvpmMeter

    return HvpmMeter(devices.clock, limits, settings.meter_serial, devices.usb_backend(), devices.simulated)


def _feed(meter: PowerMeter, supply: Supply) -> None:
    """Switch the output on at the profile's voltage, and pass USB."""
    meter.set_current_limits(power_up_a=supply.limits.power_up_limit_a, run_a=supply.limits.run_limit_a)
    meter.set_voltage(supply.voltage_v)
    if meter.passthrough() is not Passthrough.ON:
        meter.set_passthrough(Passthrough.ON)


def _open_phone(settings: BenchSettings, devices: _Devices) -> Pixel:
    """Connect to the phone; one that has just been given power is waited for."""
    deadline = Deadline(devices.clock, _BOOT_TIMEOUT_S)
    while True:
        states = phone_states(devices.adb_host, devices.adb_port, devices.make_adb_client)
        wanted = states if settings.phone_serial is None else {settings.phone_serial: states.get(settings.phone_serial)}
        # A phone that is just coming back is "offline" or "unauthorized" for a moment.
        if "device" in wanted.values() or deadline.passed:
            break
        devices.clock.sleep(_POLL_S)
    try:
        link = AdbLink(
            devices.clock,
            settings.phone_serial,
            devices.adb_host,
            devices.adb_port,
            devices.make_adb_client,
            start_server=devices.start_adb_server,
            transfer_timeout_s=devices.transfer_timeout_s,
        )
    except PhoneNotFound as error:
        error.hint += f" It was waited for {_BOOT_TIMEOUT_S:g} s; a phone that is off must be switched on by hand."
        raise
    wait_booted(link, devices.clock)
    return Pixel(link, devices.clock, devices.simulated)


def _hand_back(meter: PowerMeter) -> None:
    """Leave USB passed and the output on: switching the phone off is for a user to decide."""
    try:
        if meter.passthrough() is not Passthrough.ON:
            meter.set_passthrough(Passthrough.ON)
    # OSError is what libusb itself raises for a unit that has gone: it must not hide the error that is on its way.
    except (HardwareError, OSError) as error:
        log.error("USB passthrough could not be switched on again: %s", error)
    finally:
        meter.close()

"""The recovery ladder: what is done when a device has gone, one step after the other, until it is back.

phone   wait -> USB off and on -> the adb server reconnects -> the adb server is started anew -> stop with the reason
meter   wait until it is plugged in again, open it anew, prove that its output is still where it was -> stop
Each step that was needed is an incident in the record; what a user has to do is the hint of the last error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from hardware.bench import Bench
from hardware.clock import Deadline
from hardware.errors import AdbLost, HardwareError, MeterFault, MeterNotFound, TransientError, UsbLost
from hardware.meter import Passthrough
from lab.profile.profile import BenchProfile

log = logging.getLogger(__name__)

_STEP_TIMEOUT_S = 30.0
_OFF_S = 2.0
_METER_TIMEOUT_S, _METER_POLL_S = 60.0, 2.0
_SAME_V = 0.02


@dataclass(frozen=True)
class Recovery:
    """Something that went wrong and was put right by the program itself.

    Attributes:
        error: what was raised; None where settings of the phone were lost.
        action: what was done; the last step is the one that helped.
        lost_s: bench time that it took.
    """

    error: HardwareError | None
    detail: str
    action: str
    lost_s: float


def wait_back(bench: Bench, timeout_s: float) -> list[Recovery]:
    """Wait for the phone; if it stays away, climb the ladder.

    Args:
        bench: open; USB is passed.
        timeout_s: for the first wait.

    Returns:
        What had to be done; empty if the phone came back by itself.

    Raises:
        AdbLost: it is away after the last step.
        UsbLost, MeterFault: the meter itself did not follow.
    """
    began_s = bench.clock.now_s()
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        ("USB off and on", lambda: _toggle(bench)),
        ("adb reconnected", bench.phone.reconnect),
        ("adb server restarted", bench.phone.restart_server),
    )
    try:
        bench.phone.wait_back(timeout_s)
        return []
    except AdbLost as error:
        first = last = error
    done = []
    for name, step in steps:
        log.warning("%s; next: %s", last, name)
        done.append(name)
        try:
            step()
            bench.phone.wait_back(_STEP_TIMEOUT_S)
        except AdbLost as error:
            last = error
            continue
        return [Recovery(first, str(first), ", ".join(done), bench.clock.now_s() - began_s)]
    last.add_note(f"Tried before giving up: {', '.join(done)}.")
    raise last


def _toggle(bench: Bench) -> None:
    bench.meter.set_passthrough(Passthrough.OFF)
    bench.clock.sleep(_OFF_S)
    bench.meter.set_passthrough(Passthrough.ON)


def make_ready(bench: Bench, profile: BenchProfile) -> list[Recovery]:
    """After a window in which something was wrong: see that meter and phone are as the next window needs them.

    Returns:
        What had to be done.

    Raises:
        HardwareError: it could not be done; a user has to look.
    """
    recoveries = _meter_back(bench, profile)
    recoveries += wait_back(bench, profile.window.reconnect_timeout_s)
    began_s = bench.clock.now_s()
    lost = bench.phone.hold(profile.lock)
    if lost:
        detail = f"the phone had lost {', '.join(lost)}"
        recoveries.append(Recovery(None, detail, "set again", bench.clock.now_s() - began_s))
    return recoveries


def _meter_back(bench: Bench, profile: BenchProfile) -> list[Recovery]:
    began_s = bench.clock.now_s()
    try:
        _pass_usb(bench)
        return []
    except UsbLost as error:
        lost = error
    deadline = Deadline(bench.clock, _METER_TIMEOUT_S)
    while True:
        try:
            bench.meter.reopen()
            break
        except MeterNotFound as error:
            if deadline.passed:
                raise
            log.info("%s", error)
        bench.clock.sleep(_METER_POLL_S)
    _prove_output(bench, profile.supply.voltage_v)
    _pass_usb(bench)
    return [Recovery(lost, str(lost), "the meter was opened anew", bench.clock.now_s() - began_s)]


def _pass_usb(bench: Bench) -> None:
    if bench.meter.passthrough() is not Passthrough.ON:
        bench.meter.set_passthrough(Passthrough.ON)


def _prove_output(bench: Bench, wanted_v: float) -> None:
    """A meter that has lost its power too comes back with its output off: the phone has died, a user must look."""
    found_v = bench.meter.output_v()
    if abs(found_v - wanted_v) > _SAME_V:
        raise MeterFault(
            f"meter {bench.meter.info.serial}",
            "open again",
            f"its output is at {found_v:.2f} V, not at {wanted_v:.2f} V: it has lost its power",
            "Check the meter's power; the same command feeds the phone again and goes on.",
        )


def stops_for_user(error: HardwareError) -> str:
    """What an incident says of an error that ends the campaign."""
    return "stopped" if isinstance(error, TransientError) else "stopped for a user"

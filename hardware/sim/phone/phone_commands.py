"""The programs of the simulated phone: what the driver and its script call of toybox and of Android's own."""

from __future__ import annotations

from collections.abc import Mapping

from hardware.sim.phone import benchmark_stand_in
from hardware.sim.phone.file_commands import FILE_COMMANDS
from hardware.sim.phone.shell import Command, Shell, Steps, Streams
from hardware.sim.phone.shell_commands import SHELL_COMMANDS, quick


def _getprop(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield quick(shell)
    phone = shell.context
    constants = phone.constants
    values = {
        "ro.product.model": constants.model,
        "ro.product.device": constants.device,
        "ro.build.fingerprint": constants.fingerprint,
        "ro.serialno": phone.serial,
        "sys.boot_completed": "1",
    }
    values |= {f"init.svc.{name}": state for name, state in phone.services.items()}
    streams.stdout((values.get(arguments[0], "") + "\n").encode())
    return 0


def _service(state: str) -> Command:
    def command(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
        yield quick(shell)
        phone = shell.context
        for cluster in phone.clusters.values():
            cluster.account()
        if arguments[0] in phone.services:
            phone.services[arguments[0]] = state
        return 0

    return command


def _settings(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield 0.3
    phone = shell.context
    key = " ".join(arguments[1:3])
    if arguments[0] == "get":
        streams.stdout((phone.settings.get(key, "null") + "\n").encode())
    else:
        phone.settings[key] = arguments[3]
        phone.settle_power()
    return 0


def _input(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield 0.4
    phone = shell.context
    if arguments[:1] == ["keyevent"]:
        phone.screen_on = {"223": False, "224": True}.get(arguments[1], phone.screen_on)
        phone.settle_power()
    return 0


def _dumpsys(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield 0.1
    if arguments[:1] == ["power"]:
        state = "Awake" if shell.context.screen_on else "Asleep"
        streams.stdout(f"POWER MANAGER (dumpsys power)\n  mWakefulness={state}\n".encode())
    return 0


def _logcat(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield quick(shell)
    phone = shell.context
    if "-c" in arguments:
        phone.logcat.clear()
    elif "-d" in arguments:
        streams.stdout("".join(["--------- beginning of main\n", *phone.logcat]).encode())
    return 0


COMMANDS: Mapping[str, Command] = {
    **SHELL_COMMANDS,
    **FILE_COMMANDS,
    "getprop": _getprop,
    "start": _service("running"),
    "stop": _service("stopped"),
    "settings": _settings,
    "input": _input,
    "dumpsys": _dumpsys,
    "logcat": _logcat,
    "benchmark_model": benchmark_stand_in.run,
}
"""All of them, by name."""

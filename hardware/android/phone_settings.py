"""Settings taken from a phone and given back: read all, note them on the phone, apply, and restore in reverse.

The note stands on the phone before anything is changed, so that the next start after a crash, on whatever computer,
finds it and gives back what was taken.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from hardware.android.adb_link import AdbLink
from hardware.clock import Deadline
from hardware.errors import CommandFailed, PhoneFault, SettingRefused
from hardware.phone import ClockLock

FOLDER = "/data/local/tmp/lab"
NOTE_PATH = f"{FOLDER}/settings-before.json"
_CPUFREQ = "/sys/devices/system/cpu/cpufreq"
# What rewrites clocks behind one's back: thermal daemon, power HAL (android_device_google_coral).
MEDDLING_SERVICES = ("vendor.thermal-engine", "vendor.power-hal-1-2")
_SLEEP_KEY, _WAKE_KEY = "223", "224"
_SETTLE_TIMEOUT_S, _SETTLE_POLL_S = 3.0, 0.3


@dataclass(frozen=True)
class Setting:
    """One thing of the phone that is changed for measuring.

    Attributes:
        name: as it stands in the note.
        read: command whose output is the value.
        write: command with `{value}` in it.
        wanted: the value for measuring.
    """

    name: str
    read: str
    write: str
    wanted: str

    def command(self, value: str) -> str:
        """The shell command that sets a value; the value is quoted."""
        return self.write.replace("{value}", shlex.quote(value))


def _sysfs(name: str, path: str, wanted: str) -> Setting:
    return Setting(name, f"cat {path}", f"echo {{value}} > {path}", wanted)


def settings_for(lock: ClockLock) -> tuple[Setting, ...]:
    """What is changed, in the order in which it is applied."""
    policy = f"{_CPUFREQ}/{shlex.quote(lock.policy)}"
    airplane = (
        "settings put global airplane_mode_on {value}; am broadcast -a android.intent.action.AIRPLANE_MODE > /dev/null"
    )
    screen = f"if [ {{value}} = Asleep ]; then input keyevent {_SLEEP_KEY}; else input keyevent {_WAKE_KEY}; fi"
    wakefulness = "dumpsys power"
    return (
        Setting("airplane_mode", "settings get global airplane_mode_on", airplane, "1"),
        Setting("screen", wakefulness, screen, "Asleep"),
        *(_service(name) for name in MEDDLING_SERVICES),
        _sysfs("scaling_governor", f"{policy}/scaling_governor", "performance"),
        _sysfs("scaling_max_freq", f"{policy}/scaling_max_freq", str(lock.freq_khz)),
        _sysfs("scaling_min_freq", f"{policy}/scaling_min_freq", str(lock.freq_khz)),
    )


def _service(name: str) -> Setting:
    quoted = shlex.quote(name)
    write = f"if [ {{value}} = running ]; then start {quoted}; else stop {quoted}; fi"
    return Setting(f"service {name}", f"getprop init.svc.{quoted}", write, "stopped")


def read_setting(link: AdbLink, setting: Setting) -> str:
    """The present value; "" for a service that this build does not have."""
    output = link.run(setting.read).stdout
    if setting.name == "screen":
        words = [line.partition("=")[2].strip() for line in output.splitlines() if "mWakefulness=" in line]
        # A phone with an always-on display dozes with its screen off; one that dreams has it on.
        return ("Asleep" if words[0] in ("Asleep", "Dozing") else "Awake") if words else ""
    return output.strip()


def apply_settings(link: AdbLink, lock: ClockLock) -> dict[str, str]:
    """Read, note on the phone, and change all settings.

    Returns:
        The values as they were.

    Raises:
        SettingRefused: the phone did not take a value.
    """
    settings = settings_for(lock)
    before = {setting.name: _read_first(link, setting) for setting in settings}
    make_folder(link, FOLDER)
    note = {"lock": [lock.name, lock.core, lock.policy, lock.freq_khz], "before": before}
    link.push(json.dumps(note).encode(), NOTE_PATH)
    for setting in settings:
        if before[setting.name]:
            _set(link, setting, setting.wanted)
    return before


def hold_settings(link: AdbLink, lock: ClockLock) -> list[str]:
    """Change again what no longer has the value that is wanted for measuring; names of those settings.

    Raises:
        SettingRefused: the phone did not take a value.
    """
    changed = []
    for setting in settings_for(lock):
        if _read_first(link, setting) not in ("", setting.wanted):
            _set(link, setting, setting.wanted)
            changed.append(setting.name)
    return changed


def _read_first(link: AdbLink, setting: Setting) -> str:
    try:
        return read_setting(link, setting)
    except CommandFailed as error:
        raise _refused(link, setting, setting.wanted, error.evidence) from error


def _set(link: AdbLink, setting: Setting, value: str) -> None:
    try:
        link.run(setting.command(value))
    except CommandFailed as error:
        raise _refused(link, setting, value, error.evidence) from error
    # Services and the screen take a moment.
    deadline = Deadline(link.clock, _SETTLE_TIMEOUT_S)
    while (found := read_setting(link, setting)) != value:
        if deadline.passed:
            raise _refused(link, setting, value, f"it reads {found!r}")
        link.clock.sleep(_SETTLE_POLL_S)


def _refused(link: AdbLink, setting: Setting, value: str, evidence: str) -> SettingRefused:
    return SettingRefused(
        link.name,
        f"set {setting.name} to {value}",
        evidence,
        "Choose a clock lock that this phone has, or stop what rewrites the setting; see `lab doctor`.",
    )


def make_folder(link: AdbLink, path: str) -> None:
    """Make a folder at or below FOLDER; files are pushed into FOLDER by adbd, which is not root where `su` is."""
    link.run(f"mkdir -p {path} && chmod 777 {FOLDER}")


def left_behind(link: AdbLink) -> bool:
    """A note of settings that were never given back lies on the phone."""
    return link.run(f"test -f {NOTE_PATH}", check=False).exit_code == 0


def restore_settings(link: AdbLink) -> list[str]:
    """Give back what the note says was taken, the last first, then remove the note.

    Returns:
        Names of the settings that were given back; empty if there is no note.

    Raises:
        SettingRefused: some could not be given back; the note stays.
        PhoneFault: the note cannot be read.
    """
    if not left_behind(link):
        return []
    settings, before = _read_note(link)
    problems = list[str]()
    for setting in _widening_first(settings):
        value = before.get(setting.name, "")
        if not value:
            continue
        try:
            _set(link, setting, value)
        except (SettingRefused, CommandFailed) as error:
            problems.append(str(error))
    if problems:
        raise SettingRefused(
            link.name,
            "give the settings back",
            "; ".join(problems),
            "Reboot the phone: that resets its clocks.",
        )
    link.run(f"rm -f {NOTE_PATH}")
    return [setting.name for setting in settings]


def _read_note(link: AdbLink) -> tuple[tuple[Setting, ...], dict[str, str]]:
    text = link.pull(NOTE_PATH).decode(errors="replace")
    try:
        note = json.loads(text)
        return settings_for(ClockLock(*note["lock"])), dict(note["before"])
    except (ValueError, TypeError, KeyError) as error:
        raise PhoneFault(
            link.name,
            "read what the settings were",
            f"the note is damaged: {text[:60]!r}",
            f"Reboot the phone, look at its airplane mode, then remove the note: `adb shell rm {NOTE_PATH}`.",
        ) from error


def _widening_first(settings: Sequence[Setting]) -> list[Setting]:
    """Reverse order: the lower limit goes before the upper one, so neither passes the other on the way."""
    return list(reversed(settings))

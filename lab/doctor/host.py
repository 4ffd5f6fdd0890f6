"""Looks at everything that measuring needs and says of each what is wrong and how it is put right.

All problems come at once: a check that fails, or breaks, never keeps the others from being made. Checks of this
computer are here, those of an open bench in `lab/doctor/bench.py`; `lab/commands/doctor.py` shows them.
"""

from __future__ import annotations

import importlib
import importlib.resources
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from db.database import open_database
from hardware.discovery import Discovery, real_discovery
from hardware.errors import HardwareError
from lab.bench.lock import device_names, locked
from lab.doctor.check import Check, attempt
from lab.errors import BenchLocked

if TYPE_CHECKING:
    from hardware.bench import Bench, BenchSettings
    from lab.profile.profile import BenchProfile

RULE_NAME = "60-monsoon.rules"
_RULE_FIX = f"Install the rule: `lab doctor --udev-rule | sudo tee /etc/udev/rules.d/{RULE_NAME}`, then replug."
_PYTHON_FROM, _PYTHON_BELOW = (3, 11), (3, 15)
_PACKAGES = {"Monsoon": "Monsoon.HVPM", "pyusb": "usb.core", "adbutils": "adbutils", "pyserial": "serial"}
# A campaign of 15,000 models leaves some 25 hours of packets at 350 MB an hour before compression.
_ENOUGH_GB, _LEAST_GB = 10.0, 1.0
_OWN_DEVICES = "the SIMULATED bench brings its own"


@dataclass(frozen=True)
class DoctorRequest:
    """What to look at.

    Attributes:
        bench: name of the profile; None for the default.
        db: path or URL of the database.
        passthrough: also cut the phone's USB off and on.
    """

    bench: str | None = None
    db: str = "lab.db"
    passthrough: bool = False


@dataclass(frozen=True)
class Probes:
    """How to reach what is looked at.

    Attributes:
        discovery: of meters, serial ports and phones.
        has_libusb: whether pyusb finds a libusb library.
        open_bench: as `hardware.bench.open_bench`.
        rules_folders: where udev reads rules.
    """

    discovery: Discovery
    has_libusb: Callable[[], bool]
    open_bench: Callable[[BenchSettings], AbstractContextManager[Bench]]
    rules_folders: Sequence[Path]


def real_probes() -> Probes:
    """The probes of this computer."""
    folders = tuple(Path(base) / "udev/rules.d" for base in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"))
    return Probes(real_discovery(), _has_libusb, _open_bench, folders)


def _open_bench(settings: BenchSettings) -> AbstractContextManager[Bench]:
    # Imported late, as all that needs a device's package: this module has to say that one is missing.
    from hardware.bench import open_bench

    return open_bench(settings)


def udev_rule() -> str:
    """The udev rule that lets a user without root use the meter."""
    return importlib.resources.files("lab.doctor").joinpath(RULE_NAME).read_text(encoding="utf-8")


def examine(what: DoctorRequest, probes: Probes) -> list[Check]:
    """Make all checks, each whatever became of the others. Opens the bench if its devices are there."""
    checks = [attempt("Python", _python)]
    checks += [attempt(f"package {name}", partial(_package, name)) for name in _PACKAGES]
    checks.append(attempt("database", partial(_database, what.db)))
    checks.append(attempt("free disk", partial(_disk, what.db)))
    found: list[BenchProfile] = []
    checks.append(attempt("profile", partial(_profile, what.bench, found)))
    if not found:
        return [*checks, Check("bench", "skipped", "its profile does not load")]
    profile = found[0]
    if profile.simulated is not None:
        names = ("libusb", "udev rule", "meter", "adb server and phone")
        checks += [Check(name, "skipped", _OWN_DEVICES) for name in names]
        return [*checks, *_bench(profile, what.passthrough, probes)]
    devices = [
        attempt("meter", partial(_meter, profile, probes.discovery)),
        attempt("adb server and phone", partial(_phone, profile, probes.discovery)),
    ]
    checks += [attempt("libusb", partial(_libusb, probes)), attempt("udev rule", partial(_rule, probes)), *devices]
    if any(check.outcome == "fail" for check in devices):
        return [*checks, Check("bench", "skipped", "a device is missing, see above")]
    return [*checks, *_bench(profile, what.passthrough, probes)]


def _python() -> Check:
    version = sys.version_info[:3]
    shown = ".".join(str(part) for part in version)
    if _PYTHON_FROM <= version < _PYTHON_BELOW:
        return Check("Python", "ok", shown)
    return Check("Python", "fail", f"{shown} is not 3.11 to 3.14", "Install into an environment of one of these.")


def _package(name: str) -> Check:
    try:
        with warnings.catch_warnings():
            # The Monsoon package compares with `is` on a string literal.
            warnings.simplefilter("ignore", SyntaxWarning)
            importlib.import_module(_PACKAGES[name])
        return Check(f"package {name}", "ok", metadata.version(name))
    except ImportError as error:
        return Check(f"package {name}", "fail", str(error), f"Install it: `pip install {name}`.")


def _database(target: str) -> Check:
    path = Path(target).expanduser()
    if "://" not in target and path.absolute().parent.is_dir() and not path.exists():
        if os.access(path.absolute().parent, os.W_OK):
            return Check("database", "skipped", f"there is no {target} yet; `lab measure` makes it")
        return Check("database", "fail", f"{target} cannot be made there", "Choose a folder that can be written.")
    with open_database(target, create=False) as db:
        from db.queries import list_campaigns

        names = [campaign.name + " (SIMULATED)" * campaign.simulated for campaign in list_campaigns(db)]
    return Check("database", "ok", f"{target} has today's schema; campaigns: {', '.join(names) or 'none'}")


def _disk(target: str) -> Check:
    folder = Path.cwd() if "://" in target else Path(target).expanduser().absolute().parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    why = f"{free_gb:.1f} GB where the traces go"
    if free_gb >= _ENOUGH_GB:
        return Check("free disk", "ok", why)
    fix = f"Make room, or put the database elsewhere with --db: a campaign of 15,000 models needs {_ENOUGH_GB:g} GB."
    return Check("free disk", "warn" if free_gb >= _LEAST_GB else "fail", why, fix)


def _profile(name: str | None, found: list[BenchProfile]) -> Check:
    from lab.profile.profile import load_profile

    profile = load_profile(name)
    found.append(profile)
    kind = "SIMULATED " if profile.simulated else ""
    lock = f"cpu{profile.lock.core} at {profile.lock.freq_khz:,} kHz"
    supply = f"{profile.supply.voltage_v:.2f} V, never above {profile.supply.ceiling_v:.2f} V"
    return Check("profile", "ok", f"{kind}{profile.name}: {lock}, {supply}")


def _has_libusb() -> bool:
    import usb.backend.libusb1

    return usb.backend.libusb1.get_backend() is not None


def _libusb(probes: Probes) -> Check:
    if probes.has_libusb():
        return Check("libusb", "ok", "found")
    return Check("libusb", "fail", "no libusb library", "Install it: `apt-get install libusb-1.0-0`.")


def _rule(probes: Probes) -> Check:
    if not sys.platform.startswith("linux"):
        return Check("udev rule", "skipped", f"{sys.platform} has no udev")
    there = [folder / RULE_NAME for folder in probes.rules_folders if (folder / RULE_NAME).is_file()]
    if not there:
        return Check("udev rule", "warn", f"{RULE_NAME} is not installed: only root may open the meter", _RULE_FIX)
    if there[0].read_text(encoding="utf-8") != udev_rule():
        return Check("udev rule", "warn", f"{there[0]} is not the one that ships with this version", _RULE_FIX)
    return Check("udev rule", "ok", str(there[0]))


def _meter(profile: BenchProfile, discovery: Discovery) -> Check:
    if profile.meter.kind == "lvpm":
        return _port(profile, discovery)
    serials, wanted = list(discovery.meters()), profile.meter.serial
    seen = ", ".join(serials) or "none"
    if wanted is not None and wanted not in serials:
        fix = "Check its cable and power, or [meter] serial in the profile."
        return Check("meter", "fail", f"the profile's {wanted} is not plugged in; plugged in: {seen}", fix)
    if not serials:
        return Check("meter", "fail", "no Monsoon is plugged in", "Check its USB cable and its power switch.")
    if wanted is None and len(serials) > 1:
        fix = f'Name one in the profile: [meter] serial = "{serials[0]}".'
        return Check("meter", "fail", f"several are plugged in: {seen}", fix)
    return Check("meter", "ok", f"plugged in: {seen}")


def _port(profile: BenchProfile, discovery: Discovery) -> Check:
    ports = [port.device for port in discovery.ports()]
    # Without a port in the profile the driver takes the first CDC ACM port.
    wanted = profile.meter.port or "/dev/ttyACM0"
    if wanted not in ports and not Path(wanted).exists():
        fix = "Check its USB cable and power, or [meter] port in the profile."
        return Check("meter", "fail", f"no serial port {wanted}; there is: {', '.join(ports) or 'none'}", fix)
    if not os.access(wanted, os.R_OK | os.W_OK):
        return Check("meter", "fail", f"{wanted} may not be opened", _RULE_FIX)
    return Check("meter", "ok", f"serial port {wanted}")


def _phone(profile: BenchProfile, discovery: Discovery) -> Check:
    name, wanted = "adb server and phone", profile.phone.serial
    states = dict(discovery.phones())
    seen = ", ".join(f"{serial} ({state})" for serial, state in sorted(states.items())) or "none"
    if wanted is None and len(states) > 1:
        fix = f'Name one in the profile: [phone] serial = "{sorted(states)[0]}".'
        return Check(name, "fail", f"several phones are connected: {seen}", fix)
    state = states.get(wanted) if wanted is not None else next(iter(states.values()), None)
    if state == "device":
        return Check(name, "ok", f"connected: {seen}")
    if state == "unauthorized":
        return Check(name, "fail", f"connected: {seen}", "Unlock the phone and accept this computer's key.")
    why = f"{wanted or 'a phone'} is {state or 'not connected'}; connected: {seen}"
    fix = (
        "Check the cable from the phone to the meter's USB port and from there to this computer. A phone without power "
        "or with its USB cut gets both when `lab measure` starts, and must then be switched on by hand."
    )
    return Check(name, "fail", why, fix)


def _bench(profile: BenchProfile, passthrough: bool, probes: Probes) -> list[Check]:
    """Open the bench and look at it, unless a campaign has it: opening a meter stops its sampling."""
    from lab.doctor.bench import bench_checks

    try:
        with locked(device_names(profile, probes.discovery), "lab doctor"):
            return bench_checks(profile, passthrough, probes.open_bench)
    except BenchLocked as error:
        return [Check("bench", "skipped", f"{error} The bench is left alone.", error.hint)]
    except HardwareError as error:
        return [Check("bench", "fail", str(error), error.hint)]
    except OSError as error:
        fix = "Other campaigns are kept out by a lock file: make its folder writable, or set LAB_LOCKS."
        return [Check("bench", "fail", f"the bench cannot be locked: {error}", fix)]

"""Writes the profile of the bench that is plugged in: looks for meters and phones, chooses, writes bench.toml.

`lab init` is this with the discovery of the real hardware; what it writes is what `lab.profile` loads when no
profile is named.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from db.whole_file import whole_file
from hardware.discovery import Discovery, SerialPort
from hardware.errors import HardwareError
from lab.errors import BENCH_UNAVAILABLE, USAGE, LabError
from lab.profile.keys import ProfileKey, profile_sections, toml_value
from lab.profile.profile import DEFAULT_NAME, parse_profile

_WIDTH = 110
_HEADER = f"""\
# The bench of this computer, written by `lab init`. Every key is here, with its default or with what was
# found; a line that begins with `# key =` is left out. docs/reference/profile.md says the same as a table.
name = "{DEFAULT_NAME}"
"""


class NothingPluggedIn(LabError):
    """There is no meter, or not the one that was asked for."""

    exit_code = BENCH_UNAVAILABLE


class SeveralFound(LabError):
    """Several meters or phones are plugged in and none was chosen."""

    exit_code = USAGE


class ProfileInTheWay(LabError):
    """There is a profile already, or it cannot be written."""

    exit_code = USAGE


@dataclass(frozen=True)
class FoundMeter:
    """A meter: an HVPM by its serial number, an LVPM by its port."""

    kind: str
    serial: str | None
    port: str | None

    @property
    def shown(self) -> str:
        """How messages name it."""
        return f"{self.kind} {self.serial or '(no serial number)'}" + (f" at {self.port}" if self.port else "")


@dataclass(frozen=True)
class SetupRequest:
    """What the user asked for; a meter is named by its serial number or by its serial port."""

    lock: str = "cool"
    meter: str | None = None
    phone: str | None = None
    force: bool = False


@dataclass(frozen=True)
class WrittenProfile:
    """What was written, and what a user should know of it."""

    path: Path
    meter: FoundMeter
    phone: str | None
    notes: tuple[str, ...] = field(default_factory=tuple)


def set_up_bench(folder: Path, request: SetupRequest, discovery: Discovery) -> WrittenProfile:
    """Write the profile of what is plugged in.

    Args:
        folder: of the user's profiles; made if there is none.
        request: which devices if there are several, the clock lock, whether to replace a profile.

    Raises:
        ProfileInTheWay: there is a profile and `force` is not set, or the folder cannot be written.
        NothingPluggedIn: no meter, or not the one asked for; a phone may still be off and is not needed.
        SeveralFound: a choice is to be made.
    """
    path = folder / f"{DEFAULT_NAME}.toml"
    if path.exists() and not request.force:
        raise ProfileInTheWay(
            f"There is a bench profile already: {path}.", "Edit it, or replace it with `lab init --force`."
        )
    meter = _meter(request, discovery)
    phone, notes = _phone(request, discovery)
    text = profile_text(meter, phone, request.lock)
    parse_profile(text, str(path))
    _write(path, text)
    return WrittenProfile(path, meter, phone, notes)


def _meter(request: SetupRequest, discovery: Discovery) -> FoundMeter:
    looked = ["a Monsoon on USB (2ab9:0001)", "a serial port that calls itself Monsoon"]
    ports = list(discovery.ports())
    found = [FoundMeter("lvpm", port.serial, port.device) for port in ports if port.is_monsoon]
    try:
        found += [FoundMeter("hvpm", serial, None) for serial in discovery.meters()]
    except HardwareError as error:
        looked[0] += f": {error.evidence}; {error.hint}"
    if request.meter is not None:
        # A port that does not say what it is counts once a user says so.
        named = [FoundMeter("lvpm", port.serial, port.device) for port in ports if not port.is_monsoon]
        matching = [meter for meter in (*found, *named) if request.meter in (meter.serial, meter.port)]
        if len(matching) == 1:
            return matching[0]
    elif len(found) == 1:
        return found[0]
    elif found:
        raise SeveralFound(
            f"Several meters are plugged in: {', '.join(meter.shown for meter in found)}.",
            f"Choose one, e.g. `lab init --meter-serial {found[0].serial or found[0].port}`.",
        )
    raise _no_meter(request.meter, found, looked, ports)


def _no_meter(
    wanted: str | None, found: Sequence[FoundMeter], looked: Sequence[str], ports: Sequence[SerialPort]
) -> NothingPluggedIn:
    seen = [meter.shown for meter in found] + [port.device for port in ports if not port.is_monsoon]
    lines = [f"No meter {wanted} is plugged in." if wanted else "No meter is plugged in."]
    lines += [f"  looked for {place}" for place in looked]
    lines.append(f"  found: {', '.join(seen) or 'nothing'}")
    return NothingPluggedIn(
        "\n".join(lines),
        "Plug the meter in and switch it on; name an LVPM's port with `--meter-serial /dev/ttyACM0`. "
        "Without hardware: `lab measure --n 20 --bench simulated`.",
    )


def _phone(request: SetupRequest, discovery: Discovery) -> tuple[str | None, tuple[str, ...]]:
    """The phone's serial number and notes; None for a phone that is still off: the meter is what will feed it."""
    try:
        states = dict(discovery.phones())
    except HardwareError as error:
        return request.phone, (f"Phones could not be looked for: {error.evidence}. {error.hint}",)
    if request.phone is not None and request.phone not in states:
        seen = ", ".join(sorted(states)) or "none"
        return request.phone, (f"Phone {request.phone} is not connected now (connected: {seen}).",)
    if request.phone is None and len(states) > 1:
        listed = ", ".join(f"{serial} ({state})" for serial, state in sorted(states.items()))
        raise SeveralFound(
            f"Several phones are connected: {listed}.",
            f"Choose one, e.g. `lab init --phone-serial {sorted(states)[0]}`.",
        )
    if not states:
        return None, ("No phone is connected yet; the profile takes the one that is when measuring.",)
    serial = request.phone or next(iter(states))
    if states[serial] == "device":
        return serial, ()
    return serial, (f"Phone {serial} is {states[serial]}: unlock it and accept this computer's key.",)


def profile_text(meter: FoundMeter, phone: str | None, lock: str) -> str:
    """A complete profile with every key of a real bench, each with its meaning and range as a comment."""
    chosen: dict[tuple[str, str], str | None] = {
        ("meter", "kind"): meter.kind,
        ("meter", "serial"): meter.serial,
        ("meter", "port"): meter.port,
        ("phone", "serial"): phone,
        ("phone", "lock"): lock,
    }
    parts = [_HEADER]
    for section, keys in profile_sections().items():
        if section == "simulated":
            continue
        parts.append(f"\n[{section}]\n")
        parts.extend(_lines(key, chosen.get((section, key.name), key.default)) for key in keys)
    return "".join(parts)


def _lines(key: ProfileKey, value: object) -> str:
    unit = f"{key.unit}: " if key.unit else ""
    comment = textwrap.wrap(f"{key.meaning} [{unit}{key.accepted}]", _WIDTH - 2, break_on_hyphens=False)
    line = f"# {key.name} =" if value is None else f"{key.name} = {toml_value(value)}"
    return "".join(f"# {text}\n" for text in comment) + line + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProfileInTheWay(
            f"{path} cannot be written: {error.strerror or error}.",
            "Make the folder writable, or name another one in the variable LAB_PROFILES.",
        ) from error

"""Bench profiles: one TOML file says which devices, how they are fed, how is measured, and what is good enough.

A profile that ships with the project is picked by its name, any other by its path or by its name in the folder of
the user's own profiles. Every problem of a file is reported at once; an unknown key is named with its nearest
neighbour.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.resources
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hardware.bench import BenchSettings, Supply
from hardware.meter import SupplyLimits
from hardware.phone import PIXEL_4_XL_LOCKS, ClockLock, QueueTiming, ToolFlags
from hardware.sim.settings import SimulationSettings
from lab.errors import ProfileError
from lab.profile.sections import (
    SECTIONS,
    GateSection,
    MeterSection,
    PhoneSection,
    PrecisionSection,
    ProfileDocument,
    SimulatedSection,
    SupplySection,
    ToolSection,
    WindowSection,
)

DEFAULT_NAME = "bench"
_SHIPPED = "simulated"


@dataclass(frozen=True)
class BenchProfile:
    """A validated profile.

    Attributes:
        text: the file as it stands, kept with every session.
    """

    name: str
    text: str
    sha256: str
    meter: MeterSection
    supply: SupplySection
    phone: PhoneSection
    tool: ToolSection
    window: WindowSection
    precision: PrecisionSection
    gates: GateSection
    simulated: SimulatedSection | None

    @property
    def lock(self) -> ClockLock:
        """Core and clock."""
        return PIXEL_4_XL_LOCKS[self.phone.lock]

    @property
    def flags(self) -> ToolFlags:
        """How the tool is called."""
        tool = self.tool
        return ToolFlags(
            tool.path,
            tool.min_secs,
            tool.min_runs,
            tool.max_secs,
            tool.warmup_secs,
            tool.use_xnnpack,
            tool.limit_s,
        )

    @property
    def timing(self) -> QueueTiming:
        """Pauses and marks of a window."""
        window = self.window
        return QueueTiming(window.settle_s, window.gap_s, window.chip_s, window.pulse_s, self.phone.max_skin_c)

    def with_precision(self, half_width_frac: float) -> BenchProfile:
        """The same profile with another target for the 95 % interval."""
        precision = self.precision.model_copy(update={"target_half_width_frac": half_width_frac})
        text = f"{self.text}\n# --precision: precision.target_half_width_frac = {half_width_frac:g}\n"
        return replace(self, precision=precision, text=text, sha256=hashlib.sha256(text.encode()).hexdigest())

    def with_faults(self, names: Sequence[str], seed: int, rate: float = 0.0) -> BenchProfile:
        """The same profile of a simulated bench, on which things go wrong on purpose.

        Raises:
            ProfileError: the bench is a real one, or a fault of that name is not known.
        """
        if self.simulated is None:
            raise ProfileError(
                f"Bench {self.name} is a real one: nothing can be made to go wrong on it.",
                "Name a simulated bench: --bench simulated.",
            )
        if self.meter.kind != "hvpm":
            raise ProfileError(
                f"Faults are made for a bench with an hvpm; bench {self.name} has an {self.meter.kind}.",
                'Set [meter] kind = "hvpm", or leave --fault out.',
            )
        values = self.simulated.model_dump() | {"faults": tuple(names), "fault_seed": seed, "fault_rate": rate}
        try:
            simulated = SimulatedSection.model_validate(values)
        except ValidationError as error:
            problems = "; ".join(_problem(item) for item in error.errors())
            raise ProfileError(problems, "docs/reference/faults.md lists the faults.") from error
        text = f"{self.text}\n# --fault {','.join(names)} --fault-seed {seed}, rate {rate:g}\n"
        return replace(self, simulated=simulated, text=text, sha256=hashlib.sha256(text.encode()).hexdigest())

    def conditions(self) -> dict[str, str]:
        """What must be the same for two measurements to be comparable; a campaign never mixes them."""
        lock, tool = self.lock, self.tool
        return {
            "clock lock": f"cpu{lock.core} at {lock.freq_khz} kHz",
            "supply": f"{self.supply.voltage_v:g} V",
            "tool": f"min_secs {tool.min_secs:g}, min_runs {tool.min_runs}, xnnpack {tool.use_xnnpack}",
            "meter": self.meter.kind,
            "simulation": "none" if self.simulated is None else f"kernels {self.simulated.kernel_table}",
        }

    def bench_settings(self, session: int) -> BenchSettings:
        """What `open_bench` needs.

        Args:
            session: number of this start; a simulated bench draws its session's noise from it.
        """
        supply, simulated = self.supply, self.simulated
        limits = SupplyLimits(supply.ceiling_v, supply.floor_v, supply.power_up_limit_a, supply.run_limit_a)
        return BenchSettings(
            meter_kind=self.meter.kind,
            supply=Supply(supply.voltage_v, limits),
            meter_serial=self.meter.serial,
            meter_port=self.meter.port,
            phone_serial=self.phone.serial,
            simulation=None
            if simulated is None
            else SimulationSettings(
                seed=simulated.seed,
                session=session,
                kernel_table=simulated.kernel_table,
                tool_dialect=simulated.tool_dialect,
                root=simulated.root,
                paced=simulated.paced,
                truth_path=simulated.truth_path,
                faults=simulated.faults,
                fault_seed=simulated.fault_seed,
                fault_rate=simulated.fault_rate,
            ),
        )


def profiles_folder() -> Path:
    """Where a user's own profiles are: $LAB_PROFILES, or `lab` in the configuration folder."""
    chosen = os.environ.get("LAB_PROFILES")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "lab"


def default_name() -> str:
    """The profile that is used when none is named: the one `lab init` wrote, else the simulated bench."""
    return DEFAULT_NAME if (profiles_folder() / f"{DEFAULT_NAME}.toml").is_file() else _SHIPPED


def load_profile(name: str | None = None) -> BenchProfile:
    """Read a profile.

    Args:
        name: of a profile that ships or that the user has, or a path ending in .toml; None for the default.

    Raises:
        ProfileError: there is none of that name, or it is wrong.
    """
    chosen = name or default_name()
    return parse_profile(_text_of(chosen), chosen)


def _text_of(name: str) -> str:
    shipped = importlib.resources.files("lab.profile").joinpath("profiles")
    own = Path(name) if name.endswith(".toml") else profiles_folder() / f"{name}.toml"
    try:
        if own.is_file():
            return own.read_text(encoding="utf-8")
        if not name.endswith(".toml") and (packaged := shipped.joinpath(f"{name}.toml")).is_file():
            return packaged.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"Profile {name} cannot be read: {error}", "Check the file's permissions.") from error
    known = sorted(
        {p.name.removesuffix(".toml") for p in shipped.iterdir() if p.name.endswith(".toml")}
        | {p.stem for p in profiles_folder().glob("*.toml")}
    )
    raise ProfileError(
        f"There is no bench profile {name!r}; there is: {', '.join(known)}.",
        "Write one for the hardware that is plugged in with `lab init`, or give the path of a .toml file.",
    )


def parse_profile(text: str, shown: str) -> BenchProfile:
    """Validate a profile's text.

    Args:
        shown: how messages name it.

    Raises:
        ProfileError: with all problems.
    """
    try:
        document = ProfileDocument.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"Profile {shown} is not TOML: {error}", "Correct the line it names.") from error
    except ValidationError as error:
        problems = "\n".join(f"  {_problem(item)}" for item in error.errors())
        raise ProfileError(
            f"Profile {shown} is wrong:\n{problems}",
            "Correct these lines; docs/reference/profile.md lists every key with its range.",
        ) from error
    sections = {field: getattr(document, field) for field in ProfileDocument.model_fields}
    return BenchProfile(text=text, sha256=hashlib.sha256(text.encode()).hexdigest(), **sections)


def _problem(item: Any) -> str:
    place = ".".join(str(step) for step in item["loc"])
    if item["type"] != "extra_forbidden":
        return f"{place or 'profile'}: {item['msg'].removeprefix('Value error, ')} (found {item['input']!r})"
    known = _keys_at(item["loc"][:-1])
    near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(known)}"
    return f"{place}: unknown key{guess}"


def _keys_at(location: tuple[Any, ...]) -> list[str]:
    """The keys that a section has; those of the document itself for no location."""
    if not location:
        return list(ProfileDocument.model_fields)
    section = SECTIONS.get(str(location[0]))
    return list(section.model_fields) if section else []

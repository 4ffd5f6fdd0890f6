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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hardware.bench import BenchSettings, SimulationSettings, Supply
from hardware.meter import SupplyLimits
from hardware.phone import PIXEL_4_XL_LOCKS, ClockLock, QueueTiming, ToolFlags
from lab.errors import ProfileError

# A Pixel's charger chip takes up to 4.40 V; no profile can ask for more.
HIGHEST_CEILING_V = 4.40
DEFAULT_NAME = "bench"
_SHIPPED = "simulated"

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MeterSection(_Section):
    kind: Literal["hvpm", "lvpm"] = "hvpm"
    serial: str | None = None
    port: str | None = None


class SupplySection(_Section):
    voltage_v: Positive = 4.20
    ceiling_v: Annotated[float, Field(gt=0, le=HIGHEST_CEILING_V)] = 4.40
    floor_v: Positive = 3.60
    power_up_limit_a: Annotated[float, Field(gt=0, le=8.0)] = 8.0
    run_limit_a: Annotated[float, Field(gt=0, le=6.0)] = 6.0

    @model_validator(mode="after")
    def _in_order(self) -> SupplySection:
        if not self.floor_v <= self.voltage_v <= self.ceiling_v:
            raise ValueError(
                f"voltage_v = {self.voltage_v:g} is not between floor_v = {self.floor_v:g} "
                f"and ceiling_v = {self.ceiling_v:g}"
            )
        return self


class PhoneSection(_Section):
    serial: str | None = None
    lock: Literal["paper", "cool", "gold"] = "cool"
    max_skin_c: Annotated[float, Field(ge=20, le=43)] = 36.0


class ToolSection(_Section):
    path: Annotated[str, Field(pattern=r"^/[\w./+-]+$")] = "/data/local/tmp/benchmark_model"
    host_path: Path | None = None
    min_secs: Annotated[float, Field(ge=0.5, le=60)] = 2.0
    min_runs: Annotated[int, Field(ge=1)] = 20
    max_secs: Positive = 30.0
    warmup_secs: Annotated[float, Field(ge=0, le=10)] = 0.3
    use_xnnpack: bool = True
    limit_s: Positive = 60.0


class WindowSection(_Section):
    n_models: Annotated[int, Field(ge=1, le=500)] = 100
    settle_s: Annotated[float, Field(ge=0)] = 8.0
    gap_s: Annotated[float, Field(ge=0.2, le=10)] = 0.35
    chip_s: Annotated[float, Field(ge=0.05, le=1)] = 0.1
    pulse_s: Annotated[float, Field(ge=0.6, le=2)] = 1.0
    reconnect_timeout_s: Positive = 60.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 3


class PrecisionSection(_Section):
    target_half_width_frac: Fraction = 0.08
    repeat_frac: Annotated[float, Field(ge=0, le=1)] = 0.10
    max_visits: Annotated[int, Field(ge=1, le=50)] = 5
    prior_visit_sd_frac: Fraction = 0.035
    n_canaries: Annotated[int, Field(ge=0, le=3)] = 2
    canary_limit_frac: Fraction = 0.15
    latency_canary_limit_frac: Fraction = 0.05


class GateSection(_Section):
    max_dropped_frac: Fraction = 0.001
    max_usb_v: Positive = 0.5
    max_usb_on_frac: Fraction = 0.001
    min_locked_frac: Fraction = 0.98
    max_skin_c: Annotated[float, Field(ge=20, le=45)] = 43.0
    min_coverage_frac: Fraction = 0.97
    max_align_ms: Positive = 25.0
    max_edge_ms: Positive = 40.0
    max_burst_frac: Fraction = 0.15
    max_trend_frac: Fraction = 0.03
    mark_trend_frac: Fraction = 0.01
    max_error_frac: Fraction = 0.005
    max_sag_v: Positive = 0.15
    min_step_w: Positive = 0.05


class SimulatedSection(_Section):
    seed: Annotated[int, Field(ge=0)] = 1
    kernel_table: Literal["ruy8", "xnnpack16"] = "ruy8"
    tool_dialect: Literal["tf1", "tf23", "tf", "litert"] = "litert"
    root: Literal["adbd", "su", "none"] = "adbd"
    paced: bool = False
    truth_path: Path | None = None


class _Document(_Section):
    name: str
    meter: MeterSection = MeterSection()
    supply: SupplySection = SupplySection()
    phone: PhoneSection = PhoneSection()
    tool: ToolSection = ToolSection()
    window: WindowSection = WindowSection()
    precision: PrecisionSection = PrecisionSection()
    gates: GateSection = GateSection()
    simulated: SimulatedSection | None = None


@dataclass(frozen=True)
class BenchProfile:
    """A validated profile.

    Attributes:
        text: the file as it stands, kept with every session.
        sha256: of the text.
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
        return replace(self, precision=precision)

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
            simulation=simulated
            and SimulationSettings(
                seed=simulated.seed,
                session=session,
                kernel_table=simulated.kernel_table,
                tool_dialect=simulated.tool_dialect,
                root=simulated.root,
                paced=simulated.paced,
                truth_path=simulated.truth_path,
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
    shipped = importlib.resources.files("lab").joinpath("profiles")
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
        text: TOML.
        shown: how messages name it.

    Raises:
        ProfileError: with all problems.
    """
    try:
        document = _Document.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"Profile {shown} is not TOML: {error}", "Correct the line it names.") from error
    except ValidationError as error:
        problems = "\n".join(f"  {_problem(item)}" for item in error.errors())
        raise ProfileError(
            f"Profile {shown} is wrong:\n{problems}",
            "Correct these lines; docs/reference/profile.md lists every key with its range.",
        ) from error
    sections = {field: getattr(document, field) for field in _Document.model_fields}
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
        return list(_Document.model_fields)
    section = {
        "meter": MeterSection,
        "supply": SupplySection,
        "phone": PhoneSection,
        "tool": ToolSection,
        "window": WindowSection,
        "precision": PrecisionSection,
        "gates": GateSection,
        "simulated": SimulatedSection,
    }.get(str(location[0]))
    return list(section.model_fields) if section else []

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
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hardware.bench import BenchSettings, Supply
from hardware.meter import SupplyLimits
from hardware.phone import PIXEL_4_XL_LOCKS, ClockLock, QueueTiming, ToolFlags
from hardware.sim.faults.catalogue import FAULTS
from hardware.sim.settings import SimulationSettings
from lab.errors import ProfileError

# A Pixel's charger chip takes up to 4.40 V; no profile can ask for more.
HIGHEST_CEILING_V = 4.40
DEFAULT_NAME = "bench"
_SHIPPED = "simulated"

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class MeterSection(_Section):
    """[meter]: which power monitor."""

    kind: Literal["hvpm", "lvpm"] = "hvpm"
    """Which Monsoon: hvpm (black, or a white one with USB firmware) or lvpm (white, factory firmware, serial
    port)."""
    serial: str | None = None
    """Serial number of the meter; needed only when several are plugged in."""
    port: str | None = None
    """Serial port of an LVPM, e.g. /dev/ttyACM0; an HVPM has none."""


class SupplySection(_Section):
    """[supply]: what feeds the phone, and the limits that nothing may pass."""

    voltage_v: Positive = 4.20
    """Main output that feeds the phone in place of its battery; one value for a whole campaign."""
    ceiling_v: Annotated[float, Field(gt=0, le=HIGHEST_CEILING_V)] = 4.40
    """No command can set more than this, whatever it asks."""
    floor_v: Positive = 3.60
    """No command can set less than this, other than off."""
    power_up_limit_a: Annotated[float, Field(gt=0, le=8.0)] = 8.0
    """Current limit while the output switches on."""
    run_limit_a: Annotated[float, Field(gt=0, le=6.0)] = 6.0
    """Current limit from then on; the meter switches the output off above it."""

    @model_validator(mode="after")
    def _in_order(self) -> SupplySection:
        if not self.floor_v <= self.voltage_v <= self.ceiling_v:
            raise ValueError(
                f"voltage_v = {self.voltage_v:g} is not between floor_v = {self.floor_v:g} "
                f"and ceiling_v = {self.ceiling_v:g}"
            )
        return self


class PhoneSection(_Section):
    """[phone]: which phone, at which clock."""

    serial: str | None = None
    """Serial number as `adb devices` shows it; needed only when several phones are connected."""
    lock: Literal["paper", "cool", "gold"] = "cool"
    """Core and clock to measure at: cool (cpu7 at 1,804,800 kHz, not throttled up to 44 degrees), paper (cpu7
    at 2,841,600 kHz), gold (cpu4 at 2,419,200 kHz)."""
    max_skin_c: Annotated[float, Field(ge=20, le=43)] = 36.0
    """The phone waits before each model until its skin is no warmer than this."""


class ToolSection(_Section):
    """[tool]: how the benchmark tool runs."""

    path: Annotated[str, Field(pattern=r"^/[\w./+-]+$")] = "/data/local/tmp/benchmark_model"
    """Where benchmark_model is on the phone."""
    host_path: Path | None = None
    """A benchmark_model on this computer, put onto the phone at each start; left out: the phone has one."""
    min_secs: Annotated[float, Field(ge=0.5, le=60)] = 2.0
    """Each model runs at least so long."""
    min_runs: Annotated[int, Field(ge=1)] = 20
    """And at least so many times."""
    max_secs: Positive = 30.0
    """But no longer than this."""
    warmup_secs: Annotated[float, Field(ge=0, le=10)] = 0.3
    """Each model is warmed up at least so long before it counts."""
    use_xnnpack: bool = True
    """Run with the XNNPACK delegate."""
    limit_s: Positive = 60.0
    """The tool is killed after this; the model then counts as failed."""


class WindowSection(_Section):
    """[window]: timing of a window."""

    n_models: Annotated[int, Field(ge=1, le=500)] = 100
    """Models for each time that USB is cut, canaries included."""
    settle_s: Annotated[float, Field(ge=7, le=120)] = 8.0
    """Quiet time after USB is cut, before the first mark."""
    gap_s: Annotated[float, Field(ge=0.2, le=10)] = 0.35
    """Idle time before each model; its baseline is taken from it."""
    chip_s: Annotated[float, Field(ge=0.05, le=1)] = 0.1
    """Length of one chip of the sync code."""
    pulse_s: Annotated[float, Field(ge=0.6, le=2)] = 1.0
    """Length of the load pulse that says that the queue is done."""
    reconnect_timeout_s: Positive = 60.0
    """How long to wait for the phone when USB is back."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """Windows that may fail in a row before the campaign stops."""


class PrecisionSection(_Section):
    """[precision]: how often models are visited, and canaries."""

    target_half_width_frac: Fraction = 0.08
    """A model is visited again until the 95 % interval of its energy is no wider than this to either side."""
    repeat_frac: Annotated[float, Field(ge=0, le=1)] = 0.10
    """Part of the models that is visited twice from the start, to learn the noise between visits."""
    max_visits: Annotated[int, Field(ge=1, le=50)] = 5
    """Visits of one model, at most."""
    prior_visit_sd_frac: Fraction = 0.035
    """Noise between visits (standard deviation) to plan with until 100 pairs are measured."""
    n_canaries: Annotated[int, Field(ge=0, le=3)] = 2
    """Models that every window measures, to see the bench drift."""
    canary_limit_frac: Fraction = 0.15
    """A window whose canaries' energies are off by more than this is quarantined."""
    latency_canary_limit_frac: Fraction = 0.05
    """The same for their latencies."""


class GateSection(_Section):
    """[gates]: limits of the quality gates."""

    max_dropped_frac: Fraction = 0.001
    """Part of a run's samples that the meter may have lost."""
    max_usb_v: Positive = 0.5
    """USB voltage from which on a sample counts as taken with USB on."""
    max_usb_on_frac: Fraction = 0.001
    """Part of a run's samples that may have been taken with USB on."""
    min_locked_frac: Fraction = 0.98
    """Part of a run's time that the core must have been at the locked clock."""
    max_skin_c: Annotated[float, Field(ge=20, le=45)] = 43.0
    """Skin temperature that a run may reach."""
    min_coverage_frac: Fraction = 0.97
    """Part of the tool's measured time that its inferences must account for."""
    max_align_ms: Positive = 25.0
    """How far the two alignments of phone and trace may disagree."""
    max_edge_ms: Positive = 40.0
    """How far the fall of the power may be from the tool's last word."""
    max_burst_frac: Fraction = 0.15
    """Part of a run that may be left out because something else ran on the phone."""
    max_trend_frac: Fraction = 0.03
    """How much the power may change from the beginning to the end of a run."""
    mark_trend_frac: Fraction = 0.01
    """A change of power above this marks the visit, which still counts."""
    max_error_frac: Fraction = 0.005
    """Standard error that a run's energy may have."""
    max_sag_v: Positive = 0.15
    """How far the supply may lie below its setting, on average."""
    min_step_w: Positive = 0.05
    """How much power a run must draw above idle."""


class SimulatedSection(_Section):
    """[simulated]: makes the bench a simulated one."""

    seed: Annotated[int, Field(ge=0)] = 1
    """Of all randomness of the simulated bench."""
    kernel_table: Literal["ruy8", "xnnpack16"] = "ruy8"
    """How the simulated kernels pad channels: ruy8 or xnnpack16."""
    tool_dialect: Literal["tf1", "tf23", "tf", "litert"] = "litert"
    """Whose benchmark_model the simulated tool prints like."""
    root: Literal["adbd", "su", "none"] = "adbd"
    """How the simulated phone gives root."""
    paced: bool = False
    """Run with the computer's clock in place of virtual time."""
    truth_path: Path | None = None
    """File that gets the true energy of each run, a JSON line each; left out: none."""
    faults: tuple[str, ...] = ()
    """What goes wrong on purpose, by name: docs/reference/faults.md."""
    fault_seed: Annotated[int, Field(ge=0)] = 1
    """Decides when."""
    fault_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Part of the windows that one of the faults strikes in; 0: each strikes once, in the first start."""

    @field_validator("faults")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in FAULTS:
                near = difflib.get_close_matches(name, FAULTS, n=1)
                guess = f"; did you mean {near[0]!r}?" if near else f"; there is: {', '.join(FAULTS)}"
                raise ValueError(f"there is no fault {name!r}{guess}")
        return names


class _Document(_Section):
    name: str
    """Name of the bench; it is kept with every session."""
    meter: MeterSection = MeterSection()
    supply: SupplySection = SupplySection()
    phone: PhoneSection = PhoneSection()
    tool: ToolSection = ToolSection()
    window: WindowSection = WindowSection()
    precision: PrecisionSection = PrecisionSection()
    gates: GateSection = GateSection()
    simulated: SimulatedSection | None = None

    @model_validator(mode="after")
    def _consistent(self) -> _Document:
        """What the sections say of each other; the pulse that ends a queue must not look like a run."""
        if self.tool.min_secs + self.tool.warmup_secs < self.window.pulse_s + 0.3:
            raise ValueError(
                f"tool.min_secs + tool.warmup_secs = {self.tool.min_secs + self.tool.warmup_secs:g} "
                f"must be at least window.pulse_s + 0.3 = {self.window.pulse_s + 0.3:g}"
            )
        if self.simulated is not None and self.simulated.faults and self.meter.kind != "hvpm":
            raise ValueError(f"simulated.faults are those of an hvpm; meter.kind = {self.meter.kind!r}")
        return self


_SECTIONS: dict[str, type[_Section]] = {
    "meter": MeterSection,
    "supply": SupplySection,
    "phone": PhoneSection,
    "tool": ToolSection,
    "window": WindowSection,
    "precision": PrecisionSection,
    "gates": GateSection,
    "simulated": SimulatedSection,
}


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
    section = _SECTIONS.get(str(location[0]))
    return list(section.model_fields) if section else []

"""The sections of a bench profile: every key with its unit, default and range, as pydantic checks them."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hardware.sim.faults.catalogue import FAULTS

# A Pixel's charger chip takes up to 4.40 V; no profile can ask for more.
HIGHEST_CEILING_V = 4.40

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A section of the file: unknown keys are refused, a key's docstring is its reference."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class MeterSection(Section):
    """[meter]: which power monitor."""

    kind: Literal["hvpm", "lvpm"] = "hvpm"
    """Which Monsoon: hvpm (black, or a white one with USB firmware) or lvpm (white, factory firmware, serial
    port)."""
    serial: str | None = None
    """Serial number of the meter; needed only when several are plugged in."""
    port: str | None = None
    """Serial port of an LVPM, e.g. /dev/ttyACM0; an HVPM has none."""


class SupplySection(Section):
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


class PhoneSection(Section):
    """[phone]: which phone, at which clock."""

    serial: str | None = None
    """Serial number as `adb devices` shows it; needed only when several phones are connected."""
    lock: Literal["paper", "cool", "gold"] = "cool"
    """Core and clock to measure at: cool (cpu7 at 1,804,800 kHz, not throttled up to 44 degrees), paper (cpu7
    at 2,841,600 kHz), gold (cpu4 at 2,419,200 kHz)."""
    max_skin_c: Annotated[float, Field(ge=20, le=43)] = 36.0
    """The phone waits before each model until its skin is no warmer than this."""


class ToolSection(Section):
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


class WindowSection(Section):
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


class PrecisionSection(Section):
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


class GateSection(Section):
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
    max_between_us: Positive = 5.0
    """Time between two inferences that is the tool's own: a run that lacks no more is marked, and counts."""
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


class SimulatedSection(Section):
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


class ProfileDocument(Section):
    """The whole file."""

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
    def _consistent(self) -> ProfileDocument:
        """What the sections say of each other; the pulse that ends a queue must not look like a run."""
        if self.tool.min_secs + self.tool.warmup_secs < self.window.pulse_s + 0.3:
            raise ValueError(
                f"tool.min_secs + tool.warmup_secs = {self.tool.min_secs + self.tool.warmup_secs:g} "
                f"must be at least window.pulse_s + 0.3 = {self.window.pulse_s + 0.3:g}"
            )
        if self.simulated is not None and self.simulated.faults and self.meter.kind != "hvpm":
            raise ValueError(f"simulated.faults are those of an hvpm; meter.kind = {self.meter.kind!r}")
        return self


SECTIONS: dict[str, type[Section]] = {
    "meter": MeterSection,
    "supply": SupplySection,
    "phone": PhoneSection,
    "tool": ToolSection,
    "window": WindowSection,
    "precision": PrecisionSection,
    "gates": GateSection,
    "simulated": SimulatedSection,
}

"""Quality gates: each has a value, a limit and a verdict, and stands beside the visit that it judged.

A visit passes, is marked (usable, but look at it), or is rejected: then its energy is kept with the reason, and never
counts as a result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from db.kinds import GateOutcome, VisitOutcome
from db.rows import EnergySpec, GateSpec
from hardware.android.benchmark_tool import ToolResult
from hardware.phone import RunReport
from lab.analysis.energy import Interval, PowerMean
from lab.profile.profile import BenchProfile

GATES_AT_LEAST = frozenset({"clock_locked", "coverage", "duration", "step"})
"""Gates whose value must not be below the limit."""

GATES_AT_MOST = frozenset({"alignment", "edge", "dropped", "usb_on", "skin", "bursts", "trend", "error", "sag"})
"""Gates whose value must not be above it."""


@dataclass(frozen=True)
class WindowQuality:
    """What holds for all runs of a window.

    Attributes:
        align_difference_ms: largest disagreement of the two alignments over the window.
    """

    align_difference_ms: float


@dataclass(frozen=True)
class RunQuality:
    """What is known of one run when it is judged.

    Attributes:
        measured: the measured runs, in the trace.
        edge_ms: from the tool's last word to the fall of the power; None if there is no fall.
        usb_on_frac: share of samples in which USB had a voltage.
        sag_v: by how much the supply was off its setting on average.
    """

    report: RunReport
    tool: ToolResult
    measured: Interval
    power: PowerMean
    energy: EnergySpec
    edge_ms: float | None
    usb_on_frac: float
    sag_v: float


def judge(window: WindowQuality, run: RunQuality, profile: BenchProfile) -> list[GateSpec]:
    """All gates of a run, of the same analysis as its energy; a value is None where it could not be computed."""
    limits, power = profile.gates, run.power
    at_most = partial(_at_most, run.energy.analysis_version)
    at_least = partial(_at_least, run.energy.analysis_version)
    return [
        at_most("alignment", window.align_difference_ms, limits.max_align_ms, "ms"),
        at_most("edge", None if run.edge_ms is None else abs(run.edge_ms), limits.max_edge_ms, "ms"),
        at_most("dropped", power.dropped_frac, limits.max_dropped_frac, "fraction"),
        at_most("usb_on", run.usb_on_frac, limits.max_usb_on_frac, "fraction"),
        at_least("clock_locked", locked_frac(run.report, profile.lock.freq_khz), limits.min_locked_frac, "fraction"),
        at_most("skin", _warmest(run.report), limits.max_skin_c, "degC"),
        _coverage(run, limits.min_coverage_frac, limits.max_between_us),
        at_least("duration", run.measured.duration_s, 0.95 * profile.tool.min_secs, "s"),
        at_most("bursts", power.n_trimmed / power.n_segments, limits.max_burst_frac, "fraction"),
        at_most("trend", abs(power.trend_frac), limits.max_trend_frac, "fraction", limits.mark_trend_frac),
        at_most("error", run.energy.energy_se_mj / run.energy.energy_mj, limits.max_error_frac, "fraction"),
        at_most("sag", run.sag_v, limits.max_sag_v, "V"),
        at_least("step", power.power_w - run.energy.idle_power_w, limits.min_step_w, "W"),
    ]


def verdict(gates: Sequence[GateSpec]) -> tuple[VisitOutcome, str | None]:
    """What the gates make of a visit, and the first reason if it did not simply pass."""
    for outcome, word in (("reject", "rejected"), ("mark", "marginal")):
        for gate in gates:
            if gate.outcome == outcome:
                value = "not computable" if gate.value is None else f"{gate.value:.4g} {gate.unit}"
                reason = f"{gate.gate}: {value}, limit {gate.limit_value:.4g} {gate.unit}"
                return ("rejected", reason) if word == "rejected" else ("marginal", reason)
    return "accepted", None


def locked_frac(report: RunReport, freq_khz: int) -> float:
    """Share of the time around a run that the clock domain spent at the locked clock; 0 if nothing is known."""
    total_s = sum(report.residency_s.values())
    return report.residency_s.get(freq_khz, 0.0) / total_s if total_s > 0 else 0.0


def _coverage(run: RunQuality, limit_frac: float, between_us: float) -> GateSpec:
    """Share of the measured time that inferences account for; above 1 it is turned over.

    What the tool itself does between two inferences is no foreign load, and of a small model it is a large part: such
    a run is marked, for its power is the mean of both.
    """
    duration_s = run.measured.duration_s
    share = run.tool.n_runs * run.tool.latency_ms * 1e-3 / duration_s
    gate = _at_least(run.energy.analysis_version, "coverage", min(share, 1 / share), limit_frac, "fraction")
    between_s = duration_s / run.tool.n_runs - run.tool.latency_ms * 1e-3
    if gate.outcome == "reject" and 0 < between_s <= between_us * 1e-6:
        return replace(gate, outcome="mark")
    return gate


def _warmest(report: RunReport) -> float | None:
    warmest = max(report.temp_before_c, report.temp_after_c)
    return None if math.isnan(report.temp_before_c) or math.isnan(report.temp_after_c) else warmest


def _at_most(
    version: int, name: str, value: float | None, limit: float, unit: str, mark: float | None = None
) -> GateSpec:
    if value is None or not math.isfinite(value):
        return _gate(version, name, "reject", None, limit, unit)
    if value > limit:
        return _gate(version, name, "reject", value, limit, unit)
    if mark is not None and value > mark:
        return _gate(version, name, "mark", value, mark, unit)
    return _gate(version, name, "pass", value, limit, unit)


def _at_least(version: int, name: str, value: float, limit: float, unit: str) -> GateSpec:
    return _gate(version, name, "pass" if value >= limit else "reject", value, limit, unit)


def _gate(version: int, name: str, outcome: GateOutcome, value: float | None, limit: float, unit: str) -> GateSpec:
    return GateSpec(analysis_version=version, gate=name, outcome=outcome, value=value, limit_value=limit, unit=unit)

"""From a raw window to the visits in it: alignment, energies, gates. Pure: no device, no database, no clock."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from db.kinds import TRUSTED_OUTCOMES, FailureKind
from db.rows import VisitSpec
from hardware.android.benchmark_tool import COUNTED, RUNNING, ToolFailure, ToolFailureKind, read_output
from hardware.android.runner_journal import read_report
from hardware.errors import PhoneFault
from hardware.meter import Trace
from hardware.monsoon.decoding import decode_packets
from hardware.phone import QueueReport, RunReport
from lab.analysis.alignment import AlignmentFailed, ClockMap, difference_ms, map_by_adb, map_by_codes
from lab.analysis.energy import (
    ANALYSIS_VERSION,
    HEAD_S,
    TAIL_S,
    Interval,
    TooFewSamples,
    energy_of,
    idle_power,
    mean_power,
)
from lab.analysis.gates import RunQuality, WindowQuality, judge, locked_frac, verdict
from lab.analysis.raw_window import RawWindow
from lab.profile.profile import BenchProfile

# Idle stretch before a run: processes start in its last hundredths, snapshots are taken before it.
_GAP_HEAD_S, _GAP_TAIL_S = 0.03, 0.03
_EDGE_BEFORE_S, _EDGE_AFTER_S, _EDGE_BIN_S = 0.10, 0.15, 0.002


class WindowUnusable(Exception):
    """Nothing in this window can be trusted; the text says why.

    Attributes:
        unfinished: place in the queue of the run in which the phone's journal ends; None if it ends between runs.
    """

    unfinished: int | None = None


@dataclass(frozen=True)
class AnalysedWindow:
    """A window's visits, and what is known of the window itself."""

    visits: tuple[VisitSpec, ...]
    clock: ClockMap
    align_difference_ms: float
    useful_s: float
    n_samples: int
    n_dropped: int
    usb_max_v: float


_MODELS_OWN_FAULT = (FailureKind.MODEL_REJECTED, FailureKind.DIED, FailureKind.TIMED_OUT)


def bench_trouble(visits: Sequence[VisitSpec], canaries: Collection[int]) -> str | None:
    """Why a window says something of the bench and nothing of its models; None if it can be used.

    Args:
        visits: all of a window.
        canaries: places in the queue of models that are known to work.

    Returns:
        The commonest reason, if no visit can be trusted and the models themselves cannot be its cause.
    """
    if any(visit.outcome in TRUSTED_OUTCOMES for visit in visits):
        return None
    telling = [visit for visit in visits if visit.order_in_window in canaries] or [
        visit for visit in visits if visit.failure_kind not in _MODELS_OWN_FAULT
    ]
    if not telling:
        return None
    commonest = Counter(_cause(visit) for visit in telling).most_common(1)[0][0]
    example = next(visit.reason for visit in telling if _cause(visit) == commonest)
    return f"no visit of the window can be trusted; most often because of {example}"


def _cause(visit: VisitSpec) -> tuple[FailureKind | None, str]:
    """Why a visit is no result; of one that a gate rejects, which gate."""
    gate = next((gate.gate for gate in visit.gates if gate.outcome == "reject"), "")
    return visit.failure_kind, gate


def distrusted(analysed: AnalysedWindow, reason: str) -> AnalysedWindow:
    """The window with every result rejected."""
    visits = tuple(
        replace(visit, outcome="rejected", reason=reason, failure_kind=FailureKind.DISTRUSTED)
        if visit.outcome in TRUSTED_OUTCOMES
        else visit
        for visit in analysed.visits
    )
    return replace(analysed, visits=visits)


def analyse(
    raw: RawWindow, profile: BenchProfile, trace: Trace | None = None, analysis_version: int = ANALYSIS_VERSION
) -> AnalysedWindow:
    """Derive everything from a raw window: the visits are what the record stores.

    Args:
        raw: as it was recorded.
        profile: clock and limits.
        trace: the samples, if they are decoded already.
        analysis_version: under which the record keeps energies and gates.

    Raises:
        WindowUnusable: the alignments fail or disagree beyond use, or the report cannot be read.
    """
    trace = decode_packets(raw.meter_kind, raw.calibration, raw.packets) if trace is None else trace
    report = _report(raw)
    if trace.over_current:
        raise WindowUnusable("the meter's over-current or thermal flag was set")
    clock, difference_ms = _align(raw, report, trace)
    window = _Window(raw, profile, trace, report, clock, WindowQuality(difference_ms), analysis_version)
    return AnalysedWindow(
        visits=tuple(_visit(window, order, sha256) for order, sha256 in enumerate(raw.model_sha256)),
        clock=clock,
        align_difference_ms=difference_ms,
        useful_s=sum(i.duration_s for i in window.intervals.values() if i is not None),
        n_samples=trace.n_total,
        n_dropped=trace.n_dropped,
        usb_max_v=_highest_usb(trace, report, clock),
    )


@dataclass(frozen=True)
class _Window:
    """A window on its way through the analysis: what all of its visits are judged with."""

    raw: RawWindow
    profile: BenchProfile
    trace: Trace
    report: QueueReport
    clock: ClockMap
    quality: WindowQuality
    analysis_version: int

    @cached_property
    def intervals(self) -> dict[int, Interval | None]:
        """The measured part of each run, by its place in the queue."""
        return {order: measured_interval(run, self.clock) for order, run in self.report.runs.items()}


def _report(raw: RawWindow) -> QueueReport:
    try:
        return read_report("phone", raw.archive)
    except PhoneFault as error:
        raise WindowUnusable(str(error)) from error


def _highest_usb(trace: Trace, report: QueueReport, clock: ClockMap) -> float:
    """Highest USB voltage between the sync codes, in means of a tenth of a second."""
    part = trace.between(
        clock.to_meter(report.codes["first"].chips[0][0]), clock.to_meter(report.codes["last"].ended_s)
    )
    usb_v = trace.usb_v[part]
    width = max(1, round(trace.rate_hz / 10))
    whole = len(usb_v) // width * width
    return float(usb_v[:whole].reshape(-1, width).mean(axis=1).max()) if whole else 0.0


def _align(raw: RawWindow, report: QueueReport, trace: Trace) -> tuple[ClockMap, float]:
    if "first" not in report.codes or "last" not in report.codes:
        error = WindowUnusable("the phone did not get to its last sync code")
        error.unfinished = report.unfinished
        raise error
    first, last = report.codes["first"], report.codes["last"]
    try:
        by_codes = map_by_codes(trace, first, last)
    except AlignmentFailed as error:
        raise WindowUnusable(str(error)) from error
    by_adb = map_by_adb(raw.clock_before, raw.clock_after, raw.sampling_started_s)
    # In the middle, where the two clocks' rates matter least; what half a round trip hides cannot be held against it.
    middle_s = (first.chips[0][0] + last.ended_s) / 2
    hidden_ms = max(raw.clock_before.half_round_trip_s, raw.clock_after.half_round_trip_s) * 1e3
    return by_codes, max(0.0, difference_ms(by_codes, by_adb, middle_s) - hidden_ms)


def measured_interval(run: RunReport, clock: ClockMap) -> Interval | None:
    """The measured part of a run: from the tool's second "Running benchmark" to its last "count=".

    The tool writes its lines to logcat too, where the phone stamps them; None if they are not there.
    """
    begins = [stamp for stamp, text in run.log if text.startswith(RUNNING)]
    ends = [stamp for stamp, text in run.log if text.startswith(COUNTED)]
    if len(begins) < 2 or len(ends) < 2 or not begins[1] < ends[-1]:
        return None
    return Interval(clock.to_meter(begins[1]), clock.to_meter(ends[-1]))


_KIND_OF_TOOL_FAILURE = {
    ToolFailureKind.REJECTED: FailureKind.MODEL_REJECTED,
    ToolFailureKind.DIED: FailureKind.DIED,
    ToolFailureKind.TIMED_OUT: FailureKind.TIMED_OUT,
    ToolFailureKind.MISSING: FailureKind.TOOL_MISSING,
    ToolFailureKind.UNREADABLE: FailureKind.UNREADABLE,
}


def _visit(window: _Window, order: int, sha256: str) -> VisitSpec:
    """One run of the queue: what the phone reports of it, its energy and its gates, or why it is no result."""
    run = window.report.runs.get(order)
    if run is None:
        reason = "not reached: the queue ended before it"
        return VisitSpec(
            order_in_window=order,
            model_sha256=sha256,
            outcome="rejected",
            reason=reason,
            failure_kind=FailureKind.NOT_REACHED,
        )
    visit = _reported(window, order, sha256, run)
    result = read_output(run.output, run.exit_code)
    if isinstance(result, ToolFailure):
        kind = _KIND_OF_TOOL_FAILURE[result.kind]
        return replace(visit, outcome="model_failed", reason=f"{result.kind}: {result.reason}", failure_kind=kind)
    visit = replace(visit, n_runs=result.n_runs, latency_ms=result.latency_ms, latency_sd_ms=result.latency_sd_ms)
    measured = window.intervals[order]
    if measured is None:
        reason = "markers: the tool's lines are not in logcat"
        return replace(visit, outcome="rejected", reason=reason, failure_kind=FailureKind.NO_MARKERS)
    try:
        power = mean_power(window.trace, Interval(measured.start_s + HEAD_S, measured.end_s - TAIL_S))
        idle = idle_power(window.trace, _gaps(order, window.report, window.clock, window.profile.window.gap_s))
    except TooFewSamples as error:
        reason = f"samples: {error}"
        return replace(visit, outcome="rejected", reason=reason, failure_kind=FailureKind.TOO_FEW_SAMPLES)
    energy = energy_of(power, idle, result, window.analysis_version)
    usb_on, sag_v = _supply(window.trace, measured, window.raw.supply_v, window.profile.gates.max_usb_v)
    edge_ms = falling_edge_ms(window.trace, measured.end_s, (power.power_w + idle[0]) / 2)
    quality = RunQuality(run, result, measured, power, energy, edge_ms, usb_on, sag_v)
    gates = tuple(judge(window.quality, quality, window.profile))
    outcome, reason_of_gate = verdict(gates)
    failure = FailureKind.GATE if outcome == "rejected" else None
    return replace(visit, outcome=outcome, reason=reason_of_gate, failure_kind=failure, energy=energy, gates=gates)


def _reported(window: _Window, order: int, sha256: str, run: RunReport) -> VisitSpec:
    """A run as the phone reports it, not judged yet."""
    lock, limits = window.profile.lock, window.profile.gates
    return VisitSpec(
        order_in_window=order,
        model_sha256=sha256,
        outcome="rejected",
        exit_code=run.exit_code,
        started_utc_s=run.began_s,
        duration_s=run.ended_s - run.began_s,
        temp_before_c=_finite(run.temp_before_c),
        temp_after_c=_finite(run.temp_after_c),
        freq_khz=lock.freq_khz if locked_frac(run, lock.freq_khz) >= limits.min_locked_frac else None,
        tool_output=run.output,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _gaps(order: int, report: QueueReport, clock: ClockMap, gap_s: float) -> list[Interval]:
    """The idle stretches just before this run and just before the next."""
    stamps = [report.runs[n].began_s for n in (order, order + 1) if n in report.runs]
    if order + 1 not in report.runs and "last" in report.codes:
        stamps.append(report.codes["last"].chips[0][0])
    ends = [clock.to_meter(stamp) for stamp in stamps]
    return [Interval(end - gap_s + _GAP_HEAD_S, end - _GAP_TAIL_S) for end in ends]


def _supply(trace: Trace, interval: Interval, supply_v: float, usb_on_v: float) -> tuple[float, float]:
    """Share of samples with USB on, and how far the supply was off its setting on average."""
    part = trace.between(interval.start_s, interval.end_s)
    usb_on = float((trace.usb_v[part] > usb_on_v).mean())
    return usb_on, abs(supply_v - float(trace.supply_v[part].mean()))


def falling_edge_ms(trace: Trace, end_s: float, level_w: float) -> float | None:
    """From a moment to the fall of the power through `level_w` near it, in ms; None if it does not fall.

    Args:
        end_s: when the run should end.
        level_w: half way between running and idle.
    """
    begin_s = end_s - _EDGE_BEFORE_S
    part = trace.between(begin_s, end_s + _EDGE_AFTER_S)
    width = round(_EDGE_BIN_S * trace.rate_hz)
    usable = (part.stop - part.start) // width * width
    if usable < 3 * width:
        return None
    above = trace.power_in(slice(part.start, part.start + usable)).reshape(-1, width).mean(axis=1) > level_w
    falls: Sequence[int] = np.flatnonzero(above[:-2] & ~above[1:-1] & ~above[2:]).tolist()
    if not falls:
        return None
    edges_ms = [((int(trace.index[part.start]) + (i + 1) * width) / trace.rate_hz - end_s) * 1e3 for i in falls]
    return min(edges_ms, key=abs)

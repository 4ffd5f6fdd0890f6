"""From a raw window to the visits in it: alignment, energies, gates. Pure: no device, no database, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from db.rows import VisitOutcome
from hardware.android.benchmark_tool import COUNTED, RUNNING, ToolFailure, ToolResult, read_output
from hardware.android.runner_journal import read_report
from hardware.errors import PhoneFault
from hardware.meter import Trace
from hardware.monsoon.hvpm_packets import HvpmDecoder, HvpmScale
from hardware.phone import QueueReport, RunReport
from lab.analysis.alignment import AlignmentFailed, ClockMap, difference_ms, map_by_adb, map_by_codes
from lab.analysis.energy import (
    HEAD_S,
    TAIL_S,
    Energy,
    Interval,
    PowerMean,
    TooFewSamples,
    energy_of,
    idle_power,
    mean_power,
)
from lab.analysis.gates import Gate, RunQuality, WindowQuality, judge, verdict
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
class Visit:
    """One run of one model, judged.

    Attributes:
        order: place in the queue.
        energy, power, gates: None and empty where the run gave no result.
    """

    order: int
    model_sha256: str
    outcome: VisitOutcome
    reason: str | None
    report: RunReport | None
    tool: ToolResult | None
    power: PowerMean | None
    energy: Energy | None
    gates: tuple[Gate, ...]


@dataclass(frozen=True)
class AnalysedWindow:
    """A window's visits, and what is known of the window itself."""

    visits: tuple[Visit, ...]
    clock: ClockMap
    align_difference_ms: float
    useful_s: float
    n_samples: int
    n_dropped: int
    usb_max_v: float


_MODELS_OWN_FAULT = ("rejected", "died", "timed out")


def bench_trouble(visits: Sequence[Visit], canaries: Collection[int]) -> str | None:
    """Why a window says something of the bench and nothing of its models; None if it can be used.

    Args:
        visits: all of a window.
        canaries: places in the queue of models that are known to work.

    Returns:
        The commonest reason, if no visit can be trusted and the models themselves cannot be to blame.
    """
    if any(visit.outcome in ("accepted", "marginal") for visit in visits):
        return None
    blamed = [v for v in visits if v.order in canaries] or [
        v for v in visits if not (v.outcome == "model_failed" and (v.reason or "").split(":")[0] in _MODELS_OWN_FAULT)
    ]
    if not blamed:
        return None
    kinds = Counter((visit.reason or "").split(":")[0] for visit in blamed)
    kind = kinds.most_common(1)[0][0]
    example = next(v.reason for v in blamed if (v.reason or "").split(":")[0] == kind)
    return f"no visit of the window can be trusted; most often because of {example}"


def distrusted(analysed: AnalysedWindow, reason: str) -> AnalysedWindow:
    """The window with every result rejected."""
    visits = tuple(
        replace(v, outcome="rejected", reason=reason) if v.outcome in ("accepted", "marginal") else v
        for v in analysed.visits
    )
    return replace(analysed, visits=visits)


def decode(raw: RawWindow) -> Trace:
    """The samples of a window."""
    if raw.meter_kind == "lvpm":
        from hardware.monsoon.lvpm_packets import LvpmDecoder

        return LvpmDecoder().decode(raw.packets)
    calibration = raw.calibration
    scale = HvpmScale(
        calibration["main_fine_scale"],
        calibration["main_coarse_scale"],
        calibration["main_fine_zero_offset"],
        calibration["main_coarse_zero_offset"],
    )
    return HvpmDecoder(scale).decode(raw.packets)


def analyse(raw: RawWindow, profile: BenchProfile, trace: Trace | None = None) -> AnalysedWindow:
    """Derive everything from a raw window.

    Args:
        trace: the samples, if they are decoded already.

    Raises:
        WindowUnusable: the alignments fail or disagree beyond use, or the report cannot be read.
    """
    trace = decode(raw) if trace is None else trace
    report = _report(raw)
    if trace.over_current:
        raise WindowUnusable("the meter's over-current or thermal flag was set")
    clock, difference = _align(raw, report, trace)
    window = WindowQuality(difference)
    intervals = {number: measured_interval(run, clock) for number, run in report.runs.items()}
    visits = [
        _visit(order, sha256, report, intervals, clock, trace, window, raw, profile)
        for order, sha256 in enumerate(raw.model_sha256)
    ]
    useful_s = sum(i.duration_s for i in intervals.values() if i is not None)
    usb_max_v = _highest_usb(trace, report, clock)
    return AnalysedWindow(tuple(visits), clock, difference, useful_s, trace.n_total, trace.n_dropped, usb_max_v)


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


def _visit(
    order: int,
    sha256: str,
    report: QueueReport,
    intervals: dict[int, Interval | None],
    clock: ClockMap,
    trace: Trace,
    window: WindowQuality,
    raw: RawWindow,
    profile: BenchProfile,
) -> Visit:
    def without_energy(outcome: VisitOutcome, reason: str) -> Visit:
        return Visit(order, sha256, outcome, reason, run, tool, None, None, ())

    run, tool = report.runs.get(order), None
    if run is None:
        return without_energy("rejected", "not reached: the queue ended before it")
    result = read_output(run.output, run.exit_code)
    if isinstance(result, ToolFailure):
        return without_energy("model_failed", f"{result.kind}: {result.reason}")
    tool, measured = result, intervals[order]
    if measured is None:
        return without_energy("rejected", "markers: the tool's lines are not in logcat")
    try:
        power = mean_power(trace, Interval(measured.start_s + HEAD_S, measured.end_s - TAIL_S))
        idle = idle_power(trace, _gaps(order, report, clock, profile.window.gap_s))
    except TooFewSamples as error:
        return without_energy("rejected", f"samples: {error}")
    energy = energy_of(power, idle, tool)
    usb_on, sag_v = _supply(trace, measured, raw.supply_v, profile.gates.max_usb_v)
    edge_ms = falling_edge_ms(trace, measured.end_s, (power.power_w + idle[0]) / 2)
    gates = judge(window, RunQuality(run, tool, measured, power, energy, edge_ms, usb_on, sag_v), profile)
    outcome, reason = verdict(gates)
    return Visit(order, sha256, outcome, reason, run, tool, power, energy, tuple(gates))


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

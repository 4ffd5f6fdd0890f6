"""Turns what was measured into the rows of the record."""

from __future__ import annotations

import math
from datetime import datetime

from db.rows import EnergyRow, EnergySpec, GateSpec, IncidentSpec, VisitSpec, WindowMeasures
from db.traces import StoredTrace
from lab.analysis.energy import ANALYSIS_VERSION
from lab.analysis.gates import locked_frac
from lab.analysis.window import AnalysedWindow, Visit
from lab.bench.procedure import WindowRun
from lab.bench.recovery import Recovery
from lab.profile.profile import BenchProfile


def visit_spec(task_id: int, visit: Visit, profile: BenchProfile) -> VisitSpec:
    """A visit as the record keeps it; only what can be looked at again is kept of the tool's words."""
    report, tool = visit.report, visit.tool
    locked = report is not None and locked_frac(report, profile.lock.freq_khz) >= profile.gates.min_locked_frac
    return VisitSpec(
        task_id=task_id,
        order_in_window=visit.order,
        model_sha256=visit.model_sha256,
        outcome=visit.outcome,
        reason=visit.reason,
        exit_code=report.exit_code if report else None,
        n_runs=tool.n_runs if tool else None,
        latency_ms=tool.latency_ms if tool else None,
        latency_sd_ms=tool.latency_sd_ms if tool else None,
        started_utc_s=report.began_s if report else None,
        duration_s=report.ended_s - report.began_s if report else None,
        temp_before_c=_finite(report.temp_before_c) if report else None,
        temp_after_c=_finite(report.temp_after_c) if report else None,
        freq_khz=profile.lock.freq_khz if locked else None,
        tool_output=report.output if report and visit.outcome != "accepted" else "",
        energy=energy_spec(visit),
        gates=gate_specs(visit),
    )


def gate_specs(visit: Visit, analysis_version: int = ANALYSIS_VERSION) -> list[GateSpec]:
    """A visit's gates as the record keeps them."""
    return [
        GateSpec(
            analysis_version=analysis_version,
            gate=gate.name,
            outcome=gate.outcome,
            value=gate.value,
            limit_value=gate.limit_value,
            unit=gate.unit,
        )
        for gate in visit.gates
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def energy_spec(visit: Visit, analysis_version: int = ANALYSIS_VERSION) -> EnergySpec | None:
    """A visit's energy as the record keeps it."""
    energy, power = visit.energy, visit.power
    if energy is None or power is None:
        return None
    return EnergySpec(
        analysis_version=analysis_version,
        power_w=energy.power_w,
        idle_power_w=energy.idle_power_w,
        latency_ms=energy.latency_ms,
        energy_mj=energy.energy_mj,
        energy_se_mj=energy.energy_se_mj,
        dynamic_energy_mj=energy.dynamic_energy_mj,
        dynamic_energy_se_mj=energy.dynamic_energy_se_mj,
        n_samples=power.n_samples,
        n_segments=power.n_segments,
        n_segments_trimmed=power.n_trimmed,
    )


def energy_row(task_id: int, visit: Visit) -> EnergyRow:
    """The energy of a visit that is about to be stored, as if it were read back."""
    spec = energy_spec(visit)
    if spec is None:
        raise ValueError(f"visit {visit.order} has no energy")
    return EnergyRow(
        **{name: getattr(spec, name) for name in spec.__dataclass_fields__},
        task_id=task_id,
        visit_id=0,
        window_id=0,
        session_id=0,
        outcome=visit.outcome,
    )


def incident_of(recovery: Recovery, at_utc: datetime) -> IncidentSpec:
    """A recovery as the record keeps it."""
    return IncidentSpec(
        at_utc=at_utc, kind=recovery.kind, detail=recovery.detail, action=recovery.action, lost_s=recovery.lost_s
    )


def flaws(run: WindowRun, usb_max_v: float, usb_limit_v: float, at_utc: datetime) -> list[IncidentSpec]:
    """What was not as it should be in a window, whatever became of it: samples lost, USB on between the sync codes.

    Args:
        usb_max_v: highest voltage on USB between the sync codes; 0 if that is not known.
        usb_limit_v: from which voltage on USB counts as on.
    """
    found = []
    if run.n_dropped:
        found.append(("drops", f"{run.n_dropped:,} of {run.n_samples:,} samples were lost: the host was late"))
    if usb_max_v > usb_limit_v:
        found.append(("usb_on", f"USB had {usb_max_v:.2f} V for a while although it was cut"))
    return [
        IncidentSpec(at_utc=at_utc, kind=kind, detail=detail, action="counted; each run is judged by itself")
        for kind, detail in found
    ]


def window_measures(run: WindowRun, analysed: AnalysedWindow | None, stored: StoredTrace | None) -> WindowMeasures:
    """What is known of a window at its end: bench seconds by cause, its trace, its clocks."""
    times = run.times
    settle_s = useful_s = None
    other_s = times.duration_s - times.push_s - times.reconnect_s
    if analysed is not None and run.raw is not None:
        reports = [visit.report for visit in analysed.visits if visit.report is not None]
        useful_s = analysed.useful_s
        if reports:
            first_s = run.raw.sampling_started_s + analysed.clock.to_meter(min(r.began_s for r in reports))
            settle_s = max(0.0, first_s - times.unplugged_s)
        other_s -= useful_s + (settle_s or 0.0)
    return WindowMeasures(
        duration_s=times.duration_s,
        useful_s=useful_s,
        push_s=times.push_s,
        settle_s=settle_s,
        reconnect_s=times.reconnect_s,
        other_s=max(0.0, other_s),
        raw_path=stored.raw_path if stored else None,
        raw_sha256=stored.sha256 if stored else None,
        raw_bytes=stored.raw_bytes if stored else None,
        n_samples=analysed.n_samples if analysed else None,
        n_dropped=analysed.n_dropped if analysed else None,
        usb_max_v=analysed.usb_max_v if analysed else None,
        clock_offset_s=analysed.clock.meter_s - analysed.clock.phone_s if analysed else None,
        clock_drift_ppm=(analysed.clock.rate - 1) * 1e6 if analysed else None,
        align_difference_ms=analysed.align_difference_ms if analysed else None,
    )

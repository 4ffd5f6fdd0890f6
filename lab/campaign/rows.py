"""What the record gets of a window besides its visits: bench seconds by cause, and incidents with their kinds."""

from __future__ import annotations

from datetime import datetime

from db.kinds import IncidentKind
from db.rows import IncidentSpec, WindowMeasures
from db.traces import StoredTrace
from hardware import errors
from lab.analysis.window import AnalysedWindow, WindowUnusable
from lab.bench.procedure import WindowRun
from lab.bench.recovery import Recovery

INCIDENT_KINDS: dict[type[Exception], IncidentKind] = {
    errors.UsbLost: IncidentKind.USB_LOST,
    errors.AdbLost: IncidentKind.ADB_LOST,
    errors.CommandFailed: IncidentKind.COMMAND_FAILED,
    errors.NotCalibrated: IncidentKind.NOT_CALIBRATED,
    errors.PassthroughStuck: IncidentKind.PASSTHROUGH_STUCK,
    errors.MeterNotFound: IncidentKind.METER_NOT_FOUND,
    errors.SeveralMeters: IncidentKind.SEVERAL_METERS,
    errors.MeterFault: IncidentKind.METER_FAULT,
    errors.OverCurrent: IncidentKind.OVER_CURRENT,
    errors.PhoneNotFound: IncidentKind.PHONE_NOT_FOUND,
    errors.SeveralPhones: IncidentKind.SEVERAL_PHONES,
    errors.PhoneUnauthorised: IncidentKind.PHONE_UNAUTHORISED,
    errors.NoRoot: IncidentKind.NO_ROOT,
    errors.VoltageOutOfRange: IncidentKind.VOLTAGE_OUT_OF_RANGE,
    errors.CurrentOutOfRange: IncidentKind.CURRENT_OUT_OF_RANGE,
    errors.SettingRefused: IncidentKind.SETTING_REFUSED,
    errors.PhoneFault: IncidentKind.PHONE_FAULT,
    errors.ToolMissing: IncidentKind.TOOL_MISSING,
    WindowUnusable: IncidentKind.WINDOW_UNUSABLE,
}
"""The kind of an incident by the error behind it: a new class of error is entered here (a test asks for it)."""


def incident_kind(error: Exception | None) -> IncidentKind:
    """The kind of an error's incident."""
    kinds = (INCIDENT_KINDS[kind] for kind in type(error).__mro__ if kind in INCIDENT_KINDS)
    return next(kinds, IncidentKind.OTHER)


def incident_of(recovery: Recovery, at_utc: datetime) -> IncidentSpec:
    """A recovery as the record keeps it."""
    kind = IncidentKind.SETTINGS_LOST if recovery.error is None else incident_kind(recovery.error)
    return IncidentSpec(
        at_utc=at_utc, kind=kind, detail=recovery.detail, action=recovery.action, lost_s=recovery.lost_s
    )


def flaws(run: WindowRun, usb_max_v: float, usb_limit_v: float, at_utc: datetime) -> list[IncidentSpec]:
    """What was not as it should be in a window, whatever became of it: samples lost, USB on between the sync codes.

    Args:
        run: the window.
        usb_max_v: highest voltage on USB between the sync codes; 0 if that is not known.
        usb_limit_v: from which voltage on USB counts as on.
        at_utc: now, aware.
    """
    found = []
    if run.n_dropped:
        lost = f"{run.n_dropped:,} of {run.n_samples:,} samples were lost: the host was late"
        found.append((IncidentKind.DROPS, lost))
    if usb_max_v > usb_limit_v:
        found.append((IncidentKind.USB_ON, f"USB had {usb_max_v:.2f} V for a while although it was cut"))
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
        began_s = [visit.started_utc_s for visit in analysed.visits if visit.started_utc_s is not None]
        useful_s = analysed.useful_s
        if began_s:
            first_s = run.raw.sampling_started_s + analysed.clock.to_meter(min(began_s))
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

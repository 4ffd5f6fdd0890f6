"""What releases before 0.2 wrote as sentences, read once into today's types: for migrations and older recordings.

Until 0.1 the source of a campaign, the kind of an incident, the kind of a failure, the end of a session and the model
under which a phone died stood in texts that were made for reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from db.kinds import TRUSTED_OUTCOMES, CampaignSource, FailureKind, IncidentKind, SessionEnd

_INCIDENT_KINDS = {
    "UsbLost": IncidentKind.USB_LOST,
    "AdbLost": IncidentKind.ADB_LOST,
    "CommandFailed": IncidentKind.COMMAND_FAILED,
    "NotCalibrated": IncidentKind.NOT_CALIBRATED,
    "PassthroughStuck": IncidentKind.PASSTHROUGH_STUCK,
    "MeterNotFound": IncidentKind.METER_NOT_FOUND,
    "SeveralMeters": IncidentKind.SEVERAL_METERS,
    "MeterFault": IncidentKind.METER_FAULT,
    "OverCurrent": IncidentKind.OVER_CURRENT,
    "PhoneNotFound": IncidentKind.PHONE_NOT_FOUND,
    "SeveralPhones": IncidentKind.SEVERAL_PHONES,
    "PhoneUnauthorised": IncidentKind.PHONE_UNAUTHORISED,
    "NoRoot": IncidentKind.NO_ROOT,
    "VoltageOutOfRange": IncidentKind.VOLTAGE_OUT_OF_RANGE,
    "CurrentOutOfRange": IncidentKind.CURRENT_OUT_OF_RANGE,
    "SettingRefused": IncidentKind.SETTING_REFUSED,
    "PhoneFault": IncidentKind.PHONE_FAULT,
    "ToolMissing": IncidentKind.TOOL_MISSING,
    "WindowUnusable": IncidentKind.WINDOW_UNUSABLE,
}
_OF_TOOL = {
    "rejected": FailureKind.MODEL_REJECTED,
    "died": FailureKind.DIED,
    "timed out": FailureKind.TIMED_OUT,
    "missing": FailureKind.TOOL_MISSING,
    "unreadable": FailureKind.UNREADABLE,
}
_OF_VISIT = {
    "not reached": FailureKind.NOT_REACHED,
    "markers": FailureKind.NO_MARKERS,
    "samples": FailureKind.TOO_FEW_SAMPLES,
}
_GATES = (
    *("alignment", "edge", "dropped", "usb_on", "clock_locked", "skin", "coverage"),
    *("duration", "bursts", "trend", "error", "sag", "step"),
)
_CRASH = re.compile(r"the phone restarted while it ran model (\d+) of the campaign")


def campaign_source(source: str, detail: str) -> tuple[CampaignSource, dict[str, Any]]:
    """The source of a campaign and what belongs to it, from the columns `source` and `source_detail` of release 0.1."""
    top, of_study, study = detail.partition(" best of study ")
    if of_study and top.isdigit():
        return CampaignSource.STUDY, {"study": study, "top": int(top)}
    if source == "models":
        return CampaignSource.MODELS, {"folder": detail}
    if detail.startswith("listed in "):
        return CampaignSource.LISTED, {"path": detail.removeprefix("listed in ")}
    return CampaignSource.SAMPLED, {"space": detail.partition(", uniform, seed ")[0]}


def incident_kind(name: str) -> IncidentKind:
    """The kind that release 0.1 wrote as the name of a Python class, or as a word of its own."""
    if name in _INCIDENT_KINDS:
        return _INCIDENT_KINDS[name]
    return IncidentKind(name) if name in list(IncidentKind) else IncidentKind.OTHER


def incident_action(action: str) -> str:
    """What was done about an incident, in today's words."""
    return "stopped for a user" if action == "stopped for a person" else action


def failure_kind(outcome: str, reason: str | None) -> FailureKind | None:
    """Why a visit is no result, from the words before the colon of its reason."""
    if outcome in TRUSTED_OUTCOMES:
        return None
    word = (reason or "").partition(":")[0]
    if outcome == "model_failed":
        return _OF_TOOL.get(word, FailureKind.UNREADABLE)
    return _OF_VISIT.get(word, FailureKind.GATE if word in _GATES else FailureKind.DISTRUSTED)


def session_end(reason: str | None) -> SessionEnd | None:
    """How a session ended; None while it runs."""
    if reason is None:
        return None
    return SessionEnd(reason) if reason in list(SessionEnd) else SessionEnd.ERROR


def crashed_model(detail: str) -> int | None:
    """Place in the campaign (from 0) of the model under which the phone died, from an incident's detail."""
    found = _CRASH.fullmatch(detail)
    return int(found[1]) - 1 if found else None


def session_rows_of_today(rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The rows of a session as a recording of release 0.1 holds them, with the columns that came since."""
    session = [row | {"end_kind": session_end(row["end_reason"])} for row in rows["session"]]
    visits = [row | {"failure_kind": failure_kind(row["outcome"], row["reason"])} for row in rows["visit"]]
    incidents = [row | _incident(row) for row in rows["incident"]]
    return {**rows, "session": session, "visit": visits, "incident": incidents}


def _incident(row: Mapping[str, Any]) -> dict[str, Any]:
    action = incident_action(row["action"])
    return {"kind": incident_kind(row["kind"]), "task": _task(row["detail"]), "action": action}


def _task(detail: str) -> str | None:
    model = crashed_model(detail)
    return None if model is None else f"architecture {model}"

"""The kinds and states that the record tells apart, each by the word that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal


class CampaignSource(StrEnum):
    """Where the models of a campaign come from; what else belongs to each stands in `CampaignSpec.source_of`."""

    SAMPLED = "sampled"
    LISTED = "listed"
    MODELS = "models"
    STUDY = "study"


class SessionEnd(StrEnum):
    """How a start of the bench ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    ERROR = "error"
    LOST = "lost"


class FailureKind(StrEnum):
    """Why a visit is no result: the tool failed on the model, its run cannot be judged, or a gate rejects it."""

    MODEL_REJECTED = "model_rejected"
    DIED = "died"
    TIMED_OUT = "timed_out"
    TOOL_MISSING = "tool_missing"
    UNREADABLE = "unreadable"
    NOT_REACHED = "not_reached"
    NO_MARKERS = "no_markers"
    TOO_FEW_SAMPLES = "too_few_samples"
    GATE = "gate"
    DISTRUSTED = "distrusted"


class IncidentKind(StrEnum):
    """What an incident is about: docs/reference/failures.md has a sentence on each."""

    USB_LOST = "usb_lost"
    ADB_LOST = "adb_lost"
    COMMAND_FAILED = "command_failed"
    NOT_CALIBRATED = "not_calibrated"
    PASSTHROUGH_STUCK = "passthrough_stuck"
    METER_NOT_FOUND = "meter_not_found"
    SEVERAL_METERS = "several_meters"
    METER_FAULT = "meter_fault"
    OVER_CURRENT = "over_current"
    PHONE_NOT_FOUND = "phone_not_found"
    SEVERAL_PHONES = "several_phones"
    PHONE_UNAUTHORISED = "phone_unauthorised"
    NO_ROOT = "no_root"
    VOLTAGE_OUT_OF_RANGE = "voltage_out_of_range"
    CURRENT_OUT_OF_RANGE = "current_out_of_range"
    SETTING_REFUSED = "setting_refused"
    PHONE_FAULT = "phone_fault"
    TOOL_MISSING = "tool_missing"
    WINDOW_UNUSABLE = "window_unusable"
    DROPS = "drops"
    USB_ON = "usb_on"
    SETTINGS_LOST = "settings_lost"
    SETTINGS_KEPT = "settings_kept"
    LEFTOVERS = "leftovers"
    PHONE_DIED = "phone_died"
    QUARANTINE = "quarantine"
    SESSION_LOST = "session_lost"
    OTHER = "other"


TaskRole = Literal["architecture", "canary"]
TaskState = Literal["pending", "claimed", "done", "failed"]
WindowState = Literal["running", "done", "failed", "lost", "quarantined"]
VisitOutcome = Literal["accepted", "marginal", "rejected", "model_failed"]
TrialState = Literal["trained", "stopped", "untrained"]
GateOutcome = Literal["pass", "mark", "reject"]

SOURCE_KEYS: Mapping[CampaignSource, Mapping[str, type]] = {
    CampaignSource.SAMPLED: {"space": str},
    CampaignSource.LISTED: {"path": str},
    CampaignSource.MODELS: {"folder": str},
    CampaignSource.STUDY: {"study": str, "top": int},
}
"""What `CampaignSpec.source_of` holds, by source."""
_OPTIONAL_KEYS: Mapping[CampaignSource, Mapping[str, type]] = {CampaignSource.MODELS: {"files": list}}


def is_source_of(source: CampaignSource, source_of: object) -> bool:
    """Whether a value is what belongs to a source: a mapping with its keys, each of its type."""
    wanted = SOURCE_KEYS[source]
    known = {**wanted, **_OPTIONAL_KEYS.get(source, {})}
    return (
        isinstance(source_of, Mapping)
        and wanted.keys() <= source_of.keys() <= known.keys()
        and all(isinstance(source_of[name], kind) for name, kind in known.items() if name in source_of)
    )


TRUSTED_OUTCOMES: tuple[VisitOutcome, ...] = ("accepted", "marginal")
"""Outcomes whose energies count as results."""

"""What release 0.1 wrote as sentences, read into today's types, word by word."""

from __future__ import annotations

from typing import Any

import pytest

from db.kinds import CampaignSource, FailureKind, IncidentKind, SessionEnd
from db.older_records import (
    campaign_source,
    crashed_model,
    failure_kind,
    incident_action,
    incident_kind,
    session_end,
    session_rows_of_today,
)


@pytest.mark.parametrize(
    ("source", "detail", "kind", "of"),
    [
        ("sampled", "audio2d, uniform, seed 7", CampaignSource.SAMPLED, {"space": "audio2d"}),
        ("sampled", "audio2d", CampaignSource.SAMPLED, {"space": "audio2d"}),
        ("listed", "listed in my nets.txt", CampaignSource.LISTED, {"path": "my nets.txt"}),
        ("sampled", "listed in nets.txt", CampaignSource.LISTED, {"path": "nets.txt"}),
        ("models", "models/new", CampaignSource.MODELS, {"folder": "models/new"}),
        ("models", "listed in a folder", CampaignSource.MODELS, {"folder": "listed in a folder"}),
        ("listed", "10 best of study first one", CampaignSource.STUDY, {"study": "first one", "top": 10}),
        ("listed", "3 best of study a best of study b", CampaignSource.STUDY, {"study": "a best of study b", "top": 3}),
        ("models", "the best of study x", CampaignSource.MODELS, {"folder": "the best of study x"}),
        ("", "", CampaignSource.SAMPLED, {"space": ""}),
    ],
)
def test_the_source_of_a_campaign(source: str, detail: str, kind: CampaignSource, of: dict[str, Any]) -> None:
    assert campaign_source(source, detail) == (kind, of)


OF_CLASSES = {
    "UsbLost": "usb_lost", "AdbLost": "adb_lost", "CommandFailed": "command_failed", "NotCalibrated": "not_calibrated",
    "PassthroughStuck": "passthrough_stuck", "MeterNotFound": "meter_not_found", "SeveralMeters": "several_meters",
    "MeterFault": "meter_fault", "OverCurrent": "over_current", "PhoneNotFound": "phone_not_found",
    "SeveralPhones": "several_phones", "PhoneUnauthorised": "phone_unauthorised", "NoRoot": "no_root",
    "VoltageOutOfRange": "voltage_out_of_range", "CurrentOutOfRange": "current_out_of_range",
    "SettingRefused": "setting_refused", "PhoneFault": "phone_fault", "ToolMissing": "tool_missing",
    "WindowUnusable": "window_unusable",
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), OF_CLASSES.items())
def test_incidents_that_were_named_after_a_class(name: str, kind: str) -> None:
    assert incident_kind(name) is IncidentKind(kind)


@pytest.mark.parametrize("kind", list(IncidentKind))
def test_incidents_that_had_a_word_of_their_own_keep_it(kind: IncidentKind) -> None:
    assert incident_kind(str(kind)) is kind


@pytest.mark.parametrize("name", ["", "usblost", "USB_LOST", "ZeroDivisionError"])
def test_an_incident_of_an_unknown_word_is_another_one(name: str) -> None:
    assert incident_kind(name) is IncidentKind.OTHER


def test_a_campaign_stops_for_a_user() -> None:
    assert incident_action("stopped for a person") == "stopped for a user"
    assert incident_action("measured again") == "measured again"
    assert incident_action("stopped") == "stopped"


@pytest.mark.parametrize(
    ("outcome", "reason", "kind"),
    [
        ("model_failed", "rejected: ERROR: no such op", FailureKind.MODEL_REJECTED),
        ("model_failed", "died: exit code 134", FailureKind.DIED),
        ("model_failed", "timed out: killed at its time limit", FailureKind.TIMED_OUT),
        ("model_failed", "missing: exit code 127", FailureKind.TOOL_MISSING),
        ("model_failed", "unreadable: it printed nothing", FailureKind.UNREADABLE),
        ("model_failed", "skin: of no tool", FailureKind.UNREADABLE),
        ("model_failed", None, FailureKind.UNREADABLE),
        ("rejected", "not reached: the queue ended before it", FailureKind.NOT_REACHED),
        ("rejected", "markers: the tool's lines are not in logcat", FailureKind.NO_MARKERS),
        ("rejected", "samples: 12 samples in 0.01 s", FailureKind.TOO_FEW_SAMPLES),
        ("rejected", "canary 0: latency +25.0% against the campaign's mean", FailureKind.DISTRUSTED),
        ("rejected", "died: of no model", FailureKind.DISTRUSTED),
        ("rejected", "words without a colon", FailureKind.DISTRUSTED),
        ("rejected", "", FailureKind.DISTRUSTED),
        ("rejected", None, FailureKind.DISTRUSTED),
        ("accepted", None, None),
        ("marginal", "trend: 0.02 fraction, limit 0.01 fraction", None),
    ],
)
def test_why_a_visit_is_no_result(outcome: str, reason: str | None, kind: FailureKind | None) -> None:
    assert failure_kind(outcome, reason) is kind


GATES = (
    "alignment", "edge", "dropped", "usb_on", "clock_locked", "skin", "coverage", "duration", "bursts", "trend",
    "error", "sag", "step",
)  # fmt: skip


@pytest.mark.parametrize("gate", GATES)
def test_a_visit_that_a_gate_rejected_names_it_before_the_colon(gate: str) -> None:
    assert failure_kind("rejected", f"{gate}: 45 degC, limit 43 degC") is FailureKind.GATE


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        (None, None),
        ("done", SessionEnd.DONE),
        ("interrupted", SessionEnd.INTERRUPTED),
        ("error", SessionEnd.ERROR),
        ("lost", SessionEnd.LOST),
        ("AdbLost: phone 98AY: wait: it is away", SessionEnd.ERROR),
        ("", SessionEnd.ERROR),
    ],
)
def test_how_a_session_ended(reason: str | None, end: SessionEnd | None) -> None:
    assert session_end(reason) is end


@pytest.mark.parametrize(
    ("detail", "ordinal"),
    [
        ("the phone restarted while it ran model 1 of the campaign", 0),
        ("the phone restarted while it ran model 120 of the campaign", 119),
        ("the phone restarted while it ran model x of the campaign", None),
        ("and the phone restarted while it ran model 1 of the campaign", None),
        ("the phone restarted while it ran model 1 of the campaign.", None),
        ("", None),
    ],
)
def test_the_model_under_which_a_phone_died_was_counted_from_one(detail: str, ordinal: int | None) -> None:
    assert crashed_model(detail) == ordinal


def test_the_rows_of_a_recording_have_the_columns_that_came_since_and_keep_the_others() -> None:
    crash = "the phone restarted while it ran model 3 of the campaign"
    rows: dict[str, list[dict[str, Any]]] = {
        "session": [{"end_reason": "interrupted", "host": "bench-1"}],
        "window": [{"ordinal": 0}],
        "visit": [
            {"outcome": "accepted", "reason": None, "latency_ms": 2.0},
            {"outcome": "rejected", "reason": "skin: 45 degC, limit 43 degC", "latency_ms": 2.0},
        ],
        "incident": [
            {"kind": "phone_died", "detail": crash, "action": "the model is left out", "lost_s": 9.0},
            {"kind": "NoRoot", "detail": "no root", "action": "stopped for a person", "lost_s": 0.0},
        ],
    }
    assert session_rows_of_today(rows) == {
        "session": [{"end_reason": "interrupted", "host": "bench-1", "end_kind": SessionEnd.INTERRUPTED}],
        "window": [{"ordinal": 0}],
        "visit": [
            {"outcome": "accepted", "reason": None, "latency_ms": 2.0, "failure_kind": None},
            {
                "outcome": "rejected",
                "reason": "skin: 45 degC, limit 43 degC",
                "latency_ms": 2.0,
                "failure_kind": FailureKind.GATE,
            },
        ],
        "incident": [
            {
                "kind": IncidentKind.PHONE_DIED,
                "detail": crash,
                "action": "the model is left out",
                "lost_s": 9.0,
                "task": "architecture 2",
            },
            {
                "kind": IncidentKind.NO_ROOT,
                "detail": "no root",
                "action": "stopped for a user",
                "lost_s": 0.0,
                "task": None,
            },
        ],
    }
    assert "end_kind" not in rows["session"][0]

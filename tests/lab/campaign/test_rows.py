"""What was measured becomes rows: bench seconds by their cause, incidents by the kind of their error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import hardware.errors
from db.kinds import FailureKind, IncidentKind
from db.rows import VisitSpec
from hardware.errors import AdbLost, CommandFailed, HardwareError, UsbLost
from hardware.phone import ClockReading
from lab.analysis.alignment import ClockMap
from lab.analysis.raw_window import RawWindow
from lab.analysis.window import AnalysedWindow, WindowUnusable
from lab.bench.procedure import WindowRun, WindowTimes
from lab.bench.recovery import Recovery
from lab.campaign.judgement import BenchSuspected
from lab.campaign.rows import INCIDENT_KINDS, flaws, incident_kind, incident_of, window_measures

AT_UTC = datetime(2026, 6, 1, tzinfo=UTC)
VISIT = VisitSpec(order_in_window=3, model_sha256="a" * 64, outcome="accepted", started_utc_s=1000.0)
LOST = VisitSpec(
    order_in_window=1, model_sha256="b" * 64, outcome="rejected", reason="x", failure_kind=FailureKind.NOT_REACHED
)


def leaves(kind: type[HardwareError] = HardwareError) -> Iterator[type[HardwareError]]:
    """The errors that are raised: those that no other one is derived from."""
    below = [one for one in kind.__subclasses__() if one.__module__ == hardware.errors.__name__]
    if not below:
        yield kind
    for one in below:
        yield from leaves(one)


def raised(kind: type[HardwareError]) -> HardwareError:
    return kind("phone 98AY", "read", "it failed", "Look at it.")


@pytest.mark.parametrize("kind", list(leaves()), ids=lambda kind: kind.__name__)
def test_every_error_of_a_device_has_a_kind_of_incident_of_its_own(
    kind: type[HardwareError],
) -> None:
    found = incident_kind(raised(kind))
    assert found == INCIDENT_KINDS[kind] != IncidentKind.OTHER
    assert list(INCIDENT_KINDS.values()).count(found) == 1


def test_an_error_that_is_derived_from_one_with_a_kind_is_of_that_kind() -> None:
    class CableLoose(UsbLost):
        pass

    assert incident_kind(raised(CableLoose)) == IncidentKind.USB_LOST
    suspected = BenchSuspected("no visit can be trusted", replace(ANALYSED, visits=()))
    assert incident_kind(suspected) == incident_kind(WindowUnusable("no code")) == IncidentKind.WINDOW_UNUSABLE


@pytest.mark.parametrize("error", [ValueError("x"), raised(HardwareError), None])
def test_an_error_without_a_kind_is_another_one(error: Exception | None) -> None:
    assert incident_kind(error) == IncidentKind.OTHER


def test_a_recovery_is_an_incident_at_its_moment() -> None:
    for error, kind in ((raised(AdbLost), IncidentKind.ADB_LOST), (raised(CommandFailed), IncidentKind.COMMAND_FAILED)):
        found = incident_of(Recovery(error, "it was away", "USB off and on", 12.0), AT_UTC)
        assert (found.at_utc, found.kind, found.detail) == (AT_UTC, kind, "it was away")
        assert (found.action, found.lost_s, found.task_id) == ("USB off and on", 12.0, None)


def test_a_recovery_without_an_error_is_that_settings_of_the_phone_were_lost() -> None:
    found = incident_of(Recovery(None, "it had restarted", "prepared anew", 30.0), AT_UTC)
    assert (found.kind, found.detail, found.lost_s) == (IncidentKind.SETTINGS_LOST, "it had restarted", 30.0)


@pytest.mark.parametrize(
    ("n_dropped", "usb_v", "kinds"),
    [
        (0, 0.0, []),
        (0, 0.5, []),
        (0, 0.51, [IncidentKind.USB_ON]),
        (1, 0.0, [IncidentKind.DROPS]),
        (9, 5.0, [IncidentKind.DROPS, IncidentKind.USB_ON]),
    ],
)
def test_samples_that_were_lost_and_usb_that_was_on_are_flaws_of_a_window(
    n_dropped: int, usb_v: float, kinds: list[IncidentKind]
) -> None:
    run = WindowRun(n_samples=1000, n_dropped=n_dropped)
    assert [flaw.kind for flaw in flaws(run, usb_v, 0.5, AT_UTC)] == kinds


# A window of 100 s from 50 s on: 8 s of pushing, unplugged at 60 s, its first run 12 s later, 5 s until it was back.
TIMES = WindowTimes(started_s=50.0, push_s=8.0, unplugged_s=60.0, reconnect_s=5.0, ended_s=150.0)
READING = ClockReading(900.0, 58.0, 0.004)
RAW = RawWindow("hvpm", 59.0, READING, READING, {}, 4.2, (), b"", b"")
CLOCK = ClockMap(phone_s=1000.0, meter_s=13.0, rate=1 + 20e-6, correlation=0.99)
ANALYSED = AnalysedWindow((VISIT, LOST), CLOCK, 1.5, 60.0, 400_000, 12, 0.02)


def test_the_seconds_of_a_window_add_up_by_cause() -> None:
    found = window_measures(WindowRun(TIMES, RAW), ANALYSED, None)
    assert (found.duration_s, found.push_s, found.reconnect_s, found.useful_s) == (100.0, 8.0, 5.0, 60.0)
    assert found.settle_s == pytest.approx(59.0 + 13.0 - 60.0)
    assert found.other_s == pytest.approx(100.0 - 8.0 - 5.0 - 60.0 - 12.0)


def test_what_the_analysis_found_of_a_window_is_kept() -> None:
    found = window_measures(WindowRun(TIMES, RAW), ANALYSED, None)
    assert (found.n_samples, found.n_dropped, found.usb_max_v, found.align_difference_ms) == (400_000, 12, 0.02, 1.5)
    assert found.clock_offset_s == 13.0 - 1000.0
    assert found.clock_drift_ppm == pytest.approx(20.0)
    assert (found.raw_path, found.raw_sha256, found.raw_bytes) == (None, None, None)


def test_a_window_that_failed_has_its_duration_and_no_more_than_is_known() -> None:
    found = window_measures(WindowRun(TIMES), None, None)
    assert (found.duration_s, found.push_s, found.reconnect_s, found.other_s) == (100.0, 8.0, 5.0, 87.0)
    assert (found.useful_s, found.settle_s, found.n_samples, found.clock_offset_s) == (None, None, None, None)


def test_a_window_in_which_nothing_ran_has_no_settling() -> None:
    found = window_measures(WindowRun(TIMES, RAW), replace(ANALYSED, visits=(LOST,), useful_s=0.0), None)
    assert (found.settle_s, found.useful_s, found.other_s) == (None, 0.0, 87.0)


def test_no_cause_has_fewer_than_no_seconds() -> None:
    found = window_measures(WindowRun(TIMES, RAW), replace(ANALYSED, useful_s=95.0), None)
    assert found.other_s == 0.0
    early = replace(CLOCK, meter_s=-5.0)
    assert window_measures(WindowRun(TIMES, RAW), replace(ANALYSED, clock=early), None).settle_s == 0.0

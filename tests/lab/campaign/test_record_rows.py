"""What was measured becomes rows: every value in its column, and nothing that is not known."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from db.rows import EnergySpec
from hardware.android.benchmark_tool import ToolResult
from hardware.phone import ClockReading, RunReport
from lab.analysis.alignment import ClockMap
from lab.analysis.energy import Energy, PowerMean
from lab.analysis.gates import Gate
from lab.analysis.raw_window import RawWindow
from lab.analysis.window import AnalysedWindow, Visit
from lab.bench.procedure import WindowRun, WindowTimes
from lab.bench.recovery import Recovery
from lab.campaign.rows import energy_row, energy_spec, flaws, gate_specs, incident_of, visit_spec, window_measures
from lab.profile.profile import load_profile

PROFILE = load_profile("simulated")
LOCK_KHZ = PROFILE.lock.freq_khz
AT_UTC = datetime(2026, 6, 1, tzinfo=UTC)

VISIT = Visit(
    order=3,
    model_sha256="a" * 64,
    outcome="accepted",
    reason=None,
    report=RunReport(3, 1000.0, 1002.5, 0, "count=800", (), 30.5, 31.5, {LOCK_KHZ: 2.5}),
    tool=ToolResult(n_runs=800, latency_ms=2.0, latency_sd_ms=0.1),
    power=PowerMean(1.5, 0.01, 9000, 20, 2, 0.001, 0.0),
    energy=Energy(1.5, 0.6, 2.0, 3.0, 0.03, 1.8, 0.04),
    gates=(Gate("skin", "pass", 31.5, 43.0, "degC"), Gate("edge", "reject", None, 40.0, "ms")),
)
LOST = Visit(1, "b" * 64, "rejected", "not reached", None, None, None, None, ())


def test_a_visit_is_kept_with_its_run_its_energy_and_its_gates() -> None:
    found = visit_spec(17, VISIT, PROFILE)
    assert (found.task_id, found.order_in_window, found.model_sha256) == (17, 3, "a" * 64)
    assert (found.outcome, found.reason, found.exit_code) == ("accepted", None, 0)
    assert (found.n_runs, found.latency_ms, found.latency_sd_ms) == (800, 2.0, 0.1)
    assert (found.started_utc_s, found.duration_s) == (1000.0, 2.5)
    assert (found.temp_before_c, found.temp_after_c, found.freq_khz) == (30.5, 31.5, LOCK_KHZ)
    assert found.energy == energy_spec(VISIT)
    assert list(found.gates) == gate_specs(VISIT)


def test_of_a_visit_that_was_not_reached_only_place_and_reason_are_known() -> None:
    found = visit_spec(17, LOST, PROFILE)
    known = {"task_id", "order_in_window", "model_sha256", "outcome", "reason", "tool_output", "gates"}
    assert found.reason == "not reached"
    assert {field.name for field in fields(found) if getattr(found, field.name) is not None} == known
    assert (found.tool_output, list(found.gates)) == ("", [])


def test_the_tools_words_are_kept_where_they_may_be_looked_at_again() -> None:
    assert visit_spec(1, VISIT, PROFILE).tool_output == ""
    for outcome in ("marginal", "rejected", "model_failed"):
        assert visit_spec(1, replace(VISIT, outcome=outcome), PROFILE).tool_output == "count=800"  # type: ignore[arg-type]


def test_a_clock_that_was_not_locked_is_not_named() -> None:
    assert VISIT.report is not None
    for locked_s, known in ((2.46, True), (2.44, False)):
        report = replace(VISIT.report, residency_s={LOCK_KHZ: locked_s, 1: 2.5 - locked_s})
        assert (visit_spec(1, replace(VISIT, report=report), PROFILE).freq_khz == LOCK_KHZ) == known


def test_a_temperature_that_was_not_read_is_left_out() -> None:
    assert VISIT.report is not None
    report = replace(VISIT.report, temp_before_c=math.nan)
    found = visit_spec(1, replace(VISIT, report=report), PROFILE)
    assert (found.temp_before_c, found.temp_after_c) == (None, 31.5)


def test_an_energy_is_kept_with_all_that_it_comes_from() -> None:
    assert energy_spec(VISIT, 7) == EnergySpec(
        analysis_version=7, power_w=1.5, idle_power_w=0.6, latency_ms=2.0, energy_mj=3.0, energy_se_mj=0.03,
        dynamic_energy_mj=1.8, dynamic_energy_se_mj=0.04, n_samples=9000, n_segments=20, n_segments_trimmed=2,
    )  # fmt: skip
    assert energy_spec(LOST) is None
    assert energy_spec(replace(VISIT, power=None)) is None


def test_gates_keep_value_limit_and_unit_and_which_analysis_judged() -> None:
    found = [(g.gate, g.outcome, g.value, g.limit_value, g.unit, g.analysis_version) for g in gate_specs(VISIT, 7)]
    assert found == [("skin", "pass", 31.5, 43.0, "degC", 7), ("edge", "reject", None, 40.0, "ms", 7)]


def test_an_energy_that_is_about_to_be_stored_reads_as_if_it_were_read_back() -> None:
    found = energy_row(17, VISIT)
    assert (found.task_id, found.outcome, found.energy_mj, found.energy_se_mj) == (17, "accepted", 3.0, 0.03)
    with pytest.raises(ValueError, match="no energy"):
        energy_row(17, LOST)


def test_a_recovery_is_an_incident_at_its_moment() -> None:
    found = incident_of(Recovery("AdbLost", "it was away", "USB off and on", 12.0), AT_UTC)
    assert (found.at_utc, found.kind, found.detail) == (AT_UTC, "AdbLost", "it was away")
    assert (found.action, found.lost_s) == ("USB off and on", 12.0)


@pytest.mark.parametrize(
    ("n_dropped", "usb_v", "kinds"),
    [(0, 0.0, []), (0, 0.5, []), (0, 0.51, ["usb_on"]), (1, 0.0, ["drops"]), (9, 5.0, ["drops", "usb_on"])],
)
def test_samples_that_were_lost_and_usb_that_was_on_are_flaws_of_a_window(
    n_dropped: int, usb_v: float, kinds: list[str]
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

"""A run of the queue becomes a visit: what the phone and the tool said of it, or why it is no result."""

from __future__ import annotations

import pytest
from made_window import EPOCH_S, LOCK_KHZ, RATE_HZ, MadeRun, MadeWindow, packed, profile

from db.kinds import FailureKind
from db.rows import VisitSpec
from hardware.android.benchmark_tool import MISSING, TIMED_OUT
from hardware.phone import RunReport
from lab.analysis.alignment import ClockMap
from lab.analysis.energy import ANALYSIS_VERSION
from lab.analysis.window import AnalysedWindow, analyse, measured_interval

PROFILE = profile()


def analysed(window: MadeWindow, **files: str) -> AnalysedWindow:
    """With other files in the phone's archive: of the first run, by the ending of their names."""
    archive = packed(window.files() | {f"out/0.{ending}": text for ending, text in files.items()})
    return analyse(window.raw(archive=archive), PROFILE, window.trace())


def test_a_visit_says_what_phone_and_tool_said_of_its_run() -> None:
    window = MadeWindow()
    visit = analysed(window, temp0="30500", temp1="31500").visits[0]
    assert (visit.exit_code, visit.n_runs, visit.latency_ms, visit.latency_sd_ms) == (0, 800, 2.0, 0.004)
    assert visit.started_utc_s == pytest.approx(EPOCH_S + window.began_s[0], abs=1e-6)
    assert visit.duration_s == pytest.approx(0.3 + 1.6 + 0.02, abs=1e-6)
    assert (visit.temp_before_c, visit.temp_after_c, visit.freq_khz) == (30.5, 31.5, LOCK_KHZ)
    assert (visit.failure_kind, visit.tool_output) == (None, window.runs[0].printed)


def test_an_energy_is_kept_with_all_that_it_comes_from() -> None:
    window = MadeWindow()
    start_s, _ = window.measured_s[0]
    window.draw(start_s + 0.5, start_s + 0.51, 3.0)
    energy = analysed(window).visits[0].energy
    assert energy is not None
    assert energy.n_samples == pytest.approx((1.6 - 0.100 - 0.050) * RATE_HZ, abs=2)
    assert (energy.n_segments, energy.n_segments_trimmed) == (20, 1)
    assert (energy.power_w, energy.latency_ms) == (pytest.approx(1.4, rel=1e-6), 2.0)


@pytest.mark.parametrize("version", [ANALYSIS_VERSION, 7])
def test_energies_and_gates_say_which_analysis_they_are_of(version: int) -> None:
    window = MadeWindow()
    for visit in analyse(window.raw(), PROFILE, window.trace(), version).visits:
        assert visit.energy is not None
        assert {visit.energy.analysis_version, *(gate.analysis_version for gate in visit.gates)} == {version}


@pytest.mark.parametrize(("other", "known"), [(2, True), (4, False)])
def test_a_clock_that_was_not_locked_is_not_named(other: int, known: bool) -> None:
    """Of 160 hundredths of a second: the gate is at 98 %."""
    visit = analysed(MadeWindow(), residency1=f"{LOCK_KHZ} {1160 - other}\n300000 {other}\n").visits[0]
    assert (visit.freq_khz == LOCK_KHZ) == known
    assert known or visit.freq_khz is None


@pytest.mark.parametrize("name", ["temp0", "temp1"])
def test_a_temperature_that_was_not_read_is_left_out_and_the_visit_rejected(name: str) -> None:
    visit = analysed(MadeWindow(), **{name: ""}).visits[0]
    assert (visit.temp_before_c, visit.temp_after_c) == ((None, 30.0) if name == "temp0" else (30.0, None))
    assert (visit.outcome, visit.failure_kind) == ("rejected", FailureKind.GATE)
    assert (visit.reason or "").startswith("skin: not computable")


def test_a_run_that_the_queue_did_not_reach_is_rejected_and_the_others_are_not() -> None:
    found = analysed(MadeWindow(MadeRun(), MadeRun(ended=False)))
    assert [v.outcome for v in found.visits] == ["accepted", "rejected"]
    assert found.visits[1] == VisitSpec(
        order_in_window=1,
        model_sha256=f"{1:064x}",
        outcome="rejected",
        reason="not reached: the queue ended before it",
        failure_kind=FailureKind.NOT_REACHED,
    )
    assert found.useful_s == pytest.approx(1.6, abs=1e-4)


def test_a_run_in_which_the_tool_failed_is_the_models_own_and_keeps_what_was_said() -> None:
    rejecting = MadeRun(exit_code=1, output="ERROR: no such op\n")
    visit = analysed(MadeWindow(rejecting, MadeRun())).visits[0]
    assert (visit.outcome, visit.reason) == ("model_failed", "rejected: ERROR: no such op")
    assert (visit.failure_kind, visit.exit_code) == (FailureKind.MODEL_REJECTED, 1)
    assert visit.tool_output == "ERROR: no such op\n"
    assert (visit.n_runs, visit.latency_ms, visit.energy, visit.gates) == (None, None, None, ())


@pytest.mark.parametrize(
    ("exit_code", "output", "kind"),
    [
        (1, "ERROR: no such op\n", FailureKind.MODEL_REJECTED),
        (134, "", FailureKind.DIED),
        (TIMED_OUT, "", FailureKind.TIMED_OUT),
        (MISSING, "", FailureKind.TOOL_MISSING),
        (0, "nothing to be read\n", FailureKind.UNREADABLE),
    ],
)
def test_each_way_in_which_the_tool_fails_has_its_kind(exit_code: int, output: str, kind: FailureKind) -> None:
    visit = analysed(MadeWindow(MadeRun(exit_code=exit_code, output=output), MadeRun())).visits[0]
    assert (visit.outcome, visit.failure_kind) == ("model_failed", kind)


@pytest.mark.parametrize("log", ["", "RC", "RCR", "RRC", "RCC"])
def test_a_run_whose_measured_part_is_not_marked_in_logcat_is_rejected_with_its_tools_result(log: str) -> None:
    found = analysed(MadeWindow(MadeRun(log=log), MadeRun()))
    visit = found.visits[0]
    assert (visit.outcome, visit.failure_kind, visit.energy) == ("rejected", FailureKind.NO_MARKERS, None)
    assert (visit.reason or "").startswith("markers: ")
    assert (visit.n_runs, visit.latency_ms, visit.latency_sd_ms) == (800, 2.0, 0.004)
    assert found.useful_s == pytest.approx(1.6, abs=1e-4)


def test_a_run_without_samples_or_without_a_gap_beside_it_is_rejected() -> None:
    window = MadeWindow()
    first = window.measured_s[0]
    for without in ((first[0] + 0.5, first[0] + 1.0), (first[0] - 0.7, first[0] - 0.2)):
        found = analyse(window.raw(), PROFILE, window.trace(without=without))
        assert found.visits[1].outcome == "accepted"
    holed = analyse(window.raw(), PROFILE, window.trace(without=(first[0] + 0.5, first[0] + 1.0))).visits[0]
    assert (holed.outcome, holed.reason) == ("rejected", "samples: a part of the run has no samples")
    assert (holed.failure_kind, holed.energy, holed.gates) == (FailureKind.TOO_FEW_SAMPLES, None, ())


def report(*log: tuple[float, str]) -> RunReport:
    return RunReport(0, EPOCH_S, EPOCH_S + 3.0, 0, "", log, 30.0, 30.0, {LOCK_KHZ: 3.0})


R, C = "Running benchmark for at least 20 iterations", "count=800 avg=2000"


def test_the_measured_part_goes_from_the_second_running_line_to_the_last_count() -> None:
    clock = ClockMap(EPOCH_S, 10.0, 2.0, 1.0)
    at = [EPOCH_S + s for s in (0.5, 1.0, 1.25, 2.0, 2.5)]
    found = measured_interval(report((at[0], R), (at[1], C), (at[2], R), (at[3], "other"), (at[4], C)), clock)
    assert found is not None
    assert (found.start_s, found.end_s) == pytest.approx((12.5, 15.0))
    for lines in (
        ((at[0], R), (at[1], C), (at[2], R), (at[3], C), (at[4], C)),
        ((at[0], R), (at[0], C), (at[1], C), (at[2], R), (at[4], C)),
        ((at[0], R), (at[1], C), (at[2], R), (at[3], R), (at[4], C)),
    ):
        assert measured_interval(report(*lines), clock) == found


def test_a_measured_part_that_ends_as_it_begins_or_before_is_none() -> None:
    clock = ClockMap(EPOCH_S, 10.0, 1.0, 1.0)
    for end_s in (1.0, 0.5):
        lines = ((EPOCH_S, R), (EPOCH_S + 0.2, C), (EPOCH_S + 1.0, R), (EPOCH_S + end_s, C))
        assert measured_interval(report(*lines), clock) is None

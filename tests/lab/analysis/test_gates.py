"""Each gate rejects what it is there to reject from the next value beyond its limit on, and says value, limit, unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from db.kinds import GateOutcome
from db.rows import EnergySpec, GateSpec
from hardware.android.benchmark_tool import ToolResult
from hardware.phone import RunReport
from lab.analysis.energy import Interval, PowerMean
from lab.analysis.gates import GATES_AT_LEAST, GATES_AT_MOST, RunQuality, WindowQuality, judge, locked_frac, verdict
from lab.profile.profile import load_profile

PROFILE = load_profile("simulated")
LIMITS = PROFILE.gates
LOCK_KHZ = PROFILE.lock.freq_khz

GOOD = RunQuality(
    report=RunReport(0, 100.0, 102.6, 0, "", (), 30.0, 31.0, {LOCK_KHZ: 4.0}),
    tool=ToolResult(n_runs=1000, latency_ms=2.0, latency_sd_ms=0.004),
    measured=Interval(0.0, 2.0),
    power=PowerMean(1.5, 0.001, 9250, 20, 0, 0.0, 0.0),
    energy=EnergySpec(
        analysis_version=7,
        power_w=1.5,
        idle_power_w=0.5,
        latency_ms=2.0,
        energy_mj=3.0,
        energy_se_mj=0.001,
        dynamic_energy_mj=2.0,
        dynamic_energy_se_mj=0.001,
        n_samples=9250,
        n_segments=20,
        n_segments_trimmed=0,
    ),
    edge_ms=6.0,
    usb_on_frac=0.0,
    sag_v=0.0,
)
ALIGNED = WindowQuality(align_difference_ms=3.0)

BROKEN = {
    "dropped": replace(GOOD, power=replace(GOOD.power, dropped_frac=0.002)),
    "usb_on": replace(GOOD, usb_on_frac=0.01),
    "clock_locked": replace(GOOD, report=replace(GOOD.report, residency_s={LOCK_KHZ: 3.0, 1804800: 1.0})),
    "skin": replace(GOOD, report=replace(GOOD.report, temp_after_c=43.5)),
    "coverage": replace(GOOD, tool=replace(GOOD.tool, n_runs=950)),
    "duration": replace(GOOD, measured=Interval(0.0, 1.5), tool=replace(GOOD.tool, n_runs=750)),
    "bursts": replace(GOOD, power=replace(GOOD.power, n_trimmed=4)),
    "trend": replace(GOOD, power=replace(GOOD.power, trend_frac=-0.04)),
    "error": replace(GOOD, energy=replace(GOOD.energy, energy_se_mj=0.02)),
    "sag": replace(GOOD, sag_v=0.2),
    "step": replace(GOOD, energy=replace(GOOD.energy, idle_power_w=1.48)),
    "edge": replace(GOOD, edge_ms=None),
}


def with_power(**change: float) -> RunQuality:
    return replace(GOOD, power=replace(GOOD.power, **change))


def with_report(**change: object) -> RunQuality:
    return replace(GOOD, report=replace(GOOD.report, **change))  # type: ignore[arg-type]


def with_energy_error(frac: float) -> RunQuality:
    return replace(GOOD, energy=replace(GOOD.energy, energy_mj=1.0, energy_se_mj=frac))


def gate(name: str, run: RunQuality, align_ms: float = 0.0) -> GateSpec:
    return next(gate for gate in judge(WindowQuality(align_ms), run, PROFILE) if gate.gate == name)


Set = Callable[[float], tuple[float, RunQuality]]

# How a gate's value comes about: (difference of the alignments, run).
MAKE: dict[str, tuple[float, str, Set]] = {
    "alignment": (LIMITS.max_align_ms, "ms", lambda v: (v, GOOD)),
    "edge": (LIMITS.max_edge_ms, "ms", lambda v: (0.0, replace(GOOD, edge_ms=v))),
    "dropped": (LIMITS.max_dropped_frac, "fraction", lambda v: (0.0, with_power(dropped_frac=v))),
    "usb_on": (LIMITS.max_usb_on_frac, "fraction", lambda v: (0.0, replace(GOOD, usb_on_frac=v))),
    "skin": (LIMITS.max_skin_c, "degC", lambda v: (0.0, with_report(temp_after_c=v))),
    "trend": (LIMITS.max_trend_frac, "fraction", lambda v: (0.0, with_power(trend_frac=v))),
    "error": (LIMITS.max_error_frac, "fraction", lambda v: (0.0, with_energy_error(v))),
    "sag": (LIMITS.max_sag_v, "V", lambda v: (0.0, replace(GOOD, sag_v=v))),
}


def test_a_good_run_passes_every_gate() -> None:
    gates = judge(ALIGNED, GOOD, PROFILE)
    assert {gate.outcome for gate in gates} == {"pass"}
    assert verdict(gates) == ("accepted", None)


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_run_is_rejected_by_its_gate_alone(name: str) -> None:
    gates = judge(ALIGNED, BROKEN[name], PROFILE)
    assert [gate.gate for gate in gates if gate.outcome == "reject"] == [name]
    outcome, reason = verdict(gates)
    assert outcome == "rejected"
    assert reason is not None
    assert reason.startswith(f"{name}: ")


def test_alignments_that_disagree_reject_the_run() -> None:
    outcome, reason = verdict(judge(WindowQuality(31.0), GOOD, PROFILE))
    assert (outcome, reason) == ("rejected", "alignment: 31 ms, limit 25 ms")


def test_gates_are_of_the_same_analysis_as_the_energy_that_they_judge() -> None:
    assert {gate.analysis_version for gate in judge(ALIGNED, GOOD, PROFILE)} == {7}


@pytest.mark.parametrize("name", sorted(MAKE))
def test_a_value_at_the_limit_is_not_rejected_and_the_next_one_is(name: str) -> None:
    limit, unit, make = MAKE[name]
    for value, rejected in ((limit, False), (math.nextafter(limit, math.inf), True)):
        align_ms, run = make(value)
        found = gate(name, run, align_ms)
        assert (found.outcome == "reject", found.value, found.unit) == (rejected, value, unit)
        if name != "trend":
            assert found.limit_value == limit


def test_every_gate_is_either_a_ceiling_or_a_floor() -> None:
    names = [gate.gate for gate in judge(WindowQuality(0.0), GOOD, PROFILE)]
    assert sorted(names) == sorted(GATES_AT_LEAST | GATES_AT_MOST)
    assert not GATES_AT_LEAST & GATES_AT_MOST
    assert set(MAKE) <= GATES_AT_MOST


def test_a_floor_passes_what_stands_on_it() -> None:
    for watts, outcome in ((LIMITS.min_step_w, "pass"), (0.9 * LIMITS.min_step_w, "reject")):
        run = with_power(power_w=watts)
        found = gate("step", replace(run, energy=replace(GOOD.energy, idle_power_w=0.0)))
        assert (found.outcome, found.value, found.limit_value, found.unit) == (outcome, watts, LIMITS.min_step_w, "W")


def test_a_run_may_be_a_twentieth_shorter_than_the_tool_was_told() -> None:
    shortest_s = 0.95 * PROFILE.tool.min_secs
    for duration_s, outcome in ((shortest_s, "pass"), (math.nextafter(shortest_s, 0.0), "reject")):
        found = gate("duration", replace(GOOD, measured=Interval(0.0, duration_s)))
        assert (found.outcome, found.value, found.limit_value, found.unit) == (outcome, duration_s, shortest_s, "s")


def test_coverage_is_the_share_of_the_measured_time_that_inferences_take_whichever_is_longer() -> None:
    for n_runs, share in ((1000, 1.0), (980, 0.98), (950, 0.95), (1250, 0.8)):
        found = gate("coverage", replace(GOOD, tool=replace(GOOD.tool, n_runs=n_runs)))
        assert found.value == pytest.approx(share)
        assert found.outcome == ("pass" if share >= LIMITS.min_coverage_frac else "reject")
        assert (found.limit_value, found.unit) == (LIMITS.min_coverage_frac, "fraction")


def test_a_small_model_whose_tool_takes_its_time_between_inferences_is_marked_and_counts() -> None:
    for between_us, outcome in ((2.0, "mark"), (4.9, "mark"), (5.1, "reject")):
        n_runs, latency_ms = 100_000, 0.010
        duration_s = n_runs * (latency_ms * 1e-3 + between_us * 1e-6)
        tool = replace(GOOD.tool, n_runs=n_runs, latency_ms=latency_ms)
        found = gate("coverage", replace(GOOD, tool=tool, measured=Interval(0.0, duration_s)))
        assert found.outcome == outcome
        assert found.value == pytest.approx(10.0 / (10.0 + between_us))
        assert found.limit_value == LIMITS.min_coverage_frac


def test_inferences_that_take_longer_than_the_run_are_no_small_model() -> None:
    tool = replace(GOOD.tool, n_runs=200_000, latency_ms=0.010)
    assert gate("coverage", replace(GOOD, tool=tool, measured=Interval(0.0, 1.8))).outcome == "reject"


def test_bursts_are_the_share_of_segments_that_were_trimmed() -> None:
    for n_trimmed, outcome in ((0, "pass"), (3, "pass"), (4, "reject")):
        found = gate("bursts", with_power(n_trimmed=n_trimmed))
        assert (found.value, found.outcome) == (n_trimmed / 20, outcome)


def test_the_error_is_relative_to_the_energy() -> None:
    run = replace(GOOD, energy=replace(GOOD.energy, energy_mj=4.0, energy_se_mj=0.018))
    assert gate("error", run).value == pytest.approx(0.0045)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_edge_and_trend_count_in_either_direction(sign: float) -> None:
    assert gate("edge", replace(GOOD, edge_ms=sign * 39.0)).value == 39.0
    assert gate("edge", replace(GOOD, edge_ms=sign * 41.0)).outcome == "reject"
    assert gate("trend", with_power(trend_frac=sign * 0.02)).value == 0.02


def test_a_trend_at_the_mark_passes_and_beyond_it_is_marked_with_that_limit() -> None:
    mark = LIMITS.mark_trend_frac
    for value, outcome, limit in (
        (mark, "pass", LIMITS.max_trend_frac),
        (math.nextafter(mark, 1.0), "mark", mark),
        (LIMITS.max_trend_frac, "mark", mark),
        (0.04, "reject", LIMITS.max_trend_frac),
    ):
        found = gate("trend", with_power(trend_frac=value))
        assert (found.outcome, found.limit_value) == (outcome, limit)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_a_number_rejects_and_is_not_kept(value: float) -> None:
    for run in (with_power(dropped_frac=value), replace(GOOD, edge_ms=None)):
        found = next(g for g in judge(WindowQuality(0.0), run, PROFILE) if g.outcome == "reject")
        assert found.value is None


def test_the_warmer_of_the_two_temperatures_counts_and_both_must_be_known() -> None:
    assert gate("skin", with_report(temp_before_c=44.0, temp_after_c=31.0)).value == 44.0
    assert gate("skin", with_report(temp_before_c=31.0, temp_after_c=44.0)).value == 44.0
    for name in ("temp_before_c", "temp_after_c"):
        found = gate("skin", with_report(**{name: math.nan}))
        assert (found.outcome, found.value) == ("reject", None)


def test_the_locked_share_is_of_all_clocks_and_none_where_the_locked_one_was_never_seen() -> None:
    assert locked_frac(with_report(residency_s={LOCK_KHZ: 3.0, 1: 1.0}).report, LOCK_KHZ) == 0.75
    assert locked_frac(with_report(residency_s={1: 4.0}).report, LOCK_KHZ) == 0.0
    assert locked_frac(with_report(residency_s={LOCK_KHZ: 0.5}).report, LOCK_KHZ) == 1.0
    for other_s, outcome in ((0.08, "pass"), (0.09, "reject")):
        run = with_report(residency_s={LOCK_KHZ: 4.0 - other_s, 1: other_s})
        assert gate("clock_locked", run).outcome == outcome


def a_gate(name: str, outcome: GateOutcome, value: float | None, limit: float, unit: str) -> GateSpec:
    return GateSpec(analysis_version=1, gate=name, outcome=outcome, value=value, limit_value=limit, unit=unit)


def test_a_phone_that_reports_no_residency_is_not_trusted() -> None:
    for nothing in ({}, {LOCK_KHZ: 0.0}):
        assert locked_frac(with_report(residency_s=nothing).report, LOCK_KHZ) == 0.0


def test_a_rejection_outranks_a_mark_and_the_first_of_several_is_the_reason() -> None:
    marked = a_gate("trend", "mark", 0.02, 0.01, "fraction")
    hot, sagging = a_gate("skin", "reject", 44.0, 43.0, "degC"), a_gate("sag", "reject", None, 0.15, "V")
    assert verdict([marked, hot, sagging]) == ("rejected", "skin: 44 degC, limit 43 degC")
    assert verdict([marked, sagging]) == ("rejected", "sag: not computable, limit 0.15 V")
    assert verdict([marked]) == ("marginal", "trend: 0.02 fraction, limit 0.01 fraction")
    assert verdict([]) == ("accepted", None)

"""Each gate rejects what it is there to reject, and says the value and the limit."""

from dataclasses import replace

import pytest

from db.rows import EnergySpec
from hardware.android.benchmark_tool import ToolResult
from hardware.phone import RunReport
from lab.analysis.energy import Interval, PowerMean
from lab.analysis.gates import RunQuality, WindowQuality, judge, locked_frac, verdict
from lab.profile.profile import load_profile

PROFILE = load_profile("simulated")
LOCKED = PROFILE.lock.freq_khz

GOOD = RunQuality(
    report=RunReport(0, 100.0, 102.6, 0, "", (), 30.0, 30.2, {LOCKED: 2.85}),
    tool=ToolResult(n_runs=2000, latency_ms=1.0, latency_sd_ms=0.004),
    measured=Interval(10.0, 12.004),
    power=PowerMean(1.4, 0.001, 9250, 20, 0, 0.001, 0.0),
    energy=EnergySpec(
        analysis_version=1,
        power_w=1.4,
        idle_power_w=0.62,
        latency_ms=1.0,
        energy_mj=1.4,
        energy_se_mj=0.001,
        dynamic_energy_mj=0.78,
        dynamic_energy_se_mj=0.001,
        n_samples=9250,
        n_segments=20,
        n_segments_trimmed=0,
    ),
    edge_ms=6.0,
    usb_on_frac=0.0,
    sag_v=0.013,
)
ALIGNED = WindowQuality(align_difference_ms=3.0)

BROKEN = {
    "dropped": replace(GOOD, power=replace(GOOD.power, dropped_frac=0.002)),
    "usb_on": replace(GOOD, usb_on_frac=0.01),
    "clock_locked": replace(GOOD, report=replace(GOOD.report, residency_s={LOCKED: 2.0, 1804800: 0.85})),
    "skin": replace(GOOD, report=replace(GOOD.report, temp_after_c=43.5)),
    "coverage": replace(GOOD, tool=replace(GOOD.tool, n_runs=1900)),
    "duration": replace(GOOD, measured=Interval(10.0, 11.5), tool=replace(GOOD.tool, n_runs=1500)),
    "bursts": replace(GOOD, power=replace(GOOD.power, n_trimmed=4)),
    "trend": replace(GOOD, power=replace(GOOD.power, trend_frac=-0.04)),
    "error": replace(GOOD, energy=replace(GOOD.energy, energy_se_mj=0.01)),
    "sag": replace(GOOD, sag_v=0.2),
    "step": replace(GOOD, energy=replace(GOOD.energy, idle_power_w=1.38)),
    "edge": replace(GOOD, edge_ms=None),
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


def test_a_slight_trend_only_marks_the_run() -> None:
    gates = judge(ALIGNED, replace(GOOD, power=replace(GOOD.power, trend_frac=0.02)), PROFILE)
    assert verdict(gates)[0] == "marginal"


def test_a_phone_that_reports_no_residency_is_not_trusted() -> None:
    assert locked_frac(replace(GOOD.report, residency_s={}), LOCKED) == 0.0


def test_a_missing_temperature_is_not_trusted() -> None:
    broken = replace(GOOD, report=replace(GOOD.report, temp_before_c=float("nan")))
    assert verdict(judge(ALIGNED, broken, PROFILE)) == ("rejected", "skin: not computable, limit 43 degC")

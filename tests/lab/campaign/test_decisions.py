"""The border cases of what becomes of a task after a window, and of when a canary raises the alarm."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from db.rows import EnergyRow, TaskRow, TaskUpdate
from lab.analysis.control_charts import CanaryCharts, CanaryVisit
from lab.campaign.tasks import arrange, decide, half_width_frac, noise_estimate, visits_needed
from lab.profile.profile import PrecisionSection

Z_95 = 1.959964
NOISE = noise_estimate(0.035, 100, PrecisionSection())


def energy(energy_mj: float = 1.0, se_mj: float = 0.0) -> EnergyRow:
    return EnergyRow(
        analysis_version=1, power_w=1.3, idle_power_w=0.6, latency_ms=1.0, energy_mj=energy_mj, energy_se_mj=se_mj,
        dynamic_energy_mj=0.7, dynamic_energy_se_mj=se_mj, n_samples=9000, n_segments=20, n_segments_trimmed=0,
        task_id=1, visit_id=1, window_id=1, session_id=1, outcome="accepted",
    )  # fmt: skip


def decided(
    n_attempts: int, n_energies: int, n_wanted: int = 1, failure: str | None = None, **set_to: float
) -> TaskUpdate:
    task = TaskRow(
        role="architecture",
        ordinal=0,
        n_wanted=n_wanted,
        task_id=1,
        state="claimed",
        n_attempts=n_attempts,
        failure=None,
    )
    precision = PrecisionSection().model_copy(update=set_to)
    return decide(task, [energy()] * n_energies, NOISE, precision, failure)


def test_the_half_width_is_that_of_noise_between_visits_and_error_within_them() -> None:
    assert half_width_frac([energy()], NOISE) == pytest.approx(Z_95 * 0.035)
    two = [energy(2.0, 0.02), energy(1.0, 0.03)]
    within = (0.01**2 + 0.03**2) / 2
    assert half_width_frac(two, NOISE) == pytest.approx(Z_95 * math.sqrt((0.035**2 + within) / 2))


def test_the_measured_noise_holds_from_a_hundred_pairs_on_unless_it_is_not_known() -> None:
    precision = PrecisionSection()
    assert noise_estimate(0.02, 100, precision).measured
    assert not noise_estimate(0.02, 99, precision).measured
    assert noise_estimate(math.nan, 500, precision).sd_frac == precision.prior_visit_sd_frac


@pytest.mark.parametrize(("target", "n"), [(0.08, 1), (0.069, 1), (0.068, 2), (0.04, 3), (0.01, 5)])
def test_visits_are_as_many_as_narrow_the_interval_and_as_the_profile_allows(target: float, n: int) -> None:
    assert visits_needed(NOISE, PrecisionSection().model_copy(update={"target_half_width_frac": target})) == n


def test_a_half_width_at_the_target_is_enough_and_the_next_wider_one_is_not() -> None:
    width = half_width_frac([energy()], NOISE)
    assert decided(0, 1, target_half_width_frac=width).state == "done"
    assert decided(0, 1, target_half_width_frac=math.nextafter(width, 0.0)).state == "pending"


@pytest.mark.parametrize(
    ("n_energies", "n_wanted", "expected"), [(1, 1, 2), (2, 1, 3), (0, 1, 1), (1, 3, 3), (3, 3, 4)]
)
def test_a_task_that_goes_on_wants_one_visit_more_than_it_has_once_it_has_what_it_wanted(
    n_energies: int, n_wanted: int, expected: int
) -> None:
    found = decided(0, n_energies, n_wanted, target_half_width_frac=0.001)
    assert (found.state, found.n_wanted) == ("pending", expected)


def test_the_last_attempt_decides_by_what_there_is() -> None:
    assert decided(3, 0).state == "pending"
    assert decided(4, 0).state == "failed"
    assert decided(4, 1, n_wanted=3).state == "done"
    assert decided(4, 0, failure="died: exit code 134").failure == "died: exit code 134"


def test_a_failure_counts_only_against_a_model_that_was_never_measured() -> None:
    assert decided(1, 0, failure="rejected: bad op").state == "failed"
    assert decided(1, 1, failure="rejected: bad op").state == "done"
    assert decided(0, 0, failure="rejected: bad op").state == "pending"
    assert decided(0, 0, failure="rejected: bad op", max_visits=1).state == "failed"


def test_a_failed_task_keeps_what_it_wanted() -> None:
    assert decided(1, 0, n_wanted=3, failure="x").n_wanted == decided(4, 0, n_wanted=3).n_wanted == 3


def test_canaries_stand_in_equal_parts_of_a_window() -> None:
    for window in range(30):
        order = arrange(list(range(20)), ["a", "b"], seed=3, window=window)
        assert 0 <= order.index("a") <= 10
        assert 11 <= order.index("b") <= 21


def charts(sd: float = 0.01) -> CanaryCharts:
    return CanaryCharts(visit_sd_frac=sd, energy_limit_frac=0.15, latency_limit_frac=0.05)


def visit(energy_mj: float = 1.0, latency_ms: float = 1.0, canary: int = 0) -> CanaryVisit:
    return CanaryVisit(canary, energy_mj, latency_ms)


def test_an_energy_alarm_needs_four_windows_before_it_and_a_latency_alarm_one() -> None:
    for n, raised in ((3, False), (4, True)):
        chart = charts(sd=0.5)
        for _ in range(n):
            assert chart.take([visit()]) is None
        assert (chart.take([visit(1.5)]) is not None) == raised
    chart = charts()
    assert chart.take([visit(latency_ms=2.0)]) is None
    assert chart.take([visit(latency_ms=1.0)]) is not None


@pytest.mark.parametrize("sign", [-1, 1])
def test_an_energy_or_a_latency_within_its_limit_raises_no_alarm_in_either_direction(sign: int) -> None:
    for off, change in ((0.14, "energy_mj"), (0.16, "energy_mj"), (0.04, "latency_ms"), (0.06, "latency_ms")):
        chart = charts(sd=0.5)
        for _ in range(6):
            chart.take([visit()])
        limit = 0.15 if change == "energy_mj" else 0.05
        assert (chart.take([replace(visit(), **{change: 1 + sign * off})]) is not None) == (off > limit)


def test_a_drift_is_judged_by_four_deviations_of_the_smoothed_mean() -> None:
    """After ten windows: 4 sd sqrt(0.2 / 1.8 + 1 / 10); one visit moves the smoothed mean by a fifth of itself."""
    allowed = 4 * 0.01 * math.sqrt(0.2 / 1.8 + 1 / 10)
    for share, raised in ((0.98, False), (1.02, True)):
        chart = charts()
        for _ in range(10):
            chart.take([visit()])
        assert (chart.take([visit(1 + 5 * share * allowed)]) is not None) == raised


def test_after_an_alarm_the_smoothed_mean_of_that_canary_begins_anew() -> None:
    chart = charts(sd=0.02)
    for _ in range(10):
        chart.take([visit(), visit(canary=1)])
    for _ in range(3):
        chart.take([visit(1.05), visit(canary=1)])
    assert chart.take([visit(1.3), visit(canary=1)]) is not None
    assert chart.take([visit(), visit(canary=1)]) is None


def test_one_canary_out_of_control_keeps_the_whole_window_out_of_the_charts() -> None:
    chart = charts(sd=0.5)
    for _ in range(4):
        chart.take([visit(), visit(canary=1)])
    for _ in range(20):
        assert chart.take([visit(1.14), visit(2.0, canary=1)]) is not None
    alarm = chart.take([visit(0.86)])
    assert alarm is None

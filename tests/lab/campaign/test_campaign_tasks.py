"""Which tasks a campaign has, their order, and when one has enough visits."""

from __future__ import annotations

import math

import pytest

from db.rows import EnergySpec, TaskRow, TaskUpdate
from lab.campaign.tasks import (
    arrange,
    canary_tasks,
    decide,
    half_width_frac,
    noise_estimate,
    sampled_tasks,
    visits_needed,
)
from lab.profile.sections import PrecisionSection

PRECISION = PrecisionSection()
NOISE = noise_estimate(math.nan, 0, PRECISION)
MEASURED = noise_estimate(0.035, 100, PRECISION)
Z_95 = 1.959964


def energy(energy_mj: float = 1.3, se_mj: float = 0.0) -> EnergySpec:
    return EnergySpec(
        analysis_version=1, power_w=1.3, idle_power_w=0.6, latency_ms=1.0, energy_mj=energy_mj, energy_se_mj=se_mj,
        dynamic_energy_mj=0.7, dynamic_energy_se_mj=se_mj, n_samples=9000, n_segments=20, n_segments_trimmed=0,
    )  # fmt: skip


def task(n_attempts: int = 0, n_wanted: int = 1) -> TaskRow:
    return TaskRow(
        role="architecture",
        ordinal=0,
        n_wanted=n_wanted,
        task_id=1,
        state="claimed",
        n_attempts=n_attempts,
        failure=None,
    )


def test_a_longer_campaign_begins_with_the_tasks_of_a_shorter_one() -> None:
    assert sampled_tasks(60, 3, 0.1)[:20] == sampled_tasks(20, 3, 0.1)


def test_about_the_asked_share_is_visited_twice() -> None:
    twice = sum(t.n_wanted == 2 for t in sampled_tasks(1000, 1, 0.1))
    assert 70 <= twice <= 130


def test_the_canaries_differ_and_stay_the_same() -> None:
    hashes = [t.architecture.hash for t in canary_tasks(3) if t.architecture]
    assert len(set(hashes)) == 3
    assert canary_tasks(2) == canary_tasks(3)[:2]


def test_a_window_holds_every_task_once_with_its_canaries_spread() -> None:
    order = arrange(list(range(98)), ["a", "b"], seed=1, window=4)
    assert sorted(map(str, order)) == sorted(map(str, [*range(98), "a", "b"]))
    assert order.index("a") <= 50 < order.index("b")


def test_another_window_has_another_order_and_the_same_window_the_same() -> None:
    tasks = list(range(50))
    assert arrange(tasks, [], 1, 0) != arrange(tasks, [], 1, 1)
    assert arrange(tasks, [], 1, 0) == arrange(tasks, [], 1, 0)


@pytest.mark.parametrize("n_canaries", [0, 1, 2, 3])
def test_a_window_of_few_models_can_be_arranged(n_canaries: int) -> None:
    canaries = ["a", "b", "c"][:n_canaries]
    assert len(arrange([1], canaries, 1, 0)) == 1 + n_canaries


def test_one_visit_suffices_at_the_default_precision() -> None:
    assert decide(task(), [energy()], NOISE, PRECISION, None).state == "done"


def test_a_narrower_target_asks_for_more_visits() -> None:
    narrow = PrecisionSection(target_half_width_frac=0.04)
    assert decide(task(), [energy()], NOISE, narrow, None).state == "pending"
    assert decide(task(2), [energy()] * 3, NOISE, narrow, None).state == "done"


def test_visits_that_were_asked_for_from_the_start_are_made() -> None:
    assert decide(task(n_wanted=2), [energy()], NOISE, PRECISION, None).state == "pending"
    assert decide(task(1, n_wanted=2), [energy()] * 2, NOISE, PRECISION, None).state == "done"


def test_a_rejected_visit_is_made_again_until_the_attempts_are_used_up() -> None:
    assert decide(task(0), [], NOISE, PRECISION, None).state == "pending"
    last = decide(task(PRECISION.max_visits - 1), [], NOISE, PRECISION, None, "skin: 44 degC, limit 43 degC")
    assert last.state == "failed"
    assert last.failure == "all 5 visits were rejected, the last for skin: 44 degC, limit 43 degC"


def test_a_model_that_fails_twice_is_given_up_with_what_the_tool_said() -> None:
    assert decide(task(0), [], NOISE, PRECISION, "rejected: bad op").state == "pending"
    second = decide(task(1), [], NOISE, PRECISION, "rejected: bad op")
    assert (second.state, second.failure) == ("failed", "rejected: bad op")


def test_an_imprecise_model_is_done_when_its_attempts_are_used_up() -> None:
    narrow = PrecisionSection(target_half_width_frac=0.001)
    assert decide(task(narrow.max_visits - 1), [energy()], NOISE, narrow, None).state == "done"


def test_more_visits_and_less_noise_narrow_the_interval() -> None:
    one, four = half_width_frac([energy()], NOISE), half_width_frac([energy()] * 4, NOISE)
    assert four == pytest.approx(one / 2, rel=0.01)
    assert half_width_frac([], NOISE) == math.inf


def test_the_prior_noise_holds_until_enough_pairs_are_measured() -> None:
    assert noise_estimate(0.02, 99, PRECISION).sd_frac == PRECISION.prior_visit_sd_frac
    assert noise_estimate(0.02, 100, PRECISION).sd_frac == 0.02


def decided(
    n_attempts: int, n_energies: int, n_wanted: int = 1, failure: str | None = None, **set_to: float
) -> TaskUpdate:
    precision = PrecisionSection().model_copy(update=set_to)
    return decide(task(n_attempts, n_wanted), [energy()] * n_energies, MEASURED, precision, failure)


def test_the_half_width_is_that_of_noise_between_visits_and_error_within_them() -> None:
    assert half_width_frac([energy()], MEASURED) == pytest.approx(Z_95 * 0.035)
    two = [energy(2.0, 0.02), energy(1.0, 0.03)]
    within = (0.01**2 + 0.03**2) / 2
    assert half_width_frac(two, MEASURED) == pytest.approx(Z_95 * math.sqrt((0.035**2 + within) / 2))


def test_the_measured_noise_holds_from_a_hundred_pairs_on_unless_it_is_not_known() -> None:
    precision = PrecisionSection()
    assert noise_estimate(0.02, 100, precision).measured
    assert not noise_estimate(0.02, 99, precision).measured
    assert noise_estimate(math.nan, 500, precision).sd_frac == precision.prior_visit_sd_frac


@pytest.mark.parametrize(("target", "n"), [(0.08, 1), (0.069, 1), (0.068, 2), (0.04, 3), (0.01, 5)])
def test_visits_are_as_many_as_narrow_the_interval_and_as_the_profile_allows(target: float, n: int) -> None:
    assert visits_needed(MEASURED, PrecisionSection().model_copy(update={"target_half_width_frac": target})) == n


def test_a_half_width_at_the_target_is_enough_and_the_next_wider_one_is_not() -> None:
    width = half_width_frac([energy()], MEASURED)
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

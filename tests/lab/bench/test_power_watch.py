"""What the power alone tells about a queue: how long and how strong something must be to be seen in it."""

from __future__ import annotations

import pytest

from hardware.meter import GLIMPSE_STRETCH_S, Glimpse
from lab.bench.power_watch import PowerWatch, Sight

IDLE_A, BUSY_A = 0.148, 0.330
PULSE_S, GAP_S = 1.0, 0.35
RUN = ((0.4, IDLE_A), (2.5, BUSY_A))
CODE = ((0.3, BUSY_A), (0.2, IDLE_A), (0.1, BUSY_A), (0.2, IDLE_A))


def glimpses(*stretches: tuple[float, float]) -> list[Glimpse]:
    """One glimpse a second of (seconds, amperes) in a row."""
    means = [a for seconds, a in stretches for _ in range(round(seconds / GLIMPSE_STRETCH_S))]
    step = round(1 / GLIMPSE_STRETCH_S)
    return [
        Glimpse(i, means[min(i + step, len(means)) - 1], 4.19, 0.02, False, True, tuple(means[i : i + step]))
        for i in range(0, len(means), step)
    ]


def sights(*stretches: tuple[float, float]) -> list[Sight]:
    watch = PowerWatch(pulse_s=1.0, gap_s=0.35, n_models=3)
    return [watch.see(float(second), glimpse) for second, glimpse in enumerate(glimpses(*stretches))]


def test_a_queue_that_runs_is_running() -> None:
    assert set(sights((9.0, IDLE_A), *RUN * 20)) == {Sight.RUNNING}


def test_a_phone_that_sleeps_has_done_its_queue() -> None:
    assert sights((9.0, IDLE_A), *RUN * 3, (5.0, 0.005))[-1] is Sight.DONE


def test_the_pulse_ends_a_queue_on_a_phone_that_does_not_sleep() -> None:
    queue = (*CODE, *RUN * 3, (0.4, IDLE_A), *CODE, (0.4, IDLE_A), (1.0, BUSY_A))
    seen = sights((9.0, IDLE_A), *queue, (6.0, IDLE_A))
    assert seen[-1] is Sight.DONE
    assert Sight.DONE not in seen[:21]


def test_a_model_that_fails_after_a_second_and_a_long_cooling_end_nothing() -> None:
    assert set(sights((9.0, IDLE_A), *CODE, (0.4, IDLE_A), (1.0, BUSY_A), (8.0, IDLE_A))) == {Sight.RUNNING}


def test_a_phone_that_draws_little_while_it_settles_is_not_asleep() -> None:
    assert set(sights((9.0, 0.028), *CODE, *RUN)) == {Sight.RUNNING}


def test_the_chips_of_a_sync_code_are_no_pulse() -> None:
    assert set(sights((9.0, IDLE_A), *CODE, (8.0, IDLE_A))) == {Sight.RUNNING}


def test_a_pulse_that_work_follows_ends_nothing() -> None:
    assert set(sights((9.0, IDLE_A), (1.0, BUSY_A), *RUN * 8)) == {Sight.RUNNING}


def test_a_power_that_never_changes_is_a_phone_that_hangs() -> None:
    seen = sights((160.0, IDLE_A))
    assert seen[140] is Sight.RUNNING
    assert seen[-1] is Sight.STUCK


def test_a_phone_that_cools_for_two_minutes_does_not_hang() -> None:
    assert Sight.STUCK not in sights(*RUN * 2, (121.0, IDLE_A), *RUN * 2)


def glimpse(current_a: float, recent_a: tuple[float, ...] = (), calibrated: bool = True) -> Glimpse:
    return Glimpse(0, current_a, 4.19, 0.02, False, calibrated, recent_a)


class Watched:
    """A watch that is shown one stretch of 20 ms after the other."""

    def __init__(self, n_models: int = 3, idle_a: float = IDLE_A) -> None:
        self.watch = PowerWatch(PULSE_S, GAP_S, n_models)
        self.now_s = 0.0
        self.idle_a = idle_a
        self.last = self.show((8.0, idle_a))

    def show(self, *stretches: tuple[float, float]) -> Sight:
        for seconds, drawn_a in stretches:
            current_a = self.idle_a if drawn_a == IDLE_A else drawn_a
            for _ in range(round(seconds / GLIMPSE_STRETCH_S)):
                self.now_s += GLIMPSE_STRETCH_S
                self.last = self.watch.see(self.now_s, glimpse(current_a, (current_a,)))
        return self.last

    def after_pulse(self, pulse_s: float, quiet_s: float, busy_a: float = BUSY_A) -> Sight:
        """What is seen so long after a pulse that follows codes and runs, as they are in a queue of three."""
        self.show(*CODE, *RUN * 3, (0.4, self.idle_a), *CODE, (0.4, self.idle_a), (pulse_s, busy_a))
        return self.show((quiet_s, self.idle_a))


@pytest.mark.parametrize("off_s", [-0.10, 0.0, 0.10])
def test_a_pulse_may_be_a_tenth_of_a_second_longer_or_shorter_than_it_was_told(off_s: float) -> None:
    assert Watched().after_pulse(PULSE_S + off_s, 3.0) is Sight.DONE


@pytest.mark.parametrize("off_s", [-0.60, -0.30, -0.14, 0.14, 0.30, 0.60])
def test_what_is_longer_or_shorter_than_that_is_no_pulse(off_s: float) -> None:
    assert Watched().after_pulse(PULSE_S + off_s, 8.0) is Sight.RUNNING


def test_a_pulse_ends_the_queue_after_two_seconds_more_of_quiet_than_a_gap_has() -> None:
    for quiet_s, sight in ((GAP_S + 1.9, Sight.RUNNING), (GAP_S + 2.1, Sight.DONE)):
        assert Watched().after_pulse(PULSE_S, quiet_s) is sight


@pytest.mark.parametrize(("n_models", "n_bursts"), [(0, 5), (1, 5), (2, 6), (3, 6), (8, 9)])
def test_a_pulse_counts_after_the_bursts_of_two_codes_and_of_half_of_the_models(n_models: int, n_bursts: int) -> None:
    for n, sight in ((n_bursts - 1, Sight.RUNNING), (n_bursts, Sight.DONE)):
        watched = Watched(n_models)
        watched.show(*((0.4, BUSY_A), (0.4, IDLE_A)) * (n - 1), (PULSE_S, BUSY_A))
        assert watched.show((3.0, IDLE_A)) is sight, n


def test_busy_is_forty_milliamperes_above_the_lowest_twentieth_of_what_was_seen() -> None:
    for above_a, sight in ((0.036, Sight.RUNNING), (0.044, Sight.DONE)):
        assert Watched().after_pulse(PULSE_S, 3.0, IDLE_A + above_a) is sight


def test_a_phone_that_idles_at_another_current_is_watched_as_well() -> None:
    assert Watched(idle_a=0.07).after_pulse(PULSE_S, 3.0, 0.12) is Sight.DONE


def test_short_dips_below_the_idle_current_do_not_make_idling_busy() -> None:
    watched = Watched()
    watched.show((0.2, 0.05))
    assert watched.after_pulse(PULSE_S, 3.0) is Sight.DONE


def test_a_twentieth_of_what_was_seen_may_lie_below_the_idle_current() -> None:
    """Else idling would count as a burst, after which a phone that draws little is one that sleeps."""
    for n_low, sight in ((5, Sight.RUNNING), (6, Sight.DONE)):
        watch = PowerWatch(PULSE_S, GAP_S, 3)
        watch.see(0.0, glimpse(IDLE_A, (0.05,) * n_low + (IDLE_A,) * (100 - n_low)))
        watch.see(1.0, glimpse(0.02, (0.02,)))
        assert watch.see(3.0, glimpse(0.02)) is sight


def test_the_phone_sleeps_after_two_seconds_below_thirty_milliamperes() -> None:
    for current_a, seconds, sight in (
        (0.029, 1.9, Sight.RUNNING),
        (0.029, 2.1, Sight.DONE),
        (0.031, 9.0, Sight.RUNNING),
    ):
        watched = Watched()
        watched.show(*RUN)
        assert watched.show((seconds, current_a)) is sight


def test_a_phone_that_wakes_up_in_between_does_not_sleep() -> None:
    watched = Watched()
    watched.show(*RUN)
    assert watched.show((1.5, 0.005), (0.1, 0.06), (1.5, 0.005)) is Sight.RUNNING
    assert watched.show((0.7, 0.005)) is Sight.DONE


def test_before_its_first_burst_a_phone_does_not_sleep() -> None:
    watched = Watched(idle_a=0.02)
    assert watched.show((20.0, 0.02)) is Sight.RUNNING
    watched.show((0.4, BUSY_A))
    assert watched.show((1.9, 0.02)) is Sight.RUNNING
    assert watched.show((0.3, 0.02)) is Sight.DONE


@pytest.mark.parametrize(("step_a", "stuck"), [(0.0, True), (0.029, True), (0.032, False), (-0.032, False)])
def test_a_power_that_changes_by_thirty_milliamperes_is_not_stuck(step_a: float, stuck: bool) -> None:
    watch = PowerWatch(PULSE_S, GAP_S, 3)
    assert watch.see(10.0, glimpse(IDLE_A)) is Sight.RUNNING
    assert watch.see(150.0, glimpse(IDLE_A + step_a)) is Sight.RUNNING
    assert (watch.see(160.0, glimpse(IDLE_A + step_a)) is Sight.STUCK) == stuck


def test_stuck_is_a_hundred_and_fifty_seconds_without_change() -> None:
    watch = PowerWatch(PULSE_S, GAP_S, 3)
    watch.see(10.0, glimpse(IDLE_A))
    assert watch.see(159.9, glimpse(IDLE_A)) is Sight.RUNNING
    assert watch.see(160.0, glimpse(IDLE_A)) is Sight.STUCK


def test_a_change_starts_the_time_anew_from_the_current_that_is_then() -> None:
    watch = PowerWatch(PULSE_S, GAP_S, 3)
    watch.see(0.0, glimpse(IDLE_A))
    watch.see(100.0, glimpse(BUSY_A))
    assert watch.see(249.0, glimpse(BUSY_A)) is Sight.RUNNING
    assert watch.see(250.0, glimpse(BUSY_A)) is Sight.STUCK


def test_the_first_glimpse_starts_the_time_even_of_a_phone_that_draws_nothing() -> None:
    watch = PowerWatch(PULSE_S, GAP_S, 3)
    watch.see(10.0, glimpse(0.0))
    assert watch.see(160.0, glimpse(0.0)) is Sight.STUCK


def test_what_is_not_calibrated_says_nothing() -> None:
    watch = PowerWatch(PULSE_S, GAP_S, 3)
    for now_s in (0.0, 100.0, 200.0):
        assert watch.see(now_s, glimpse(IDLE_A, (BUSY_A,), calibrated=False)) is Sight.RUNNING
    assert watch.see(250.0, glimpse(IDLE_A)) is Sight.RUNNING
    assert watch.see(400.0, glimpse(IDLE_A)) is Sight.STUCK

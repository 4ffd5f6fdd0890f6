"""What the power alone tells about a queue."""

from hardware.meter import GLIMPSE_STRETCH_S, Glimpse
from lab.bench.power_watch import PowerWatch, Sight

IDLE_A, BUSY_A = 0.148, 0.33


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


RUN = ((0.4, IDLE_A), (2.5, BUSY_A))
CODE = ((0.3, BUSY_A), (0.2, IDLE_A), (0.1, BUSY_A), (0.1, IDLE_A))


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

"""Virtual time: it stands still while anyone works, and a meter's stream carries it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.sim.virtual_time import EPOCH_UTC, VirtualTime

_JOIN_S = 20.0


def _in_thread(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def _joined(thread: threading.Thread) -> bool:
    thread.join(_JOIN_S)
    return not thread.is_alive()


class Stream:
    """A meter's stream in a thread: notes how far it delivered."""

    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self.delivered_s = [time.now_s()]
        time.open_stream()
        self.thread = _in_thread(self._run)

    def _run(self) -> None:
        while True:
            limit_s = self.time.advance_stream(self.delivered_s[-1])
            if limit_s <= self.delivered_s[-1]:
                return
            self.delivered_s.append(limit_s)


@given(durations_s=st.lists(st.floats(0.0, 1e4), max_size=20))
def test_sleeping_alone_advances_time_by_exactly_what_was_asked(durations_s: list[float]) -> None:
    time = VirtualTime()
    expected_s = 0.0
    for duration_s in durations_s:
        time.sleep(duration_s)
        expected_s += duration_s
        assert time.now_s() == expected_s


def test_a_negative_sleep_does_not_turn_time_back() -> None:
    time = VirtualTime()
    time.sleep(5.0)
    time.sleep(-3.0)
    assert time.now_s() == 5.0


def test_the_wall_clock_runs_with_virtual_time_from_a_fixed_day() -> None:
    time = VirtualTime()
    time.sleep(90.5)
    assert (time.utc() - EPOCH_UTC).total_seconds() == 90.5
    assert time.utc().tzinfo is not None


@settings(max_examples=15, deadline=None)
@given(durations_s=st.lists(st.integers(1, 50), min_size=2, max_size=5, unique=True))
def test_a_stream_stops_at_the_moment_of_every_sleeper_in_order(durations_s: list[int]) -> None:
    time = VirtualTime()
    woken_s: dict[int, float] = {}

    def sleeper(duration_s: int) -> Callable[[], None]:
        def run() -> None:
            time.sleep(duration_s)
            woken_s[duration_s] = time.now_s()

        return run

    time.open_stream()
    threads = [_in_thread(sleeper(duration_s)) for duration_s in durations_s]
    pause = threading.Event()
    while len(time._waits) < len(durations_s):
        pause.wait(0.001)
    stream = Stream(time)
    assert all(_joined(thread) for thread in threads)
    time.close_stream()
    assert _joined(stream.thread)
    assert [moment_s for moment_s in stream.delivered_s if moment_s in durations_s] == sorted(durations_s)
    assert all(moment_s >= duration_s for duration_s, moment_s in woken_s.items())


def test_a_sleeper_wakes_only_when_the_stream_has_delivered_up_to_its_moment() -> None:
    time = VirtualTime()
    stream = Stream(time)
    for until_s in (0.3, 0.7, 2.5, 2.5001):
        time.sleep(until_s - time.now_s())
        assert time.now_s() == pytest.approx(until_s)
        assert max(stream.delivered_s) == pytest.approx(until_s)
    time.close_stream()
    assert _joined(stream.thread)


def test_a_stream_never_gets_further_than_the_earliest_sleeper() -> None:
    time = VirtualTime()
    stream = Stream(time)
    time.sleep(1.25)
    later = [moment_s for moment_s in stream.delivered_s if moment_s > 1.25]
    time.close_stream()
    assert later == []
    assert _joined(stream.thread)


def test_long_sleeps_are_delivered_in_steps() -> None:
    time = VirtualTime()
    stream = Stream(time)
    time.sleep(10.0)
    time.close_stream()
    assert _joined(stream.thread)
    steps_s = [late - early for early, late in zip(stream.delivered_s, stream.delivered_s[1:], strict=False)]
    assert max(steps_s) <= 0.5
    assert sum(steps_s) == pytest.approx(10.0)


def test_closing_the_stream_lets_a_waiting_one_go_where_it_is() -> None:
    time = VirtualTime()
    stream = Stream(time)
    time.sleep(1.0)
    time.close_stream()
    assert _joined(stream.thread)
    assert stream.delivered_s[-1] == 1.0
    time.sleep(1.0)
    assert time.now_s() == 2.0


def test_time_stands_still_while_nobody_sleeps() -> None:
    time = VirtualTime()
    stream = Stream(time)
    time.sleep(0.5)
    for _ in range(1000):
        assert time.now_s() == 0.5
    time.close_stream()
    assert _joined(stream.thread)

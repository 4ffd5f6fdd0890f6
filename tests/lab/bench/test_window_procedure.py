"""The procedure of a window: its steps in order, and what is done and kept when one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from noting_bench import NotingBench, models, noting_bench, profile

from hardware.errors import (
    AdbLost,
    CommandFailed,
    HardwareError,
    MeterFault,
    NotCalibrated,
    OverCurrent,
    PassthroughStuck,
    SettingRefused,
    UsbLost,
)
from hardware.meter import Glimpse, Passthrough
from hardware.phone import QueuedModel
from lab.analysis.window import analyse
from lab.bench.procedure import WindowRun, WindowTimes, run_window

PROFILE = profile()
UNPLUGGED = ["stage", "read clock", "sampling begins", "start queue", "USB off", "wait gone"]
PLUGGED_IN = ["USB on", "wait back"]
WHOLE = [*UNPLUGGED, *PLUGGED_IN, "read clock", "sampling ends", "output v", "collect"]


@pytest.fixture(scope="module")
def opened() -> Iterator[NotingBench]:
    with noting_bench() as noting:
        yield noting


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> list[QueuedModel]:
    return models(Path(tmp_path_factory.mktemp("models")))


@pytest.fixture
def noting(opened: NotingBench) -> Iterator[NotingBench]:
    yield NotingBench(opened.real)
    opened.real.meter.set_passthrough(Passthrough.ON)
    opened.real.phone.wait_back(60.0)


def lost(kind: type[HardwareError] = AdbLost) -> HardwareError:
    return kind("phone 98AY", "test", "it failed on purpose", "Nothing.")


def run(noting: NotingBench, queue: list[QueuedModel], watcher: Callable[[float], None] = lambda s: None) -> WindowRun:
    return run_window(noting.bench, queue, PROFILE, watcher)


def test_a_window_takes_its_steps_in_order_and_brings_what_the_analysis_needs(
    noting: NotingBench, queue: list[QueuedModel]
) -> None:
    told_s: list[float] = []
    began_s = noting.real.clock.now_s()
    done = run(noting, queue, told_s.append)
    assert noting.steps == WHOLE
    assert (done.failure, done.recoveries) == (None, [])
    assert done.raw is not None
    assert done.trace is not None
    assert done.raw.packets == done.packets
    assert (done.n_samples, done.n_dropped) == (done.trace.n_total, 0)
    assert done.raw.model_sha256 == tuple(model.sha256 for model in queue)
    assert done.raw.meter_kind == "hvpm"
    assert done.raw.supply_v == pytest.approx(PROFILE.supply.voltage_v, abs=1e-5)
    assert done.raw.calibration == noting.real.meter.info.calibration
    before, after = done.raw.clock_before, done.raw.clock_after
    times = done.times
    assert began_s == times.started_s < before.host_s < done.raw.sampling_started_s < times.unplugged_s < after.host_s
    assert before.host_s < began_s + times.push_s <= done.raw.sampling_started_s
    assert times.ended_s == noting.real.clock.now_s()
    assert times.duration_s == times.ended_s - times.started_s
    assert 0 < times.reconnect_s < after.host_s - times.unplugged_s
    # Once a second, of what there is between the proof that USB is off and the end of the queue.
    assert [later - earlier for earlier, later in pairwise(told_s)] == pytest.approx(
        [1.0] * (len(told_s) - 1), abs=0.05
    )
    assert told_s[0] == pytest.approx(1.0, abs=0.05)
    assert [visit.outcome for visit in analyse(done.raw, PROFILE, done.trace).visits] == ["accepted", "accepted"]


@pytest.mark.parametrize(
    ("step", "steps"),
    [
        ("stage", ["stage"]),
        ("start queue", [*UNPLUGGED[:4], "stop queue", "sampling ends"]),
        ("USB off", [*UNPLUGGED[:5], "stop queue", "sampling ends"]),
        ("wait gone", [*UNPLUGGED, *PLUGGED_IN, "stop queue", "sampling ends"]),
        ("collect", WHOLE),
    ],
)
def test_a_step_that_fails_for_the_moment_is_a_failed_window_and_what_was_begun_is_ended(
    noting: NotingBench, queue: list[QueuedModel], step: str, steps: list[str]
) -> None:
    error = lost()
    noting.fail(step, error)
    done = run(noting, queue)
    assert noting.steps == steps
    assert done.failure is error
    assert done.raw is None
    assert (done.packets != b"") == ("sampling ends" in steps and done.n_samples > 0)
    assert done.times.ended_s == noting.real.clock.now_s()
    assert not hasattr(error, "__notes__")


def test_a_window_that_ends_at_its_first_step_spent_no_time_on_the_others(
    noting: NotingBench, queue: list[QueuedModel]
) -> None:
    noting.fail("stage", lost())
    now_s = noting.real.clock.now_s()
    done = run(noting, queue)
    assert done.times == WindowTimes(now_s, 0.0, 0.0, 0.0, now_s)
    assert (done.packets, done.n_samples, done.n_dropped, done.recoveries) == (b"", 0, 0, [])
    assert WindowTimes().duration_s == 0.0


def test_a_clock_that_cannot_be_read_afterwards_fails_the_window_and_its_packets_are_kept(
    noting: NotingBench, queue: list[QueuedModel]
) -> None:
    error = lost(CommandFailed)
    noting.instead["USB on"] = lambda: noting.fail("read clock", error)
    done = run(noting, queue)
    assert noting.steps == [*WHOLE[:9], "stop queue", "sampling ends"]
    assert done.failure is error
    assert len(done.packets) > 0
    assert done.n_samples > 50_000
    assert (done.raw, done.trace) == (None, None)


def test_an_error_that_a_person_must_see_is_raised_when_all_is_given_back(
    noting: NotingBench, queue: list[QueuedModel]
) -> None:
    error = lost(SettingRefused)
    noting.fail("wait gone", error)
    with pytest.raises(SettingRefused) as raised:
        run(noting, queue)
    assert raised.value is error
    assert noting.steps == [*UNPLUGGED, *PLUGGED_IN, "stop queue", "sampling ends"]


def test_ctrl_c_passes_usb_and_ends_the_queue_before_it_goes_on(noting: NotingBench, queue: list[QueuedModel]) -> None:
    def interrupted(second_s: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(noting, queue, interrupted)
    assert noting.steps == [*UNPLUGGED, *PLUGGED_IN, "stop queue", "sampling ends"]


def test_what_cannot_be_given_back_is_a_note_beside_the_first_error(
    noting: NotingBench, queue: list[QueuedModel]
) -> None:
    error = lost()
    noting.fail("wait gone", error)
    noting.fail("stop queue", lost(CommandFailed))
    noting.fail("USB on", lost(UsbLost))
    assert run(noting, queue).failure is error
    assert [note.split(":")[0] for note in error.__notes__] == [
        "And the phone did not come back",
        "The queue on the phone was not ended",
    ]


def test_a_phone_that_is_back_after_usb_was_off_and_on_is_a_recovery_of_a_whole_window(
    noting: NotingBench, queue: list[QueuedModel]
) -> None:
    error = lost()
    noting.fail("wait back", error, n_times=1)
    done = run(noting, queue)
    assert noting.steps == [*UNPLUGGED, *PLUGGED_IN, "USB off", "USB on", "wait back", *WHOLE[8:]]
    assert [(recovery.error, recovery.action) for recovery in done.recoveries] == [(error, "USB off and on")]
    assert done.raw is not None
    assert done.times.reconnect_s >= 2.0


def test_a_phone_that_stays_away_fails_the_window_with_all_that_was_tried(
    noting: NotingBench, queue: list[QueuedModel]
) -> None:
    error = lost()
    noting.fail("wait back", error)
    done = run(noting, queue)
    assert done.failure is error
    assert noting.steps[-2:] == ["stop queue", "sampling ends"]
    assert "USB off and on, adb reconnected, adb server restarted" in error.__notes__[0]
    assert done.recoveries == []


def see(noting: NotingBench, n_before: int = 0, **change: Any) -> None:
    """From some glimpse on the recording shows something else."""
    noting.see = lambda n, glimpse: replace(glimpse, **change) if n >= n_before else glimpse


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"calibrated": False}, NotCalibrated, "none in 20 s"),
        ({"usb_v": 0.51}, PassthroughStuck, "still shows 0.51 V"),
        ({"usb_v": 5.0, "calibrated": False}, NotCalibrated, "none in 20 s"),
    ],
)
def test_samples_and_a_dead_usb_line_are_waited_for_twenty_seconds(
    noting: NotingBench, queue: list[QueuedModel], change: dict[str, Any], kind: type[HardwareError], said: str
) -> None:
    see(noting, **change)
    done = run(noting, queue)
    assert isinstance(done.failure, kind)
    assert said in str(done.failure)
    assert done.failure.hint
    assert noting.steps == [*UNPLUGGED, *PLUGGED_IN, "stop queue", "sampling ends"]
    plugged_s = done.times.ended_s - done.times.unplugged_s
    assert 20.0 <= plugged_s <= 32.0


def test_a_usb_line_that_dies_in_those_seconds_is_dead(noting: NotingBench, queue: list[QueuedModel]) -> None:
    noting.see = lambda n, glimpse: replace(glimpse, usb_v=5.0) if n < 22 else glimpse
    assert run(noting, queue).failure is None


@pytest.mark.parametrize("n_before", [0, 18], ids=["while waiting", "while watching"])
def test_the_protection_flag_stops_for_user_at_once(
    noting: NotingBench, queue: list[QueuedModel], n_before: int
) -> None:
    see(noting, n_before, over_current=True)
    with pytest.raises(OverCurrent) as raised:
        run(noting, queue)
    assert "short" in raised.value.hint
    assert noting.steps == [*UNPLUGGED, *PLUGGED_IN, "stop queue", "sampling ends"]


@pytest.mark.parametrize("n_before", [0, 18], ids=["while waiting", "while watching"])
def test_an_output_that_is_not_where_it_was_set_stops_for_user(
    noting: NotingBench, queue: list[QueuedModel], n_before: int
) -> None:
    see(noting, n_before, supply_v=4.0)
    with pytest.raises(MeterFault, match=r"4\.00 V where 4\.20 V is set"):
        run(noting, queue)
    assert noting.steps[-4:] == [*PLUGGED_IN, "stop queue", "sampling ends"]


def test_before_calibration_the_output_is_not_judged(noting: NotingBench, queue: list[QueuedModel]) -> None:
    def early(n: int, glimpse: Glimpse) -> Glimpse:
        return replace(glimpse, supply_v=0.0, calibrated=False) if n < 15 else glimpse

    noting.see = early
    assert run(noting, queue).failure is None


@pytest.mark.parametrize("n_glimpses", [0, 18], ids=["while waiting", "while watching"])
def test_a_reader_that_fails_fails_the_window(noting: NotingBench, queue: list[QueuedModel], n_glimpses: int) -> None:
    error = lost(UsbLost)
    noting.fails = (n_glimpses, error)
    done = run(noting, queue)
    assert done.failure is error
    assert noting.steps == [*UNPLUGGED, *PLUGGED_IN, "stop queue", "sampling ends"]


def test_a_reader_that_fails_when_the_queue_is_done_fails_the_window_and_its_packets_are_kept(
    noting: NotingBench, queue: list[QueuedModel]
) -> None:
    error = lost(UsbLost)
    noting.instead["USB on"] = lambda: setattr(noting, "fails", (0, error))
    done = run(noting, queue)
    assert (done.failure, done.raw, done.trace) == (error, None, None)
    assert noting.steps == WHOLE[:10]
    assert len(done.packets) > 0


def test_a_power_that_no_longer_changes_ends_the_window_early_and_what_was_measured_is_brought_back(
    noting: NotingBench, queue: list[QueuedModel]
) -> None:
    noting.see = lambda n, glimpse: replace(glimpse, current_a=0.15, recent_a=())
    done = run(noting, queue)
    assert noting.steps == WHOLE
    assert done.raw is not None
    assert 150.0 <= done.raw.clock_after.host_s - done.times.unplugged_s <= 175.0


def test_a_queue_that_never_ends_is_given_a_minute_and_the_longest_time_of_each_model(
    noting: NotingBench, queue: list[QueuedModel]
) -> None:
    noting.see = lambda n, glimpse: replace(glimpse, current_a=0.15 + 0.2 * (n % 2), recent_a=())
    done = run(noting, queue[:1])
    longest_s = 60.0 + PROFILE.tool.limit_s + PROFILE.window.gap_s + 1.0
    assert done.raw is not None
    assert longest_s <= done.raw.clock_after.host_s - done.times.unplugged_s <= longest_s + 20.0

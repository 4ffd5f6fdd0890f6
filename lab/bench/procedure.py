"""One window: many models on the phone, USB cut once, one continuous recording. Reads like the procedure.

push the queue -> read the phone's clock -> start sampling -> start the queue -> cut USB -> watch the power
-> pass USB -> wait for the phone -> read its clock -> bring back the journal
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from hardware.bench import Bench
from hardware.clock import Deadline
from hardware.errors import (
    HardwareError,
    MeterFault,
    NotCalibrated,
    OverCurrent,
    PassthroughStuck,
    TransientError,
)
from hardware.meter import Glimpse, Passthrough, Recording, Trace
from hardware.phone import ClockReading, QueuedModel
from lab.analysis.raw_window import RawWindow
from lab.bench.power_watch import PowerWatch, Sight
from lab.bench.recovery import Recovery, wait_back
from lab.profile.profile import BenchProfile

log = logging.getLogger(__name__)

_LEAVE_TIMEOUT_S = 15.0
_CALIBRATION_TIMEOUT_S = 20.0
_WATCH_PERIOD_S = 1.0
_STARTED_TIMEOUT_S = 60.0

Watcher = Callable[[float], None]


@dataclass
class WindowTimes:
    """Bench seconds that the steps of a window took."""

    started_s: float = 0.0
    push_s: float = 0.0
    unplugged_s: float = 0.0
    reconnect_s: float = 0.0
    ended_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return self.ended_s - self.started_s


@dataclass
class WindowRun:
    """A window as it was recorded, whole or up to where it failed.

    Attributes:
        raw: everything that the analysis needs; None if the window failed.
        trace: its samples, decoded; None if the window failed.
        packets: what the meter had sent, kept also of a failed window.
        recoveries: what went wrong and was put right by itself.
        n_samples, n_dropped: that the meter took, and of those lost; known of a failed window too.
    """

    times: WindowTimes = field(default_factory=WindowTimes)
    raw: RawWindow | None = None
    trace: Trace | None = None
    failure: HardwareError | None = None
    packets: bytes = b""
    recoveries: list[Recovery] = field(default_factory=list)
    n_samples: int = 0
    n_dropped: int = 0


def run_window(
    bench: Bench, models: Sequence[QueuedModel], profile: BenchProfile, watcher: Watcher = lambda s: None
) -> WindowRun:
    """Measure a queue of models.

    Args:
        bench: open, the phone prepared.
        profile: timing, flags and limits.
        watcher: told the seconds since USB was cut, about once a second.

    Returns:
        The window. A device that failed for the moment is in `failure`, with what was read until then.

    Raises:
        StableError: something that a user must put right.
    """
    run = WindowRun()
    run.times.started_s = bench.clock.now_s()
    try:
        run.raw = _procedure(bench, models, profile, watcher, run)
    except TransientError as error:
        log.warning("the window failed: %s", error)
        run.failure = error
    finally:
        run.times.ended_s = bench.clock.now_s()
    return run


def _procedure(
    bench: Bench, models: Sequence[QueuedModel], profile: BenchProfile, watcher: Watcher, run: WindowRun
) -> RawWindow:
    clock, times = bench.clock, run.times
    bench.phone.stage(models, profile.lock, profile.flags, profile.timing)
    before = bench.phone.read_clock()
    times.push_s = clock.now_s() - times.started_s
    recording: Recording | None = None
    try:
        with bench.meter.recording() as recording:
            try:
                bench.phone.start_queue()
                with unplugged(bench, profile, times, run.recoveries):
                    wait_until_sampling(bench, recording, profile)
                    _watch(bench, recording, len(models), profile, watcher)
                after = bench.phone.read_clock()
            except BaseException as error:
                _stop_queue_beside(bench, error)
                raise
    except BaseException as error:
        # Not before the reader has ended: how far it was at the moment of the error is a race.
        if recording is not None:
            run.packets = recording.raw()
            if isinstance(error, HardwareError):
                _count(run, recording.trace())
        raise
    run.packets = recording.raw()
    if recording.failure is not None:
        raise recording.failure
    run.trace = recording.trace()
    _count(run, run.trace)
    return _raw(bench, recording, (before, after), models, run.packets)


def _count(run: WindowRun, trace: Trace) -> None:
    run.n_samples, run.n_dropped = trace.n_total, trace.n_dropped


def _stop_queue_beside(bench: Bench, error: BaseException) -> None:
    """End what still runs on the phone while an error is on its way; the next window does it if this fails."""
    try:
        bench.phone.stop_queue()
    except HardwareError as failure:
        error.add_note(f"The queue on the phone was not ended: {failure}")


def _raw(
    bench: Bench,
    recording: Recording,
    clocks: tuple[ClockReading, ClockReading],
    models: Sequence[QueuedModel],
    packets: bytes,
) -> RawWindow:
    return RawWindow(
        meter_kind=bench.meter.info.kind,
        sampling_started_s=recording.started_s,
        clock_before=clocks[0],
        clock_after=clocks[1],
        calibration=bench.meter.info.calibration,
        supply_v=bench.meter.output_v(),
        model_sha256=tuple(model.sha256 for model in models),
        archive=bench.phone.collect(),
        packets=packets,
    )


@contextmanager
def unplugged(
    bench: Bench, profile: BenchProfile, times: WindowTimes, recoveries: list[Recovery] | None = None
) -> Iterator[None]:
    """The phone without USB; it is passed again at the end of the block, and the phone waited for.

    Args:
        profile: how long to wait.
        recoveries: gets what had to be done to have the phone back.
    """
    clock = bench.clock
    recoveries = [] if recoveries is None else recoveries
    bench.meter.set_passthrough(Passthrough.OFF)
    times.unplugged_s = clock.now_s()
    try:
        bench.phone.wait_gone(_LEAVE_TIMEOUT_S)
        yield
    except BaseException as error:
        try:
            _plug_in(bench, profile, recoveries)
        except HardwareError as failure:
            error.add_note(f"And the phone did not come back: {failure}")
        raise
    back_s = clock.now_s()
    _plug_in(bench, profile, recoveries)
    times.reconnect_s = clock.now_s() - back_s


def _plug_in(bench: Bench, profile: BenchProfile, recoveries: list[Recovery]) -> None:
    bench.meter.set_passthrough(Passthrough.ON)
    recoveries += wait_back(bench, profile.window.reconnect_timeout_s)


def wait_until_sampling(bench: Bench, recording: Recording, profile: BenchProfile) -> Glimpse:
    """Wait for calibrated samples, and for the USB channel to prove that USB is off; the only such wait there is.

    Returns:
        What the meter saw then.

    Raises:
        OverCurrent: the meter's protection has switched the output off.
        MeterFault: the output is not where it was set; above the ceiling it is switched off.
        NotCalibrated, PassthroughStuck: in vain.
    """
    deadline = Deadline(bench.clock, _CALIBRATION_TIMEOUT_S)
    name = f"meter {bench.meter.info.serial}"
    while True:
        if recording.failure is not None:
            raise recording.failure
        glimpse = recording.glimpse()
        _check_protection(bench, glimpse)
        if glimpse.calibrated:
            check_output(bench, glimpse.supply_v, profile)
        if glimpse.calibrated and glimpse.usb_v < profile.gates.max_usb_v:
            return glimpse
        if deadline.passed and not glimpse.calibrated:
            raise NotCalibrated(
                name,
                "wait for calibration",
                f"none in {_CALIBRATION_TIMEOUT_S:g} s",
                "Power-cycle the meter.",
            )
        if deadline.passed:
            raise PassthroughStuck(
                name,
                "cut USB",
                f"the USB channel still shows {glimpse.usb_v:.2f} V",
                "Is the phone's cable in the meter's USB port, not the computer's? Try `lab doctor --passthrough`.",
            )
        bench.clock.sleep(0.5)


def _check_protection(bench: Bench, glimpse: Glimpse) -> None:
    if glimpse.over_current:
        raise OverCurrent(
            f"meter {bench.meter.info.serial}",
            "sample",
            "the over-current or thermal flag is set: the output is off",
            "Look for a short or a hot meter before switching on again.",
        )


def check_output(bench: Bench, measured_v: float, profile: BenchProfile) -> None:
    """Hold the measured output against its setting; above the ceiling it is switched off.

    Raises:
        MeterFault: the output is not where it was set.
    """
    if measured_v > profile.supply.ceiling_v:
        bench.meter.set_voltage(0.0)
        seen = f"{measured_v:.2f} V is above the ceiling of {profile.supply.ceiling_v:.2f} V; the output is off"
    elif abs(measured_v - profile.supply.voltage_v) > profile.gates.max_sag_v:
        seen = f"{measured_v:.2f} V where {profile.supply.voltage_v:.2f} V is set"
    else:
        return
    raise MeterFault(
        f"meter {bench.meter.info.serial}",
        "hold the output",
        seen,
        "Check the leads to the phone's battery terminals, and the meter's calibration.",
    )


def _watch(bench: Bench, recording: Recording, n_models: int, profile: BenchProfile, watcher: Watcher) -> None:
    """Watch the power until the queue is done."""
    clock = bench.clock
    began_s = clock.now_s()
    watch = PowerWatch(profile.window.pulse_s, profile.window.gap_s, n_models)
    longest = Deadline(clock, _STARTED_TIMEOUT_S + n_models * (profile.tool.limit_s + profile.window.gap_s + 1.0))
    while True:
        clock.sleep(_WATCH_PERIOD_S)
        if recording.failure is not None:
            raise recording.failure
        glimpse = recording.glimpse()
        _check_protection(bench, glimpse)
        sight = watch.see(clock.now_s(), glimpse)
        if sight is Sight.DONE:
            return
        if sight is Sight.STUCK or longest.passed:
            log.warning("no change of power for long: the window is ended early")
            return
        check_output(bench, glimpse.supply_v, profile)
        watcher(clock.now_s() - began_s)

"""What a phone is to the rest of the project: a Protocol and the values that cross it.

The phone runs a queue of models by itself while its USB is cut. Driver: `pixel`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class PhoneInfo:
    """Which phone it is, and what runs on it."""

    serial: str
    model: str
    build_fingerprint: str
    simulated: bool


@dataclass(frozen=True)
class ClockLock:
    """A core and the clock it is held at.

    Attributes:
        policy: cpufreq policy that the core belongs to, e.g. "policy7".
    """

    name: str
    core: int
    policy: str
    freq_khz: int

    @property
    def mask(self) -> str:
        """Affinity mask for taskset, hexadecimal."""
        return f"{1 << self.core:x}"


# Pixel 4 XL. cpu7 stays at 1,804,800 kHz up to 44 degrees of skin temperature by its thermal configuration
# (android_device_google_coral, thermal-engine-coral-normal_mode.conf); the paper measured at the top clock.
PIXEL_4_XL_LOCKS: dict[str, ClockLock] = {
    "paper": ClockLock("paper", 7, "policy7", 2841600),
    "cool": ClockLock("cool", 7, "policy7", 1804800),
    "gold": ClockLock("gold", 4, "policy4", 2419200),
}


@dataclass(frozen=True)
class ToolFlags:
    """How the benchmark tool is called.

    Attributes:
        min_secs, min_runs: measured part: at least so long and at least so many inferences.
        max_secs: but no longer than this.
        warmup_secs: at least so long before the measured part.
        limit_s: the tool is killed after this.
    """

    path: str
    min_secs: float
    min_runs: int
    max_secs: float
    warmup_secs: float
    use_xnnpack: bool
    limit_s: float


@dataclass(frozen=True)
class QueueTiming:
    """Pauses and marks of a window.

    Attributes:
        settle_s: after USB has gone, before the first mark.
        gap_s: idle time before each run; the baseline is taken from it.
        chip_s: length of a chip of the sync code.
        pulse_s: length of the pulse that says that the queue is done.
        max_skin_c: the phone waits until it is no warmer than this.
    """

    settle_s: float
    gap_s: float
    chip_s: float
    pulse_s: float
    max_skin_c: float


@dataclass(frozen=True)
class QueuedModel:
    """A model file to run; its name on the phone is its hash."""

    sha256: str
    path: Path


@dataclass(frozen=True)
class RunReport:
    """What the phone says of one run.

    Attributes:
        began_s, ended_s: stamps around the tool's process, phone wall clock.
        exit_code: of the tool; 124 if it was killed at its time limit.
        output: what the tool printed.
        log: (stamp, text) of the tool's lines in logcat.
        residency_s: seconds at each clock (kHz) between the two snapshots.
    """

    number: int
    began_s: float
    ended_s: float
    exit_code: int
    output: str
    log: tuple[tuple[float, str], ...]
    temp_before_c: float
    temp_after_c: float
    residency_s: dict[int, float]


@dataclass(frozen=True)
class SyncCode:
    """One sync code as the phone ran it: (stamp, busy) of each chip, and the stamp after the last."""

    chips: tuple[tuple[float, bool], ...]
    ended_s: float


@dataclass(frozen=True)
class QueueReport:
    """What the phone brings back from a window.

    Attributes:
        codes: the sync codes that it got to, by name: "first", "last".
        runs: by number; runs that were not reached are absent.
        exit_code: of the runner: 0 done, 3 USB was never cut; None if it did not get to its end.
        unfinished: number of the run that was begun and did not end; None if there is none.
    """

    codes: dict[str, SyncCode]
    runs: dict[int, RunReport]
    exit_code: int | None
    unfinished: int | None = None


@dataclass(frozen=True)
class ClockReading:
    """The phone's wall clock read from the host: both clocks at one moment, known to half the round trip."""

    phone_utc_s: float
    host_s: float
    half_round_trip_s: float


class Phone(Protocol):
    """A phone that is rooted and reachable."""

    @property
    def info(self) -> PhoneInfo:
        """Who the device is; see the fields."""
        ...

    def prepared(self, lock: ClockLock) -> AbstractContextManager[Mapping[str, str]]:
        """Quiet the phone and lock its clock; everything is given back at the end of the block.

        Yields:
            The settings as they were before.
        """
        ...

    def read_clock(self) -> ClockReading:
        """Both clocks at one moment."""
        ...

    def stage(self, models: Sequence[QueuedModel], lock: ClockLock, flags: ToolFlags, timing: QueueTiming) -> None:
        """Put a queue on the phone and prove that the files arrived whole."""
        ...

    def start_queue(self) -> None:
        """Start the queue, detached: it goes on when USB is cut."""
        ...

    def stop_queue(self) -> None:
        """End a queue that is still running; nothing happens if there is none."""
        ...

    def collect(self) -> bytes:
        """Bring back what the queue left, as an archive that `runner_journal.read_report` reads."""
        ...

    def tool_sha256(self, path: str) -> str:
        """Hash of the benchmark tool on the phone."""
        ...

    def put_tool(self, content: bytes, path: str) -> None:
        """Put the benchmark tool on the phone, executable."""
        ...

    def give_back_leftovers(self) -> list[str]:
        """Restore what a crash left changed."""
        ...

    def has_leftovers(self) -> bool:
        """Settings that were changed and not given back are noted on the phone."""
        ...

    def hold(self, lock: ClockLock) -> list[str]:
        """Inside `prepared`: make again what a restart of the phone or a meddler has undone; names of the settings."""
        ...

    def boot_id(self) -> str:
        """A text that is another one after each start of the phone."""
        ...

    def reconnect(self) -> None:
        """Have the computer's adb server connect anew to what it holds for broken."""
        ...

    def restart_server(self) -> None:
        """End the computer's adb server and start it anew."""
        ...

    def wait_gone(self, timeout_s: float) -> None:
        """Wait until the phone has left adb."""
        ...

    def wait_back(self, timeout_s: float) -> None:
        """Wait until the phone answers over adb."""
        ...

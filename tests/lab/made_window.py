"""Windows whose energies are known: a trace drawn by hand, and the journal that a phone would bring back with it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hardware.meter import Trace
from hardware.phone import ClockReading
from lab.analysis.raw_window import RawWindow
from lab.profile.profile import BenchProfile, load_profile

RATE_HZ, SUPPLY_V = 5000.0, 4.2
IDLE_W, CODE_W = 0.6, 1.3
# The phone's clock at the moment that is OFFSET_S in the trace.
EPOCH_S, OFFSET_S = 1_767_225_600.0, 4.0
SAMPLING_STARTED_S = 100.0
HALF_ROUND_TRIP_S = 0.005
BARKER = (True, True, True, False, False, True, False)
CHIP_S, GAP_S = 0.1, 0.35
FIRST_CODE_S = 2.0
# From the beginning of a run to the measured part, and from its end to the end of the run.
WARM_UP_S, CLOSING_S = 0.3, 0.02
LOCK_KHZ = 2_841_600
OLD_SHA, NEW_SHA = "a" * 64, "b" * 64


def profile() -> BenchProfile:
    """The simulated bench's, with the timing of the windows made here."""
    shipped = load_profile("simulated")
    return replace(
        shipped,
        phone=shipped.phone.model_copy(update={"lock": "paper"}),
        window=shipped.window.model_copy(update={"gap_s": GAP_S}),
        tool=shipped.tool.model_copy(update={"min_secs": 1.5}),
    )


@dataclass(frozen=True)
class MadeRun:
    """A run of a model: its power, what the tool says of it, and what of it is missing.

    Attributes:
        ended: the journal has its end.
        log: names of the tool's lines in logcat: R "Running benchmark", C "count=".
    """

    level_w: float = 1.4
    measured_s: float = 1.6
    latency_ms: float = 2.0
    exit_code: int = 0
    output: str | None = None
    ended: bool = True
    log: str = "RCRC"
    temp_c: float = 30.0

    @property
    def n_runs(self) -> int:
        return round(self.measured_s / self.latency_ms * 1e3)

    @property
    def printed(self) -> str:
        mean_us = self.latency_ms * 1e3
        line = f"count={self.n_runs} first={mean_us:g} min={mean_us:g} max={mean_us:g} avg={mean_us:g} std=4\n"
        return line * 2 if self.output is None else self.output


class MadeWindow:
    """A window of runs. Moments are seconds of the phone since EPOCH_S; `power_w` and `usb_v` may be drawn over.

    Attributes:
        began_s, measured_s: of each run: its beginning, and the measured part (start, end).
        last_code_s: when the last sync code begins.
    """

    def __init__(self, *runs: MadeRun) -> None:
        self.runs = runs or (MadeRun(), MadeRun(level_w=2.0, latency_ms=4.0))
        self.began_s: list[float] = []
        self.measured_s: list[tuple[float, float]] = []
        at_s = FIRST_CODE_S + len(BARKER) * CHIP_S
        for run in self.runs:
            at_s += GAP_S
            self.began_s.append(at_s)
            start_s = at_s + WARM_UP_S
            self.measured_s.append((start_s, start_s + run.measured_s))
            at_s = start_s + run.measured_s + CLOSING_S
        self.last_code_s = at_s + GAP_S
        self.ended_s = self.last_code_s + len(BARKER) * CHIP_S
        n = round((OFFSET_S + self.ended_s + 1.0) * RATE_HZ)
        self.power_w = np.full(n, IDLE_W)
        self.usb_v = np.full(n, 0.02)
        self.supply_v = np.full(n, SUPPLY_V)
        self.codes = ["first", "last"]
        for start_s in (FIRST_CODE_S, self.last_code_s):
            for i in np.flatnonzero(BARKER):
                self.draw(start_s + i * CHIP_S, start_s + (i + 1) * CHIP_S, CODE_W)
        for run, began_s, (_, end_s) in zip(self.runs, self.began_s, self.measured_s, strict=True):
            self.draw(began_s, end_s, run.level_w)

    def draw(self, start_s: float, end_s: float, level: float, on: np.ndarray | None = None) -> None:
        """Set the power (or another channel) between two moments of the phone."""
        low, high = (round((OFFSET_S + moment_s) * RATE_HZ) for moment_s in (start_s, end_s))
        (self.power_w if on is None else on)[low:high] = level

    def trace(self, without: tuple[float, float] | None = None) -> Trace:
        """The recording; the samples between two moments of the phone may be missing."""
        index = np.arange(len(self.power_w))
        if without is not None:
            low, high = ((OFFSET_S + moment_s) * RATE_HZ for moment_s in without)
            index = index[(index < low) | (index >= high)]
        return Trace(
            index=index,
            current_a=(self.power_w / self.supply_v)[index].astype(np.float32),
            supply_v=self.supply_v[index].astype(np.float32),
            usb_v=self.usb_v[index].astype(np.float32),
            rate_hz=RATE_HZ,
            n_total=len(self.power_w),
            n_dropped=0,
            n_calibrations=0,
            over_current=False,
        )

    def raw(self, adb_off_s: tuple[float, float] = (0.0, 0.0), archive: bytes | None = None) -> RawWindow:
        """What is kept of the window; `adb_off_s` is by how much the two clock readings are wrong."""
        before, after = (
            ClockReading(EPOCH_S + at_s, SAMPLING_STARTED_S + OFFSET_S + at_s + off_s, HALF_ROUND_TRIP_S)
            for at_s, off_s in zip((FIRST_CODE_S, self.ended_s), adb_off_s, strict=True)
        )
        return RawWindow(
            meter_kind="hvpm",
            sampling_started_s=SAMPLING_STARTED_S,
            clock_before=before,
            clock_after=after,
            calibration={},
            supply_v=SUPPLY_V,
            model_sha256=tuple(f"{i:064x}" for i in range(len(self.runs))),
            archive=packed(self.files()) if archive is None else archive,
            packets=b"",
        )

    def files(self) -> dict[str, str]:
        """What the phone's archive holds, by name."""
        files = {"journal": "".join(line + "\n" for line in self._journal())}
        for i, (run, measured_s) in enumerate(zip(self.runs, self.measured_s, strict=True)):
            files[f"out/{i}.txt"] = run.printed
            files[f"out/{i}.log"] = "".join(_log(run.log, (self.began_s[i] + 0.05, self.began_s[i] + 0.2), measured_s))
            files[f"out/{i}.temp0"] = files[f"out/{i}.temp1"] = str(round(run.temp_c * 1000))
            files[f"out/{i}.residency0"] = f"{LOCK_KHZ} 1000\n"
            files[f"out/{i}.residency1"] = f"{LOCK_KHZ} {1000 + round(run.measured_s * 100)}\n"
        return files

    def _journal(self) -> list[str]:
        lines = self._code("first", FIRST_CODE_S)
        for i, (run, began_s, (_, end_s)) in enumerate(zip(self.runs, self.began_s, self.measured_s, strict=True)):
            lines.append(f"begin {i} {_stamp(began_s)}")
            if run.ended:
                lines.append(f"end {i} {run.exit_code} {_stamp(end_s + CLOSING_S)}")
        return [*lines, *self._code("last", self.last_code_s)]

    def _code(self, name: str, start_s: float) -> list[str]:
        if name not in self.codes:
            return []
        chips = [f"chip {name} {int(busy)} {_stamp(start_s + i * CHIP_S)}" for i, busy in enumerate(BARKER)]
        return [*chips, f"chips {name} {_stamp(start_s + len(BARKER) * CHIP_S)}"]


def _stamp(moment_s: float) -> str:
    return f"{EPOCH_S + moment_s:.9f}"


def _log(names: str, warm_up_s: Sequence[float], measured_s: Sequence[float]) -> list[str]:
    stamps = iter((*warm_up_s, *measured_s))
    words = {"R": "Running benchmark for at least 1 iterations", "C": "count=800 avg=2000"}
    return [f"  {_stamp(next(stamps))}  311  311 I tflite  : {words[name]}\n" for name in names]


def packed(files: dict[str, str]) -> bytes:
    """A tar archive as the phone makes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()

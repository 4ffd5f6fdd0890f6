"""TFLite's `benchmark_model`: its command line, and what every known build prints.

Loop rule: `while (runs < num_runs or t < min_secs) and t <= max_secs`, so the number of inferences is what `count=`
says, not what was asked for. Unknown flags only warn, with exit code 0. (tensorflow/lite/tools/benchmark.)
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from hardware.phone import ToolFlags

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_COUNT = re.compile(r"\bcount=(\d{1,12})\b(.*)")
_STATISTIC = re.compile(rf"\b([a-z]\w*)=({_NUMBER})")
_SUMMARY = re.compile(r"(?:Average i|I)nference timings in us: (.*)")
_SUMMARY_ITEM = re.compile(rf"([A-Za-z][A-Za-z ()]*): ({_NUMBER})")
_LITERT_LINE = re.compile(rf"\bInference \(avg\):\s+({_NUMBER}) ms \((\d{{1,12}}) runs\)")
_FAILURE = re.compile(
    r"^(?:ERROR: |FATAL: )|Benchmarking failed|Aborted|Segmentation fault|inaccessible or not found|"
    r"can't execute|not executable"
)
_SAME_FRAC = 0.01
_UNCONSUMED = re.compile(r"Unconsumed cmdline flags: (.*)")
MISSING, NOT_EXECUTABLE, TIMED_OUT = 127, 126, 124
RUNNING, COUNTED = "Running benchmark for at least", "count="


@dataclass(frozen=True)
class ToolResult:
    """What a run of the tool reported.

    Attributes:
        n_runs: inferences in the measured part, from `count=`.
        latency_sd_ms: their standard deviation; 0 when the tool prints none.
    """

    n_runs: int
    latency_ms: float
    latency_sd_ms: float


class ToolFailureKind(StrEnum):
    """Why a run has no result; UNREADABLE: exit code 0, but it printed nothing that any known build prints."""

    REJECTED = "rejected"
    DIED = "died"
    TIMED_OUT = "timed out"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class ToolFailure:
    """Why a run has no result: REJECTED says that the tool refused the model."""

    kind: ToolFailureKind
    reason: str


def flag_line(flags: ToolFlags) -> str:
    """The tool's flags, the model apart, for one thread on whatever core taskset gave it."""
    return " ".join(
        [
            "--num_threads=1",
            f"--num_runs={flags.min_runs}",
            f"--min_secs={flags.min_secs:g}",
            f"--max_secs={flags.max_secs:g}",
            "--warmup_runs=1",
            f"--warmup_min_secs={flags.warmup_secs:g}",
            f"--use_xnnpack={'true' if flags.use_xnnpack else 'false'}",
        ]
    )


def read_output(output: str, exit_code: int) -> ToolResult | ToolFailure:
    """What the tool said.

    Args:
        output: its stdout and stderr, in any dialect from TF 1.x to LiteRT.
    """
    text = output.replace("\r", "")
    complaint = next((line.strip() for line in text.splitlines() if _FAILURE.search(line.strip())), "")
    if exit_code in (MISSING, NOT_EXECUTABLE):
        return ToolFailure(ToolFailureKind.MISSING, complaint or f"exit code {exit_code}")
    if exit_code == TIMED_OUT:
        return ToolFailure(ToolFailureKind.TIMED_OUT, "killed at its time limit")
    if exit_code == 1:
        return ToolFailure(ToolFailureKind.REJECTED, complaint or _tail(text))
    if exit_code != 0:
        return ToolFailure(ToolFailureKind.DIED, f"exit code {exit_code}: {complaint or _tail(text)}")
    if ignored := _UNCONSUMED.search(text):
        return ToolFailure(ToolFailureKind.UNREADABLE, f"this build does not know the flags {ignored[1].strip()}")
    return _result(text) or ToolFailure(ToolFailureKind.UNREADABLE, _tail(text))


def _tail(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it printed nothing"


def _result(text: str) -> ToolResult | None:
    counts = [(int(m[1]), dict(_STATISTIC.findall(m[2])), "all same" in m[2]) for m in _COUNT.finditer(text)]
    litert = _LITERT_LINE.search(text)
    if not counts:
        # benchmark_litert_model prints two decimals of a millisecond: only used where there is nothing finer.
        return ToolResult(int(litert[2]), float(litert[1]), 0.0) if litert else None
    n_runs, statistics, all_same = counts[-1]
    # The last inference is the mean where there was only one, or where all took as long.
    last_us = statistics.get("curr") if n_runs == 1 or all_same else None
    counted_us = statistics.get("avg") or last_us
    # A summary alone may have lost digits: every build says the mean in the count line too.
    mean_us = _mean_us(text) or float(counted_us or "nan")
    # A run whose statistics line is missing has only one count line: that of the warm-up.
    sd_us = float(statistics.get("std", 0.0))
    if len(counts) < 2 or n_runs < 1 or not 0 < mean_us < math.inf or not 0 <= sd_us < math.inf:
        return None
    if counted_us is None or not _consistent(mean_us, {name: float(value) for name, value in statistics.items()}):
        return None
    return ToolResult(n_runs, mean_us / 1e3, sd_us / 1e3)


def _consistent(mean_us: float, statistics: dict[str, float]) -> bool:
    """Whether what the count line says of the mean agrees with it: one may be printed with fewer digits."""
    slack_us = _SAME_FRAC * mean_us + 1.0
    average_us = statistics.get("avg", mean_us)
    low_us, high_us = statistics.get("min", mean_us), statistics.get("max", mean_us)
    return abs(average_us - mean_us) <= slack_us and low_us - slack_us <= mean_us <= high_us + slack_us


def _mean_us(text: str) -> float | None:
    summary = _SUMMARY.search(text)
    if summary is None:
        return None
    items = {name.strip(): float(value) for name, value in _SUMMARY_ITEM.findall(summary[1])}
    return next((items[k] for k in ("Inference (avg)", "Inference", "no stats") if k in items), None)

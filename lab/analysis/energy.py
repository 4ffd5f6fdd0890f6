"""Energy per inference of one run, from the power between two moments.

    energy_mj = power_w * latency_ms        (W * ms = mJ; Speckhard et al. 2023, section 2.3)

Power is the mean of current times voltage, sample by sample, over the inner part of the measured runs; latency is
what the benchmark tool reports. Standard errors come from the means of segments, because samples 200 us apart are
not independent. Mean power times time is used, not a sum over samples: calibrations and drops leave holes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from db.rows import EnergySpec
from hardware.android.benchmark_tool import ToolResult
from hardware.meter import FloatArray, Trace

ANALYSIS_VERSION = 1
N_SEGMENTS = 20
HEAD_S, TAIL_S = 0.100, 0.050
_OUTLIER_Z = 5.0
_MAD_TO_SD = 1.4826
_SMALLEST_SCALE_FRAC = 5e-4
_MIN_SAMPLES_A_SEGMENT = 20
# The tool counts whole microseconds.
_TOOL_RESOLUTION_MS = 0.0005


@dataclass(frozen=True)
class Interval:
    """A stretch of the trace, in seconds since the start of sampling."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class PowerMean:
    """Mean power of an interval.

    Attributes:
        power_w: mean of the segments that were kept.
        power_se_w: its standard error, from the spread of those segments and the scatter of the calibrations.
        n_segments, n_trimmed: all segments, and those left out as background wake-ups.
        trend_frac: change over the interval by a straight line, relative to the mean.
        dropped_frac: samples lost in the interval.
    """

    power_w: float
    power_se_w: float
    n_samples: int
    n_segments: int
    n_trimmed: int
    trend_frac: float
    dropped_frac: float


class TooFewSamples(Exception):
    """The interval holds too few samples for a mean with an error."""


def mean_power(trace: Trace, interval: Interval, n_segments: int = N_SEGMENTS) -> PowerMean:
    """Mean power over an interval, background wake-ups left out.

    Args:
        n_segments: into which it is cut.

    Raises:
        TooFewSamples: fewer than 20 samples a segment, or none in one.
    """
    part = trace.between(interval.start_s, interval.end_s)
    power_w = trace.power_in(part)
    index = trace.index[part]
    if len(index) < n_segments * _MIN_SAMPLES_A_SEGMENT:
        raise TooFewSamples(f"{len(index)} samples in {interval.duration_s:.2f} s")
    first = interval.start_s * trace.rate_hz
    segment = ((index - first) * (n_segments / (interval.duration_s * trace.rate_hz))).astype(np.int64)
    segment = np.clip(segment, 0, n_segments - 1)
    counts = np.bincount(segment, minlength=n_segments)
    if counts.min() == 0:
        raise TooFewSamples("a part of the run has no samples")
    means: FloatArray = np.bincount(segment, weights=power_w, minlength=n_segments) / counts
    kept = ~_outliers(means)
    n_kept = int(kept.sum())
    mean_w, spread_w = float(means[kept].mean()), float(means[kept].std(ddof=1))
    supply_v = float(trace.supply_v[part].mean())
    places = np.flatnonzero(kept) / n_segments
    slope = _slope(places, means[kept]) if n_kept > 2 else 0.0
    expected = interval.duration_s * trace.rate_hz
    return PowerMean(
        power_w=mean_w,
        power_se_w=math.hypot(spread_w / math.sqrt(n_kept), trace.zero_se_a * supply_v),
        n_samples=len(index),
        n_segments=n_segments,
        n_trimmed=n_segments - n_kept,
        trend_frac=slope / mean_w if mean_w > 0 else math.inf,
        dropped_frac=_dropped_frac(trace, expected, len(index)),
    )


def _slope(places: FloatArray, values: FloatArray) -> float:
    """Of the straight line of least squares. By sums, not by LAPACK, whose last bits depend on the processor."""
    centred = places - places.mean()
    return float((centred * (values - values.mean())).sum() / (centred**2).sum())


def _outliers(means: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Segments far above the rest; a wake-up only ever adds power."""
    middle = float(np.median(means))
    scale = _MAD_TO_SD * float(np.median(np.abs(means - middle)))
    scale = max(scale, _SMALLEST_SCALE_FRAC * abs(middle))
    return np.asarray((means - middle) / scale > _OUTLIER_Z)


def _dropped_frac(trace: Trace, expected: float, found: int) -> float:
    """Share of an interval's samples that are missing beyond calibrations, if the recording lost any at all."""
    if trace.n_dropped == 0:
        return 0.0
    calibrations = expected * trace.n_calibrations / max(1, trace.n_total)
    return max(0.0, (expected - found - calibrations - 2) / expected)


def idle_power(trace: Trace, gaps: list[Interval]) -> tuple[float, float]:
    """Idle power around a run and its standard error.

    Args:
        gaps: idle stretches before and after the run; each gives the median of ten parts.

    Raises:
        TooFewSamples: no gap holds enough samples.
    """
    parts = list[FloatArray]()
    for gap in gaps:
        power_w = trace.power_in(trace.between(gap.start_s, gap.end_s))
        if len(power_w) >= 10 * _MIN_SAMPLES_A_SEGMENT:
            usable = len(power_w) // 10 * 10
            parts.append(power_w[:usable].reshape(10, -1).mean(axis=1))
    if not parts:
        raise TooFewSamples("no idle stretch beside the run")
    medians = np.array([np.median(part) for part in parts])
    spread = float(np.mean([part.std(ddof=1) for part in parts])) / math.sqrt(10 * len(parts))
    between = float(medians.std(ddof=1)) / math.sqrt(len(parts)) if len(parts) > 1 else 0.0
    return float(medians.mean()), math.hypot(spread, between)


def energy_of(
    power: PowerMean, idle: tuple[float, float], tool: ToolResult, analysis_version: int = ANALYSIS_VERSION
) -> EnergySpec:
    """Energy per inference, with standard errors.

    `energy_mj` is power_w * latency_ms of the phone's whole power, `dynamic_energy_mj` with the idle power before and
    after the run taken off.

    Args:
        power: over the measured runs.
        idle: idle power and its standard error, in W.
        tool: what the benchmark tool reported.
        analysis_version: under which the record keeps it.
    """
    idle_w, idle_se_w = idle
    latency_sd_ms = max(tool.latency_sd_ms, _TOOL_RESOLUTION_MS)
    latency_se_ms = latency_sd_ms / math.sqrt(tool.n_runs)
    dynamic_w = power.power_w - idle_w
    dynamic_se_w = math.hypot(power.power_se_w, idle_se_w)
    return EnergySpec(
        analysis_version=analysis_version,
        power_w=power.power_w,
        idle_power_w=idle_w,
        latency_ms=tool.latency_ms,
        energy_mj=power.power_w * tool.latency_ms,
        energy_se_mj=math.hypot(power.power_se_w * tool.latency_ms, power.power_w * latency_se_ms),
        dynamic_energy_mj=dynamic_w * tool.latency_ms,
        dynamic_energy_se_mj=math.hypot(dynamic_se_w * tool.latency_ms, dynamic_w * latency_se_ms),
        n_samples=power.n_samples,
        n_segments=power.n_segments,
        n_segments_trimmed=power.n_trimmed,
    )


def student_t_95(degrees: int) -> float:
    """Two-sided 95 % quantile of Student's t, within 0.2 % from 2 degrees of freedom on.

    Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5); below 3 the exact values.
    """
    if degrees < 1:
        return math.inf
    if degrees < 3:
        return (12.7062, 4.3027)[degrees - 1]
    z = 1.959964
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / float(degrees) ** i for i, term in enumerate(terms))

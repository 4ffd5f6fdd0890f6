"""Lays the phone's clock beside the meter's, twice and independently.

First by the sync codes: the phone runs a pattern of load at stamped times, which is looked for in the power trace.
Second by adb: both clocks read in one round trip before USB is cut and one after it is back. The two must agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.meter import FloatArray, Trace
from hardware.phone import ClockReading, SyncCode

_COARSE_S = 0.004
_FINE_REACH_S = 0.008
_SPACING_SLACK_S = 0.060
_MIN_CORRELATION = 0.7
# Sample numbers for each sample that is there: with more holes than samples there is nothing to be found.
_MOST_HOLES = 2


class AlignmentFailed(Exception):
    """The codes are not in the trace, or the phone did not run them."""


@dataclass(frozen=True)
class ClockMap:
    """meter time = meter_s + rate * (phone time - phone_s).

    Attributes:
        phone_s: phone wall clock of a moment, in seconds since 1970.
        meter_s: the same moment in seconds since the start of sampling.
        rate: meter seconds per phone second.
        correlation: how well the codes were found, 1 is perfect; 1.0 for a map by adb.
    """

    phone_s: float
    meter_s: float
    rate: float
    correlation: float

    def to_meter(self, phone_s: float) -> float:
        """Seconds since the start of sampling at a moment of the phone's clock."""
        return self.meter_s + self.rate * (phone_s - self.phone_s)


def map_by_adb(before: ClockReading, after: ClockReading, sampling_started_s: float) -> ClockMap:
    """The map that two adb round trips give.

    Args:
        before, after: readings of both clocks, before USB was cut and after it was back.
        sampling_started_s: start of sampling on the host's clock.
    """
    rate = (after.host_s - before.host_s) / (after.phone_utc_s - before.phone_utc_s)
    return ClockMap(before.phone_utc_s, before.host_s - sampling_started_s, rate, 1.0)


def map_by_codes(trace: Trace, first: SyncCode, last: SyncCode) -> ClockMap:
    """The map that the two sync codes give.

    Args:
        first, last: the codes as the phone stamped them.

    Raises:
        AlignmentFailed: they are not in the trace.
    """
    spacing_s = last.chips[0][0] - first.chips[0][0]
    power = _binned(trace, _COARSE_S)
    longest_s = len(power) * _COARSE_S
    if not all(code.ended_s - code.chips[0][0] <= longest_s for code in (first, last)):
        raise AlignmentFailed("the recording is shorter than a sync code")
    scores_first = _correlate(power, _template(first, _COARSE_S))
    scores_last = _correlate(power, _template(last, _COARSE_S))
    shift, slack = round(spacing_s / _COARSE_S), round(_SPACING_SLACK_S / _COARSE_S)
    n = min(len(scores_first), len(scores_last) - shift - slack)
    if n <= slack:
        raise AlignmentFailed("the recording is shorter than the time between the sync codes")
    best_last = np.max(
        [scores_last[shift + d : shift + d + n] for d in range(-slack, slack + 1) if shift + d >= 0], axis=0
    )
    joint = scores_first[:n] + best_last[:n]
    at = int(np.argmax(joint))
    correlation = float(joint[at]) / 2
    if correlation < _MIN_CORRELATION:
        raise AlignmentFailed(f"the sync codes are not in the power trace (correlation {correlation:.2f})")
    near = scores_last[at + shift - slack : at + shift + slack + 1]
    first_s = _refine(trace, first, at * _COARSE_S)
    last_s = _refine(trace, last, (at + shift - slack + int(np.argmax(near))) * _COARSE_S)
    return ClockMap(first.chips[0][0], first_s, (last_s - first_s) / spacing_s, correlation)


def difference_ms(one: ClockMap, other: ClockMap, phone_s: float) -> float:
    """By how much two maps disagree about a moment."""
    return abs(one.to_meter(phone_s) - other.to_meter(phone_s)) * 1e3


def _binned(trace: Trace, bin_s: float) -> FloatArray:
    """Mean power in bins of `bin_s` from the start of sampling; bins without samples repeat the one before."""
    width = max(1, round(bin_s * trace.rate_hz))
    if not len(trace.index):
        raise AlignmentFailed("the recording is empty")
    if int(trace.index[-1]) > _MOST_HOLES * len(trace.index):
        raise AlignmentFailed("more than half of the samples are missing")
    bins = trace.index // width
    n_bins = int(bins[-1]) + 1
    counts = np.bincount(bins, minlength=n_bins)
    sums = np.bincount(bins, weights=trace.power_w, minlength=n_bins)
    filled = np.where(counts > 0, np.arange(n_bins), 0)
    means = sums / np.maximum(counts, 1)
    held: FloatArray = means[np.maximum.accumulate(filled)]
    return held


def _template(code: SyncCode, bin_s: float) -> FloatArray:
    """+1 where the phone was busy, -1 where it was idle, by its own stamps; mean zero."""
    start_s = code.chips[0][0]
    ends_s = [stamp for stamp, _ in code.chips[1:]] + [code.ended_s]
    values = np.full(max(1, round((code.ended_s - start_s) / bin_s)), -1.0)
    for (stamp, busy), end_s in zip(code.chips, ends_s, strict=True):
        values[round((stamp - start_s) / bin_s) : round((end_s - start_s) / bin_s)] = 1.0 if busy else -1.0
    if values.min() == values.max():
        raise AlignmentFailed("a sync code has no change of load")
    centred: FloatArray = values - values.mean()
    return centred


def _correlate(signal: FloatArray, template: FloatArray) -> FloatArray:
    """Correlation coefficient (n,) of the template with the signal from each position on."""
    if len(signal) < len(template):
        raise AlignmentFailed("the recording is shorter than a sync code")
    products = np.correlate(signal, template, "valid")
    sums = np.concatenate([[0.0], np.cumsum(signal)])
    squares = np.concatenate([[0.0], np.cumsum(signal**2)])
    width = len(template)
    total, square = sums[width:] - sums[:-width], squares[width:] - squares[:-width]
    spread = np.sqrt(np.maximum(square - total**2 / width, 1e-12))
    scores: FloatArray = products / (spread * np.sqrt((template**2).sum()))
    return scores


def _refine(trace: Trace, code: SyncCode, about_s: float) -> float:
    """The code's start to one sample, looked for around `about_s`."""
    sample_s = 1 / trace.rate_hz
    template = _template(code, sample_s)
    reach = round(_FINE_REACH_S * trace.rate_hz)
    begin = max(0, round(about_s * trace.rate_hz) - reach)
    end = begin + len(template) + 2 * reach
    part = trace.between(begin * sample_s, end * sample_s)
    segment: NDArray[np.float64] = np.interp(np.arange(begin, end), trace.index[part], trace.power_in(part))
    return (begin + int(np.argmax(_correlate(segment, template)))) * sample_s

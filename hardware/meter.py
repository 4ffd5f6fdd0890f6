"""What a power meter is to the rest of the project: a Protocol and the values that cross it.

A meter feeds the phone (main output), passes or cuts the phone's USB, and samples current and voltage.
Drivers: `monsoon_hvpm`, `monsoon_lvpm`.
"""

from __future__ import annotations

import enum
import math
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Passthrough(enum.IntEnum):
    """USB passthrough; the values are the wire codes of both meters. Auto (2) is never used: it hides state."""

    OFF = 0
    ON = 1


@dataclass(frozen=True)
class SupplyLimits:
    """What the output may be set to, from the bench profile. Enforced next to the wire.

    Attributes:
        ceiling_v: no call can set more than this.
        floor_v: no call can set less than this, other than 0 (off).
        power_up_limit_a: largest inrush limit that may be set.
        run_limit_a: largest run-time limit that may be set.
    """

    ceiling_v: float
    floor_v: float
    power_up_limit_a: float
    run_limit_a: float


@dataclass(frozen=True)
class MeterInfo:
    """Which meter it is.

    Attributes:
        calibration: the unit's own calibration constants as read from it, by name.
    """

    kind: str
    serial: str
    firmware: int
    simulated: bool
    calibration: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """A decoded recording: one entry a measurement, calibrated, holes left out.

    Attributes:
        index: (n,) int64, sample number since the start of sampling; time is `index / rate_hz`. Gaps are
            calibration samples and drops.
        current_a, supply_v, usb_v: (n,) float32, main current, main voltage, USB voltage.
        rate_hz: samples per second of the meter's own clock.
        n_total: samples the meter took: measurements, calibrations and drops.
        n_dropped: samples the meter lost because the host was late.
        over_current: the protection flag was seen.
        zero_se_a: standard error of the current's zero, from the scatter of the zero calibrations.
    """

    index: NDArray[np.int64]
    current_a: NDArray[np.float32]
    supply_v: NDArray[np.float32]
    usb_v: NDArray[np.float32]
    rate_hz: float
    n_total: int
    n_dropped: int
    n_calibrations: int
    over_current: bool
    zero_se_a: float = 0.0

    @property
    def power_w(self) -> NDArray[np.float32]:
        """(n,) main power, product of the measured current and the measured voltage."""
        return self.current_a * self.supply_v

    def between(self, start_s: float, end_s: float) -> slice:
        """The measurements between two moments, in seconds since the start of sampling."""
        # Whole numbers: a search for floats would turn the whole index into floats first.
        ends = np.array([math.ceil(start_s * self.rate_hz), math.ceil(end_s * self.rate_hz)], self.index.dtype)
        low, high = np.searchsorted(self.index, ends)
        return slice(int(low), int(high))

    def power_in(self, part: slice) -> FloatArray:
        """Main power of a part of the recording."""
        return self.current_a[part].astype(np.float64) * self.supply_v[part]


@dataclass(frozen=True)
class Glimpse:
    """The newest of a running recording, for live watching.

    Attributes:
        n_samples: taken by the meter so far.
        current_a, supply_v, usb_v: means over the last tenth of a second.
        recent_a: mean currents of stretches of 20 ms, of what came since the glimpse before.
    """

    n_samples: int
    current_a: float
    supply_v: float
    usb_v: float
    over_current: bool
    calibrated: bool
    recent_a: tuple[float, ...] = ()


GLIMPSE_STRETCH_S = 0.020
_GLIMPSE_TAIL_S = 0.100


def glimpse_of(
    parts: list[Trace], new: list[Trace], n_samples: int, *, over_current: bool, calibrated: bool
) -> Glimpse:
    """The glimpse of a recording.

    Args:
        parts: its decoded chunks in order.
        new: those that came since the glimpse before.
    """
    newest = next((part for part in reversed(parts) if len(part.index)), None)
    if newest is None:
        return Glimpse(n_samples, 0.0, 0.0, 0.0, over_current, False)
    tail = slice(-max(1, round(_GLIMPSE_TAIL_S * newest.rate_hz)), None)
    width = max(1, round(GLIMPSE_STRETCH_S * newest.rate_hz))
    fresh = np.concatenate([part.current_a for part in new]) if new else np.empty(0, np.float32)
    recent = fresh[: len(fresh) // width * width].reshape(-1, width).mean(axis=1)
    return Glimpse(
        n_samples,
        float(newest.current_a[tail].mean()),
        float(newest.supply_v[tail].mean()),
        float(newest.usb_v[tail].mean()),
        over_current,
        calibrated,
        tuple(recent.tolist()),
    )


class Recording(Protocol):
    """A recording under way, or ended."""

    @property
    def started_s(self) -> float:
        """When sampling began, on the bench's clock."""
        ...

    @property
    def failure(self) -> Exception | None:
        """Why reading stopped by itself; None while all is well. What was read so far stays readable."""
        ...

    def glimpse(self) -> Glimpse:
        """What the newest samples say. Cheap; may be called while recording."""
        ...

    def raw(self) -> bytes:
        """Everything read so far, in the meter's own format (docs/reference/raw-traces.md)."""
        ...

    def trace(self) -> Trace:
        """Everything read so far, decoded."""
        ...


class PowerMeter(Protocol):
    """A meter that feeds one phone."""

    @property
    def info(self) -> MeterInfo:
        """Who the device is; see the fields."""
        ...

    def output_v(self) -> float:
        """The voltage the output is set to; 0.0 when off."""
        ...

    def set_voltage(self, supply_v: float) -> None:
        """Set the main output; 0 switches it off. Re-sending the same value touches nothing.

        Raises:
            VoltageOutOfRange: outside the profile's limits or the meter's range.
        """
        ...

    def set_current_limits(self, *, power_up_a: float, run_a: float) -> None:
        """Set the limits for switch-on and for running.

        Raises:
            CurrentOutOfRange: beyond the profile's limits or the meter's range.
        """
        ...

    def set_passthrough(self, mode: Passthrough) -> None:
        """Connect or cut the phone's USB."""
        ...

    def passthrough(self) -> Passthrough:
        """The setting as the meter reports it."""
        ...

    def reopen(self) -> None:
        """Open the meter anew after its USB was lost: the same unit, with the same limits. Changes no setting of it.

        Raises:
            MeterNotFound: it is not back.
        """
        ...

    def recording(self) -> AbstractContextManager[Recording]:
        """Sample until the end of the block; the recording stays readable afterwards."""
        ...

    def close(self) -> None:
        """Ends it; harmless when done twice."""
        ...

"""The interlock beside the wire: no voltage above the ceiling and no current limit beyond the profile, ever.

Both Monsoon drivers pass every value through here before a byte is sent. The PyPI package checks neither on the
HVPM (`HVPM.setVout(20.0)` is accepted).
"""

from __future__ import annotations

import math

from hardware.errors import CurrentOutOfRange, VoltageOutOfRange
from hardware.meter import SupplyLimits


class SupplyGuard:
    """Checks values against the profile's limits and against what the meter can do.

    Args:
        limits: the profile's.
        meter_min_v, meter_max_v, meter_max_a: the meter's own range.

    Raises:
        VoltageOutOfRange: the profile's ceiling itself is beyond the meter.
    """

    def __init__(
        self, device: str, limits: SupplyLimits, *, meter_min_v: float, meter_max_v: float, meter_max_a: float
    ) -> None:
        self._device = device
        self._limits = limits
        self._min_v = max(limits.floor_v, meter_min_v)
        self._max_v = min(limits.ceiling_v, meter_max_v)
        self._max_a = meter_max_a
        if not self._min_v <= self._max_v:
            raise VoltageOutOfRange(
                device,
                "check limits",
                f"the profile allows {limits.floor_v:g} to {limits.ceiling_v:g} V, "
                f"the meter {meter_min_v:g} to {meter_max_v:g} V",
                "Set supply.ceiling_v and supply.floor_v in the bench profile to a range that the meter has.",
            )

    def voltage(self, supply_v: float) -> float:
        """Return the voltage if it may be set.

        Raises:
            VoltageOutOfRange: it may not, or it is not a number.
        """
        if supply_v == 0.0:
            return 0.0
        if math.isfinite(supply_v) and self._min_v <= supply_v <= self._max_v:
            return supply_v
        raise VoltageOutOfRange(
            self._device,
            "set voltage",
            f"{supply_v:g} V is outside {self._min_v:g} to {self._max_v:g} V",
            "Nothing was sent. Set supply.voltage_v in the bench profile between floor_v and ceiling_v.",
        )

    def run_limit(self, limit_a: float) -> float:
        """Return the run-time current limit if it may be set."""
        return self._current("set run-time current limit", limit_a, self._limits.run_limit_a)

    def power_up_limit(self, limit_a: float) -> float:
        """Return the power-up current limit if it may be set."""
        return self._current("set power-up current limit", limit_a, self._limits.power_up_limit_a)

    def _current(self, operation: str, limit_a: float, profile_a: float) -> float:
        allowed_a = min(profile_a, self._max_a)
        if math.isfinite(limit_a) and 0.0 < limit_a <= allowed_a:
            return limit_a
        raise CurrentOutOfRange(
            self._device,
            operation,
            f"{limit_a:g} A is outside 0 to {allowed_a:g} A",
            "Nothing was sent. Set the current limits in the bench profile's [supply].",
        )

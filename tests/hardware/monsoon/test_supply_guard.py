"""The interlock beside the wire."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.errors import CurrentOutOfRange, StableError, VoltageOutOfRange
from hardware.meter import SupplyLimits
from hardware.monsoon.supply_guard import SupplyGuard

_ANY = st.floats(allow_nan=True, allow_infinity=True)


def _guard(floor_v: float = 3.6, ceiling_v: float = 4.4, power_up_a: float = 8.0, run_a: float = 6.0) -> SupplyGuard:
    limits = SupplyLimits(ceiling_v, floor_v, power_up_a, run_a)
    return SupplyGuard("meter 1", limits, meter_min_v=2.01, meter_max_v=4.55, meter_max_a=8.0)


@given(supply_v=_ANY)
def test_only_zero_and_voltages_between_floor_and_ceiling_pass_unchanged(supply_v: float) -> None:
    guard = _guard()
    if supply_v == 0.0 or 3.6 <= supply_v <= 4.4:
        assert guard.voltage(supply_v) == supply_v
    else:
        with pytest.raises(VoltageOutOfRange):
            guard.voltage(supply_v)


@given(supply_v=_ANY, ceiling_v=st.floats(2.01, 20.0), floor_v=st.floats(0.0, 4.5))
def test_nothing_passes_that_either_the_profile_or_the_meter_forbids(
    supply_v: float, ceiling_v: float, floor_v: float
) -> None:
    try:
        passed_v = _guard(floor_v, ceiling_v).voltage(supply_v)
    except VoltageOutOfRange:
        return
    assert passed_v == 0.0 or max(floor_v, 2.01) <= passed_v <= min(ceiling_v, 4.55)


@given(limit_a=_ANY)
def test_current_limits_pass_up_to_the_lower_of_profile_and_meter(limit_a: float) -> None:
    guard = _guard(power_up_a=20.0, run_a=6.0)
    for check, allowed_a in ((guard.power_up_limit, 8.0), (guard.run_limit, 6.0)):
        if 0.0 < limit_a <= allowed_a:
            assert check(limit_a) == limit_a
        else:
            with pytest.raises(CurrentOutOfRange):
                check(limit_a)


@pytest.mark.parametrize(("floor_v", "ceiling_v"), [(4.4, 3.6), (5.0, 6.0), (1.0, 2.0), (math.nan, 4.4)])
def test_limits_that_leave_no_voltage_are_refused_at_once(floor_v: float, ceiling_v: float) -> None:
    with pytest.raises(VoltageOutOfRange) as caught:
        _guard(floor_v, ceiling_v)
    assert "supply.ceiling_v" in caught.value.hint


def test_a_refusal_is_stable_and_names_device_operation_and_range() -> None:
    with pytest.raises(StableError, match=r"meter 1: set voltage: 4\.5 V is outside 3\.6 to 4\.4 V"):
        _guard().voltage(4.5)

"""The output of the meter is held against its setting, and against the ceiling that nothing may pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from noting_bench import profile

from hardware.errors import MeterFault
from lab.bench.procedure import check_output

PROFILE = profile()


@pytest.mark.parametrize(
    ("measured_v", "said", "sent_v"),
    [
        (4.20, None, []),
        (4.349, None, []),
        (4.051, None, []),
        (4.36, r"4\.36 V where 4\.20 V is set", []),
        (4.04, r"4\.04 V where 4\.20 V is set", []),
        (0.0, r"0\.00 V where 4\.20 V is set", []),
        (4.40, r"4\.40 V where", []),
        (4.41, r"4\.41 V is above the ceiling of 4\.40 V; the output is off", [0.0]),
    ],
)
def test_an_output_above_the_ceiling_is_switched_off_and_one_beside_its_setting_is_a_fault(
    measured_v: float, said: str | None, sent_v: list[float]
) -> None:
    sent: list[float] = []
    bench: Any = SimpleNamespace(meter=SimpleNamespace(info=SimpleNamespace(serial="7"), set_voltage=sent.append))
    if said is None:
        check_output(bench, measured_v, PROFILE)
    else:
        with pytest.raises(MeterFault, match=said) as raised:
            check_output(bench, measured_v, PROFILE)
        assert "leads" in raised.value.hint
    assert sent == sent_v

"""From a meter's packets to samples: the one place that knows which Monsoon's packets are decoded how."""

from __future__ import annotations

from collections.abc import Mapping

from hardware.meter import Trace
from hardware.monsoon.hvpm_packets import HvpmDecoder, HvpmScale


def decode_packets(meter_kind: str, calibration: Mapping[str, float], packets: bytes) -> Trace:
    """The samples of a recording.

    Args:
        meter_kind: "hvpm" or "lvpm".
        calibration: constants of the meter, as `MeterInfo.calibration` has them; an LVPM has none.
        packets: as the meter's reader kept them (docs/reference/raw-traces.md).
    """
    if meter_kind == "lvpm":
        from hardware.monsoon.lvpm_packets import LvpmDecoder

        return LvpmDecoder().decode(packets)
    scale = HvpmScale(
        calibration["main_fine_scale"],
        calibration["main_coarse_scale"],
        calibration["main_fine_zero_offset"],
        calibration["main_coarse_zero_offset"],
    )
    return HvpmDecoder(scale).decode(packets)

"""The PyPI package's own sampling engine on packets of ours: nothing of it is replaced but the USB below it."""

from __future__ import annotations

import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from Monsoon import HVPM, Operations
from Monsoon.sampleEngine import SampleEngine, channels


class PacketProtocol:
    """Stands where the package has its USB protocol: registers to read, packets to bring.

    Args:
        packets: bulk transfers, in order.
        registers: by operation code, as the package's `fillStatusPacket` asks for them.
    """

    def __init__(self, packets: Iterable[array.array[int]], registers: Mapping[int, int]) -> None:
        self._packets = iter(packets)
        self._registers = registers

    def BulkRead(self) -> array.array[int]:  # noqa: N802
        return next(self._packets)

    def getValue(self, operation: int, valueLength: int, signed: bool = False) -> int:  # noqa: N802, N803
        return self._registers.get(operation, 0)

    def startSampling(self, calTime: int, maxTime: int) -> None:  # noqa: N802, N803
        return None

    def stopSampling(self) -> None:  # noqa: N802
        return None


def as_read(packets: Sequence[bytes]) -> list[array.array[int]]:
    """Packets as pyusb hands them over; the package turns each into numbers, which bytes do not survive."""
    return [array.array("B", packet) for packet in packets]


def run_engine(
    packets: Iterable[array.array[int]], registers: Mapping[int, int], n_samples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sample with the package.

    Args:
        packets: more than `n_samples` calibrated samples of them, as `as_read` makes them.

    Returns:
        Current in A, main and USB voltage in V, each (n_samples,).
    """
    monsoon = HVPM.Monsoon()
    # The package shares one status between all monitors; this one gets its own.
    monsoon.statusPacket = Operations.statusPacket()
    monsoon.Protocol = PacketProtocol(packets, registers)
    engine = SampleEngine(monsoon, errorMode=0)
    engine.ConsoleOutput(False)
    engine.enableChannel(channels.USBVoltage)
    engine.startSampling(n_samples)
    _, current_ma, _, _, main_v, usb_v = engine.getSamples()
    n = min(len(current_ma), n_samples)
    return np.array(current_ma[:n]) / 1e3, np.array(main_v[:n]), np.array(usb_v[:n])

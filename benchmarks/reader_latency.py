"""How late the HVPM reader is: from the moment a packet is due in the device until the reader has put it away.

Run `python benchmarks/reader_latency.py`. The simulated bench runs with the computer's clock; its unit has the real
one's queue of 16 samples (3.2 ms) and loses what does not fit. The reader is the driver's own.

What the figures contain besides the reader: the simulated unit makes its packets in the reader's thread, looks at the
clock every 0.3 ms, and brings several packets at once when it is late; a real unit and the kernel's USB stack have
their own delays instead. The host may be shared: a process that takes the core for some milliseconds shows up as a
large maximum and as dropped samples.
"""

from __future__ import annotations

import array
import os

import numpy as np

from hardware.meter import SupplyLimits
from hardware.monsoon.hvpm import HvpmMeter
from hardware.sim.meter.hvpm_device import HvpmDevice
from hardware.sim.meter.usb_backend import SimulatedUsb
from hardware.sim.settings import SimulationSettings
from hardware.sim.simulated_bench import SimulatedBench

_DURATION_S = 20.0
_SAMPLE_BYTES, _HEAD_BYTES = 18, 4
_QUEUE_S = 16 / 5000.0


class StopwatchUsb(SimulatedUsb):
    """Notes for each packet when it was due, and when the reader came back for the next one."""

    def __init__(self, device: HvpmDevice) -> None:
        super().__init__([device])
        self._now_s = device.world.time.now_s
        self.arrived_s: list[float] = []
        self.n_samples: list[int] = []
        self.dropped: list[int] = []

    def bulk_read(self, dev_handle: HvpmDevice, ep: int, intf: int, buff: array.array[int], timeout: int) -> int:
        if len(self.arrived_s) < len(self.n_samples):
            self.arrived_s.append(self._now_s())
        n_bytes = super().bulk_read(dev_handle, ep, intf, buff, timeout)
        self.n_samples.append((n_bytes - _HEAD_BYTES) // _SAMPLE_BYTES)
        self.dropped.append(buff[0] | buff[1] << 8)
        return n_bytes

    def latencies_s(self, began_s: float, rate_hz: float) -> np.ndarray:
        """(n,) of every packet put away."""
        n = len(self.arrived_s)
        lost = np.unwrap(np.array(self.dropped[:n], np.float64), period=65536)
        due_s = began_s + (np.cumsum(self.n_samples[:n]) + lost) / rate_hz
        return np.array(self.arrived_s) - due_s


def main() -> None:
    simulated = SimulatedBench(SimulationSettings(seed=1, paced=True))
    stopwatch = StopwatchUsb(simulated.meter)
    limits = SupplyLimits(ceiling_v=4.4, floor_v=3.6, power_up_limit_a=8.0, run_limit_a=6.0)
    meter = HvpmMeter(simulated.time, limits, None, stopwatch, simulated=True)
    meter.set_voltage(4.2)
    with meter.recording() as recording:
        simulated.time.sleep(_DURATION_S)
    trace = recording.trace()
    rate_hz = 5000.0 * (1.0 + simulated.world.constants.meter.rate_drift_ppm * 1e-6)
    late_ms = 1e3 * stopwatch.latencies_s(recording.started_s, rate_hz)
    simulated.close()
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{len(late_ms):,} packets in {_DURATION_S:g} s; {os.cpu_count()} cores, load average {load}; shared host.")
    print("From due in the simulated device to put away by the reader, in ms:")
    for name, value in (("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9), ("max", 100)):
        print(f"  {name:<6} {np.percentile(late_ms, value):8.3f}")
    print(f"Later than the queue lasts ({_QUEUE_S * 1e3:g} ms): {np.mean(late_ms > _QUEUE_S * 1e3):.4%} of packets")
    print(f"n_dropped {trace.n_dropped} of {trace.n_total:,} samples ({trace.n_dropped / trace.n_total:.4%})")


if __name__ == "__main__":
    main()

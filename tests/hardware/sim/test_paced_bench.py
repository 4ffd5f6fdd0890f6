"""The simulated bench with the computer's clock: samples arrive and their numbers fit together.

Whether a busy computer keeps up is not asserted here; benchmarks/reader_latency.py measures it.
"""

from __future__ import annotations

import numpy as np
from meter_rig import LIMITS

from hardware.clock import Deadline
from hardware.monsoon.hvpm import HvpmMeter
from hardware.sim.settings import SimulationSettings
from hardware.sim.simulated_bench import SimulatedBench


def test_a_paced_meter_brings_samples_whose_numbers_fit_together() -> None:
    simulated = SimulatedBench(SimulationSettings(seed=1, paced=True))
    try:
        meter = HvpmMeter(simulated.time, LIMITS, None, simulated.usb_backend(), simulated=True)
        meter.set_voltage(4.2)
        with meter.recording() as recording:
            # On a busy computer calibrations are lost too, and more of them have to be waited for.
            patience = Deadline(simulated.time, 60.0)
            while not (recording.glimpse().calibrated or patience.passed):
                simulated.time.sleep(0.5)
            simulated.time.sleep(1.0)
        elapsed_s = simulated.time.now_s() - recording.started_s
        trace = recording.trace()
        assert recording.failure is None
        assert len(trace.index) > 0
        assert np.all(np.diff(trace.index) > 0)
        assert trace.index[-1] < trace.n_total <= elapsed_s * trace.rate_hz + 1
        assert trace.n_total >= len(trace.index) + trace.n_calibrations + trace.n_dropped
        meter.close()
    finally:
        simulated.close()

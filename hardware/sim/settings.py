"""What a simulated bench is made of: what a profile's section [simulated] says, as the devices take it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SimulationSettings:
    """What a simulated bench is made of.

    Attributes:
        seed, session: of all randomness; the session's number changes with every start.
        kernel_table: how kernels pad: "ruy8" or "xnnpack16".
        tool_dialect: whose output the tool prints: "tf1", "tf23", "tf" or "litert".
        paced: run with the computer's clock in place of virtual time.
        truth_path: file that gets a JSON line for each run's true energy; None for no file.
        faults: names of what goes wrong on purpose (hardware.sim.faults.catalogue).
        fault_rate: share of windows that a fault strikes in; 0: each fault once, in the first start.
    """

    seed: int
    session: int = 0
    kernel_table: str = "ruy8"
    tool_dialect: str = "litert"
    root: str = "adbd"
    paced: bool = False
    truth_path: Path | None = None
    faults: tuple[str, ...] = ()
    fault_seed: int = 1
    fault_rate: float = 0.0

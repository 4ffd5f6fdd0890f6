"""Makes the recorded sessions that the tests replay, on the SIMULATED bench: `python tests/lab/recorded_sessions.py`.

hvpm      two windows of an HVPM, a canary in each
lvpm      one window of an LVPM; some frames have a wrong checksum, some are lost
troubled  a burst of lost samples, whose visit is measured again, then a meter that is unplugged: the session fails
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import lab.campaign.campaign
from db.database import open_database
from db.kinds import CampaignSource
from hardware.errors import HardwareError
from hardware.sim.simulated_bench import SimulatedBench
from lab.campaign.campaign import CampaignPlan, measure
from lab.campaign.provenance import Provenance, this_process
from lab.campaign.tasks import canary_tasks, sampled_tasks
from lab.errors import LabError
from lab.profile.profile import BenchProfile, parse_profile

FOLDER = Path(__file__).resolve().parent.parent / "data" / "recordings"
NAMES = ("hvpm", "lvpm", "troubled")

_PROFILE = """
name = "recorded {name}"
[meter]
kind = "{kind}"
[phone]
lock = "paper"
[window]
n_models = 3
settle_s = 7
[tool]
min_secs = 1.2
warmup_secs = 0.2
[precision]
n_canaries = {n_canaries}
repeat_frac = 0
[simulated]
seed = 1
"""


def profile(name: str) -> BenchProfile:
    """The profile that a session was recorded with."""
    kind, n_canaries = ("lvpm" if name == "lvpm" else "hvpm"), int(name == "hvpm")
    return parse_profile(_PROFILE.format(name=name, kind=kind, n_canaries=n_canaries), name)


def plan(name: str) -> CampaignPlan:
    n = 4 if name == "hvpm" else 2
    tasks = (*sampled_tasks(n, 1, 0.0), *canary_tasks(int(name == "hvpm")))
    return CampaignPlan(f"recorded {name}", CampaignSource.SAMPLED, {"space": "audio2d"}, 1, tasks, {})


def record(name: str, file: Path, folder: Path) -> None:
    """Measure a session and record it."""
    nowhere = Provenance("simulated", 1, this_process().versions)
    with (
        patch.object(lab.campaign.campaign, "this_process", lambda: nowhere),
        pytest.MonkeyPatch.context() as patches,
        open_database(folder / f"{name}.db") as db,
    ):
        if name == "lvpm":
            _with_bad_frames(patches)
        if name != "troubled":
            measure(db, profile(name), plan(name), record=file)
            return
        from troubled_bench import troubled_bench

        with troubled_bench(folder, patches) as bench, suppress(LabError, HardwareError):
            # The first run begins some nine seconds after USB was cut.
            bench.during_window(1, lambda: bench.sim.meter.stall(400), after_s=10.0)
            bench.during_window(2, lambda: setattr(bench.sim.meter, "gone", True), after_s=9.0)
            measure(db, profile(name), plan(name), record=file)


def _with_bad_frames(patches: pytest.MonkeyPatch) -> None:
    open_port = SimulatedBench.open_lvpm_port

    def open_bad_port(sim: Any) -> str:
        path = open_port(sim)
        sim._lvpm.corrupt_every, sim._lvpm.lose_every = 3000, 5000
        return path

    patches.setattr(SimulatedBench, "open_lvpm_port", open_bad_port)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or NAMES:
        file = FOLDER / f"{name}.labrec"
        file.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            record(name, file, Path(folder))
        print(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

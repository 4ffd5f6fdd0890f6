"""A simulated bench that stays the same over several starts of a campaign, and on which things go wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import hardware.sim.simulated_bench as simulated_bench
from db.database import Database, open_database
from db.kinds import CampaignSource
from db.queries import incidents, list_campaigns, progress
from db.results import ResultRow, result_rows
from db.schema import WindowTable
from hardware.sim.settings import SimulationSettings
from hardware.sim.simulated_bench import SimulatedBench
from lab.campaign.campaign import CampaignPlan, measure
from lab.campaign.tasks import sampled_tasks
from lab.profile.profile import BenchProfile, parse_profile

# The meter gives its first sample some 6 s after sampling began: the sync code must come later.
_PROFILE = """
name = "troubled"
[phone]
lock = "paper"
[window]
n_models = 3
settle_s = 7
[tool]
min_secs = 1.2
warmup_secs = 0.2
[precision]
n_canaries = 0
repeat_frac = 0
[simulated]
seed = 1
"""


def profile() -> BenchProfile:
    return parse_profile(_PROFILE, "troubled")


def plan(n: int = 3) -> CampaignPlan:
    return CampaignPlan(
        "troubled", CampaignSource.SAMPLED, {"space": "audio2d"}, 1, tuple(sampled_tasks(n, 1, 0.0)), {}
    )


@dataclass
class TroubledBench:
    """Attributes:
    sim: the one simulated bench that every start finds.
    on_usb: asked whenever the meter passes or cuts USB; False keeps the phone from following.
    n_cuts: how often USB was cut.
    """

    sim: Any
    folder: Path
    on_usb: Callable[[bool], bool] = lambda connected: True
    n_cuts: int = 0
    _at_cut: list[tuple[int, float, Callable[[], None]]] = field(default_factory=list)

    def during_window(self, number: int, action: Callable[[], None], after_s: float = 9.0) -> None:
        """Do something so long after USB was cut for the `number`-th time, counted from 1."""
        self._at_cut.append((number, after_s, action))

    def switch_usb(self, connected: bool) -> None:
        """What the meter's passthrough is wired to."""
        if not connected:
            self.n_cuts += 1
            for number, after_s, action in self._at_cut:
                if number == self.n_cuts:
                    self.sim.world.at(self.sim.world.now_s + after_s, action)
        if self.on_usb(connected):
            self.sim.phone.connect_usb(connected)

    def be_well(self) -> None:
        """A user has put everything right."""
        self.on_usb = lambda connected: True
        self._at_cut.clear()
        sim = self.sim
        sim.meter.gone = False
        sim.meter.over_current = False
        with sim.world.lock:
            sim.world.catch_up()
            sim.phone.connect_usb(sim.meter.registers[0x10] == 1)

    def cut_output(self) -> None:
        """The leads to the phone come off."""
        self.sim.meter.set(0x41, 0)

    def phone_state(self) -> tuple[Any, ...]:
        """All that measuring changes on the phone."""
        phone = self.sim.phone
        clocks = tuple((c.governor, c.min_khz, c.max_khz) for c in phone.clusters.values())
        return phone.settings["global airplane_mode_on"], phone.screen_on, dict(phone.services), clocks

    def database(self) -> Database:
        return open_database(self.folder / "lab.db")

    def measure(self, n: int = 3) -> None:
        """What `lab measure --n 3` does."""
        with self.database() as db:
            measure(db, profile(), plan(n))

    @property
    def tasks(self) -> dict[str, int]:
        with self.database() as db:
            return dict(progress(db, list_campaigns(db)[0].campaign_id).n_tasks)

    @property
    def windows(self) -> list[tuple[str, str]]:
        """State and reason of every window."""
        with self.database() as db, db.read() as tx:
            rows = tx.execute(select(WindowTable.state, WindowTable.reason).order_by(WindowTable.id))
            return [(state, reason or "") for state, reason in rows]

    @property
    def incidents(self) -> list[tuple[str, str]]:
        """Kind and action of every incident."""
        with self.database() as db:
            return [(i.kind, i.action) for i in incidents(db, list_campaigns(db)[0].campaign_id)]

    @property
    def visits(self) -> list[ResultRow]:
        with self.database() as db:
            return list(result_rows(db))


@contextmanager
def troubled_bench(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TroubledBench]:
    """Every bench that is opened inside the block is this one, as it is on a real bench."""
    sim = SimulatedBench(SimulationSettings(seed=1))
    bench = TroubledBench(sim, folder)
    sim.meter._on_passthrough = bench.switch_usb
    really_close = sim.close
    sim.close = sim.time.close_stream  # type: ignore[method-assign]
    monkeypatch.setattr(simulated_bench, "SimulatedBench", lambda settings: sim)
    try:
        yield bench
    finally:
        really_close()

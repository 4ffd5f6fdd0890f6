"""Where a campaign is, step by step, for display."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from db.database import Database
from db.queries import progress
from db.rows import CampaignRow


class Phase(StrEnum):
    """What a campaign is doing."""

    PREPARING = "preparing"
    OPENING = "opening"
    BUILDING = "building"
    PUSHING = "pushing"
    MEASURING = "measuring"
    ANALYSING = "analysing"
    RECOVERING = "recovering"
    WINDOW_DONE = "window_done"

    @property
    def label(self) -> str:
        """The phase as a phrase."""
        return _LABELS.get(self, str(self))


_LABELS = {
    Phase.PREPARING: "preparing the tasks",
    Phase.OPENING: "opening the bench",
    Phase.BUILDING: "building models",
    Phase.PUSHING: "pushing models",
    Phase.WINDOW_DONE: "window done",
}


@dataclass(frozen=True)
class CampaignStep:
    """Where a campaign is, for display.

    Attributes:
        bench_s, useful_s, window_s: bench time in all, share of it that sampled inferences, and of this window.
    """

    phase: Phase
    n_done: int
    n_failed: int
    n_tasks: int
    bench_s: float
    useful_s: float
    window_s: float
    simulated: bool


Observer = Callable[[CampaignStep], None]


def step_of(db: Database, campaign: CampaignRow, phase: Phase, window_s: float) -> CampaignStep:
    """The step that a campaign is at, by its record."""
    now = progress(db, campaign.campaign_id)
    return CampaignStep(
        phase,
        now.n_tasks.get("done", 0),
        now.n_tasks.get("failed", 0),
        sum(now.n_tasks.values()),
        now.bench_s,
        now.useful_s,
        window_s,
        campaign.simulated,
    )

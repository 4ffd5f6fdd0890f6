"""Where a campaign is, step by step, for display."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from db.database import Database
from db.queries import progress
from db.rows import CampaignRow


@dataclass(frozen=True)
class CampaignStep:
    """Where a campaign is, for display.

    Attributes:
        bench_s, useful_s, window_s: bench time in all, share of it that sampled inferences, and of this window.
    """

    doing: str
    n_done: int
    n_failed: int
    n_tasks: int
    bench_s: float
    useful_s: float
    window_s: float
    simulated: bool


Observer = Callable[[CampaignStep], None]


def step_of(db: Database, campaign: CampaignRow, doing: str, window_s: float) -> CampaignStep:
    """The step that a campaign is at, by its record."""
    now = progress(db, campaign.campaign_id)
    return CampaignStep(
        doing,
        now.n_tasks.get("done", 0),
        now.n_tasks.get("failed", 0),
        sum(now.n_tasks.values()),
        now.bench_s,
        now.useful_s,
        window_s,
        campaign.simulated,
    )

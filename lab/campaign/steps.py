"""Where a campaign is, step by step, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from db.database import Database
from db.queries import progress
from db.rows import CampaignRow


@dataclass(frozen=True)
class Step:
    """Where a campaign is, for whoever shows it.

    Attributes:
        doing: one phrase.
        n_done, n_failed, n_tasks: architectures.
        bench_s, useful_s, window_s: bench time in all, share of it that sampled inferences, and of this window.
        simulated: the bench is.
    """

    doing: str
    n_done: int
    n_failed: int
    n_tasks: int
    bench_s: float
    useful_s: float
    window_s: float
    simulated: bool


Observer = Callable[[Step], None]


def step_of(db: Database, campaign: CampaignRow, doing: str, window_s: float) -> Step:
    """The step that a campaign is at, by its record."""
    now = progress(db, campaign.campaign_id)
    return Step(
        doing,
        now.n_tasks.get("done", 0),
        now.n_tasks.get("failed", 0),
        sum(now.n_tasks.values()),
        now.bench_s,
        now.useful_s,
        window_s,
        campaign.simulated,
    )

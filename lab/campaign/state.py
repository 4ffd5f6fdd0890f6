"""What earlier starts of a campaign left to know: a start judges its windows by it too.

Read once, before the bench is opened, and kept in recordings: a replay has no earlier starts to look at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from db.database import Database
from db.kinds import TRUSTED_OUTCOMES
from db.queries import canary_points, crashed_models
from db.rows import CampaignRow


@dataclass(frozen=True)
class CampaignState:
    """What is known of a campaign so far.

    Attributes:
        canary_latencies_ms: of the windows that are trusted, by the canary's number.
        crashed_models: ordinals of the models under which the phone died.
    """

    canary_latencies_ms: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    crashed_models: tuple[int, ...] = ()


def state_of(db: Database, campaign: CampaignRow) -> CampaignState:
    """What the record knows of a campaign now."""
    latencies_ms = defaultdict[int, list[float]](list)
    for point in canary_points(db, campaign.campaign_id):
        if point.window_state == "done" and point.outcome in TRUSTED_OUTCOMES:
            latencies_ms[point.ordinal].append(point.latency_ms)
    known = {canary: tuple(known_ms) for canary, known_ms in latencies_ms.items()}
    return CampaignState(known, tuple(crashed_models(db, campaign.campaign_id)))

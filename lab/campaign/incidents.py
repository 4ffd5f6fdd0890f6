"""The incidents of a database, chosen: what `lab incidents` shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from db.database import Database
from db.evidence import sessions_of
from db.naming import check_campaign
from db.queries import incidents, list_campaigns
from db.rows import IncidentRow
from lab.errors import UsageError


@dataclass(frozen=True)
class ShownIncident:
    """An incident, and the campaign that it happened in."""

    campaign: str
    simulated: bool
    incident: IncidentRow


def read_incidents(
    db: Database,
    campaign: str | None = None,
    *,
    kind: str | None = None,
    session: int | None = None,
    last: int | None = None,
) -> list[ShownIncident]:
    """The incidents that are wanted, in the order of their campaigns and of time.

    Args:
        campaign, kind, session: only those of this campaign, of this kind, of this start; None for all.
        last: only so many, the last of the list.

    Raises:
        CampaignUnknown: there is no such campaign.
        UsageError: there is no such start, or never was an incident of that kind.
    """
    campaigns = list_campaigns(db)
    if campaign is not None:
        check_campaign(db, campaign)
    found = [
        ShownIncident(one.name, one.simulated, incident)
        for one in campaigns
        if campaign in (None, one.name)
        for incident in incidents(db, one.campaign_id)
    ]
    starts = [
        s.session_id for one in campaigns if campaign in (None, one.name) for s in sessions_of(db, one.campaign_id)
    ]
    if session is not None and session not in starts:
        raise UsageError(f"There is no start {session}.", f"There are: {', '.join(map(str, starts)) or 'none yet'}.")
    kinds = sorted({one.incident.kind for one in found})
    if kind is not None and kinds and kind not in kinds:
        raise UsageError(f"There is no incident of kind {kind}.", f"There are: {', '.join(kinds)}.")
    chosen = [one for one in found if kind in (None, one.incident.kind) and session in (None, one.incident.session_id)]
    return chosen[-last:] if last is not None else chosen


def as_plain(one: ShownIncident) -> dict[str, Any]:
    """An incident for JSON: the same names, the moment in ISO 8601."""
    values = asdict(one.incident) | {"at_utc": one.incident.at_utc.isoformat()}
    return {"campaign": one.campaign, "simulated": one.simulated, **values}

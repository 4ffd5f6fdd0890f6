"""Where the campaigns of a database stand: counts, where bench time went, what is left, what to type next.

Reads the record only, so it may run beside a measuring campaign. `lab/commands/status.py` shows what it returns.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, get_args

from db.database import Database
from db.kinds import CampaignSource, TaskState, VisitOutcome, WindowState
from db.queries import (
    ModelWithoutResult,
    Progress,
    VisitNoise,
    incidents,
    list_campaigns,
    progress,
    visit_noise,
    without_result,
)
from db.rows import CampaignRow, IncidentRow
from predictor.table import MIN_ARCHITECTURES
from search.networks.spaces import AUDIO_2D

N_LAST_INCIDENTS = 5
N_SHOWN_MODELS = 10
_NAME_WIDTH = 48
USEFUL, LOST, UNACCOUNTED = "useful", "lost windows", "unaccounted"
SPENT_ON = {
    USEFUL: "inference that was sampled",
    "push": "copying models to the phone",
    "settle": "from USB off to the first model",
    "reconnect": "waiting for the phone after USB was off",
    "other": "cooling and warm-up before models, clocks, the journal",
    LOST: "windows that failed, were lost or quarantined",
    UNACCOUNTED: "nobody timed it",
}
"""What bench time of each cause went into."""


@dataclass(frozen=True)
class TimeShare:
    """Bench seconds that went to one cause, and their part of all bench seconds; NaN while there are none."""

    cause: str
    time_s: float
    share_frac: float


@dataclass(frozen=True, kw_only=True)
class CampaignStatus:
    """Where a campaign stands.

    Attributes:
        n_tasks, n_visits, n_windows: by state or outcome, every state present.
        bench_s: of all windows that have ended.
        useful_frac: part of `bench_s` in which models ran; NaN before the first window.
        time_shares: of `bench_s` by cause, the useful part first.
        models_per_hour: architectures that are settled (done or failed) per hour of bench; NaN before the first.
        left_s: bench seconds until all are settled, at the pace so far; NaN before the first is settled.
        noise: between visits of one architecture.
        without_result: what was tried and has no result, with the reason.
        last_incidents: the newest, newest first.
    """

    name: str
    simulated: bool
    source: str
    created_utc: datetime
    last_utc: datetime | None
    n_tasks: Mapping[str, int]
    n_visits: Mapping[str, int]
    n_windows: Mapping[str, int]
    n_canary_visits: int
    n_incidents: int
    bench_s: float
    useful_frac: float
    time_shares: tuple[TimeShare, ...]
    models_per_hour: float
    left_s: float
    noise: VisitNoise
    last_incidents: tuple[IncidentRow, ...]
    without_result: tuple[ModelWithoutResult, ...]
    next_command: str

    @property
    def n_settled(self) -> int:
        """Architectures that need no further visit."""
        return self.n_tasks["done"] + self.n_tasks["failed"]

    @property
    def n_left(self) -> int:
        """Architectures that still need one."""
        return self.n_tasks["pending"] + self.n_tasks["claimed"]


def read_status(db: Database) -> list[CampaignStatus]:
    """The status of every campaign, oldest first; empty for a database without any.

    Raises:
        DbError: the database cannot be read.
    """
    return [_status_of(db, campaign) for campaign in list_campaigns(db)]


def as_plain(status: CampaignStatus) -> dict[str, Any]:
    """A status for JSON: the same names, timestamps in ISO 8601, null for what is not known yet."""
    plain: dict[str, Any] = _plain(asdict(status))
    return plain | {"n_settled": status.n_settled, "n_left": status.n_left}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _status_of(db: Database, campaign: CampaignRow) -> CampaignStatus:
    now = progress(db, campaign.campaign_id)
    n_tasks: dict[str, int] = {state: now.n_tasks.get(state, 0) for state in get_args(TaskState)}
    n_settled = n_tasks["done"] + n_tasks["failed"]
    n_left = n_tasks["pending"] + n_tasks["claimed"]
    # The pace so far holds whatever it costs: revisits, lost windows and waiting for a cool phone are in bench_s.
    settling_s = now.bench_s / n_settled if n_settled else math.nan
    return CampaignStatus(
        name=campaign.name,
        simulated=campaign.simulated,
        source=campaign.source,
        created_utc=campaign.created_utc,
        last_utc=now.last_utc,
        n_tasks=n_tasks,
        n_visits={outcome: now.n_visits.get(outcome, 0) for outcome in get_args(VisitOutcome)},
        n_windows={state: now.n_windows.get(state, 0) for state in get_args(WindowState)},
        n_canary_visits=now.n_canary_visits,
        n_incidents=now.n_incidents,
        bench_s=now.bench_s,
        useful_frac=_share(now.useful_s, now.bench_s),
        time_shares=_time_shares(now),
        models_per_hour=_share(3600.0, settling_s),
        left_s=n_left * settling_s if n_left else 0.0,
        noise=visit_noise(db, campaign.campaign_id),
        last_incidents=tuple(reversed(incidents(db, campaign.campaign_id)[-N_LAST_INCIDENTS:])),
        without_result=tuple(without_result(db, campaign.campaign_id)),
        next_command=_next_command(db, campaign, sum(n_tasks.values()), n_left, n_tasks["done"]),
    )


def _time_shares(now: Progress) -> tuple[TimeShare, ...]:
    times_s = {USEFUL: now.useful_s, **now.overhead_s, LOST: now.lost_s}
    # Windows whose process died have no duration, others may have steps that nobody timed: the rest is said.
    times_s[UNACCOUNTED] = max(0.0, now.bench_s - sum(times_s.values()))
    return tuple(TimeShare(cause, time_s, _share(time_s, now.bench_s)) for cause, time_s in times_s.items())


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


def _next_command(db: Database, campaign: CampaignRow, n_tasks: int, n_left: int, n_done: int) -> str:
    """What goes on with the campaign, or what is done with it once all its architectures are settled."""
    where = ["--db", db.shown, "--campaign", campaign.name]
    if n_left or not n_done:
        # The default bench may be a real one, and a campaign never changes between real and simulated.
        where += ["--bench", "simulated"] if campaign.simulated else []
        what = _what(campaign, n_tasks)
        return shlex.join(["lab", "measure", *where, *what, "--seed", str(campaign.seed)])
    if campaign.source in (CampaignSource.SAMPLED, CampaignSource.LISTED) and n_done >= MIN_ARCHITECTURES:
        return shlex.join(["lab", "fit-rf", *where])
    return shlex.join(["lab", "export", *where, "--out", f"{campaign.name}.parquet"])


def _what(campaign: CampaignRow, n_tasks: int) -> list[str]:
    """The option that says what the campaign measures."""
    of = campaign.source_of
    match campaign.source:
        case CampaignSource.STUDY:
            return ["--study", str(of["study"]), "--top", str(of["top"])]
        case CampaignSource.MODELS:
            return [str(path) for path in of.get("files", [of["folder"]])]
        case CampaignSource.LISTED:
            return ["--architectures", str(of["path"])]
        case CampaignSource.SAMPLED:
            space = str(of["space"])
            return ["--n", str(n_tasks), *(["--space", space] if space != AUDIO_2D.name else [])]


def without_result_lines(
    found: Sequence[ModelWithoutResult], db: str, n_shown: int = N_SHOWN_MODELS, *, campaign: str | None = None
) -> list[str]:
    """A line for each model that has no result: name, outcome, reason; then how to see those that are left out.

    Args:
        db: the database, as it was given.
        n_shown: lines at most, without the last.
        campaign: named where the models of several are listed.
    """
    if not found:
        return []
    whose = f" of {campaign}" if campaign is not None else ""
    lines = [f"{len(found):,} {'model' if len(found) == 1 else 'models'}{whose} without a result:"]
    lines += [f"  {shortened(one.name)}  {one.outcome}: {' '.join(one.reason.split())}" for one in found[:n_shown]]
    if len(found) > n_shown:
        more = shlex.join(["lab", "status", "--failed", *(["--db", db] if db != "lab.db" else [])])
        lines.append(f"  and {len(found) - n_shown:,} more: {more}")
    return lines


def shortened(name: str) -> str:
    """A model's name, cut in the middle where an architecture's text is longer than a line."""
    name = " ".join(name.split())
    return name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 16]}...{name[-13:]}"

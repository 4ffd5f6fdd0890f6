"""A campaign: windows until every task has enough visits. The database is the checkpoint.

Kill it at any moment: what was committed stays, what was under way is measured again, nothing twice.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from db.campaigns import add_tasks, ensure_campaign
from db.database import Database
from db.evidence import sessions_of
from db.kinds import IncidentKind, SessionEnd
from db.queries import count_sessions, incidents, list_campaigns, progress
from db.record_faults import with_record_faults
from db.rows import CampaignRow, CampaignSpec
from db.sessions import recover_lost
from db.tasks import peek, reopen, revive
from hardware.bench import open_bench
from hardware.clock import RealClock
from hardware.discovery import real_discovery
from lab.bench.lock import device_names, locked, locked_file
from lab.campaign.precision import imprecise_tasks
from lab.campaign.provenance import this_process
from lab.campaign.recording import recorded_session
from lab.campaign.session import SessionSetup, run_session
from lab.campaign.state import state_of
from lab.campaign.steps import Observer, Phase, step_of
from lab.campaign.task_queue import CampaignPlan, CampaignWork
from lab.errors import MixedConditions
from lab.profile.profile import BenchProfile

log = logging.getLogger(__name__)

__all__ = ["CampaignPlan", "measure"]


def measure(
    db: Database,
    profile: BenchProfile,
    plan: CampaignPlan,
    observe: Observer = lambda step: None,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    record: Path | None = None,
    retry_failed: bool = False,
) -> CampaignRow:
    """Measure until the plan is fulfilled, or `should_stop` says so between two windows.

    Args:
        db: the record; a campaign of the plan's name is continued.
        profile: which bench, and what is good enough.
        observe: told where the campaign is.
        should_stop: asked between windows, and between the models that are built for one.
        record: file that keeps everything that crosses the wire (docs/reference/recording.md).
        retry_failed: models that failed get a fresh start.

    Raises:
        HardwareError, DbError, SearchError, LabError: with what to do; the same command continues.
    """
    with ExitStack() as stack:
        db = stack.enter_context(_faulty_record(db, profile, plan))
        holder = f"campaign {plan.name}"
        # Beside the database: every process that can reach it must see the lock.
        stack.enter_context(locked_file(db.files_dir / f"{_as_file_name(plan.name)}.lock", holder, holder))
        campaign = _prepare(db, profile, plan, observe, retry_failed)
        nothing_left = not peek(db, campaign.campaign_id, 1, profile.precision.max_visits)
        if nothing_left and not _phone_was_kept(db, campaign):
            return campaign
        observe(step_of(db, campaign, Phase.OPENING, 0.0))
        # Before anything is opened: opening a meter stops its sampling, which may be another campaign's.
        stack.enter_context(locked(device_names(profile, real_discovery()), holder))
        with _session_setup(db, profile, plan, campaign, record) as setup:
            run_session(replace(setup, observe=observe, should_stop=should_stop))
    return campaign


def _prepare(
    db: Database, profile: BenchProfile, plan: CampaignPlan, observe: Observer, retry_failed: bool
) -> CampaignRow:
    """The campaign with its tasks, in order after starts that died. Nothing of the bench is touched.

    Raises:
        MixedConditions: it was measured under other conditions, or has more models than the plan.
        CampaignMismatch: it was begun with another seed or source.
    """
    now = RealClock().utc()
    spec = CampaignSpec(
        name=plan.name,
        created_utc=now,
        seed=plan.seed,
        source=plan.source,
        source_of=plan.source_of,
        simulated=profile.simulated is not None,
        config={"conditions": profile.conditions(), "profile": profile.name},
    )
    campaign = ensure_campaign(db, spec)
    _check_conditions(campaign, profile)
    _check_size(db, campaign, plan)
    observe(step_of(db, campaign, Phase.PREPARING, 0.0))
    add_tasks(db, campaign.campaign_id, plan.tasks)
    # The lock is ours, so any process of this computer with an open session here is dead.
    recover_lost(db, campaign.campaign_id, lambda host, pid: host != socket.gethostname(), now)
    _reopen_imprecise(db, campaign, profile)
    if retry_failed:
        log.info("%d failed models get a fresh start", revive(db, campaign.campaign_id))
    return campaign


@contextmanager
def _session_setup(
    db: Database, profile: BenchProfile, plan: CampaignPlan, campaign: CampaignRow, record: Path | None
) -> Iterator[SessionSetup]:
    """The bench, open, and what else a session is made of; recorded if a file is named."""
    # Of the whole record: a simulated bench draws what a session has in common from it, and no two have the same.
    session_number = count_sessions(db)
    provenance, state = this_process(), state_of(db, campaign)
    with ExitStack() as stack:
        tape = None
        if record is not None:
            tape = stack.enter_context(recorded_session(record, db, profile, campaign, provenance, state))
        bench = stack.enter_context(open_bench(profile.bench_settings(session_number), tape.recorder if tape else None))
        setup = SessionSetup(
            db=db,
            profile=profile,
            campaign=campaign,
            bench=bench,
            provenance=provenance,
            state=state,
            open_work=partial(CampaignWork, db, profile, plan, campaign, db.files_dir / "models"),
        )
        yield setup if tape is None else replace(setup, note=tape.note)


def _faulty_record(db: Database, profile: BenchProfile, plan: CampaignPlan) -> AbstractContextManager[Database]:
    """The record, failing on purpose if the profile says so: once in the first start, or in each at a rate."""
    simulated = profile.simulated
    mine = [c.campaign_id for c in list_campaigns(db) if c.name == plan.name] if simulated is not None else []
    n_starts = sum(count_sessions(db, campaign_id) for campaign_id in mine)
    if simulated is None or (n_starts and not simulated.fault_rate):
        return nullcontext(db)
    # The rate is that of all faults together; each that hits the record has its share.
    rate = simulated.fault_rate / max(1, len(simulated.faults))
    return with_record_faults(db, simulated.faults, simulated.fault_seed + n_starts, rate)


def _phone_was_kept(db: Database, campaign: CampaignRow) -> bool:
    """The last start died, or could not give the phone back: that is still to be done, even with nothing to measure."""
    starts = sessions_of(db, campaign.campaign_id)
    if not starts:
        return False
    last = starts[-1]
    kept = {i.session_id for i in incidents(db, campaign.campaign_id) if i.kind is IncidentKind.SETTINGS_KEPT}
    return last.end_kind is SessionEnd.LOST or last.session_id in kept


def _as_file_name(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)


def _check_conditions(campaign: CampaignRow, profile: BenchProfile) -> None:
    """Refuse to go on with a campaign under other conditions than it began with."""
    before, now = campaign.config.get("conditions", {}), profile.conditions()
    for name, value in now.items():
        if before.get(name, value) != value:
            raise MixedConditions(
                f"Campaign {campaign.name} was measured with {name}: {before[name]}; this profile has {value}.",
                "Measurements under different conditions are never mixed: give another name with --campaign.",
            )


def _check_size(db: Database, campaign: CampaignRow, plan: CampaignPlan) -> None:
    """Refuse a plan that is smaller than what the campaign already has: it would measure all of that."""
    stored = sum(progress(db, campaign.campaign_id).n_tasks.values())
    asked = sum(task.role == "architecture" for task in plan.tasks)
    if stored > asked:
        raise MixedConditions(
            f"Campaign {campaign.name} has {stored} models already, more than the {asked} asked for.",
            f"Give --n {stored} or more to go on with it, or another name with --campaign.",
        )


def _reopen_imprecise(db: Database, campaign: CampaignRow, profile: BenchProfile) -> None:
    """Make tasks pending again whose interval is wider than is asked for now, where visits are left."""
    precision = profile.precision
    wide = [
        task.task_id
        for task in imprecise_tasks(db, campaign.campaign_id, precision)
        if task.n_attempts < precision.max_visits
    ]
    if wide:
        reopen(db, wide)

"""Sessions: their provenance, their end, and putting in order what a dead one left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from db_specimens import (
    a_campaign,
    a_moment,
    a_running_window,
    a_session,
    a_started_campaign,
)
from sqlalchemy import text

from db.campaigns import ensure_campaign
from db.database import Database
from db.errors import CampaignMismatch, RecordRefused
from db.kinds import IncidentKind, SessionEnd
from db.queries import incidents, progress
from db.rows import IncidentSpec, MeterSpec
from db.sessions import end_session, record_incident, recover_lost, start_session
from db.tasks import claim


def test_a_bench_of_the_other_kind_is_refused(db: Database) -> None:
    campaign_id = ensure_campaign(db, a_campaign(simulated=False)).campaign_id
    with pytest.raises(CampaignMismatch, match="real bench"):
        start_session(db, a_session(campaign_id, simulated=True))


def test_the_same_meter_is_one_row_and_each_session_keeps_the_firmware_it_had(db: Database) -> None:
    campaign_id = ensure_campaign(db, a_campaign()).campaign_id
    spec = a_session(campaign_id)
    start_session(db, spec)
    start_session(db, replace(spec, meter=MeterSpec(kind="HVPM", serial="20001", firmware="37")))
    with db.read() as tx:
        assert tx.execute(text("SELECT firmware FROM meter")).scalars().all() == ["37"]
        assert tx.execute(text("SELECT meter_firmware FROM bench_session")).scalars().all() == ["36", "37"]


def test_ending_a_session_gives_back_its_claims_and_loses_its_running_window(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    session_id, _, _ = a_running_window(db, campaign_id)
    for _ in range(2):
        end_session(db, session_id, SessionEnd.INTERRUPTED, "interrupted", a_moment(3))
    stand = progress(db, campaign_id)
    assert stand.n_tasks == {"pending": 6}
    assert stand.n_windows == {"lost": 1}
    assert stand.last_utc == a_moment(3)


def test_recovery_puts_the_dead_in_order_and_leaves_the_living_alone(db: Database) -> None:
    campaign_id = a_started_campaign(db, n_tasks=6)
    dead = a_session(campaign_id, pid=100)
    session_id, window_id, _ = a_running_window(db, campaign_id, n=2)
    between_windows = start_session(db, dead)
    claim(db, campaign_id, between_windows, 1, max_attempts=3)
    living = start_session(db, replace(dead, pid=200))
    claim(db, campaign_id, living, 2, max_attempts=3)

    lost = recover_lost(db, campaign_id, lambda host, pid: (host, pid) == ("bench-1", 200), a_moment(30))

    assert [(row.session_id, row.window_id, row.n_tasks) for row in lost] == [(session_id, window_id, 2)]
    stand = progress(db, campaign_id)
    assert stand.n_tasks == {"pending": 4, "claimed": 2}
    assert stand.n_windows == {"lost": 1}
    rows = incidents(db, campaign_id)
    assert [(row.session_id, row.window_id) for row in rows] == [
        (session_id, window_id),
        (between_windows, None),
    ]
    assert recover_lost(db, campaign_id, lambda host, pid: pid == 200, a_moment(31)) == []


def test_recovery_does_not_touch_another_campaign(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    a_running_window(db, campaign_id)
    other_id = ensure_campaign(db, a_campaign("other")).campaign_id
    assert recover_lost(db, other_id, lambda host, pid: False, a_moment()) == []
    assert progress(db, campaign_id).n_windows == {"running": 1}


def test_an_incident_outside_a_window_is_recorded(db: Database) -> None:
    campaign_id = a_started_campaign(db)
    session_id = start_session(db, a_session(campaign_id))
    spec = IncidentSpec(at_utc=a_moment(), kind=IncidentKind.ADB_LOST, detail="gone", action="retried", lost_s=4.5)
    record_incident(db, session_id, spec)
    (row,) = incidents(db, campaign_id)
    assert all(getattr(row, name) == value for name, value in vars(spec).items())
    assert progress(db, campaign_id).n_incidents == 1


def test_an_unknown_session_cannot_be_ended(db: Database) -> None:
    with pytest.raises(RecordRefused):
        end_session(db, 12, SessionEnd.DONE, "finished", a_moment())

"""The constraints of the tables hold, whichever program writes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from db_specimens import a_campaign, a_result, a_running_window, a_session, a_started_campaign, a_visit
from sqlalchemy import text

from db.campaigns import ensure_campaign
from db.database import Database, open_database
from db.errors import RecordRefused
from db.queries import list_campaigns
from db.sessions import start_session
from db.windows import finish_window

BROKEN_STATEMENTS = {
    "an unknown task state": "UPDATE task SET state = 'lost'",
    "a claim without a session": "UPDATE task SET state = 'claimed', claimed_by = NULL",
    "a session on an unclaimed task": "UPDATE task SET state = 'done', claimed_by = 1",
    "a failed task without a text": "UPDATE task SET state = 'failed', claimed_by = NULL, failure = NULL",
    "a task nobody wants": "UPDATE task SET n_wanted = 0",
    "a task of no campaign": "UPDATE task SET campaign_id = 999",
    "an architecture that is not there": "UPDATE task SET architecture_id = 99999",
    "two tasks in one place": "UPDATE task SET ordinal = 0",
    "two campaigns of one name": "INSERT INTO campaign SELECT 9, name, created_utc, seed, source,"
    " source_json, simulated, config_json FROM campaign",
    "a campaign of unknown source": "UPDATE campaign SET source = 'guessed'",
    "a campaign turned into a measured one under its sessions": "UPDATE campaign SET simulated = 0",
    "a session on a meter of the other kind": "UPDATE bench_session SET simulated = 0",
    "a meter turned into a real one": "UPDATE meter SET simulated = 0",
    "an end without a reason": "UPDATE bench_session SET ended_utc = '2026-05-04 00:00:00'",
    "a short hash": "UPDATE model_file SET sha256 = 'abc'",
    "an empty model": "UPDATE model_file SET size_bytes = 0",
    "an architecture of negative work": "UPDATE architecture SET flops = -1",
    "a running window that has ended": "UPDATE window SET state = 'running'",
    "a window that ends without an end": "UPDATE window SET ended_utc = NULL",
    "a failed window without a reason": "UPDATE window SET state = 'failed'",
    "a window of negative length": "UPDATE window SET duration_s = -1.0",
    "a trace without a hash": "UPDATE window SET raw_sha256 = NULL",
    "a session that is deleted under its windows": "DELETE FROM bench_session",
    "two visits in one place": "UPDATE visit SET order_in_window = 0",
    "a visit of unknown outcome": "UPDATE visit SET outcome = 'fine'",
    "a rejected visit without a reason": "UPDATE visit SET outcome = 'rejected'",
    "a visit of an unknown model": "UPDATE visit SET model_sha256 = replace(hex(zeroblob(32)), '00', 'ff')",
    "an energy without a value": "UPDATE energy SET energy_mj = NULL",
    "an energy of negative error": "UPDATE energy SET energy_se_mj = -0.1",
    "two energies of one analysis": "UPDATE energy SET visit_id = 1",
    "a gate of unknown outcome": "UPDATE gate_result SET outcome = 'maybe'",
    "two results of one gate": "UPDATE gate_result SET gate = 'align'",
    "an incident of no session": "INSERT INTO incident VALUES (1, 999, NULL, '2026-05-04', 'k', 'd', 'a', 0, NULL)",
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Rows in every table but incident. A refused statement changes nothing: all tests share it."""
    with open_database(tmp_path_factory.mktemp("filled") / "lab.db") as db:
        campaign_id = a_started_campaign(db)
        _, window_id, tasks = a_running_window(db, campaign_id)
        finish_window(db, window_id, a_result(tasks, [a_visit(task, order) for order, task in enumerate(tasks)]))
        yield db


@pytest.mark.parametrize("what", BROKEN_STATEMENTS)
def test_the_schema_refuses(what: str, filled: Database) -> None:
    def break_it() -> None:
        with filled.write() as tx:
            tx.execute(text(BROKEN_STATEMENTS[what]))

    with pytest.raises(RecordRefused, match="constraint failed"):
        break_it()


def test_the_same_meter_real_and_simulated_are_two(db: Database) -> None:
    for name, simulated in (("simulated", True), ("real", False)):
        campaign = ensure_campaign(db, a_campaign(name, simulated=simulated))
        start_session(db, a_session(campaign.campaign_id, simulated=simulated))
    with db.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM meter")).scalar() == 2
        assert tx.execute(text("SELECT count(*) FROM phone")).scalar() == 2


def test_a_time_without_a_zone_is_refused(db: Database) -> None:
    spec = a_campaign()
    naive = type(spec)(**(vars(spec) | {"created_utc": spec.created_utc.replace(tzinfo=None)}))
    with pytest.raises(RecordRefused, match="time zone"):
        ensure_campaign(db, naive)
    assert list_campaigns(db) == []

"""The record on a PostgreSQL server: made anew, and migrated from the schema of release 0.1."""

from __future__ import annotations

import sqlalchemy as sa
from db_specimens import a_campaign
from sqlalchemy.engine import make_url

from db.campaigns import ensure_campaign
from db.database import open_database
from db.kinds import CampaignSource
from db.migrate import bring_up_to_date
from db.queries import list_campaigns


def test_a_record_of_release_0_1_is_migrated_and_a_new_one_is_made(server: str) -> None:
    address = make_url(server).set(database="record")
    engine = sa.create_engine(address)
    with engine.begin() as tx:
        bring_up_to_date(tx, "0005")
        tx.execute(
            sa.text(
                "INSERT INTO campaign (name, created_utc, seed, source, source_detail, simulated, config_json) "
                "VALUES ('old', '2026-05-04', 1, 'models', '3 best of study s', true, '{}')"
            )
        )
    engine.dispose()
    with open_database(address.render_as_string(hide_password=False)) as db:
        ensure_campaign(db, a_campaign("new"))
        old, new = list_campaigns(db)
    assert (old.source, dict(old.source_of)) == (CampaignSource.STUDY, {"study": "s", "top": 3})
    assert new.source == CampaignSource.SAMPLED
    with open_database(server) as db:
        assert list_campaigns(db) == []

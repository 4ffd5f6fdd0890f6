"""State as types: source of a campaign, end of a session, kinds of failures and incidents, the model that crashed.

Until here they stood in sentences; `db.older_records` reads those once more.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from db.older_records import (
    campaign_source,
    crashed_model,
    failure_kind,
    incident_action,
    incident_kind,
    session_end,
)

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SOURCES = "source IN ('sampled', 'listed', 'models', 'study')"
_ENDS = "'done', 'interrupted', 'error', 'lost'"
_FAILURES = (
    "'model_rejected', 'died', 'timed_out', 'tool_missing', 'unreadable', 'not_reached', 'no_markers', "
    "'too_few_samples', 'gate', 'distrusted'"
)


def upgrade() -> None:
    """Adds the columns and translates what is there."""
    _type_campaigns()
    op.execute(
        "ALTER TABLE bench_session ADD COLUMN end_kind VARCHAR(16) "
        f"CONSTRAINT ck_bench_session_end_kind_known CHECK (end_kind IN ({_ENDS}))"
    )
    op.execute(
        "ALTER TABLE visit ADD COLUMN failure_kind VARCHAR(16) "
        f"CONSTRAINT ck_visit_failure_kind_known CHECK (failure_kind IN ({_FAILURES}))"
    )
    op.execute("ALTER TABLE incident ADD COLUMN task_id INTEGER CONSTRAINT fk_incident_task_id REFERENCES task (id)")
    _translate_sessions()
    _translate_visits()
    _translate_incidents()


def downgrade() -> None:
    """Not offered: sentences are not made from types again."""
    raise NotImplementedError("a database of schema 0006 stays one")


def _type_campaigns() -> None:
    connection = op.get_bind()
    found = connection.execute(sa.text("SELECT id, source, source_detail FROM campaign")).all()
    if connection.dialect.name == "sqlite":
        # SQLite cannot change a CHECK constraint: the table is made anew (foreign keys are off while migrating).
        op.create_table("campaign_0006", *_campaign_columns(), *_campaign_constraints())
        kept = "id, name, created_utc, seed, source, simulated, config_json"
        op.execute(f"INSERT INTO campaign_0006 ({kept}, source_json) SELECT {kept}, '{{}}' FROM campaign")
        # Else a view of a user's own on the table, which is gone for a moment, would stop the renaming.
        op.execute("PRAGMA legacy_alter_table = ON")
        op.drop_table("campaign")
        op.rename_table("campaign_0006", "campaign")
        op.execute("PRAGMA legacy_alter_table = OFF")
    else:
        op.drop_constraint(op.f("ck_campaign_source_known"), "campaign", type_="check")
        op.add_column("campaign", sa.Column("source_json", sa.JSON(), nullable=False, server_default="{}"))
        op.alter_column("campaign", "source_json", server_default=None)
        op.drop_column("campaign", "source_detail")
        op.create_check_constraint(op.f("ck_campaign_source_known"), "campaign", _SOURCES)
    campaign = sa.table("campaign", sa.column("id"), sa.column("source"), sa.column("source_json", sa.JSON()))
    for campaign_id, source, detail in found:
        kind, source_of = campaign_source(source, detail)
        values = {"source": str(kind), "source_json": source_of}
        connection.execute(sa.update(campaign).where(campaign.c.id == campaign_id).values(**values))


def _campaign_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_utc", sa.DateTime(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("source_json", sa.JSON(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("config_json", sa.JSON(), nullable=False),
    ]


def _campaign_constraints() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(_SOURCES, name=op.f("ck_campaign_source_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("id", "simulated", name=op.f("uq_campaign_id_simulated")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_name")),
    ]


def _translate_sessions() -> None:
    connection = op.get_bind()
    ended = connection.execute(sa.text("SELECT id, end_reason FROM bench_session WHERE end_reason IS NOT NULL")).all()
    for session_id, reason in ended:
        _set(connection, "bench_session", session_id, "end_kind", session_end(reason))


def _translate_visits() -> None:
    connection = op.get_bind()
    statement = "SELECT id, outcome, reason FROM visit WHERE outcome NOT IN ('accepted', 'marginal')"
    for visit_id, outcome, reason in connection.execute(sa.text(statement)).all():
        _set(connection, "visit", visit_id, "failure_kind", failure_kind(outcome, reason))


def _translate_incidents() -> None:
    connection = op.get_bind()
    statement = (
        "SELECT i.id, i.kind, i.detail, i.action, s.campaign_id FROM incident i "
        "JOIN bench_session s ON s.id = i.session_id"
    )
    tasks = sa.text(
        "SELECT id FROM task WHERE campaign_id = :campaign AND role = 'architecture' AND ordinal = :ordinal"
    )
    for incident_id, kind, detail, action, campaign_id in connection.execute(sa.text(statement)).all():
        _set(connection, "incident", incident_id, "kind", incident_kind(kind))
        _set(connection, "incident", incident_id, "action", incident_action(action))
        ordinal = crashed_model(detail) if kind == "phone_died" else None
        if ordinal is not None:
            task_id = connection.execute(tasks, {"campaign": campaign_id, "ordinal": ordinal}).scalar()
            _set(connection, "incident", incident_id, "task_id", task_id)


def _set(connection: sa.Connection, table: str, row_id: int, column: str, value: object) -> None:
    stored = str(value) if isinstance(value, str) else value
    connection.execute(sa.text(f"UPDATE {table} SET {column} = :value WHERE id = :id"), {"value": stored, "id": row_id})

"""Writing campaigns and their tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from db.database import Database, in_batches
from db.errors import CampaignMismatch, ForeignFile, RecordRefused
from db.faults import REFUSED_HINT
from db.kinds import is_source_of
from db.networks import store_architectures, store_models
from db.results import FIXED_COLUMNS
from db.rows import ArchitectureSpec, CampaignRow, CampaignSpec, ModelSpec, TaskSpec, fields_of
from db.schema import CampaignTable, TaskTable

_About = tuple[int | None, int | None]
"""What a task is about: ids of its architecture and its model file."""


def ensure_campaign(db: Database, spec: CampaignSpec) -> CampaignRow:
    """Create the campaign, or return the one of that name; its stored values then win over `spec`'s.

    Raises:
        CampaignMismatch: the stored one has another seed, source or `simulated`.
    """
    with db.write() as tx:
        stored = tx.scalar(select(CampaignTable).where(CampaignTable.name == spec.name))
        if stored is None:
            stored = CampaignTable(**fields_of(spec))
            tx.add(stored)
            tx.flush()
        row = campaign_row(stored)
    for name in ("seed", "source", "simulated"):
        there, asked = getattr(row, name), getattr(spec, name)
        if there != asked:
            hint = "start a campaign of another name, or go on with this one as it was started"
            raise CampaignMismatch(f"campaign {spec.name} has {name} {there}, not {asked}", hint)
    return row


def add_tasks(db: Database, campaign_id: int, specs: Sequence[TaskSpec]) -> int:
    """Add the tasks that the campaign does not have yet, by role and ordinal; returns how many were new.

    Architectures and model files come with them, each stored once. All in one transaction.

    Raises:
        CampaignMismatch: a stored task is about another architecture or, without one, another file.
        RecordRefused: a parameter of an architecture has the name of a result column.
    """
    architectures = {
        each.hash: each for spec in specs for each in (spec.architecture, spec.recognised) if each is not None
    }
    for architecture in architectures.values():
        _check_params(architecture)
    with db.write() as tx:
        architecture_ids = store_architectures(tx, architectures)
        models = [
            (spec.model, architecture_ids[held.hash] if (held := spec.architecture or spec.recognised) else None)
            for spec in specs
            if spec.model
        ]
        model_ids = store_models(tx, models)
        new: list[dict[str, Any]] = []
        stored = _stored_tasks(tx, campaign_id)
        for spec in specs:
            architecture_id = architecture_ids[spec.architecture.hash] if spec.architecture else None
            about = (architecture_id, model_ids[spec.model.sha256] if spec.model else None)
            if (spec.role, spec.ordinal) in stored:
                _check_same(spec, stored[spec.role, spec.ordinal], about)
                continue
            stored[spec.role, spec.ordinal] = about
            row: dict[str, Any] = {"campaign_id": campaign_id, "state": "pending", "n_attempts": 0}
            row |= {"architecture_id": about[0], "model_file_id": about[1]}
            new.append(row | fields_of(spec, "architecture", "model", "recognised"))
        if new:
            tx.execute(insert(TaskTable), new)
    return len(new)


def set_models(db: Database, models: Mapping[int, ModelSpec]) -> None:
    """Say which file each task (by id) is to be measured with, now that the files are built.

    Raises:
        RecordRefused: no such task.
    """
    with db.write() as tx:
        architecture_of: dict[int, int | None] = {}
        for ids in in_batches(list(models)):
            rows = tx.execute(select(TaskTable.id, TaskTable.architecture_id).where(TaskTable.id.in_(ids)))
            architecture_of.update((task_id, architecture_id) for task_id, architecture_id in rows)
        if missing := models.keys() - architecture_of.keys():
            raise RecordRefused(f"there is no task {min(missing)}", REFUSED_HINT)
        model_ids = store_models(tx, [(model, architecture_of[task]) for task, model in models.items()])
        changes = [{"id": task, "model_file_id": model_ids[model.sha256]} for task, model in models.items()]
        if changes:
            tx.execute(update(TaskTable), changes)


def campaign_row(stored: CampaignTable) -> CampaignRow:
    """A campaign as a plain value.

    Raises:
        ForeignFile: its source is none that this release knows, or lacks what belongs to it.
    """
    if not is_source_of(stored.source, stored.source_of):
        raise ForeignFile(
            f"campaign {stored.name} has a source that is none: {stored.source} {stored.source_of!r:.80}",
            "a newer release may have written it: update this installation; else restore the file from a copy",
        )
    names = [field.name for field in dataclasses.fields(CampaignSpec)]
    return CampaignRow(campaign_id=stored.id, **{name: getattr(stored, name) for name in names})


def _check_params(architecture: ArchitectureSpec) -> None:
    if clash := sorted(FIXED_COLUMNS & architecture.params.keys()):
        what = f"the parameter {clash[0]} of architecture {architecture.hash[:12]} is a result column's name"
        raise RecordRefused(what, "give the parameter another name in the search space")


def _check_same(spec: TaskSpec, stored: _About, now: _About) -> None:
    # A task about an architecture may get another file; one about a file alone is that file.
    if stored[0] != now[0] or (now[0] is None and stored[1] != now[1]):
        what = f"{spec.role} {spec.ordinal} of the campaign is another model than the one given now"
        hint = "the search space or the files have changed since it began: start a campaign of another name"
        raise CampaignMismatch(what, hint)


def _stored_tasks(tx: Session, campaign_id: int) -> dict[tuple[str, int], _About]:
    columns = (TaskTable.role, TaskTable.ordinal, TaskTable.architecture_id, TaskTable.model_file_id)
    rows = tx.execute(select(*columns).where(TaskTable.campaign_id == campaign_id))
    return {(role, ordinal): (architecture_id, model_id) for role, ordinal, architecture_id, model_id in rows}

"""Writing and reading searches: a study, and a row for each of its finished trials.

The search engine keeps its own state elsewhere (see `search`); here stands what the lab needs of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Select, select

from db.database import Database
from db.errors import RecordRefused, StudyMismatch, StudyUnknown
from db.faults import REFUSED_HINT
from db.naming import there_is
from db.networks import store_architectures, store_models
from db.rows import ArchitectureSpec, ModelSpec, StudyRow, StudySpec, TrialSpec, fields_of
from db.schema import ArchitectureTable, ModelFileTable, StudyTable, TrialTable


def ensure_study(
    db: Database,
    spec: StudySpec,
    complete: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda settings: settings,
) -> StudyRow:
    """Create the study, or return the one of that name.

    Args:
        complete: adds to stored settings what the version that wrote them took for granted.

    Raises:
        StudyMismatch: the stored one has other settings; names the first that differs.
    """
    with db.write() as tx:
        stored = tx.scalar(select(StudyTable).where(StudyTable.name == spec.name))
        if stored is None:
            stored = StudyTable(**fields_of(spec))
            tx.add(stored)
            tx.flush()
        row = _study_row(stored)
    check_same_settings(spec.name, complete(row.settings), spec.settings)
    return row


def check_same_settings(study: str, stored: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Returns when the settings are equal; StudyMismatch, with the first that differs, when not.

    Data are known by `data_sha256`: where that is the same, `data` may be another sentence about them, and the last
    digits of `data_description` another processor's.
    """
    names = stored.keys() | asked.keys()
    if stored.get("data_sha256") and stored.get("data_sha256") == asked.get("data_sha256"):
        names -= {"data", "data_description"}
    for name in sorted(names):
        if stored.get(name) != asked.get(name):
            hint = "go on with the settings it was started with, or start a study of another name"
            raise StudyMismatch(f"study {study} has {name} {stored.get(name)}, not {asked.get(name)}", hint)


def find_study(db: Database, name: str) -> StudyRow:
    """The study of a name.

    Raises:
        StudyUnknown: there is none; names those that there are.
    """
    with db.read() as tx:
        stored = tx.scalar(select(StudyTable).where(StudyTable.name == name))
        if stored is not None:
            return _study_row(stored)
        names = list(tx.scalars(select(StudyTable.name).order_by(StudyTable.name)))
    raise StudyUnknown(f"{db.shown} has no study {name}", there_is(name, names, "start with `search run`"))


def record_trial(db: Database, study_id: int, spec: TrialSpec) -> None:
    """Store a finished trial; one of the same number is kept as it is, so that recording twice is recording once.

    Raises:
        RecordRefused: no such study, or the stored trial is another architecture's.
    """
    with db.write() as tx:
        architecture_ids = store_architectures(tx, {spec.architecture.hash: spec.architecture})
        architecture_id = architecture_ids[spec.architecture.hash]
        number = (TrialTable.study_id == study_id, TrialTable.number == spec.number)
        stored = tx.scalar(select(TrialTable.architecture_id).where(*number))
        if stored is not None:
            if stored != architecture_id:
                raise RecordRefused(f"trial {spec.number + 1} is stored with another architecture", REFUSED_HINT)
            return
        model_id = None
        if spec.model is not None:
            model_id = store_models(tx, [(spec.model, architecture_id)])[spec.model.sha256]
        values = fields_of(spec, "architecture", "model")
        tx.add(TrialTable(study_id=study_id, architecture_id=architecture_id, model_file_id=model_id, **values))


def list_trials(db: Database, study_id: int) -> list[TrialSpec]:
    """All stored trials of a study, by number."""
    with db.read() as tx:
        return [_trial(*row) for row in tx.execute(_trials_of(study_id).order_by(TrialTable.number))]


def best_trials(db: Database, study_id: int, n: int) -> list[TrialSpec]:
    """At most `n` trained trials of a study, the highest reward first and the older one of equals."""
    statement = (
        _trials_of(study_id).where(TrialTable.state == "trained").order_by(TrialTable.reward.desc(), TrialTable.number)
    )
    with db.read() as tx:
        return [_trial(*row) for row in tx.execute(statement.limit(n))]


def _trials_of(study_id: int) -> Select[TrialTable, ArchitectureTable, ModelFileTable]:
    return (
        select(TrialTable, ArchitectureTable, ModelFileTable)
        .join(ArchitectureTable, TrialTable.architecture_id == ArchitectureTable.id)
        .outerjoin(ModelFileTable, TrialTable.model_file_id == ModelFileTable.id)
        .where(TrialTable.study_id == study_id)
    )


def _trial(trial: TrialTable, architecture: ArchitectureTable, model: ModelFileTable | None) -> TrialSpec:
    return TrialSpec(
        **_values(trial, TrialSpec, "architecture", "model"),
        architecture=ArchitectureSpec(**_values(architecture, ArchitectureSpec)),
        model=None if model is None else ModelSpec(**_values(model, ModelSpec)),
    )


def _study_row(stored: StudyTable) -> StudyRow:
    return StudyRow(study_id=stored.id, **_values(stored, StudySpec))


def _values(stored: Any, kind: type[Any], *leave_out: str) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(kind) if field.name not in leave_out]
    return {name: getattr(stored, name) for name in names}

"""Architectures and model files: each stored once, whatever refers to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from db.database import Database, in_batches
from db.rows import ArchitectureSpec, ModelSpec, fields_of
from db.schema import ArchitectureTable, ModelFileTable


def store_architectures(tx: Session, specs: Mapping[str, ArchitectureSpec]) -> dict[str, int]:
    """Ids of architectures by hash; those that the record lacks are added."""
    ids = _architecture_ids(tx, specs)
    new = [fields_of(spec) for key, spec in specs.items() if key not in ids]
    if new:
        tx.execute(insert(ArchitectureTable), new)
        ids = _architecture_ids(tx, specs)
    return ids


def _architecture_ids(tx: Session, hashes: Iterable[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for batch in in_batches(list(hashes)):
        statement = select(ArchitectureTable.hash, ArchitectureTable.id).where(ArchitectureTable.hash.in_(batch))
        ids.update((key, row_id) for key, row_id in tx.execute(statement))
    return ids


def store_models(tx: Session, models: Sequence[tuple[ModelSpec, int | None]]) -> dict[str, int]:
    """Ids by SHA-256. Two architectures may build one and the same file: it is then the first one's."""
    by_sha256: dict[str, tuple[ModelSpec, int | None]] = {}
    for model, architecture_id in models:
        by_sha256.setdefault(model.sha256, (model, architecture_id))
    ids = _model_ids(tx, by_sha256)
    new = [
        fields_of(model) | {"architecture_id": architecture_id}
        for key, (model, architecture_id) in by_sha256.items()
        if key not in ids
    ]
    if new:
        tx.execute(insert(ModelFileTable), new)
        ids = _model_ids(tx, by_sha256)
    added = {each["sha256"] for each in new}
    for key, (model, _) in by_sha256.items():
        if model.network_sha256 is not None and key not in added:
            # A release that did not look for it may have stored the file.
            unknown = (ModelFileTable.sha256 == key, ModelFileTable.network_sha256.is_(None))
            tx.execute(update(ModelFileTable).where(*unknown).values(network_sha256=model.network_sha256))
    return ids


def described_networks(db: Database) -> dict[str, str]:
    """By the hash of each file with a description, the hash of the file without it."""
    columns = (ModelFileTable.sha256, ModelFileTable.network_sha256)
    with db.read() as tx:
        found = tx.execute(select(*columns).where(ModelFileTable.network_sha256.is_not(None)))
        return {sha256: network for sha256, network in found if network is not None}


def _model_ids(tx: Session, hashes: Iterable[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for batch in in_batches(list(hashes)):
        statement = select(ModelFileTable.sha256, ModelFileTable.id).where(ModelFileTable.sha256.in_(batch))
        ids.update((key, row_id) for key, row_id in tx.execute(statement))
    return ids

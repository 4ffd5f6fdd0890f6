"""Writing and reading retrainings: networks trained again for their final accuracy."""

from __future__ import annotations

import dataclasses

from sqlalchemy import select

from db.database import Database
from db.networks import store_models
from db.rows import ModelSpec, RetrainingSpec, fields_of
from db.schema import ModelFileTable, RetrainingTable


def record_retraining(db: Database, spec: RetrainingSpec) -> None:
    """Store a retraining; one of the same network, data, recipe and seed is kept as it is."""
    with db.write() as tx:
        same = select(RetrainingTable.recipe).where(
            RetrainingTable.network_hash == spec.network_hash,
            RetrainingTable.data_sha256 == spec.data_sha256,
            RetrainingTable.seed == spec.seed,
        )
        if any(dict(recipe) == dict(spec.recipe) for recipe in tx.scalars(same)):
            return
        model_id = store_models(tx, [(spec.model, None)])[spec.model.sha256]
        tx.add(RetrainingTable(model_file_id=model_id, **fields_of(spec, "model")))


def list_retrainings(db: Database) -> list[RetrainingSpec]:
    """All of them, oldest first."""
    names = [field.name for field in dataclasses.fields(RetrainingSpec) if field.name != "model"]
    models = [field.name for field in dataclasses.fields(ModelSpec)]
    statement = select(RetrainingTable, ModelFileTable).join(ModelFileTable).order_by(RetrainingTable.id)
    with db.read() as tx:
        return [
            RetrainingSpec(
                **{name: getattr(row, name) for name in names},
                model=ModelSpec(**{name: getattr(model, name) for name in models}),
            )
            for row, model in tx.execute(statement)
        ]

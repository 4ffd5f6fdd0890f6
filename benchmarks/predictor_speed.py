"""How fast the predictor is: 10,000 predictions in one call on one core, a single one, and a fit on 15,000 rows.

    python benchmarks/predictor_speed.py --db lab.db      a SIMULATED or measured campaign
    python benchmarks/predictor_speed.py                  rows made up for the purpose: times do not depend on them

Columns are those of `lab fit-rf`. Best of five, as other work on the machine only ever adds time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lab.commands.fit_rf_options import n_threads
from lab.prediction.features import architecture_features, measured_visits
from predictor.intervals import calibrate
from predictor.models import RECIPES
from predictor.predictor import Predictor, fit_model
from predictor.records import Selection
from predictor.schema import FeatureSchema
from predictor.table import ENERGY, Measurements
from search.networks.spaces import AUDIO_2D


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db")
    parser.add_argument("--rows", type=int, default=15_000)
    arguments = parser.parse_args()
    rows = _rows(arguments.db, arguments.rows)
    architectures = AUDIO_2D.sample_unique(10_000, 99)
    _, columns_s = _timed(lambda: architecture_features(architectures), 1)
    table, single = architecture_features(architectures), architecture_features(architectures[:1])
    print(f"{rows.n_rows:,} rows, {len(rows.features.names)} columns, {'SIMULATED' if rows.simulated else 'measured'}")
    print(f"columns of 10,000 architectures: {columns_s:.2f} s the first time")
    schema = FeatureSchema.of(rows.features)
    for recipe in RECIPES:
        model, fit_s = _timed(lambda name=recipe.name: fit_model(name, schema, rows, 1, n_threads()), 1)  # type: ignore[misc]
        band = calibrate(rows.values[:100], rows.values[:100] * 1.01)
        predictor = Predictor(recipe.name, model, band, ENERGY, rows.simulated)
        _, predict_s = _timed(lambda p=predictor: p.predict(table), 5)  # type: ignore[misc]
        _, single_s = _timed(lambda p=predictor: p.predict(single), 20)  # type: ignore[misc]
        matrix = schema.encode(single)
        _, plain_s = _timed(lambda m=model, x=matrix: m.pipeline.predict(x), 20)  # type: ignore[misc]
        print(
            f"{recipe.name:18} fit {fit_s:6.2f} s on {n_threads()} threads; 10,000 predictions {predict_s:.3f} s; "
            f"one {1e3 * single_s:.2f} ms, by scikit-learn's pipeline alone {1e3 * plain_s:.2f} ms"
        )


def _rows(db: str | None, n: int) -> Measurements:
    if db is not None:
        from db.database import open_database

        with open_database(db, create=False) as database:
            return measured_visits(database, Selection()).rows
    features = architecture_features(AUDIO_2D.sample_unique(n, 1))
    energies_mj = 0.2 + features.columns["flops"] / 11e6 * (1 + 0.04 * np.random.default_rng(1).normal(size=n))
    return Measurements(features, ENERGY, energies_mj, np.arange(n), np.arange(n), simulated=True)


def _timed(work: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    best_s = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        best_s = min(best_s, time.perf_counter() - start)
    return result, best_s


if __name__ == "__main__":
    main()

"""Gradient boosting by scikit-learn beside CatBoost, which is no dependency: why the first one was taken.

    pip install catboost && python benchmarks/boosting.py --db lab.db

R2 on held-out architectures, three splits: the campaign's rows with both feature sets, and the Pixel 3 of
`predictor_public.py` with 5,000 rows.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
from nasbench201 import read

from db.database import open_database
from lab.prediction.features import measured_visits, paper_features
from predictor.metrics import score
from predictor.models import BOOSTING
from predictor.predictor import fit_model
from predictor.records import Selection
from predictor.schema import FeatureSchema
from predictor.split import held_out
from predictor.table import Measurements

_SPLITS = 3
_PUBLIC_ROWS = 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", required=True)
    with open_database(parser.parse_args().db, create=False) as database:
        rows = measured_visits(database, Selection()).rows
    mark = "SIMULATED" if rows.simulated else "measured"
    paper = replace(rows, features=rows.features.select(paper_features(rows.features)))
    print(f"{'':34} scikit-learn        CatBoost")
    for title, table in ((f"{mark}, graph", rows), (f"{mark}, paper", paper), ("Pixel 3", read("pixel3_ms"))):
        found = [_both(table, seed) for seed in range(_SPLITS)]
        ours, theirs = np.mean(found, axis=0)
        cells = [f"R2 {r2:.4f} {fit_s:5.1f} s" for r2, fit_s in (ours, theirs)]
        print(f"{title:20} {table.n_rows:6,} rows  {'   '.join(cells)}")


def _both(rows: Measurements, seed: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """R2 and seconds to fit, of both."""
    from catboost import CatBoostRegressor

    split = held_out(rows.groups, seed)
    n_rows = _PUBLIC_ROWS if rows.n_rows == 15_625 else len(split.train)
    train = rows.take(np.random.default_rng(seed).permutation(split.train)[:n_rows])
    test = rows.take(split.test)
    schema = FeatureSchema.of(rows.features)
    start = time.perf_counter()
    model = fit_model(BOOSTING.name, schema, train, seed)
    ours = score(test.values, model.expected(test.features)).r2, time.perf_counter() - start
    encoder = model.pipeline["encoder"]
    start = time.perf_counter()
    other = CatBoostRegressor(1000, depth=6, verbose=0, random_seed=seed, thread_count=1, allow_writing_files=False)
    other.fit(encoder.transform(schema.encode(train.features)), train.values)
    predicted = other.predict(encoder.transform(schema.encode(test.features)))
    return ours, (score(test.values, predicted).r2, time.perf_counter() - start)


if __name__ == "__main__":
    main()

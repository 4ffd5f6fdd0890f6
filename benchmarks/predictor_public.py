"""The predictor on measurements of real devices: NAS-Bench-201 on a Pixel 3 and a Raspberry Pi 4.

    python benchmarks/predictor_public.py            5,000 rows, three draws
    python benchmarks/predictor_public.py --rows 500

Networks (canonical graphs) of the test set are in no training row. Everything is measured, nothing simulated.
No mean relative error is shown: some cells compute nothing and take microseconds.
"""

from __future__ import annotations

import argparse

import numpy as np
from nasbench201 import cells, read, whole
from rich.console import Console
from rich.table import Table

from predictor.metrics import score, spread, visit_noise
from predictor.models import FOREST, RECIPES
from predictor.predictor import fit_model
from predictor.schema import FeatureSchema
from predictor.split import held_out
from predictor.table import Measurements

DEVICES = {"pixel3_ms": "Pixel 3", "raspi4_ms": "Raspberry Pi 4"}
_DRAWS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5000)
    n_rows = parser.parse_args().rows
    for device, title in DEVICES.items():
        rows = read(device)
        # Runtimes differ in what they do with dead parts of a cell, so only cells without any repeat each other.
        twins = rows.take(np.flatnonzero([whole(cell) for cell in cells()]))
        noise = visit_noise(twins.values, twins.groups)
        assert noise is not None
        shown = Table(
            title=f"{title}: {n_rows:,} of {rows.n_rows:,} cells, {rows.n_architectures:,} different graphs; noise by "
            f"{noise.n_repeats:,} repeats {noise.sd_frac:.1%}, ceiling R² {1 - noise.sd**2 / rows.values.var():.3f}",
            title_justify="left",
        )
        for heading in ("model", "R²", "sd", "RMSE, ms", "Kendall τ"):
            shown.add_column(heading, justify="left" if heading == "model" else "right")
        results = {recipe.name: evaluated(recipe.name, rows, n_rows) for recipe in RECIPES}
        for name, (mean, sd) in sorted(results.items(), key=lambda item: -item[1][0].r2):
            shown.add_row(name, f"{mean.r2:.3f}", f"{sd.r2:.3f}", f"{mean.rmse:.3f}", f"{mean.kendall_tau:.3f}")
        Console(width=110).print(shown)
        best = max(results, key=lambda name: results[name][0].r2)
        print(f"forest R² {results[FOREST.name][0].r2:.3f}; best: {best} {results[best][0].r2:.3f}\n")


def evaluated(recipe: str, rows: Measurements, n_rows: int):  # type: ignore[no-untyped-def]
    """Mean and spread of the test metrics over draws."""
    schema = FeatureSchema.of(rows.features)
    scores = []
    for seed in range(_DRAWS):
        split = held_out(rows.groups, seed)
        chosen = np.random.default_rng(seed).permutation(split.train)[:n_rows]
        train, test = rows.take(chosen), rows.take(split.test)
        model = fit_model(recipe, schema, train, seed)
        scores.append(score(test.values, model.expected(test.features)))
    found = spread(scores)
    return found.mean, found.sd


if __name__ == "__main__":
    main()

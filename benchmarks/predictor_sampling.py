"""The predictor on a campaign: random against suggested sampling, and energy from latency.

    python benchmarks/predictor_sampling.py --db lab.db

The same held-out architectures test everything. Suggested: space-filling in the counts of the network's graph, as
`lab suggest-next` does; `variance`: from 300 on, the forest's disagreement with diversity. Three draws each.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from db.database import open_database
from lab.prediction.features import measured_visits, paper_features
from predictor.evaluation import evaluate
from predictor.metrics import score
from predictor.models import FOREST
from predictor.predictor import fit_model
from predictor.records import Selection
from predictor.schema import FeatureSchema
from predictor.split import held_out
from predictor.suggestion import SPACE_FILLING_UNTIL, suggest
from predictor.table import Indices, Measurements
from predictor.two_stage import MeasurementBudget, evaluate_two_stage
from search.networks.features import COSTS, GRAPH_COUNTS

_DRAWS = 3
_BATCH = 200
_FILLED = (*COSTS, *GRAPH_COUNTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", required=True)
    parser.add_argument("--campaign")
    arguments = parser.parse_args()
    with open_database(arguments.db, create=False) as database:
        rows = measured_visits(database, Selection(arguments.campaign)).rows
    mark = "SIMULATED: " if rows.simulated else ""
    print(f"{mark}{rows.n_rows:,} visits of {rows.n_architectures:,} architectures")
    sampling(rows, mark)
    from_latency(rows, mark)


def sampling(rows: Measurements, mark: str) -> None:
    """R2 of forests by how the architectures they learn from were chosen."""
    largest = round(0.8 * rows.n_architectures)
    sizes = [size for size in (50, 100, 200, 400, 800, 1600, 3200, 6400) if size <= largest]
    filled = [size for size in sizes if size <= min(3200, largest // 2)]
    for title, names in (("counts of the graph", rows.features.names), ("paper", paper_features(rows.features))):
        curves: dict[str, list[list[float]]] = {"random": [], "space-filling": [], "variance": []}
        for seed in range(_DRAWS):
            split = held_out(rows.groups, seed)
            train, test = rows.take(split.train), rows.take(split.test)
            order = np.random.default_rng(seed).permutation(np.unique(train.groups))
            curves["random"].append([learnt(train, test, order[:n], names, seed) for n in sizes])
            chosen = suggested(train, max(filled), seed)
            curves["space-filling"].append([learnt(train, test, chosen[:n], names, seed) for n in filled])
            unsure = suggested(train, min(1600, max(filled)), seed, variance=True)
            curves["variance"].append(
                [learnt(train, test, unsure[:n], names, seed) for n in filled if n <= len(unsure)]
            )
        table = Table(title=f"{mark}forest, features: {title}; R² by architectures measured", title_justify="left")
        table.add_column("sampling")
        for size in sizes:
            table.add_column(f"{size:,}", justify="right")
        means = {name: np.mean(values, axis=0) for name, values in curves.items()}
        for name, mean in means.items():
            table.add_row(name, *(f"{value:.3f}" for value in mean))
        Console(width=110).print(table)
        for n, goal in zip(sizes, means["random"], strict=True):
            if n >= 200 and goal <= means["space-filling"].max():
                needed = np.interp(goal, np.maximum.accumulate(means["space-filling"]), np.log(filled))
                print(f"R² {goal:.3f}: {n:,} at random, {np.exp(needed):,.0f} suggested ({np.exp(needed) / n:.0%})")


def learnt(train: Measurements, test: Measurements, groups: Indices, names: Sequence[str], seed: int) -> float:
    """R2 on the test set of a forest that saw these architectures."""
    rows = train.take(np.flatnonzero(np.isin(train.groups, groups)))
    schema = FeatureSchema.of(train.features.select(names))
    return score(test.values, fit_model(FOREST.name, schema, rows, seed).expected(test.features)).r2


def suggested(train: Measurements, n: int, seed: int, *, variance: bool = False) -> Indices:
    """Architectures in the order in which they would be measured, as if the training set were the whole space."""
    groups, firsts = np.unique(train.groups, return_index=True)
    features = train.features.take(firsts)
    until = min(n, SPACE_FILLING_UNTIL) if variance else n
    chosen = suggest(None, None, features, until, seed, _FILLED).chosen
    while len(chosen) < n:
        left = np.setdiff1d(np.arange(len(groups)), chosen)
        seen = train.take(np.flatnonzero(np.isin(train.groups, groups[chosen])))
        batch = min(_BATCH, n - len(chosen))
        more = suggest(features.take(chosen), seen, features.take(left), batch, seed, _FILLED, "variance")
        chosen = np.concatenate([chosen, left[more.chosen]])
    picked: Indices = groups[chosen]
    return picked


def from_latency(rows: Measurements, mark: str) -> None:
    """Energy from latency beside the forest that is told every energy."""
    table = Table(title=f"{mark}R² on the same held-out visits, three splits", title_justify="left")
    for heading in ("model", "latencies", "energies", "R²", "sd"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    forests = [evaluate(FOREST.name, rows, seed).test.r2 for seed in range(_DRAWS)]
    table.add_row("random-forest", "", "all", f"{np.mean(forests):.3f}", f"{np.std(forests, ddof=1):.3f}")
    for n_latencies, n_energies in ((1000, 20), (1000, 50), (1000, 200)):
        budget = MeasurementBudget(n_latencies, n_energies)
        found = [evaluate_two_stage("gradient-boosting", rows, budget, seed).test.r2 for seed in range(_DRAWS)]
        table.add_row("energy from latency", f"{n_latencies:,}", str(n_energies), f"{np.mean(found):.3f}",
                      f"{np.std(found, ddof=1):.3f}")  # fmt: skip
    Console(width=110).print(table)


if __name__ == "__main__":
    main()

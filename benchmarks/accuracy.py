"""How far recorded energies are from the simulated world's own truth, and how honest the stated intervals are.

    python benchmarks/accuracy.py --architectures 500 --seeds 20

Every seed is a bench of its own: other noise, other session gain, other clock offsets. Each visit's recorded energy is
held against the true energy of that very visit. Prints a table; asserts nothing.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from truth_comparison import Accuracy, TruthComparison, compare, read_truths, summarise

from db.database import open_database
from db.results import result_rows
from lab.campaign import campaign as campaigns
from lab.campaign.request import MeasureRequest, plan_of
from lab.profile.profile import parse_profile


def run_seed(seed: int, n: int, folder: str) -> tuple[int, list[TruthComparison], dict[str, int]]:
    """One campaign on one simulated bench; its comparisons and its visits by outcome."""
    logging.disable(logging.CRITICAL)
    place = Path(folder) / f"seed{seed}"
    place.mkdir()
    truth_path = place / "truth.jsonl"
    profile = parse_profile(
        f'name = "accuracy"\n[phone]\nlock = "paper"\n[precision]\nrepeat_frac = 0.0\n'
        f'[simulated]\nseed = {seed}\ntruth_path = "{truth_path}"\n',
        "accuracy",
    )
    with open_database(place / "lab.db") as db:
        plan = plan_of(MeasureRequest(n=n), profile, "")
        row = campaigns.measure(db, profile, plan)
        rows = list(result_rows(db, row.name))
        outcomes = dict(campaigns.progress(db, row.campaign_id).n_visits)
    return seed, compare(rows, read_truths(truth_path)), outcomes


def line(name: str, figures: Accuracy, outcomes: dict[str, int]) -> str:
    """One row of the table."""
    others = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()) if outcome != "accepted")
    return (
        f"{name:>6}  {figures.n_visits:>8,}  {figures.mean_abs_error_frac:>10.3%}  {figures.worst_abs_error_frac:>9.3%}"
        f"  {figures.bias_frac:>+9.4%}  {figures.coverage_frac:>8.1%}  {others}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    everything, totals = list[TruthComparison](), dict[str, int]()
    print(f"SIMULATED bench: {arguments.architectures} architectures, {arguments.seeds} seeds")
    print("  seed  accepted  mean error      worst       bias  covered  others")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(arguments.processes) as pool:
        jobs = [pool.submit(run_seed, seed, arguments.architectures, folder) for seed in range(arguments.seeds)]
        for job in jobs:
            seed, comparisons, outcomes = job.result()
            print(line(str(seed), summarise(comparisons), outcomes), flush=True)
            everything += comparisons
            for outcome, count in outcomes.items():
                totals[outcome] = totals.get(outcome, 0) + count
    print(line("all", summarise(everything), totals))
    print("mean and worst: |recorded / true - 1| of accepted visits; covered: truth inside the stated 95 % interval")


if __name__ == "__main__":
    main()

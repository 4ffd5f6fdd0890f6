"""Bench hours for 15,000 architectures: many models each time USB is cut, beside one model each time.

    python benchmarks/throughput.py

Both campaigns run on the simulated bench at the default precision, from sampling to the record; bench time is virtual.
What a short campaign took is scaled to 15,000 architectures by its visits and windows. Prints a table; asserts nothing.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from db.database import open_database
from lab.campaign import campaign as campaigns
from lab.campaign.request import MeasureRequest, plan_of
from lab.profile.profile import BenchProfile, load_profile

FULL = 15_000


def run(profile: BenchProfile, n: int, label: str) -> str:
    """One campaign; its row of the table."""
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder) / "lab.db") as db:
        began = time.perf_counter()
        row = campaigns.measure(db, profile, plan_of(MeasureRequest(n=n), profile, ""))
        wall_s = time.perf_counter() - began
        now = campaigns.progress(db, row.campaign_id)
    done = now.n_tasks["done"]
    hours = now.bench_s / 3600 * FULL / done
    causes = ", ".join(f"{cause} {seconds / now.bench_s:.0%}" for cause, seconds in now.overhead_s.items())
    return (
        f"{label:<28} {done:>6} {sum(now.n_visits.values()) / done:>7.2f} {sum(now.n_windows.values()):>8} "
        f"{hours:>18.1f} {now.useful_s / now.bench_s:>9.1%} {wall_s:>8.1f}  {causes}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=600, help="architectures of the default campaign")
    parser.add_argument("--single", type=int, default=40, help="architectures of the one-model-a-window campaign")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    profile = load_profile("simulated")
    single = replace(
        profile,
        window=profile.window.model_copy(update={"n_models": 1}),
        precision=profile.precision.model_copy(update={"n_canaries": 0}),
    )
    print("SIMULATED bench, virtual time")
    heading = f"{'done':>6} {'visits':>7} {'windows':>8} {'hours for 15,000':>18} {'sampling':>9} {'wall s':>8}"
    print(f"{'':<28} {heading}  time lost to")
    print(run(profile, arguments.many, f"{profile.window.n_models} models a USB cut"), flush=True)
    print(run(single, arguments.single, "1 model a USB cut"))


if __name__ == "__main__":
    main()

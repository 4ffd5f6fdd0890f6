"""The main job: `lab measure --n 15000` on the simulated bench; wall time, memory, and where the time goes.

    python benchmarks/soak.py --n 15000 --folder FOLDER [--faults]

Runs the command in a process of its own, everything at the wire, and watches it from outside: resident memory of the
measuring process once a second, wall time by what it says it is doing. With --faults things go wrong at random, all
that `lab measure --fault list` names: a start that ends because a user would have to put something right is followed
by the next, as by a user who did, and at the end the record is held against the world's truth and audited. Prints
figures; asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from truth_comparison import compare, read_truths

from db.database import open_database
from db.queries import incidents, list_campaigns, progress
from db.results import result_rows
from hardware.sim.faults.catalogue import FAULTS
from lab.review.audit import audit

LAB = str(Path(sys.executable).parent / "lab")
_MOST_STARTS = 2000
_WRONG_FRAC = 0.015


def resident_mb(pid: int) -> float:
    """Resident memory of a process; 0 once it has gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class ResidentMemory(threading.Thread):
    """Samples resident memory once a second."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.samples: list[tuple[float, float]] = []

    def run(self) -> None:
        began = time.monotonic()
        while self._process.poll() is None:
            self.samples.append((time.monotonic() - began, resident_mb(self._process.pid)))
            time.sleep(1.0)  # noqa: TID251

    def quarters(self) -> str:
        """Smallest and largest resident memory in each quarter of the run.

        A leak lifts both; a window that needs much memory, as a long one does, lifts the largest alone.
        """
        n = max(1, len(self.samples) // 4)
        quarters = [[mb for _, mb in self.samples[i * n : (i + 1) * n]] for i in range(4)]
        return ", ".join(f"{min(quarter):.0f} to {max(quarter):.0f}" for quarter in quarters if quarter)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=15_000)
    parser.add_argument("--folder", type=Path, default=None, help="where the database goes; a temporary one if absent")
    parser.add_argument("--faults", action="store_true", help="things go wrong at random")
    parser.add_argument("--fault-rate", type=float, default=0.2, help="part of the windows that a fault strikes in")
    parser.add_argument("--fault-seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        command = [LAB, "measure", "--n", str(arguments.n), "--bench", "simulated", "--json"]
        if not arguments.faults:
            watch(command, folder)
            return
        profile = folder / "soak.toml"
        profile.write_text(f'name = "soak"\n[simulated]\nseed = 1\ntruth_path = "{folder / "truth.jsonl"}"\n')
        command[command.index("simulated")] = str(profile)
        soak_with_faults(command, folder, arguments.fault_rate, arguments.fault_seed)


def soak_with_faults(command: list[str], folder: Path, rate: float, seed: int) -> None:
    """Start the command again and again until it is done, and hold its record against the truth."""
    began, ends = time.monotonic(), Counter[str]()
    for start in range(_MOST_STARTS):
        faults = ["--fault", ",".join(FAULTS), "--fault-rate", str(rate), "--fault-seed", str(seed + 1000 * start)]
        code, said = watch([*command, *faults], folder)
        ends[f"{code}: {said}"[:100]] += 1
        if code in (0, 1):
            break
    print(f"\nSIMULATED bench with faults, {sum(ends.values())} starts, {(time.monotonic() - began) / 60:.1f} min:")
    for end, n in ends.most_common():
        print(f"  {n:>4} ended with {end}")
    judge(folder)


def judge(folder: Path) -> None:
    """Print what the record holds, beside what the world knows."""
    with open_database(folder / "lab.db", create=False) as db:
        campaign = list_campaigns(db)[0]
        now = progress(db, campaign.campaign_id)
        rows = list(result_rows(db))
        kinds = Counter(incident.kind for incident in incidents(db, campaign.campaign_id))
        checks = audit(db, campaign)
    comparisons = compare(rows, read_truths(folder / "truth.jsonl"))
    worst = max(abs(comparison.error_frac) for comparison in comparisons)
    n_wrong = sum(abs(comparison.error_frac) > _WRONG_FRAC for comparison in comparisons)
    without = now.n_tasks.get("done", 0) - len({row.task_id for row in rows})
    print(f"  architectures        {dict(now.n_tasks)}, done without a row: {without}")
    print(f"  rows                 {len(rows):,}, off by more than 1.5 %: {n_wrong}, worst {worst:.2%}")
    print(f"  windows              {dict(now.n_windows)}")
    print(f"  incidents            {sum(kinds.values()):,}: {dict(kinds.most_common())}")
    print(
        f"  bench time           {now.bench_s / 3600:.1f} h, {now.lost_s / now.bench_s:.1%} in windows that were lost"
    )
    print("  audit                " + ", ".join(f"{check.name} {check.outcome}" for check in checks))


def watch(command: list[str], folder: Path) -> tuple[int, str]:
    """Run the command and print what it took; its exit code and the first line of its error."""
    began, spent = time.monotonic(), defaultdict[str, float](float)
    said = ""
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    memory = ResidentMemory(process)
    memory.start()
    doing, since, last_print = "starting", began, began
    assert process.stderr is not None
    for text in process.stderr:
        try:
            step = json.loads(text)
        except json.JSONDecodeError:
            said = said or text.strip()
            print(text, end="", flush=True)
            continue
        now = time.monotonic()
        spent[doing] += now - since
        # "pushing models" is said before a window begins and holds until its analysis: the window itself.
        doing, since = ("window" if step["phase"] == "pushing" else step["phase"]), now
        if now - last_print > 60:
            last_print = now
            done = step["n_done"]
            print(f"  {now - began:6.0f} s: {done:,} done, {memory.samples[-1][1]:.0f} MB", flush=True)
    output = process.stdout.read() if process.stdout else ""
    process.wait()
    spent[doing] += time.monotonic() - since
    if output:
        report(json.loads(output), time.monotonic() - began, memory, spent, process.returncode, folder)
    elif memory.samples:
        print(
            f"  start ended after {time.monotonic() - began:.0f} s, peak {max(mb for _, mb in memory.samples):.0f} MB"
        )
    return process.returncode, said


def report(
    result: dict[str, float], wall_s: float, memory: ResidentMemory, spent: dict[str, float], code: int, folder: Path
) -> None:
    """Print the figures."""
    stored = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e9
    peak = max(mb for _, mb in memory.samples)
    share = result["useful_s"] / result["bench_s"]
    print(f"SIMULATED bench, exit code {code}: {result['n_done']:,} architectures done, {result['n_failed']} failed")
    print(f"  wall time            {wall_s / 60:.1f} min")
    print(f"  bench time           {result['bench_s'] / 3600:.1f} h, {share:.1%} sampling")
    print(f"  times real time      {result['bench_s'] / wall_s:.0f}")
    print(f"  resident memory      peak {peak:.0f} MB; by quarters: {memory.quarters()} MB")
    print(f"  on disk              {stored:.1f} GB")
    print(f"  visits               {result['visits']}, noise between visits {result['visit_noise_frac']}")
    shares = sorted(spent.items(), key=lambda item: -item[1])
    print("  wall time went to    " + ", ".join(f"{doing} {seconds / wall_s:.0%}" for doing, seconds in shares))


if __name__ == "__main__":
    main()

"""The main job: `lab measure --n 15000` on the simulated bench; wall time, memory, and where the time goes.

    python benchmarks/soak.py --n 15000 --folder FOLDER

Runs the command in a process of its own, everything at the wire, and watches it from outside: resident memory of the
measuring process once a second, wall time by what it says it is doing. Prints figures; asserts nothing.
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
from collections import defaultdict
from pathlib import Path

LAB = str(Path(sys.executable).parent / "lab")


def resident_mb(pid: int) -> float:
    """Resident memory of a process; 0 once it has gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Memory(threading.Thread):
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
        """Largest resident memory in each quarter of the run."""
        n = max(1, len(self.samples) // 4)
        return ", ".join(f"{max(mb for _, mb in self.samples[i * n : (i + 1) * n]):.0f}" for i in range(4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=15_000)
    parser.add_argument("--folder", type=Path, default=None, help="where the database goes; a temporary one if absent")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        command = [LAB, "measure", "--n", str(arguments.n), "--bench", "simulated", "--json"]
        watch(command, folder)


def watch(command: list[str], folder: Path) -> None:
    """Run the command and print what it took."""
    began, spent = time.monotonic(), defaultdict[str, float](float)
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    memory = Memory(process)
    memory.start()
    doing, since, last_print = "starting", began, began
    assert process.stderr is not None
    for text in process.stderr:
        try:
            step = json.loads(text)
        except json.JSONDecodeError:
            print(text, end="", flush=True)
            continue
        now = time.monotonic()
        spent[doing] += now - since
        # "pushing models" is said before a window begins and holds until its analysis: the window itself.
        doing, since = ("window" if step["doing"] == "pushing models" else step["doing"]), now
        if now - last_print > 60:
            last_print = now
            done = step["n_done"]
            print(f"  {now - began:6.0f} s: {done:,} done, {memory.samples[-1][1]:.0f} MB", flush=True)
    output = process.stdout.read() if process.stdout else ""
    process.wait()
    spent[doing] += time.monotonic() - since
    report(json.loads(output), time.monotonic() - began, memory, spent, process.returncode, folder)


def report(
    result: dict[str, float], wall_s: float, memory: Memory, spent: dict[str, float], code: int, folder: Path
) -> None:
    """Print the figures."""
    stored = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e9
    peak = max(mb for _, mb in memory.samples)
    share = result["useful_s"] / result["bench_s"]
    print(f"SIMULATED bench, exit code {code}: {result['n_done']:,} architectures done, {result['n_failed']} failed")
    print(f"  wall time            {wall_s / 60:.1f} min")
    print(f"  bench time           {result['bench_s'] / 3600:.1f} h, {share:.1%} sampling")
    print(f"  times real time      {result['bench_s'] / wall_s:.0f}")
    print(f"  resident memory      peak {peak:.0f} MB; largest of each quarter: {memory.quarters()} MB")
    print(f"  on disk              {stored:.1f} GB")
    print(f"  visits               {result['visits']}, noise between visits {result['visit_noise_frac']}")
    shares = sorted(spent.items(), key=lambda item: -item[1])
    print("  wall time went to    " + ", ".join(f"{doing} {seconds / wall_s:.0%}" for doing, seconds in shares))


if __name__ == "__main__":
    main()

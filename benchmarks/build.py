"""Writing model files for a campaign: wall time, milliseconds a file, and memory of every process over time.

    python benchmarks/build.py --n 15000 --workers 2

Runs `lab build` in a process of its own, into a temporary folder, and watches it and its workers from outside.
Prints figures; asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

LAB = str(Path(sys.executable).parent / "lab")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    for child in children:
        found += family(int(child))
    return found


def resident_mb(pid: int) -> float:
    """Resident memory of a process; 0 once it has gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES / 1e6
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


class FamilyMemory(threading.Thread):
    """Samples the family's resident memory twice a second: the largest process, and all together."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.largest_mb: list[float] = []
        self.total_mb: list[float] = []

    def run(self) -> None:
        while self._process.poll() is None:
            sizes = [resident_mb(pid) for pid in family(self._process.pid)]
            if sizes:
                self.largest_mb.append(max(sizes))
                self.total_mb.append(sum(sizes))
            time.sleep(0.5)  # noqa: TID251


def quarters(samples: list[float]) -> str:
    """The largest of each quarter of the run."""
    n = max(1, len(samples) // 4)
    return ", ".join(f"{max(samples[i * n : (i + 1) * n] or [0.0]):.0f}" for i in range(4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=15_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [LAB, "build", "--n", str(arguments.n), "--out", folder, "--workers", str(arguments.workers)]
        began = time.monotonic()
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        memory = FamilyMemory(process)
        memory.start()
        _, said = process.communicate()
        wall_s = time.monotonic() - began
        memory.join()
        if process.returncode != 0:
            sys.exit(said.decode())
    per_file_ms = wall_s / arguments.n * 1e3
    print(f"{arguments.n:,} files, {arguments.workers} workers: {wall_s:.1f} s, {per_file_ms:.2f} ms a file")
    print(f"resident memory, largest process, each quarter [MB]: {quarters(memory.largest_mb)}")
    print(f"resident memory, all processes, each quarter [MB]:   {quarters(memory.total_mb)}")
    print(f"load while it ran (1 min average): {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()

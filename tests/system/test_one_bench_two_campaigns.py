"""Two processes and one simulated bench: the second is told who is there; what a killed one leaves is taken over."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from lab_command import Bench, environment

NAMED = """
[meter]
serial = "26511"
[tool]
min_secs = 1.2
warmup_secs = 0.2
[precision]
n_canaries = 0
"""


def test_the_second_campaign_is_refused_until_the_first_is_dead(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench(n_models=2, more=NAMED)
    locks = {"LAB_LOCKS": str(tmp_path / "locks")}
    first = subprocess.Popen(
        bench.measure(500, "--campaign", "night", "--json"), cwd=bench.folder, env=environment() | locks,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with first:
        try:
            assert first.stderr is not None
            next(line for line in first.stderr if '"phase": "pushing"' in line)
            other = bench.command("measure", "--n", "2", "--bench", str(bench.profile), "--db", "other.db", "--json")
            refused = run(bench, other, locks)
            assert refused.returncode == 3
            assert f"simulated-meter-26511 is in use by process {first.pid}, campaign night, since 20" in refused.stderr
            assert f"kill {first.pid}" in refused.stderr
        finally:
            os.kill(first.pid, signal.SIGKILL)
    taken = run(bench, [other[0], "-v", *other[1:]], locks)
    assert taken.returncode == 0, taken.stderr
    assert f"the lock of process {first.pid}, campaign night" in taken.stderr


def run(bench: Bench, command: list[str], locks: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=bench.folder, env=environment() | locks, capture_output=True, text=True, timeout=120, check=False
    )

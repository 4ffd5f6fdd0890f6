"""Ctrl-C at random moments of the long commands, as a terminal sends it: to the whole group of processes.

    python benchmarks/interrupts.py --out DIR                  100 interrupts over five commands
    python benchmarks/interrupts.py --out DIR --n 10 --seed 7

Each command is begun in a folder of its own, interrupted once or twice at a moment drawn over its usual length, and
must end within ten seconds without a traceback; the same command then has to go on and end well. One signal asks
`lab measure` and `search run` to end after what is under way: there a second follows after two seconds.
Prints a line for each and a table at the end; exit code 1 if one of them failed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardware.clock import RealClock

BIN = Path(sys.executable).parent
LIMIT_S = 10.0
GRACE_S = 2.0
CLOCK = RealClock()


@dataclass(frozen=True)
class Command:
    """A long command.

    Attributes:
        typed: what a user types.
        needs: what was typed in the folder before.
        usual_s: over which the moments are drawn.
    """

    typed: str
    needs: tuple[str, ...]
    usual_s: float


MEASURE = "lab measure --n 40"
COMMANDS = (
    Command(MEASURE, (), 12.0),
    Command("lab fit-rf --compare", (MEASURE,), 25.0),
    Command("lab build --n 150 --out models", (), 8.0),
    Command("search run --trials 2 --budget smoke", (MEASURE, "lab fit-rf"), 35.0),
    Command("lab reanalyse", (MEASURE,), 4.0),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    prepared = {command: _prepared(arguments.out, i, command) for i, command in enumerate(COMMANDS)}
    longest = dict.fromkeys(COMMANDS, 0.0)
    faults = list[str]()
    for number in range(arguments.n):
        command = COMMANDS[number % len(COMMANDS)]
        moment_s, twice = float(rng.uniform(0.0, command.usual_s)), bool(rng.integers(2))
        folder = arguments.out / f"{number:03d}"
        shutil.copytree(prepared[command], folder)
        ended_s, code, said = _interrupted(command, folder, moment_s, twice)
        longest[command] = max(longest[command], ended_s)
        fault = "hangs" if ended_s > LIMIT_S else "traceback" if "Traceback" in said else ""
        if not fault and code not in (0, 130):
            fault = f"exit code {code}"
        again = _run(command.typed, folder)
        if not fault and again.returncode != 0:
            fault = f"does not go on: exit code {again.returncode}"
        how = f"{moment_s:5.1f} s {'twice' if twice else 'once '}"
        print(f"{number:3d} {how} {command.typed}: {ended_s:.1f} s, {code} {fault}")
        sys.stdout.flush()
        if fault:
            faults.append(f"{number}: {command.typed}: {fault}")
            (arguments.out / f"{number:03d}.txt").write_text(said + again.stdout + again.stderr)
        shutil.rmtree(folder)
    for command, ended_s in longest.items():
        print(f"{command.typed}: ended after {ended_s:.1f} s at most")
    print(f"{arguments.n} interrupts, {len(faults)} faults")
    for fault in faults:
        print(f"  {fault}")
    return 1 if faults else 0


def _prepared(out: Path, number: int, command: Command) -> Path:
    folder, part = out / f"prepared{number}", out / f"part{number}"
    if not folder.exists():
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for typed in command.needs:
            _run(typed, part).check_returncode()
        part.rename(folder)
    return folder


def _environment(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
    return clean | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "XDG_CONFIG_HOME": str(folder / "config")}


def _run(typed: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        typed.split(), cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False
    )


def _interrupted(command: Command, folder: Path, moment_s: float, twice: bool) -> tuple[float, int, str]:
    """Seconds from the last signal to the end, the exit code, and what was said."""
    with (folder / "said.txt").open("w+") as said:
        process = subprocess.Popen(
            command.typed.split(),
            cwd=folder,
            env=_environment(folder),
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        CLOCK.sleep(moment_s)
        for wait_s in (0.0, GRACE_S if not twice else 0.3):
            CLOCK.sleep(wait_s)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        sent_s = CLOCK.now_s()
        try:
            code = process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        ended_s = CLOCK.now_s() - sent_s
        said.seek(0)
        return ended_s, code, said.read()


if __name__ == "__main__":
    sys.exit(main())

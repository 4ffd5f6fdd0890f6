"""The first hour of a new user, for many seeds: do the commands of the how-to end well, whatever is drawn?

    python benchmarks/first_hour.py --seeds 10 --out /tmp/first-hour

Types `lab measure --n 50 --seed S`, `lab fit-rf` and `search run --trials 3 --budget smoke` as a user does, in a fresh
folder a seed, on the simulated bench, and prints their exit codes. Killed, it goes on where it stopped: exit codes
are kept beside what each command said. Ends with 1 when any command did not end with 0.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

_MEASURE = ("lab.cli", "measure", "--n", "50", "--seed")
_FIT = ("lab.cli", "fit-rf")
_SEARCH = ("search.cli", "run", "--trials", "3", "--budget", "smoke")
_WORST_S = 1800
_CODES = "exit_codes.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="campaign seeds 1 to this")
    parser.add_argument("--out", type=Path, required=True, help="folder; a folder for each seed is made in it")
    args = parser.parse_args()
    print("seed  lab measure  lab fit-rf  search run")
    good = True
    for seed in range(1, args.seeds + 1):
        codes = walk(args.out / f"seed-{seed}", seed)
        print(f"{seed:4d}  " + "  ".join(f"{code:>{width}}" for code, width in zip(codes, (11, 10, 10), strict=True)))
        sys.stdout.flush()
        good &= codes == [0, 0, 0]
    sys.exit(0 if good else 1)


def walk(folder: Path, seed: int) -> list[int]:
    """The exit codes of one walk; a command that ended already is not typed again."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / _CODES
    codes: list[int] = json.loads(kept.read_text()) if kept.exists() else []
    for command in ((*_MEASURE, str(seed)), _FIT, _SEARCH)[len(codes) :]:
        codes.append(typed(command, folder))
        kept.write_text(json.dumps(codes))
    return codes


def typed(command: tuple[str, ...], folder: Path) -> int:
    """The exit code of a command; what it says is kept in the folder."""
    module, *arguments = command
    code = f"import sys; sys.argv = {[module.split('.')[0], *arguments]!r}; from {module} import main; main()"
    with (folder / f"{arguments[0]}.txt").open("w") as said:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, stdout=said, stderr=subprocess.STDOUT, timeout=_WORST_S
        )
    return done.returncode


if __name__ == "__main__":
    main()

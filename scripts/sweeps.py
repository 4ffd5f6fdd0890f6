"""All that is too slow for every change, in one command: what ended well at this commit is not run again.

    python scripts/sweeps.py               those that are left, one after the other
    python scripts/sweeps.py --list        each with what it proves, how long it takes, and whether it is done
    python scripts/sweeps.py --only fuzz   that one, done or not

Every end stands in build/sweeps/done.json at once, with the commit; the output goes to the terminal and to
build/sweeps/COMMIT/NAME/output.log. Type it again after Ctrl-C: a sweep that was interrupted is run again, and the long
ones go on in the middle. With changes in the working tree the commit is COMMIT+: nothing counts as done, or goes on.
Ends with exit code 1 if one failed. Figures of benchmarks are printed, not judged: read them in the logs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "sweeps"


@dataclass(frozen=True)
class Sweep:
    """A long check.

    Attributes:
        command: arguments of the interpreter; {folder} stands for its own, which is empty unless it was interrupted.
        about_min: minutes that it takes on two cores.
    """

    name: str
    command: tuple[str, ...]
    about_min: float
    proves: str


def _slow(name: str, file: str, about_min: float, proves: str) -> Sweep:
    return Sweep(name, ("-m", "pytest", "-m", "slow", "-n", "0", "-s", file), about_min, proves)


SWEEPS = (
    _slow("every-fault", "tests/lab/bench/test_faults.py", 3, "each fault leaves a right record, and a sign in it"),
    _slow("kills", "tests/system/test_killed_campaigns.py", 10, "30 times kill -9: complete, and nothing twice"),
    _slow("writer", "tests/search/tflite/test_tflite_writer.py", 2, "LiteRT runs 2,000 random networks as written"),
    _slow("raw-graph", "tests/benchmarks/test_raw_graph.py", 5, "written files are the converter's, bit for bit"),
    _slow("converter", "tests/search/training/test_convert.py", 5, "the converter's files have the paper's sizes"),
    _slow("variables", "tests/search/training/test_quantization_aware.py", 5, "trained parameters are those counted"),
    _slow("export", "tests/search/training/test_trained_network.py", 10, "exported networks answer as the converter's"),
    _slow("supernet", "tests/search/supernet/test_shared_network.py", 5, "200 sub-networks compute what Keras does"),
    _slow("page-search", "tests/walks/test_search_page.py", 15, "the page on searching, typed"),
    _slow("page-bench", "tests/walks/test_real_bench_page.py", 1, "the page on a real bench, typed"),
    _slow("page-conformance", "tests/walks/test_conformance_page.py", 1, "the page on conformance, typed"),
    _slow("page-sounds", "tests/walks/test_own_sounds.py", 3, "the page on own sounds, piped"),
    _slow("page-hints", "tests/walks/test_hints.py", 2, "what is printed to be typed next, typed"),
    _slow("pages", "tests/walks/test_pages.py", 6, "the tutorial piped, and the page on the supernet"),
    Sweep("accuracy", ("benchmarks/accuracy.py",), 20, "energies against the simulated truth: 20 benches"),
    Sweep("conformance", ("benchmarks/conformance.py",), 1, "the fake adb server answers as a real one"),
    Sweep("fuzz", ("benchmarks/fuzz.py", "--minutes", "10"), 80, "no mutated input crashes a decoder or is believed"),
    Sweep(
        "fault-matrix",
        ("benchmarks/fault_matrix.py", "--resume", "--results", "{folder}/fault_matrix.csv"),
        90,
        "every fault, and 200 pairs: no row is wrong, missing or there twice",
    ),
    Sweep("soak", ("benchmarks/soak.py", "--folder", "{folder}/bench"), 35, "15,000 architectures: memory and time"),
    Sweep(
        "soak-with-faults",
        ("benchmarks/soak.py", "--faults", "--folder", "{folder}/bench"),
        55,
        "15,000 architectures while things go wrong: the record is right",
    ),
)


@dataclass(frozen=True)
class SweepEnd:
    """How a sweep ended."""

    commit: str
    exit_code: int
    took_min: float

    def counts_at(self, commit: str) -> bool:
        """It ended well, at this very commit, with nothing changed."""
        return self.exit_code == 0 and self.commit == commit and not commit.endswith("+")


class Ends:
    """The file of ends, by the names of sweeps: the last end of each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, SweepEnd]:
        if not self._path.exists():
            return {}
        return {name: SweepEnd(**end) for name, end in json.loads(self._path.read_text(encoding="utf-8")).items()}

    def keep(self, name: str, end: SweepEnd) -> None:
        """Whole or not at all, whatever ends the program."""
        ends = {**self.read(), name: end}
        new = self._path.with_suffix(".new")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps({key: asdict(value) for key, value in ends.items()}, indent=1), encoding="utf-8")
        os.replace(new, self._path)


def left(sweeps: Sequence[Sweep], ends: Ends, commit: str) -> list[Sweep]:
    """Those that have not ended well at this commit."""
    known = ends.read()
    return [sweep for sweep in sweeps if sweep.name not in known or not known[sweep.name].counts_at(commit)]


def run_all(sweeps: Sequence[Sweep], ends: Ends, commit: str, run: Callable[[Sweep], int]) -> list[str]:
    """Run sweeps one after the other, whatever becomes of each; the names of those that failed."""
    failed = list[str]()
    for n, sweep in enumerate(sweeps, 1):
        _say(f"==> {n}/{len(sweeps)} {sweep.name}, about {sweep.about_min:g} min: {sweep.proves}")
        began_s = time.monotonic()
        exit_code = run(sweep)
        end = SweepEnd(commit, exit_code, round((time.monotonic() - began_s) / 60, 1))
        ends.keep(sweep.name, end)
        _say(f"    {'done' if exit_code == 0 else f'FAILED, exit code {exit_code}'} after {end.took_min:g} min")
        if exit_code != 0:
            failed.append(sweep.name)
    return failed


def is_resumed(sweep: Sweep, ends: Ends, commit: str) -> bool:
    """What an interrupted sweep left at this commit is gone on with; what one left that has ended is not."""
    end = ends.read().get(sweep.name)
    return not commit.endswith("+") and (end is None or end.commit != commit)


def run_logged(sweep: Sweep, folder: Path, resumed: bool) -> int:
    """Run one in the root of the repository, its output on the terminal and in a log; its exit code."""
    if not resumed:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, *(part.format(folder=folder) for part in sweep.command)]
    with (
        (folder / "output.log").open("a", encoding="utf-8") as log,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            log.write(line)
    return process.returncode


def this_commit() -> str:
    """Of the working tree; with a + if something in it was changed."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain") else "")


def show(sweeps: Sequence[Sweep], ends: Ends, commit: str) -> None:
    """Print the table."""
    known = ends.read()
    for sweep in sweeps:
        end = known.get(sweep.name)
        what = "left"
        if end is not None:
            result = "done" if end.exit_code == 0 else f"FAILED, exit code {end.exit_code}"
            what = f"{result} after {end.took_min:g} min at {end.commit}"
            what += "" if end.counts_at(commit) else ", left"
        _say(f"{sweep.name:17}{sweep.about_min:4g} min  {sweep.proves}\n{'':27}python {' '.join(sweep.command)}")
        _say(f"{'':27}{what}")


def main(arguments: Sequence[str] | None = None, sweeps: Sequence[Sweep] = SWEEPS, folder: Path = FOLDER) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="what there is, and what is done")
    parser.add_argument("--only", action="append", choices=[sweep.name for sweep in sweeps], help="may be given again")
    asked = parser.parse_args(arguments)
    ends, commit = Ends(folder / "done.json"), this_commit()
    if asked.list:
        show(sweeps, ends, commit)
        return 0
    wanted = [s for s in sweeps if s.name in asked.only] if asked.only else left(sweeps, ends, commit)
    if not wanted:
        _say(f"All {len(sweeps)} sweeps are done at {commit}; --only NAME runs one again.")
        return 0
    try:
        failed = run_all(
            wanted,
            ends,
            commit,
            lambda sweep: run_logged(sweep, folder / commit / sweep.name, is_resumed(sweep, ends, commit)),
        )
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted: the same command goes on with this sweep.\n")
        return 130
    if failed:
        sys.stderr.write(f"Failed: {', '.join(failed)}. Look at {folder / commit}; the same command runs them again.\n")
    return 1 if failed else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

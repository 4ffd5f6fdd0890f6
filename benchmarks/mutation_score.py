"""How many small faults the unit tests notice: mutants of the modules that turn a trace into an energy.

    python benchmarks/mutation_score.py run after                    every module, 60 mutants each
    python benchmarks/mutation_score.py run after energy             one of them
    python benchmarks/mutation_score.py run fresh energy --seed 2    mutants that no test was written against
    python benchmarks/mutation_score.py show --survivors             the table, and what no test noticed

The mutants are those of cosmic-ray's operators (pip install ".[mutation]"), one for each place in the source, of which
a sample is drawn from a fixed seed. Annotations are left alone. A mutant is imported in place of its module in a
process of its own; no file is changed. Hypothesis draws the same examples for each. Results are kept mutant by mutant,
so a run that was interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import ast
import csv
import importlib.machinery
import importlib.util
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "mutation_score.csv"

# By module: its file, and the tests that judge it; files that do not exist in a version are passed over.
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "window": (
        "lab/analysis/window.py",
        (
            "tests/lab/analysis/test_window.py",
            "tests/lab/analysis/test_window_visits.py",
            "tests/lab/analysis/test_window_verdicts.py",
        ),
    ),
    "procedure": (
        "lab/bench/procedure.py",
        ("tests/lab/bench/test_output_held.py", "tests/lab/bench/test_window_procedure.py"),
    ),
    "energy": ("lab/analysis/energy.py", ("tests/lab/analysis/test_energy.py",)),
    "gates": ("lab/analysis/gates.py", ("tests/lab/analysis/test_gates.py",)),
    "alignment": ("lab/analysis/alignment.py", ("tests/lab/analysis/test_alignment.py",)),
    "power_watch": ("lab/bench/power_watch.py", ("tests/lab/bench/test_power_watch.py",)),
    "hvpm_packets": (
        "hardware/monsoon/hvpm_packets.py",
        ("tests/hardware/monsoon/test_hvpm_packets.py", "tests/hardware/monsoon/test_hvpm_calibrations.py"),
    ),
    "lvpm_packets": (
        "hardware/monsoon/lvpm_packets.py",
        ("tests/hardware/monsoon/test_lvpm_packets.py", "tests/hardware/monsoon/test_lvpm_calibrations.py"),
    ),
    "metrics": ("predictor/metrics.py", ("tests/predictor/test_metrics.py",)),
    "queries": (
        "db/queries.py",
        ("tests/db/test_queries.py", "tests/db/test_visit_noise.py", "tests/db/test_without_result.py"),
    ),
}

# Imported once: what a test process would spend most of its time on.
_PRELOADED = "numpy", "scipy.stats", "sqlalchemy.orm", "pydantic", "pytest", "hypothesis.strategies", "adbutils"
_N_MUTANTS, _SEED = 60, 1
_TIMEOUT_FACTOR, _TIMEOUT_S = 5.0, 10.0


@dataclass(frozen=True)
class Mutant:
    """A module with one change in it.

    Attributes:
        place: operator, line and column: the same for the same source.
        before, after: the line that differs.
    """

    place: str
    before: str
    after: str
    source: str


@dataclass(frozen=True)
class Result:
    """What became of a mutant: killed, timeout (which counts as killed) or survived."""

    version: str
    module: str
    n_tests: int
    n_places: int
    place: str
    outcome: str
    before: str
    after: str


def mutants_of(source: str, n: int, seed: int) -> tuple[list[Mutant], int]:
    """A sample of n mutants, and from how many places it is drawn."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    places = _places(source)
    rng = random.Random(seed)
    drawn = [rng.choice(places[key]) for key in sorted(places)]
    rng.shuffle(drawn)
    mutants: list[Mutant] = []
    for name, occurrence, line, column in drawn:
        mutated = mutate_code(source, get_operator(name)(), occurrence)
        if len(mutants) == n or mutated is None or not _is_python(mutated):
            continue
        lines = zip(source.splitlines(), mutated.splitlines(), strict=False)
        before, after = next(((a, b) for a, b in lines if a != b), ("", ""))
        mutants.append(Mutant(f"{name}:{line}:{column}", before.strip(), after.strip(), mutated))
    return mutants, len(places)


def _places(source: str) -> dict[tuple[str, int, int], list[tuple[str, int, int, int]]]:
    """By kind of operator, line and column: the operators that can be used there, with their occurrence."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    tree, passed_over = get_ast(source), _annotations(source)
    found: dict[tuple[str, int, int], list[tuple[str, int, int, int]]] = defaultdict(list)
    for name in sorted(operator_names()):
        if get_operator(name).arguments() or name.endswith("NoOp"):
            continue
        operator = get_operator(name)()
        positions = [start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for occurrence, (line, column) in enumerate(positions):
            if not any(first <= (line, column) < end for first, end in passed_over):
                found[name.split("_")[0], line, column].append((name, occurrence, line, column))
    return found


def _annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """From where to where annotations go, as line and column."""
    nodes = list(ast.walk(ast.parse(source)))
    found = [node.annotation for node in nodes if isinstance(node, ast.AnnAssign | ast.arg)]
    found += [node.returns for node in nodes if isinstance(node, ast.FunctionDef)]
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in found
        if node is not None
    ]


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


class _InPlaceOf(importlib.machinery.SourceFileLoader):
    """Loads a module, and finds it before the one on disk."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        super().__init__(name, str(path))
        self._source = source

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


def judge(file: str, source: str, tests: Sequence[str], timeout_s: float) -> str:
    """killed, timeout or survived."""
    child = os.fork()
    if child == 0:
        _test(file, source, tests)
    ends_s = time.monotonic() + timeout_s
    while time.monotonic() < ends_s:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        time.sleep(0.02)  # noqa: TID251 - waits for a process, not for a bench
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def _test(file: str, source: str, tests: Sequence[str]) -> None:
    """Run the tests on the mutant; never returns."""
    os.setsid()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    code = 3
    try:
        import pytest

        name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        sys.meta_path.insert(0, _InPlaceOf(name, ROOT / file, source))  # type: ignore[arg-type]
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "timeout=0", "--assert=plain"]
        code = int(pytest.main([*options, *tests]))
    finally:
        os._exit(code)


def run(version: str, names: Sequence[str], n: int, seed: int, again: bool) -> None:
    """Judge the mutants that have no result yet, and with `again` those that survived: more tests never kill fewer."""
    _preload()
    results = read_results()
    if again:
        results = [r for r in results if (r.version, r.outcome) != (version, "survived") or r.module not in names]
        RESULTS.unlink()
        _append(*results)
    known = {(r.version, r.module, r.place) for r in results}
    for name in names:
        file, all_tests = MODULES[name]
        tests = [test for test in all_tests if (ROOT / test).exists()]
        source = (ROOT / file).read_text()
        mutants, n_places = mutants_of(source, n, seed)
        began_s = time.monotonic()
        if tests and judge(file, source, tests, 300.0) != "survived":
            raise SystemExit(f"the tests of {name} fail without any mutation")
        timeout_s = _TIMEOUT_S + _TIMEOUT_FACTOR * (time.monotonic() - began_s)
        for i, mutant in enumerate(mutants):
            if (version, name, mutant.place) in known:
                continue
            outcome = judge(file, mutant.source, tests, timeout_s) if tests else "survived"
            row = (version, name, len(tests), n_places, mutant.place, outcome, mutant.before, mutant.after)
            _append(Result(*row))
            print(f"{name} {i + 1}/{len(mutants)} {outcome:9}{mutant.place}: {mutant.after}", flush=True)


def _preload() -> None:
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    for name in _PRELOADED:
        importlib.import_module(name)
    from hypothesis import Phase, settings

    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutation", database=None, derandomize=True, deadline=None, phases=phases)
    settings.load_profile("mutation")


def read_results() -> list[Result]:
    if not RESULTS.exists():
        return []
    with RESULTS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [Result(**{**row, "n_tests": int(row["n_tests"]), "n_places": int(row["n_places"])}) for row in rows]


def _append(*results: Result) -> None:
    is_new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow([field.name for field in fields(Result)])
        writer.writerows(astuple(result) for result in results)


def show(survivors: bool) -> None:
    """The table of all that was run."""
    results = read_results()
    counts = "".join(f"{word:>10}" for word in ("test files", "places", "mutants", "killed", "survived", "score"))
    print(f"{'version':9}{'module':17}{counts}")
    for version in dict.fromkeys(r.version for r in results):
        for name in MODULES:
            mine = [r for r in results if (r.version, r.module) == (version, name)]
            if not mine:
                continue
            n_survived = sum(r.outcome == "survived" for r in mine)
            n_killed = len(mine) - n_survived
            print(
                f"{version:9}{name:17}{max(r.n_tests for r in mine):10}{mine[0].n_places:10}{len(mine):10}{n_killed:10}"
                f"{n_survived:10}{n_killed / len(mine):10.0%}"
            )
            for r in mine if survivors else ():
                if r.outcome == "survived":
                    print(f"    {r.place}\n      - {r.before}\n      + {r.after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("version", help="a word for what is tested, such as before or after")
    running.add_argument("modules", nargs="*", help=", ".join(MODULES))
    running.add_argument("--n", type=int, default=_N_MUTANTS, help="mutants of a module")
    running.add_argument("--seed", type=int, default=_SEED, help="which mutants are drawn; with a version of its own")
    running.add_argument("--again", action="store_true", help="judge survivors again")
    commands.add_parser("show").add_argument("--survivors", action="store_true")
    arguments = parser.parse_args()
    if arguments.command == "run":
        run(arguments.version, arguments.modules or list(MODULES), arguments.n, arguments.seed, arguments.again)
    else:
        show(arguments.survivors)


if __name__ == "__main__":
    main()

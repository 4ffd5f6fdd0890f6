"""Every fault singly and in random pairs, each in a small campaign on the simulated bench, held against its truth.

    python benchmarks/fault_matrix.py --seeds 5 --pairs 200 --resume

A case is a campaign of two windows in which faults strike, and which is started again, as a user would, until it is
done. Then the record is held against what the simulated world knows: rows whose energy is off by more than 1.5 %
("wrong"), architectures without a row ("missing"), more rows than were wanted ("twice"), a clock other than the
locked one, settings of the phone that were not given back. Each case ends as a line of benchmarks/results/
fault_matrix.csv at once; --resume leaves out the cases that stand there. Prints two tables; asserts nothing.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import logging
import multiprocessing
import tempfile
import time
import unittest.mock
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select
from truth_comparison import TruthMissing, compare, read_truths

import hardware.sim.simulated_bench as simulated_bench
from db.database import Database, open_database
from db.errors import DatabaseLocked, DbError, DiskFull
from db.kinds import CampaignSource
from db.queries import incidents, list_campaigns, progress
from db.results import result_rows
from db.schema import EnergyTable, TaskTable, VisitTable, WindowTable
from hardware.errors import HardwareError
from hardware.sim.constants import pixel4xl
from hardware.sim.faults.catalogue import FAULTS
from hardware.sim.simulated_bench import SimulatedBench
from hardware.sim.tflite_cost import cost_of, read_work
from lab.campaign.campaign import CampaignPlan, measure
from lab.campaign.tasks import canary_tasks, sampled_tasks
from lab.errors import LabError
from lab.profile.profile import parse_profile
from lab.review.audit import audit

RESULTS = Path(__file__).with_name("results") / "fault_matrix.csv"
N_MODELS, MOST_STARTS = 6, 8
WRONG_FRAC, WRONG_CLOCK_FRAC = 0.015, 0.04
_CASE_TIMEOUT_S = 400.0
_COST_A_WINDOW = frozenset(
    f"incident {kind}"
    for kind in (
        *("adb_lost", "usb_lost", "command_failed", "not_calibrated", "passthrough_stuck"),
        *("window_unusable", "over_current"),
        *("meter_fault", "meter_not_found", "phone_died", "session_lost", "quarantine"),
    )
)
_PROFILE = """
name = "faults"
[phone]
lock = "paper"
[window]
n_models = 4
settle_s = 7
[tool]
min_secs = 1.2
warmup_secs = 0.2
[precision]
n_canaries = 1
repeat_frac = 0
[simulated]
seed = {seed}
truth_path = "{truth}"
"""


@dataclass(frozen=True)
class CaseOutcome:
    """What became of a case.

    Attributes:
        faults: their names, joined by "+".
        struck: those that came to strike.
        signals: what the record says of it: kinds of incidents, gates, failures of models, errors that ended a start.
        unnoticed: faults that struck and left none of the signals that they must leave.
        actions: what was done, as the incidents say.
        runs_lost: runs of the phone that did not become rows.
        worst_frac: largest relative error of a row.
        bench_s, wall_s: bench time and time of the computer.
    """

    faults: str
    seed: int
    struck: str
    signals: str
    unnoticed: str
    actions: str
    n_starts: int
    runs_lost: int
    wrong: int
    missing: int
    twice: int
    left_out: int
    worst_frac: float
    phone_restored: bool
    audit: str
    bench_s: float
    wall_s: float


def cases(n_seeds: int, n_pairs: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """Faults and seed of every case: no fault, each fault, random pairs."""
    for seed in range(1, n_seeds + 1):
        yield (), seed
    for name, seed in itertools.product(FAULTS, range(1, n_seeds + 1)):
        yield (name,), seed
    rng = np.random.default_rng(6)
    names = list(FAULTS)
    for number in range(n_pairs):
        first, second = (names[int(i)] for i in rng.choice(len(names), 2, replace=False))
        yield (first, second), 1000 + number


def run_case(faults: Sequence[str], seed: int) -> CaseOutcome:
    """One case, in processes of its own: some are killed."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        n_killed = 0
        while not (place / "result.json").exists():
            child = multiprocessing.get_context("fork").Process(target=_quietly, args=(place, faults, seed, n_killed))
            child.start()
            child.join(_CASE_TIMEOUT_S)
            if child.is_alive():
                child.kill()
                child.join()
                raise TimeoutError(f"{'+'.join(faults)} seed {seed} does not end")
            n_killed += 1
            if n_killed > MOST_STARTS:
                raise RuntimeError(f"{'+'.join(faults)} seed {seed}: the process dies again and again")
        found = json.loads((place / "result.json").read_text(encoding="utf-8"))
    return CaseOutcome(**found, wall_s=time.monotonic() - began)


@contextmanager
def one_bench(struck: Path) -> Iterator[list[SimulatedBench]]:
    """Every bench that is opened inside the block is the same one, as a real one would be."""
    benches: list[SimulatedBench] = []
    make = SimulatedBench

    def same(settings: Any) -> SimulatedBench:
        if not benches:
            bench = make(settings)
            really_close = bench.close
            bench.close = bench.time.close_stream  # type: ignore[method-assign]
            bench.really_close = really_close  # type: ignore[attr-defined]
            bench.faults.on_injection = lambda name: _append(struck, name)
            benches.append(bench)
        return benches[0]

    with unittest.mock.patch.object(simulated_bench, "SimulatedBench", same):
        try:
            yield benches
        finally:
            for bench in benches:
                bench.really_close()  # type: ignore[attr-defined]


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def _quietly(place: Path, faults: Sequence[str], seed: int, n_killed: int) -> None:
    logging.disable(logging.CRITICAL)
    outcome = until_done(place, faults, seed, n_killed)
    unfinished = place / "unfinished.json"
    unfinished.write_text(json.dumps(outcome), encoding="utf-8")
    unfinished.replace(place / "result.json")


def until_done(place: Path, faults: Sequence[str], seed: int, n_killed: int = 0) -> dict[str, Any]:
    """Start the campaign of a case until it is done.

    Args:
        place: empty folder for the database; or that of a process that was killed.
        faults: names.
        seed: of the campaign, the bench and the faults.
        n_killed: how often a process of this case was killed already.

    Returns:
        The fields of its `CaseOutcome`, without the wall time.
    """
    plain = parse_profile(_PROFILE.format(seed=seed, truth=place / "truth.jsonl"), "faults")
    struck = place / "struck.txt"
    tasks = (*canary_tasks(1), *sampled_tasks(N_MODELS, seed, 0.0))
    plan = CampaignPlan("faults", CampaignSource.SAMPLED, {"space": "audio2d"}, seed, tasks, {})
    restored = True
    with one_bench(struck) as benches:
        for _ in range(MOST_STARTS):
            profile = plain.with_faults(faults, seed) if not (place / "stops.txt").exists() and not n_killed else plain
            if n_killed:
                _append(place / "stops.txt", "SIGKILL")
                n_killed = 0
            try:
                with open_database(place / "lab.db", busy_timeout_s=0.3) as db:
                    measure(db, profile, plan)
                break
            except (HardwareError, LabError, DbError) as error:
                _append(place / "stops.txt", type(error).__name__)
                if benches:
                    benches[0].faults.mend()
        if benches:
            restored = _is_as_new(benches[0])
    return _outcome(place, faults, seed, restored)


def _is_as_new(bench: SimulatedBench) -> bool:
    """Nothing that measuring changes is changed on the phone, and the output is where the profile wants it."""
    phone = bench.phone
    clocks = all(
        (c.governor, c.min_khz, c.max_khz) == ("schedutil", c.freqs_khz[0], c.freqs_khz[-1])
        for c in phone.clusters.values()
    )
    quiet = phone.settings["global airplane_mode_on"] == "0" and phone.screen_on and not phone.wake_locks
    running = set(phone.services.values()) == {"running"}
    return clocks and quiet and running and bench.world.output_v <= 4.4


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def _outcome(place: Path, faults: Sequence[str], seed: int, restored: bool) -> dict[str, Any]:
    struck, stops = _lines(place / "struck.txt"), _lines(place / "stops.txt")
    truths = read_truths(place / "truth.jsonl") if (place / "truth.jsonl").exists() else []
    with open_database(place / "lab.db") as db:
        campaign = list_campaigns(db)[0]
        rows = list(result_rows(db))
        now = progress(db, campaign.campaign_id)
        happened = incidents(db, campaign.campaign_id)
        signals = {f"stop {name}" for name in stops} | {f"incident {i.kind}" for i in happened} | _gates(db)
        try:
            errors = [abs(c.error_frac) for c in compare(rows, truths)]
        except TruthMissing:
            errors = [float("inf")]
        tasks = _tasks(db)
        off_clock = sum(_is_off_clock(db, row) for row in rows)
        n_trusted = _n_trusted(db)
        checked = [check for check in audit(db, campaign) if check.outcome == "fail"]
    struck += [name for name in faults if FAULTS[name].hits == "host" and _host_fault_struck(name, stops)]
    visits = Counter(row.task_id for row in rows)
    return {
        "faults": "+".join(faults) or "none",
        "seed": seed,
        "struck": "+".join(struck),
        "signals": "; ".join(sorted(signals)),
        "unnoticed": "+".join(name for name in struck if not _noticed(name, signals)),
        "actions": "; ".join(sorted({i.action for i in happened})),
        "n_starts": len(stops) + 1,
        "runs_lost": len(truths) - n_trusted,
        "wrong": sum(error > WRONG_FRAC for error in errors) + off_clock,
        "missing": sum(1 for task, state in tasks.items() if state != "failed" and task not in visits),
        "twice": sum(count - 1 for count in visits.values()),
        "left_out": sum(state == "failed" for state in tasks.values()),
        "worst_frac": max(errors, default=0.0),
        "phone_restored": restored,
        "audit": "; ".join(f"{check.name}: {check.why}" for check in checked),
        "bench_s": now.bench_s,
    }


def _host_fault_struck(name: str, stops: Sequence[str]) -> bool:
    ends = {"power_loss": "SIGKILL", "disk_full": DiskFull.__name__, "database_locked": DatabaseLocked.__name__}
    return ends[name] in stops


def _noticed(name: str, signals: set[str]) -> bool:
    fault = FAULTS[name]
    return bool(fault.harmless) or any(signal.split(":")[0] in fault.shows for signal in signals)


def _gates(db: Database) -> set[str]:
    """What visits were rejected or marked for, why models failed, and whether stretches of runs were left out."""
    with db.read() as tx:
        found = {
            f"{'tool' if outcome == 'model_failed' else 'gate'} {(reason or '').split(':')[0]}"
            for outcome, reason in tx.execute(
                select(VisitTable.outcome, VisitTable.reason).where(VisitTable.outcome != "accepted")
            )
        }
        if tx.scalar(select(EnergyTable.id).where(EnergyTable.n_segments_trimmed > 0).limit(1)) is not None:
            found.add("gate bursts")
        quarantined = tx.scalar(select(WindowTable.id).where(WindowTable.state == "quarantined").limit(1))
        return found | ({"canary"} if quarantined is not None else set())


def _tasks(db: Database) -> dict[int, str]:
    with db.read() as tx:
        rows = tx.execute(select(TaskTable.id, TaskTable.state).where(TaskTable.role == "architecture"))
        return {row.id: row.state for row in rows}


def _n_trusted(db: Database) -> int:
    """Visits that count, those of canaries included."""
    with db.read() as tx:
        outcomes = tx.scalars(select(VisitTable.outcome).where(VisitTable.outcome.in_(("accepted", "marginal"))))
        return len(outcomes.all())


def _is_off_clock(db: Database, row: dict[str, Any]) -> bool:
    """The latency is not that of the locked clock."""
    constants = pixel4xl()
    model = (db.files_dir / "models" / f"{row.model_sha256}.tflite").read_bytes()
    cost = cost_of(read_work(model), constants, constants.kernels["ruy8"], row.clock_freq_khz)
    return abs(row.latency_ms / cost.latency_ms - 1) > WRONG_CLOCK_FRAC


# -- the file of results, and the tables


def known(path: Path) -> list[CaseOutcome]:
    """The cases that are in the file."""
    if not path.exists():
        return []
    kinds = {field.name: field.type for field in fields(CaseOutcome)}
    read = {"int": int, "float": float, "bool": lambda text: text == "True", "str": str}
    with path.open(newline="", encoding="utf-8") as file:
        found = [CaseOutcome(**{n: read[str(kinds[n])](v) for n, v in row.items()}) for row in csv.DictReader(file)]
    # Held anew against the catalogue, which may have learnt more signs since.
    return [replace(one, unnoticed=_unnoticed(one.struck, one.signals)) for one in found]


def _unnoticed(struck: str, signals: str) -> str:
    return "+".join(n for n in struck.split("+") if n and not _noticed(n, set(signals.split("; "))))


def keep(path: Path, outcome: CaseOutcome) -> None:
    """Add a case to the file."""
    path.parent.mkdir(exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(CaseOutcome)])
        if new:
            writer.writeheader()
        writer.writerow(asdict(outcome))


def report(outcomes: Sequence[CaseOutcome]) -> None:
    """Print the tables."""
    quiet = [o for o in outcomes if o.faults == "none"]
    base_s = float(np.mean([o.bench_s for o in quiet])) if quiet else 0.0
    base_wall_s = float(np.mean([o.wall_s for o in quiet])) if quiet else 0.0
    print("SIMULATED bench. Rows: wrong (energy off by more than 1.5 %, or another clock), missing, twice; runs lost:")
    print("measured and not used. Time lost: bench and wall seconds beyond those of a campaign without faults.\n")
    groups = defaultdict[str, list[CaseOutcome]](list)
    for outcome in outcomes:
        groups["pairs" if "+" in outcome.faults else outcome.faults].append(outcome)
    head = f"{'fault':<20}{'cases':>6}{'struck':>7}{'unseen':>7}{'wrong':>6}{'missing':>8}{'twice':>6}{'lost':>6}"
    print(head + f"{'starts':>7}{'bench s':>9}{'wall s':>8}{'worst':>9}  detected by -> what was done")
    for name, group in groups.items():
        struck = sum(bool(o.struck) for o in group)
        mean = {key: float(np.mean([getattr(o, key) for o in group])) for key in ("runs_lost", "n_starts")}
        bench_s = float(np.mean([o.bench_s for o in group])) - base_s
        wall_s = float(np.mean([o.wall_s for o in group])) - base_wall_s
        print(
            f"{name:<20}{len(group):>6}{struck:>7}{sum(bool(o.unnoticed) for o in group):>7}"
            f"{sum(o.wrong for o in group):>6}{sum(o.missing for o in group):>8}{sum(o.twice for o in group):>6}"
            f"{mean['runs_lost']:>6.1f}{mean['n_starts']:>7.1f}{bench_s:>9.0f}{wall_s:>8.1f}"
            f"{max(o.worst_frac for o in group):>9.2%}  {_words(name, group)}"
        )
    masked = [o for o in outcomes if o.unnoticed and _is_masked(o)]
    print(
        f"\n{len(masked)} pairs with a fault that left no sign of its own, because the other one cost the whole window:"
    )
    for o in masked:
        print(f"  {o.faults} seed {o.seed}: {o.unnoticed}; the record says {o.signals}")
    unseen = {id(o) for o in outcomes if o.unnoticed} - {id(o) for o in masked}
    bad = [o for o in outcomes if o.wrong or o.missing or o.twice or not o.phone_restored or o.audit or id(o) in unseen]
    print(f"\n{len(outcomes)} cases, {len(bad)} with something wrong, missing, twice, unseen or not given back:")
    for o in bad:
        what = f"wrong {o.wrong}, missing {o.missing}, twice {o.twice}, unseen {o.unnoticed or '-'}"
        print(f"  {o.faults} seed {o.seed}: {what}, restored {o.phone_restored}, audit {o.audit or 'passed'}")


def _is_masked(outcome: CaseOutcome) -> bool:
    """Two faults struck, one has left its sign, and a window was lost to it: what else was wrong in there is gone."""
    struck, unnoticed = set(outcome.struck.split("+")), set(outcome.unnoticed.split("+"))
    return bool(struck - unnoticed) and any(signal in _COST_A_WINDOW for signal in outcome.signals.split("; "))


def _words(name: str, group: Sequence[CaseOutcome]) -> str:
    if name == "pairs":
        return ""
    fault = FAULTS.get(name)
    seen = sorted({s for o in group for s in o.signals.split("; ") if fault and s.split(":")[0] in fault.shows})
    done = sorted({a for o in group for a in o.actions.split("; ") if a})
    if fault and fault.harmless and not seen:
        return f"harmless: {fault.harmless}"
    return f"{', '.join(seen) or '-'} -> {', '.join(done) or '-'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--resume", action="store_true", help="leave out the cases that are in the file of results")
    parser.add_argument("--only", help="only cases with this fault, and without the file of results")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if arguments.only:
        outcomes = [run_case(faults, s) for faults, s in cases(arguments.seeds, 0) if faults == (arguments.only,)]
        report(outcomes)
        for o in outcomes:
            print(o)
        return
    if not arguments.resume:
        arguments.results.unlink(missing_ok=True)
    outcomes = known(arguments.results)
    there = {(o.faults, o.seed) for o in outcomes}
    wanted = list(cases(arguments.seeds, arguments.pairs))
    for faults, seed in wanted:
        if ("+".join(faults) or "none", seed) in there:
            continue
        outcome = run_case(faults, seed)
        keep(arguments.results, outcome)
        outcomes.append(outcome)
        print(f"{outcome.faults} seed {seed}: {outcome.wall_s:.1f} s, {len(outcomes)}/{len(wanted)}", flush=True)
    names = {("+".join(faults) or "none", seed) for faults, seed in wanted}
    report([o for o in outcomes if (o.faults, o.seed) in names])


if __name__ == "__main__":
    main()

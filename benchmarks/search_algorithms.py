"""Search algorithms and rules for stopping, compared on a surrogate: true reward, compute saved, time per suggestion.

    python benchmarks/search_algorithms.py --trials 2000 --seeds 10 --limit bayesian=300 --switch-at 300

The true reward is that of the best trained trial without the seed of its training; the best is picked, as in a real
search, by the reward with it (as told). Every finished study is a line of --out; the same command goes on with what is
missing. The hybrid begins as `bayesian` does, trial by trial: where a study of `bayesian` ends when the hybrid of its
seed changes over, the hybrid's line answers for both.

With --trainings, a table that `search trainings` has written, accuracies and learning curves come from a model of
real trainings, and energies from the predictor in --predictor, by default that of benchmarks/data; without it a formula
is used, and TOY stands wherever it prints. Rules are compared on one algorithm, evolution unless another is given;
where algorithms are compared, every trial is trained to the end. A rule costs reward twice: by what it stops, and by
what a search makes of predictions in the place of rewards; --rules-algorithm evolution+replay shows the first alone.
What an algorithm adds to a simpler one is printed as the difference on the same seeds. A trial goes the way that it
goes in `search run` (`search.engine.trials`). Asserts nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import optuna  # noqa: TID253
from costed_surrogate import CostedSurrogate
from rich.console import Console
from rich.table import Table
from surrogate_objective import Surrogate, SurrogateObjective
from toy_objective import ToyObjective

from predictor.artefact import load
from search.commands.terminal import print_table
from search.costs import PredictedCosts
from search.engine.algorithms import ALGORITHM_NAMES, PARETO, Settings, build_sampler
from search.engine.encoding import Encoding
from search.engine.record import best_reward, best_trained, final_reward, finished
from search.engine.reward import REWARDS, reward_named
from search.engine.stopping.curve_stop import CurveStop
from search.engine.stopping.rule import NeverStop, StopRule
from search.engine.stopping.rules import STOP_RULE_NAMES, build_stop_rule
from search.engine.trials import run_trial
from search.networks.architecture import Architecture
from search.networks.spaces import SPACES, space_named
from search.surrogate.trained_surrogate import TrainedSurrogate
from search.worker_processes import worker_pool

MARKS = (100, 300, 500, 1000, 2000)
DEFAULT_OUT = Path("build/search_algorithms.jsonl")
PREDICTOR = Path(__file__).parent / "data" / "energy_model"
SKIP_SUFFIX = "+skip"
REPLAYED_SUFFIX = "+replay"
COMPARISONS = (
    ("hyperfirefly", "random"),
    ("hyperfirefly", "tpe"),
    ("hyperfirefly", "evolution"),
    ("hyperfirefly", "firefly"),
    ("hybrid", "hyperfirefly"),
    ("bayesian", "random"),
    ("known-penalty", "bayesian"),
)
"""Each with what it is held against."""


@dataclass(frozen=True)
class Job:
    """One study.

    `algorithm` may end in +skip: dominated proposals are not trained; or in +replay: it proposes what it would without
    a rule, each training from the same seed, so that only what the rule stops is lost. `rule` may end in @ and the
    probability below which it flags. `trainings` and `predictor` are paths, None of the formula: what is in them
    tells studies apart.
    """

    algorithm: str
    rule: str
    seed: int
    n_trials: int
    switch_at: int
    space: str
    reward: str
    trainings: Path | None
    predictor: Path | None
    trainings_sha256: str
    predictor_sha256: str

    @property
    def key(self) -> str:
        """Names the study among the finished ones."""
        told = {name: value for name, value in asdict(self).items() if name not in ("trainings", "predictor")}
        return json.dumps(told, sort_keys=True)


@dataclass
class Suggestions:
    """Processor time of a sampler's proposals, seconds."""

    durations_s: list[float] = field(default_factory=list)

    def around(self, propose: Callable[..., Any]) -> Callable[..., Any]:
        """The same, timed."""

        def timed(*arguments: Any) -> Any:
            start_s = time.process_time()
            try:
                return propose(*arguments)
            finally:
                self.durations_s.append(time.process_time() - start_s)

        return timed

    def at(self, n_trials: int) -> float:
        """Mean over the last 50 proposals before a trial, ms."""
        return 1e3 * mean(self.durations_s[max(0, n_trials - 50) : n_trials])


@cache
def load_surrogate(space: str, reward: str, trainings: Path | None, predictor: Path | None) -> Surrogate:
    """Of the table of trainings, or the formula; once in a process, as fitting takes seconds."""
    if trainings is None or predictor is None:
        return ToyObjective(space_named(space))
    costs = PredictedCosts(load(predictor).predictor, reward_named(reward))
    return CostedSurrogate(TrainedSurrogate.from_file(trainings), costs)


def run(job: Job) -> dict[str, Any]:
    """A whole study, as a line of the results."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    surrogate = load_surrogate(job.space, job.reward, job.trainings, job.predictor)
    objective = SurrogateObjective(surrogate, reward_named(job.reward), job.seed)
    encoding = Encoding(space_named(job.space))
    study, suggestions = new_study(job, encoding, objective)
    rule = stop_rule(job.rule, job.seed)
    if job.algorithm.endswith(REPLAYED_SUFFIX):
        study = with_proposals_of(study, job.n_trials, encoding, objective)
    rewards, told_rewards, suggestion_ms, n_made, n_wronged = {}, {}, {}, 0, 0
    start_s = time.process_time()
    for number in range(1, job.n_trials + 1):
        outcome = run_trial(study, encoding, objective, rule)
        n_made += outcome.n_evaluations
        if outcome.stopped:
            incumbent = best_reward(finished(study))
            n_wronged += would_have_won(outcome.architecture, objective, outcome.trial.number, incumbent)
        if number in (*MARKS, job.switch_at, job.n_trials):
            best = best_trained(study)
            assert best is not None
            rewards[number] = objective.true_reward(encoding.architecture(best.params))
            told_rewards[number] = final_reward(best)
            suggestion_ms[number] = suggestions.at(number)
    return {
        "key": job.key,
        "surrogate": surrogate.name,
        "rewards": rewards,
        "told_rewards": told_rewards,
        "suggestion_ms": suggestion_ms,
        "saved": 1 - n_made / (job.n_trials * surrogate.n_evaluations),
        "n_wronged": n_wronged,
        "cpu_s": time.process_time() - start_s,
    }


def new_study(job: Job, encoding: Encoding, objective: SurrogateObjective) -> tuple[optuna.Study, Suggestions]:
    """A study of the job's algorithm, and the times of its proposals as they come."""
    settings = Settings(
        encoding,
        job.seed,
        objective.penalties,
        skip_dominated=job.algorithm.endswith(SKIP_SUFFIX),
        switch_at=job.switch_at,
    )
    sampler = build_sampler(job.algorithm.removesuffix(SKIP_SUFFIX).removesuffix(REPLAYED_SUFFIX), settings)
    suggestions = Suggestions()
    sampler.sample_relative = suggestions.around(sampler.sample_relative)  # type: ignore[method-assign]
    return optuna.create_study(direction="maximize", sampler=sampler), suggestions


def with_proposals_of(
    study: optuna.Study, n_trials: int, encoding: Encoding, objective: SurrogateObjective
) -> optuna.Study:
    """A new study whose trials are those that the given one makes without a rule."""
    for _ in range(n_trials):
        run_trial(study, encoding, objective, NeverStop())
    replayed = optuna.create_study(direction="maximize")
    for trial in finished(study):
        replayed.enqueue_trial(trial.params)
    return replayed


def stop_rule(name: str, seed: int) -> StopRule:
    """The rule of a name, which may end in @delta."""
    known, _, delta = name.partition("@")
    rule = build_stop_rule(known, seed)
    if delta:
        assert isinstance(rule, CurveStop)
        rule.delta = float(delta)
    return rule


def would_have_won(
    architecture: Architecture, objective: SurrogateObjective, trial_number: int, incumbent: float
) -> bool:
    """Whether a stopped trial, trained on, would have been the new best."""
    end = objective.curve(architecture, trial_number)[-1]
    return end - objective.known(architecture).penalty > incumbent


def finished_lines(out: Path) -> dict[str, dict[str, Any]]:
    """By key."""
    if not out.exists():
        return {}
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    return {line["key"]: line for line in lines}


def run_missing(jobs: list[Job], out: Path, n_workers: int) -> Iterator[Job]:
    """Runs what has no line yet, a line each."""
    done = finished_lines(out)
    begun_by = {begin_of(job): job for job in jobs if job.algorithm == "hybrid"}
    missing = [job for job in jobs if job.key not in done and job not in begun_by]
    out.parent.mkdir(parents=True, exist_ok=True)
    with worker_pool(n_workers) as pool, out.open("a") as lines:
        futures = {pool.submit(run, job): job for job in missing}
        for future in as_completed(futures):
            lines.write(json.dumps(future.result()) + "\n")
            lines.flush()
            yield futures[future]


def begin_of(hybrid: Job) -> Job:
    """The study of `bayesian` that a hybrid has been when it changes over."""
    return replace(hybrid, algorithm="bayesian", n_trials=hybrid.switch_at, switch_at=0)


def with_begins(lines: dict[str, dict[str, Any]], jobs: list[Job]) -> dict[str, dict[str, Any]]:
    """The lines, and those that follow from a hybrid's."""
    derived = {}
    for job in jobs:
        if job.algorithm == "hybrid" and job.key in lines:
            begin = begin_of(job)
            told = {
                name: {mark: value for mark, value in lines[job.key][name].items() if int(mark) <= begin.n_trials}
                for name in ("rewards", "suggestion_ms")
            }
            derived[begin.key] = lines[job.key] | told | {"key": begin.key}
    return derived | lines


def spread(values: list[float], sign: str = "") -> str:
    """Mean, and the standard error where there are several; `sign` "+" is for differences."""
    if len(values) == 1:
        return f"{values[0]:{sign}.4f}"
    return f"{mean(values):{sign}.4f} ± {standard_error(values):.4f}"


def standard_error(values: list[float]) -> float:
    """Of the mean; of two values or more."""
    return stdev(values) / math.sqrt(len(values))


def algorithm_table(jobs: list[Job], lines: dict[str, dict[str, Any]], title: str) -> Table:
    """True reward at the marks, and time per suggestion at the last of them."""
    marks = sorted({int(mark) for job in jobs for mark in lines[job.key]["rewards"]})
    table = Table(title=f"True reward of the best, mean ± standard error. {title}")
    for header in ("algorithm", "seeds", *(f"{mark:,}" for mark in marks), "ms per suggestion (at trial)"):
        table.add_column(header, justify="left" if header == "algorithm" else "right")
    for algorithm in dict.fromkeys(job.algorithm for job in jobs):
        own = [lines[job.key] for job in jobs if job.algorithm == algorithm]
        cells = []
        for mark in marks:
            values = [line["rewards"][str(mark)] for line in own if str(mark) in line["rewards"]]
            cells.append(spread(values) if values else "")
        shown = [mark for mark in marks if str(mark) in own[0]["suggestion_ms"]]
        times = [f"{mean(line['suggestion_ms'][str(mark)] for line in own):.1f} ({mark})" for mark in shown]
        table.add_row(algorithm, str(len(own)), *cells, ", ".join(times[:1] + times[-1:]))
    return table


def difference_table(jobs: list[Job], lines: dict[str, dict[str, Any]], title: str) -> Table:
    """What one algorithm reaches beyond another on the same seeds, and what the last mark says of it."""
    rewards = {(job.algorithm, job.seed): lines[job.key]["rewards"] for job in jobs}
    marks = sorted({int(mark) for told in rewards.values() for mark in told})
    table = Table(title=f"True reward of the best, differences on the same seeds. {title}")
    for header in ("algorithm", "against", *(f"{mark:,}" for mark in marks), "at the last"):
        table.add_column(header, justify="left" if header in ("algorithm", "against", "at the last") else "right")
    for algorithm, other in COMPARISONS:
        seeds = [seed for name, seed in rewards if name == algorithm and (other, seed) in rewards]
        pairs = [(rewards[algorithm, seed], rewards[other, seed]) for seed in seeds]
        cells, verdict = [], ""
        for mark in map(str, marks):
            gains = [own[mark] - others[mark] for own, others in pairs if mark in own and mark in others]
            cells.append(spread(gains, "+") if gains else "")
            verdict = verdict_on(gains) if len(gains) > 1 else verdict
        if pairs:
            table.add_row(algorithm, other, *cells, verdict)
    return table


def verdict_on(gains: list[float]) -> str:
    """Whether their mean differs from zero by two standard errors."""
    if abs(mean(gains)) <= 2 * standard_error(gains):
        return "no difference shown"
    return "pays" if mean(gains) > 0 else "does not pay"


def rule_table(jobs: list[Job], lines: dict[str, dict[str, Any]], title: str) -> Table:
    """Compute saved and reward lost, against `none` on the same seeds: true, and as the search was told it."""
    table = Table(title=f"Rules for stopping, {jobs[0].algorithm}, {jobs[0].n_trials:,} trials. {title}")
    headers = (
        "seeds",
        "compute saved",
        "true reward",
        "against none, paired",
        "as told, paired",
        "would-be bests stopped",
    )
    for header in ("rule", *headers):
        table.add_column(header, justify="left" if header == "rule" else "right")
    end = str(jobs[0].n_trials)
    unstopped = {job.seed: lines[job.key] for job in jobs if job.rule == "none"}
    for rule in dict.fromkeys(job.rule for job in jobs):
        own = {job.seed: lines[job.key] for job in jobs if job.rule == rule}
        gains = [
            [line[what][end] - unstopped[seed][what][end] for seed, line in own.items() if seed in unstopped]
            for what in ("rewards", "told_rewards")
        ]
        table.add_row(
            rule,
            str(len(own)),
            f"{100 * mean(line['saved'] for line in own.values()):.1f} %",
            spread([line["rewards"][end] for line in own.values()]),
            *(spread(each, "+") if each else "" for each in gains),
            f"{mean(line['n_wronged'] for line in own.values()):.1f}",
        )
    return table


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [name for name in ALGORITHM_NAMES if name != PARETO]
    parser.add_argument("--algorithms", nargs="*", default=known, help="names, +skip behind one: dominated not trained")
    parser.add_argument("--rules", nargs="*", default=list(STOP_RULE_NAMES), help="names; tsgp@0.1 sets delta")
    parser.add_argument(
        "--rules-algorithm", default="evolution", help="that proposes for the rules; +replay: as without"
    )
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--limit", nargs="*", default=[], metavar="NAME=TRIALS", help="fewer trials for an algorithm")
    parser.add_argument("--rule-trials", type=int, default=2000)
    parser.add_argument("--switch-at", type=int, default=1000, help="of the hybrid")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--space", default=SPACES[0].name)
    parser.add_argument("--reward", default=REWARDS[0].name)
    parser.add_argument("--trainings", type=Path, help="a table that `search trainings` has written")
    parser.add_argument("--predictor", type=Path, default=PREDICTOR, help="folder that `lab fit-rf` has written")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    # Read by numpy and torch in the worker processes: two studies at once, each on a core of its own.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    trainings, predictor, hashes = None, None, ("", "")
    mark = ""
    if arguments.trainings is not None:
        trainings, predictor = arguments.trainings, arguments.predictor
        saved = load(predictor)
        hashes = (hashlib.sha256(trainings.read_bytes()).hexdigest(), saved.sha256)
        mark = "; energies SIMULATED" if saved.predictor.simulated else ""
    limits = {name: int(n) for name, n in (limit.split("=") for limit in arguments.limit)}

    def job(algorithm: str, rule: str, seed: int, n_trials: int) -> Job:
        switch_at = arguments.switch_at if algorithm == "hybrid" else 0
        what = (algorithm, rule, seed, n_trials, switch_at, arguments.space, arguments.reward)
        return Job(*what, trainings, predictor, *hashes)

    seeds = range(arguments.seeds)
    algorithms = [
        job(name, "none", seed, limits.get(name, arguments.trials)) for seed in seeds for name in arguments.algorithms
    ]
    rules = [
        job(arguments.rules_algorithm, rule, seed, arguments.rule_trials) for seed in seeds for rule in arguments.rules
    ]
    jobs = [*algorithms, *rules]
    console = Console(stderr=True)
    for n, done in enumerate(run_missing(jobs, arguments.out, arguments.workers), start=1):
        console.print(f"{n}: {done.algorithm} {done.rule} seed {done.seed}, {done.n_trials} trials")
    lines = with_begins(finished_lines(arguments.out), jobs)
    tables = ((algorithms, algorithm_table), (algorithms, difference_table), (rules, rule_table))
    for chosen, table in tables:
        if chosen and (made := table(chosen, lines, lines[chosen[0].key]["surrogate"] + mark)).row_count:
            print_table(made)


if __name__ == "__main__":
    main()

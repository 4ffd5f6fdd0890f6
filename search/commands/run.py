"""`search init`, `search run`, `search worker`: search for networks."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from search.commands.exits import DEFECT, INTERRUPTED, errors_explained
from search.commands.options import (
    DEFAULT_ALGORITHM,
    DEFAULT_PREDICTOR,
    Algorithm,
    Budget,
    Data,
    Db,
    Hours,
    Name,
    OldAgain,
    OldAgainTable,
    OldEffort,
    Predictor,
    Recording,
    Replicate,
    ReplicateTable,
    Resume,
    RewardName,
    Seed,
    Sounds,
    Space,
    Stopping,
    Storage,
    Surrogate,
    Trials,
    Workers,
    under_old_name,
)
from search.commands.terminal import as_typed, next_steps, say
from search.worker_processes import Companions, hear_interrupts, is_companion

if TYPE_CHECKING:
    from db.rows import TrialSpec
    from search.studies.start import StudyHandle, StudyRequest


def run(
    trials: Trials = 20,
    hours: Hours = None,
    workers: Workers = 1,
    resume: Resume = False,
    study: Name = "search",
    db: Db = "lab.db",
    storage: Storage = None,
    predictor: Predictor = DEFAULT_PREDICTOR,
    audioset: Data = None,
    sounds: Sounds = None,
    recording: Recording = None,
    surrogate: Surrogate = None,
    space: Space = "audio2d",
    algorithm: Algorithm = DEFAULT_ALGORITHM,
    stopping: Stopping = None,
    reward: RewardName = "b",
    budget: Budget = "quick",
    seed: Seed = 1,
    effort: OldEffort = None,
) -> None:
    """Searches for audio classifiers that are accurate, frugal and small.

    Each trial is trained with int8 quantization-aware training; its reward is the accuracy of the int8 file less what
    predicted energy and size cost above their limits. Running the same command again goes on where it stopped, after
    kill -9 too; a larger --trials extends the study.

    Exit codes: 0 done; 2 wrong usage, data, predictor or study; 5 record or storage unusable; 130 interrupted.
    """
    from search.studies.accuracy_source import DataRequest
    from search.studies.start import StudyRequest, check_begun, start_study

    budget = under_old_name(budget, effort, "--effort", "--budget", "quick")
    data = DataRequest(audioset, sounds, recording)
    request = StudyRequest(
        study, db, storage, predictor, data, space, algorithm, stopping, reward, budget, seed, surrogate
    )  # fmt: skip
    if resume:
        check_begun(request)
    with _at_once(), start_study(request, say) as handle:
        with _companions(handle, request, trials, hours, workers - 1) as companions:
            interrupted = _train(handle, trials, hours)
            if interrupted:
                companions.interrupt()
        _report(handle, interrupted)
        _report_companions(companions)


def init(
    study: Name = "search",
    db: Db = "lab.db",
    storage: Storage = None,
    predictor: Predictor = DEFAULT_PREDICTOR,
    audioset: Data = None,
    sounds: Sounds = None,
    recording: Recording = None,
    surrogate: Surrogate = None,
    space: Space = "audio2d",
    algorithm: Algorithm = DEFAULT_ALGORITHM,
    stopping: Stopping = None,
    reward: RewardName = "b",
    budget: Budget = "quick",
    seed: Seed = 1,
    replicate: Replicate = None,
    replicate_table: ReplicateTable = None,
    effort: OldEffort = None,
    again: OldAgain = None,
    again_table: OldAgainTable = None,
) -> None:
    """Makes a study for workers: schema and settings, before the first of them starts.

    With --replicate or --replicate-table it begins with networks that were trained before: how much of an accuracy is
    run-to-run (seed) variance.

    Exit codes: as `search run`.
    """
    from search.studies.accuracy_source import DataRequest
    from search.studies.replicates import most_accurate, trained_before
    from search.studies.start import StudyRequest, start_study
    from search.studies.storage import default_url, queue
    from search.surrogate.trainings import read_trainings

    budget = under_old_name(budget, effort, "--effort", "--budget", "quick")
    replicate = under_old_name(replicate, again, "--again", "--replicate", None)
    replicate_table = under_old_name(replicate_table, again_table, "--again-table", "--replicate-table", None)
    data = DataRequest(audioset, sounds, recording)
    request = StudyRequest(
        study, db, storage, predictor, data, space, algorithm, stopping, reward, budget, seed, surrogate
    )  # fmt: skip
    queued = [] if replicate is None else trained_before(storage or default_url(db), replicate, space, seed)
    if replicate_table is not None:
        queued += most_accurate(read_trainings(replicate_table), space, seed)
    with start_study(request, say) as handle:
        queue(handle.study, handle.url, queued)
        typer.echo(f"study {study} stands at {handle.shown_url}")
        typed = as_typed(
            "search", "worker", "--study", study, storage=handle.shown_url, predictor=predictor, db=db,
            surrogate=surrogate, audioset=audioset, sounds=sounds, recording=recording,
        )  # fmt: skip
        next_steps(f"{typed}   # on as many machines as you like")


def worker(
    study: Name = "search",
    storage: Storage = None,
    db: Db = "lab.db",
    predictor: Predictor = DEFAULT_PREDICTOR,
    audioset: Data = None,
    sounds: Sounds = None,
    recording: Recording = None,
    surrogate: Surrogate = None,
    trials: Trials = 20,
    hours: Hours = None,
) -> None:
    """Works on a study that `search init` or `search run` has made; any number may do so, on any machines.

    Predictor and data must be those of the study. Exit codes: as `search run`.
    """
    from search.studies.accuracy_source import DataRequest
    from search.studies.start import join_study

    data = DataRequest(audioset, sounds, recording)
    with _at_once(), join_study(study, db, storage, predictor, data, say, surrogate) as handle:
        interrupted = _train(handle, trials, hours)
        if not is_companion():
            _report(handle, interrupted)


def _train(handle: StudyHandle, n_trials: int, hours: float | None) -> bool:
    """Works until the study has its trials or the time is up; whether Ctrl-C ended it."""
    from search.studies.storage import storage_troubles

    end_s = float("inf") if hours is None else time.monotonic() + 3600 * hours
    with storage_troubles(handle.url), _polite_interrupt() as should_stop:
        lines = _Lines(handle, n_trials)
        worker = handle.worker(lines, lines.failed, _say_waiting)
        worker.run(n_trials, lambda: should_stop() or time.monotonic() >= end_s)
        return should_stop()


def _report(handle: StudyHandle, interrupted: bool) -> None:
    """Prints the best, and what is left to do."""
    from db.studies import best_trials
    from search.commands.studies import print_best
    from search.studies.ownership import under_way
    from search.studies.storage import storage_troubles

    with storage_troubles(handle.url):
        n_elsewhere = len(under_way(handle.study))
    print_best(handle.db, handle.row, n_rows=10)
    best = best_trials(handle.db, handle.row.study_id, 1)
    if n_elsewhere:
        say(f"trials that other workers are at, or died at: {n_elsewhere}; the same command takes up what was left")
    if best:
        typed = as_typed("search", "show", best[0].number + 1, study=handle.row.name, db=handle.db.shown)
        next_steps(f"{typed}   # the best, block by block")
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _report_companions(companions: Companions) -> None:
    """Ends with the exit code of a worker that failed beside this one: what it was at is taken up by the next start."""
    failed = [code for code in companions.exit_codes if code not in (0, INTERRUPTED)]
    if failed:
        say(f"{len(failed)} of the other workers did not end well; the same command takes up what they were at")
        raise typer.Exit(max(code if code > 0 else DEFECT for code in failed))


@contextmanager
def _at_once() -> Iterator[None]:
    """What a KeyboardInterrupt means to a user."""
    try:
        yield
    except KeyboardInterrupt:
        if not is_companion():
            say("Stopped at once; the training under way is taken up again by the same command.")
        raise typer.Exit(INTERRUPTED) from None


def _companions(handle: StudyHandle, request: StudyRequest, n_trials: int, hours: float | None, n: int) -> Companions:
    """Other processes that work on the study as this one does, a share of the cores each."""
    if n:
        share = str(max(1, (os.cpu_count() or 1) // (n + 1)))
        os.environ.update(TF_NUM_INTRAOP_THREADS=share, TF_NUM_INTEROP_THREADS="1")
    options = {"study": request.study, "db": request.db, "storage": handle.url, "predictor": request.predictor}
    data = request.data
    options |= {"audioset": data.audioset, "sounds": data.sounds, "recording": data.recording}
    options |= {"surrogate": request.surrogate, "trials": n_trials, "hours": hours}
    return Companions(n, _work_alongside, options)


def _work_alongside(options: dict[str, Any]) -> None:
    """What a companion does: `search worker`, with its errors explained and its exit code."""
    with errors_explained():
        try:
            worker(**options)
        except typer.Exit as ended:
            sys.exit(ended.exit_code)


def _say_waiting(n: int) -> None:
    what = "a trial" if n == 1 else f"{n} trials"
    say(f"waiting up to a minute and a half to see whether {what} of another container on this machine still goes on")


class _Lines:
    """A line for every finished trial of this worker, with a word where it is the best of all workers so far."""

    def __init__(self, handle: StudyHandle, n_trials: int) -> None:
        self._started, self._n_trials = handle, n_trials
        self._marks = "".join(f"{mark} " for mark in handle.row.marks)

    def __call__(self, trial: TrialSpec) -> None:
        from db.studies import best_trials
        from search.engine.record import TrialCosts

        outside = TrialCosts.read(self._started.study.get_trials(deepcopy=False)[trial.number]).energy_outside
        best = best_trials(self._started.db, self._started.row.study_id, 1)
        is_best = bool(best) and best[0].number == trial.number
        mark = "!" if outside else " "
        accuracy = f"{trial.accuracy:.1%}" if trial.accuracy is not None else "stopped"
        size = f"{trial.model.size_bytes / 1e3:.1f} kB" if trial.model else ""
        say(
            f"{self._marks}{trial.number + 1:3d}/{self._n_trials} {accuracy:>7}  {trial.energy_mj:.2f} mJ{mark} "
            f"{size:>8}  reward {trial.reward:.4f} {'best' if is_best else '    '} {trial.duration_s:.0f} s"
        )

    def failed(self, number: int, reason: str) -> None:
        """A line for a trial that could not be evaluated."""
        say(f"{self._marks}{number + 1:4d}/{self._n_trials}  failed, and is not tried again: {reason}")


@contextmanager
def _polite_interrupt() -> Iterator[Callable[[], bool]]:
    """Ctrl-C once asks to stop after the trial, twice (and SIGTERM) raises KeyboardInterrupt.

    A companion may hear it from the terminal and from the process that it works with: SIGTERM ends that at once.
    """
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if number != signal.SIGINT or (asked and not is_companion()):
            raise KeyboardInterrupt
        if not is_companion():
            say("\nEnding after this trial; Ctrl-C again stops at once.")
        asked = True

    before: dict[int, Any] = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        hear_interrupts()
        yield lambda: asked
    finally:
        for number, old in before.items():
            signal.signal(number, old)

"""One worker of a search: proposes, trains, stops, tells, records, until the study has enough trials.

    ask -> known costs -> train (reporting, perhaps stopped) -> int8 file -> reward -> tell -> record

Any number of workers, on any machines, do the same on one storage. Killed at any moment, a worker loses the training
it was at; the next one to start takes that trial up again under its number. What is told stands in the storage; the
record follows, and is brought up to date at every start. Numbers of trials that were given up stay empty: of two
workers that proposed the same at the same moment one gives way, and a training that raises an error is not repeated.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError  # noqa: TID253
from optuna.trial import TrialState  # noqa: TID253
from sqlalchemy.exc import SQLAlchemyError

from db.database import Database
from db.rows import ModelSpec, TrialSpec
from db.studies import list_trials, record_trial
from predictor.errors import PredictorError
from search.costs import PredictedCosts
from search.engine.distinct import is_doubled
from search.engine.encoding import Encoding
from search.engine.record import FAILURE, HELD_OUT, STOPPED_AT, TrialCosts, finished, has_costs, is_queued, stopped
from search.engine.stopping.rule import StopRule
from search.engine.trials import as_stored, report
from search.errors import (
    BadText,
    ConversionFailed,
    OutsideSpace,
    SearchError,
    StorageUnusable,
    TrialsFailing,
    WrongModel,
)
from search.networks.architecture import Architecture
from search.networks.architecture_spec import architecture_spec
from search.studies.files import keep_file
from search.studies.ownership import adopt_abandoned, ask, sign
from search.studies.settings import StudySettings
from search.training.result import CurveEvaluation, TrainingResult, TrainingStopped, Watch

log = logging.getLogger(__name__)

MOST_FAILURES = 3
"""Trials on end that may fail before a worker stops: then it is hardly the networks' fault."""

_UNEVALUABLE = (OutsideSpace, BadText, ConversionFailed, WrongModel, PredictorError)
"""What is wrong with a trial itself: it fails on every worker, at any time."""

_ACCURACY, _FLOAT_ACCURACY, _SHA256, _FILE_BYTES = "accuracy", "float_accuracy", "file_sha256", "file_bytes"
_N_EVALUATIONS, _DURATION_S, _SEED, _FINISHED_UTC = "n_evaluations", "duration_s", "training_seed", "finished_utc"


@dataclass(frozen=True)
class StudyClock:
    """Where the time comes from.

    Attributes:
        utc: of the calendar, aware.
    """

    utc: Callable[[], datetime]
    monotonic_s: Callable[[], float]

    @classmethod
    def of_this_machine(cls) -> StudyClock:
        """The real one."""
        return cls(lambda: datetime.now(UTC), time.monotonic)


Trainer = Callable[[Architecture, int, Watch], TrainingResult]
"""Trains an architecture from a seed; raises TrainingStopped when the watcher has seen enough."""


@dataclass(frozen=True, eq=False)
class Worker:
    """What a worker needs.

    Attributes:
        study: Optuna's, its sampler set.
        study_id: of the study in the record.
        files_dir: where trained files go.
        rule: stops trainings that will not pay.
        train: how an architecture is trained.
        observe: told every finished trial.
        failed: told the number of every trial that could not be evaluated, and why.
    """

    study: Any
    settings: StudySettings
    study_id: int
    db: Database
    files_dir: Path
    costs: PredictedCosts
    rule: StopRule
    clock: StudyClock
    train: Trainer
    observe: Callable[[TrialSpec], None] = lambda trial: None
    failed: Callable[[int, str], None] = lambda number, reason: None

    @cached_property
    def _encoding(self) -> Encoding:
        return Encoding(self.settings.search_space, self.settings.options)

    @property
    def several(self) -> bool:
        """Whether accuracy, energy and size are objectives of their own, and no curve of a reward is reported."""
        return len(self.study.directions) > 1

    def run(self, n_trials: int, should_stop: Callable[[], bool]) -> int:
        """Works until the study has `n_trials` finished trials, or `should_stop` says so between two.

        Returns:
            How many trials this worker has finished.

        Raises:
            TrialsFailing: several trials on end could not be evaluated.
            SearchError, DbError: with what to do; nothing that was finished is lost.
        """
        self.record_missing()
        n_done = n_failed = 0
        while not should_stop():
            trial = self._next(n_trials)
            if trial is None:
                break
            try:
                n_done += self._finish(trial)
                n_failed = 0
            except _UNEVALUABLE as error:
                n_failed += 1
                self._give_up(trial, error)
                if n_failed == MOST_FAILURES:
                    raise TrialsFailing(
                        f"{n_failed} trials on end could not be evaluated, the last: {error}",
                        "put right what they have in common; then the same command goes on",
                    ) from error
        return n_done

    def _give_up(self, trial: Any, error: Exception) -> None:
        """Tells the study that a trial failed, and why: else every later worker would take it up, and fail alike."""
        trial.set_user_attr(FAILURE, f"{type(error).__name__}: {error}")
        self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        self.failed(trial.number, str(error))

    def record_missing(self) -> None:
        """Brings the record up to date with the storage: a worker may have died between the two.

        Raises:
            StorageUnusable: the record has trials that are not in the storage: it is not that of the study.
        """
        recorded = {trial.number: trial.architecture.hash for trial in list_trials(self.db, self.study_id)}
        # A trial without costs was never one of this program's: a user put it into the study.
        stored = {frozen.number: frozen for frozen in finished(self.study) if has_costs(frozen)}
        for number, architecture_hash in recorded.items():
            there = stored.get(number)
            if there is None or TrialCosts.read(there).architecture_hash != architecture_hash:
                raise StorageUnusable(
                    f"trial {number + 1} of study {self.study.study_name} in {self.db.shown} is not among its trials "
                    "in the storage",
                    "give the storage that belongs to this record, put its file back, or begin a study of another name",
                )
        for number, frozen in stored.items():
            if number not in recorded:
                record_trial(self.db, self.study_id, self._as_row(frozen))

    def _next(self, n_trials: int) -> Any | None:
        adopted = adopt_abandoned(self.study, self.clock.utc())
        if adopted is not None:
            log.info("trial %d is taken up again", adopted.number)
            return adopted
        alive = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.RUNNING))
        if len(alive) >= n_trials:
            return None
        return ask(self.study, self.clock.utc())

    def _finish(self, trial: Any) -> bool:
        """Trains a trial, tells and records it; False where another worker has proposed the same at the same time."""
        try:
            for name, distribution in self._encoding.distributions.items():
                trial._suggest(name, distribution)
        except ValueError as error:
            if not is_queued(as_stored(self.study, trial)):
                raise
            raise OutsideSpace(
                f"what was queued is no architecture of {self.settings.space}: {error}",
                "queue blocks that the space has: search space",
            ) from error
        if is_doubled(self.study, as_stored(self.study, trial)):
            log.info("trial %d is another worker's too: given up", trial.number)
            self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            return False
        architecture = self._encoding.architecture(trial.params)
        known = self.costs.known(architecture)
        known.write(trial)
        seed = training_seed(self.settings.seed, architecture)
        trial.set_user_attr(_SEED, seed)
        began_s = self.clock.monotonic_s()
        watch = _Watch(self, trial, known)
        try:
            trained = self.train(architecture, seed, watch)
        except TrainingStopped as stop:
            values: float | tuple[float, ...] = watch.predicted
            trial.set_user_attr(_N_EVALUATIONS, len(stop.curve))
        except (SearchError, StorageInternalError, SQLAlchemyError):
            # Not the network's fault, and the trial is taken up again; or one of _UNEVALUABLE, see `run`.
            raise
        except Exception:
            # Else every later worker would take it up, and fail like this one.
            self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            raise
        else:
            values = trained.accuracy - known.penalty
            if self.several:
                values = (trained.accuracy, known.energy_mj, float(known.size_bytes))
            self._keep(trial, trained)
            trial.set_user_attr(_N_EVALUATIONS, len(trained.curve))
        trial.set_user_attr(_DURATION_S, self.clock.monotonic_s() - began_s)
        trial.set_user_attr(_FINISHED_UTC, self.clock.utc().isoformat())
        self.study.tell(trial.number, values, skip_if_finished=True)
        row = self._as_row(as_stored(self.study, trial))
        record_trial(self.db, self.study_id, row)
        self.observe(row)
        return True

    def _keep(self, trial: Any, trained: TrainingResult) -> None:
        """Stores the file and what was measured of it."""
        sha256 = hashlib.sha256(trained.tflite).hexdigest()
        keep_file(self.files_dir, sha256, trained.tflite)
        trial.set_user_attr(_ACCURACY, trained.accuracy)
        trial.set_user_attr(_FLOAT_ACCURACY, trained.float_accuracy)
        trial.set_user_attr(_SHA256, sha256)
        trial.set_user_attr(_FILE_BYTES, len(trained.tflite))

    def _as_row(self, frozen: Any) -> TrialSpec:
        attrs, known = frozen.user_attrs, TrialCosts.read(frozen)
        cut = stopped(frozen)
        model = None
        if not cut:
            sha256 = attrs[_SHA256]
            model = ModelSpec(sha256=sha256, size_bytes=attrs[_FILE_BYTES], name=f"{sha256}.tflite")
        return TrialSpec(
            number=frozen.number,
            state="stopped" if cut else "trained",
            architecture=architecture_spec(self._encoding.architecture(frozen.params)),
            reward=frozen.value if cut else attrs[_ACCURACY] - known.penalty,
            penalty=known.penalty,
            energy_mj=known.energy_mj,
            energy_low_mj=known.energy_low_mj,
            energy_high_mj=known.energy_high_mj,
            accuracy=None if cut else attrs[_ACCURACY],
            float_accuracy=None if cut else attrs[_FLOAT_ACCURACY],
            n_evaluations=attrs[_N_EVALUATIONS],
            duration_s=attrs[_DURATION_S],
            seed=attrs[_SEED],
            model=model,
            finished_utc=datetime.fromisoformat(attrs[_FINISHED_UTC]),
        )


def training_seed(study_seed: int, architecture: Architecture) -> int:
    """Of the weights and the order of examples: the same whenever, and wherever, a trial is trained again."""
    digest = hashlib.sha256(f"{study_seed}:{architecture.architecture_hash}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 2**31


class _Watch:
    """Reports a training to the study, and asks the rule whether to stop it."""

    def __init__(self, worker: Worker, trial: Any, known: TrialCosts) -> None:
        self._worker, self._trial, self._known = worker, trial, known
        for mark in (STOPPED_AT, HELD_OUT):
            # Of the worker that died at it: the rule decides anew, and may decide otherwise.
            if mark in trial.user_attrs:
                trial.set_user_attr(mark, None)
        self.predicted = 0.0

    def __call__(self, evaluation: CurveEvaluation) -> bool:
        worker = self._worker
        sign(self._trial, worker.clock.utc())
        if worker.several:
            return False
        reward = evaluation.accuracy - self._known.penalty
        n_evaluations = worker.settings.recipe.n_evaluations
        decision = report(worker.study, self._trial, evaluation.ordinal, reward, worker.rule, n_evaluations)
        self.predicted = decision.predicted
        return decision.stop

"""One worker of a search: proposes, trains, stops, tells, records, until the study has enough trials.

    ask -> known costs -> train (reporting, perhaps stopped) -> int8 file -> reward -> tell -> record

Any number of workers, on any machines, do the same on one storage. Killed at any moment, a worker loses the training
it was at; the next one to start takes that trial up again under its number. What is told stands in the storage; the
record follows, and is brought up to date at every start. Numbers of trials that were given up stay empty: of two
workers that proposed the same at the same moment one gives way, and a training that raises an error is not repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from optuna.trial import TrialState  # noqa: TID253

from db.database import Database
from db.rows import TrialSpec
from db.studies import list_trials, record_trial
from predictor.errors import PredictorError
from search.costs import PredictedCosts
from search.engine.encoding import Encoding
from search.engine.record import FAILURE, TrialCosts, finished, has_costs
from search.engine.stopping.rule import StopRule
from search.engine.trials import finish_trial
from search.errors import BadText, ConversionFailed, OutsideSpace, StorageUnusable, TrialsFailing, WrongModel
from search.studies.clock import StudyClock
from search.studies.ownership import adopt_abandoned, ask, doubtful
from search.studies.recorded_objective import RecordedObjective, Trainer, row_of
from search.studies.settings import StudySettings

log = logging.getLogger(__name__)

MOST_FAILURES = 3
"""Trials on end that may fail before a worker stops: then it is hardly the networks' fault."""

_LOOK_S = 2.0
"""Between two looks at trials that are waited for."""

_UNEVALUABLE = (OutsideSpace, BadText, ConversionFailed, WrongModel, PredictorError)
"""What is wrong with a trial itself: it fails on every worker, at any time."""


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
        waits: told how many trials are waited for, whose workers cannot be looked at from here.
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
    waits: Callable[[int], None] = lambda n: None

    @cached_property
    def _encoding(self) -> Encoding:
        return Encoding(self.settings.search_space, self.settings.options)

    @cached_property
    def _objective(self) -> RecordedObjective:
        settings = self.settings
        return RecordedObjective(
            self.costs, self.train, settings.recipe.n_evaluations, settings.seed, self.files_dir, self.clock
        )

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
            trial = self._next(n_trials, should_stop)
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
                record_trial(self.db, self.study_id, row_of(frozen, self._encoding))

    def _next(self, n_trials: int, should_stop: Callable[[], bool]) -> Any | None:
        adopted = adopt_abandoned(self.study, self.clock.utc())
        if adopted is not None:
            log.info("trial %d is taken up again", adopted.number)
            return adopted
        alive = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.RUNNING))
        if len(alive) >= n_trials:
            return self._awaited(should_stop)
        return ask(self.study, self.clock.utc())

    def _awaited(self, should_stop: Callable[[], bool]) -> Any | None:
        """A trial whose worker turns out to be dead; None once all that cannot be looked at have shown to be alive."""
        signed = doubtful(self.study)
        if signed:
            self.waits(len(signed))
        while signed and not should_stop():
            self.clock.wait(_LOOK_S)
            adopted = adopt_abandoned(self.study, self.clock.utc())
            if adopted is not None:
                return adopted
            now = doubtful(self.study)
            signed = {number: seen for number, seen in signed.items() if now.get(number) == seen}
        return None

    def _finish(self, trial: Any) -> bool:
        """Finishes a trial and records it; False where another worker has proposed the same at the same time."""
        outcome = finish_trial(self.study, trial, self._encoding, self._objective, self.rule)
        if outcome is None:
            return False
        row = row_of(outcome.trial, self._encoding)
        record_trial(self.db, self.study_id, row)
        self.observe(row)
        return True

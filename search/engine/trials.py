"""The one way of a trial, from its proposal to the value that is told.

    proposal -> known costs -> evaluations, each shown to the rule that may end them -> value

Workers, studies that ask a surrogate and benchmarks all go it: what differs between them is an `Objective`. Where
accuracy, energy and size are objectives of their own there is no single reward to predict: nothing is reported on the
way, and every trial is trained to the end.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError  # noqa: TID253
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial, Trial, TrialState  # noqa: TID253
from sqlalchemy.exc import SQLAlchemyError

from search.engine.distinct import is_doubled
from search.engine.encoding import Encoding
from search.engine.record import (
    HELD_OUT,
    PREDICTED,
    PREDICTED_SD,
    STOPPED_AT,
    TrialCosts,
    held_out,
    is_queued,
    stopped,
)
from search.engine.stopping.rule import StopRule
from search.errors import OutsideSpace, SearchError
from search.networks.architecture import Architecture

log = logging.getLogger(__name__)

Report = Callable[[int, float], bool]
"""Told the ordinal (from 1) and the accuracy (0..1) of every evaluation; True: train no further."""


class TrialLost(Exception):
    """The trial that is under way belongs to another worker by now, or was finished by one: nothing is left to do."""


_ANOTHER_TIME = (SearchError, StorageInternalError, SQLAlchemyError, TrialLost, UpdateFinishedTrialError)
"""Not the network's fault: the trial stays as it is, and is taken up again."""


class Objective(Protocol):
    """What a search asks about architectures."""

    @property
    def n_evaluations(self) -> int:
        """Of a full training."""
        ...

    def known(self, architecture: Architecture) -> TrialCosts:
        """Costs, before training."""
        ...

    def train(self, architecture: Architecture, trial: Trial, report: Report) -> float | None:
        """The accuracy (0..1) of the trained network; None where a report was answered with True.

        Args:
            trial: its number may seed the training; what is to be kept of it goes on it as user attributes.
        """
        ...


@dataclass(frozen=True)
class TrialOutcome:
    """A finished trial.

    Attributes:
        n_evaluations: how many were made.
    """

    trial: FrozenTrial
    architecture: Architecture
    n_evaluations: int

    @property
    def stopped(self) -> bool:
        """Whether training was cut short."""
        return stopped(self.trial)


def run_trial(study: Study, encoding: Encoding, objective: Objective, rule: StopRule) -> TrialOutcome:
    """Asks for a trial and finishes it, where nobody else works on the study.

    Raises:
        SpaceExhausted: nothing is left to try.
    """
    while (outcome := finish_trial(study, study.ask(), encoding, objective, rule)) is None:
        pass
    return outcome


def finish_trial(
    study: Study, trial: Trial, encoding: Encoding, objective: Objective, rule: StopRule
) -> TrialOutcome | None:
    """Takes a trial to its value: a new one, one that was queued, or one of a worker that died at it.

    Returns:
        None where it is given up: another worker has proposed the same at the same time, or has taken it over.

    Raises:
        OutsideSpace: what was queued is no architecture of the space.
        SearchError, StorageInternalError, SQLAlchemyError: not the network's fault; the trial can be taken up again.
        Exception: whatever else the training raised; the trial has failed.
    """
    try:
        return _finished(study, trial, encoding, objective, rule)
    except (TrialLost, UpdateFinishedTrialError):
        # This process was asleep, or taken for dead: the other one's result stands.
        log.info("trial %d was taken over by another worker: let go", trial.number)
        return None


def _finished(
    study: Study, trial: Trial, encoding: Encoding, objective: Objective, rule: StopRule
) -> TrialOutcome | None:
    _propose(study, trial, encoding)
    if is_doubled(study, _as_stored(study, trial)):
        log.info("trial %d is another worker's too: given up", trial.number)
        _fail(study, trial)
        return None
    architecture = encoding.architecture(trial.params)
    known = objective.known(architecture)
    known.write(trial)
    several = len(study.directions) > 1
    reporter = _Reporter(study, trial, known.penalty, objective.n_evaluations, None if several else rule)
    try:
        accuracy = objective.train(architecture, trial, reporter)
        if reporter.n_evaluations == 0:
            raise ValueError(f"{type(objective).__name__} evaluated nothing")
    except _ANOTHER_TIME:
        raise
    except Exception:
        # Else every later worker would take it up, and fail like this one.
        _fail(study, trial)
        raise
    value: float | tuple[float, ...]
    if accuracy is None:
        value = reporter.predicted
    elif several:
        value = (accuracy, known.energy_mj, float(known.size_bytes))
    else:
        value = accuracy - known.penalty
    told = study.tell(trial.number, value, skip_if_finished=True)
    return TrialOutcome(told, architecture, reporter.n_evaluations)


def _propose(study: Study, trial: Trial, encoding: Encoding) -> None:
    try:
        for name, distribution in encoding.distributions.items():
            trial._suggest(name, distribution)
    except ValueError as error:
        if not is_queued(_as_stored(study, trial)):
            raise
        raise OutsideSpace(
            f"what was queued is no architecture of {encoding.space.name}: {error}",
            "queue blocks that the space has: search space",
        ) from error


def _fail(study: Study, trial: Trial) -> None:
    study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


class _Reporter:
    """Reports evaluations to the study, asks the rule, and marks the trial where it stops or flags it.

    Args:
        n_evaluations: of a full training.
        rule: None where there is no single reward: nothing is reported then.
    """

    def __init__(self, study: Study, trial: Trial, penalty: float, n_evaluations: int, rule: StopRule | None) -> None:
        self._study, self._trial, self._penalty = study, trial, penalty
        self._n_of_all, self._rule = n_evaluations, rule
        self.n_evaluations, self.predicted = 0, -penalty
        marks = trial.user_attrs
        for mark in (STOPPED_AT, HELD_OUT):
            # Of the worker that died at it: the rule decides anew, and may decide otherwise.
            if mark in marks:
                trial.set_user_attr(mark, None)

    def __call__(self, ordinal: int, accuracy: float) -> bool:
        self.n_evaluations += 1
        return self._rule is not None and self._report(ordinal, accuracy - self._penalty, self._rule)

    def _report(self, step: int, reward: float, rule: StopRule) -> bool:
        stored = _as_stored(self._study, self._trial)
        # A trial of a dead worker may have this value, and later ones: these are not shown to the rule.
        earlier = {k: value for k, value in stored.intermediate_values.items() if k <= step}
        if step not in earlier:
            self._trial.report(reward, step)
        seen = copy.copy(stored)
        seen.intermediate_values = {step: reward, **earlier}
        decision = rule.decide(self._study, seen, self._n_of_all)
        self.predicted = decision.predicted
        if decision.stop:
            self._trial.set_user_attr(STOPPED_AT, step)
            self._trial.set_user_attr(PREDICTED_SD, decision.predicted_sd)
        elif decision.flagged and not held_out(seen):
            self._trial.set_user_attr(HELD_OUT, step)
            self._trial.set_user_attr(PREDICTED, decision.predicted)
            self._trial.set_user_attr(PREDICTED_SD, decision.predicted_sd)
        return decision.stop


def _as_stored(study: Study, trial: Trial) -> FrozenTrial:
    """A running trial as its storage has it, with everything reported so far."""
    return study.get_trials(deepcopy=False)[trial.number]

"""One trial from proposal to reward: known costs first, then evaluation by evaluation, with a rule that may stop it.

The loop of a worker, whatever trains: an `Objective` brings costs and accuracies. A trial that raises is told FAIL and
the error goes on to the caller; a process that dies leaves its trial RUNNING, for the storage's heartbeat to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial, Trial, TrialState  # noqa: TID253

from search.architecture import Architecture
from search.engine.encoding import Encoding
from search.engine.record import AUDITED, PREDICTED, PREDICTED_SD, STOPPED_AT, Known, stopped
from search.engine.stopping.rule import Decision, StopRule


class Objective(Protocol):
    """What a search asks about architectures."""

    n_evaluations: int
    """Evaluations of a full training."""

    def known(self, architecture: Architecture) -> Known:
        """Costs, before training."""
        ...

    def accuracies(self, architecture: Architecture, trial_number: int) -> Iterator[float]:
        """Trains, and yields the accuracy (0..1) after each evaluation; closed early when the trial is stopped."""
        ...


@dataclass(frozen=True)
class Outcome:
    """A finished trial.

    Args:
        trial: as told.
        architecture: what was trained.
        n_evaluations: how many were made.
        decision: the rule's last word.
    """

    trial: FrozenTrial
    architecture: Architecture
    n_evaluations: int
    decision: Decision

    @property
    def stopped(self) -> bool:
        """Whether training was cut short."""
        return stopped(self.trial)


def run_trial(study: Study, encoding: Encoding, objective: Objective, rule: StopRule) -> Outcome:
    """Asks for a trial, trains it as far as the rule lets it, and tells its reward.

    Raises:
        SpaceExhausted: nothing is left to try.
    """
    trial = study.ask(encoding.distributions)
    try:
        architecture = encoding.architecture(trial.params)
        known = objective.known(architecture)
        known.write(trial)
        n_made, reward, decision = _train(study, trial, architecture, known.penalty, objective, rule)
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        raise
    if decision.stop:
        trial.set_user_attr(STOPPED_AT, n_made)
        trial.set_user_attr(PREDICTED_SD, decision.predicted_sd)
    told = study.tell(trial, decision.predicted if decision.stop else reward)
    return Outcome(told, architecture, n_made, decision)


def _train(
    study: Study, trial: Trial, architecture: Architecture, penalty: float, objective: Objective, rule: StopRule
) -> tuple[int, float, Decision]:
    curve = objective.accuracies(architecture, trial.number)
    decision = Decision(stop=False, predicted=-penalty)
    reward = -penalty
    n_made = 0
    for n_made, accuracy in enumerate(curve, start=1):
        reward = accuracy - penalty
        trial.report(reward, n_made)
        decision = rule.decide(study, as_stored(study, trial), objective.n_evaluations)
        if decision.stop:
            break
        if decision.condemned and AUDITED not in trial.user_attrs:
            trial.set_user_attr(AUDITED, n_made)
            trial.set_user_attr(PREDICTED, decision.predicted)
            trial.set_user_attr(PREDICTED_SD, decision.predicted_sd)
    if n_made == 0:
        raise ValueError(f"{type(objective).__name__} yielded no accuracy")
    return n_made, reward, decision


def as_stored(study: Study, trial: Trial) -> FrozenTrial:
    """A running trial as its storage has it, with everything reported so far."""
    return study.get_trials(deepcopy=False)[trial.number]

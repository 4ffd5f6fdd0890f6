"""One trial from proposal to reward: known costs first, then evaluation by evaluation, with a rule that may stop it.

`run_trial` is for objectives that answer at once, as in benchmarks: an `Objective` brings costs and accuracies. What
really trains is `search.studies.loop`, which shares `report` with it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial, Trial, TrialState  # noqa: TID253

from search.engine.encoding import Encoding
from search.engine.record import HELD_OUT, PREDICTED, PREDICTED_SD, STOPPED_AT, TrialCosts, held_out, stopped
from search.engine.stopping.rule import Decision, StopRule
from search.networks.architecture import Architecture


class Objective(Protocol):
    """What a search asks about architectures."""

    n_evaluations: int
    """Evaluations of a full training."""

    def known(self, architecture: Architecture) -> TrialCosts:
        """Costs, before training."""
        ...

    def accuracies(self, architecture: Architecture, trial_number: int) -> Iterator[float]:
        """Trains, and yields the accuracy (0..1) after each evaluation; closed early when the trial is stopped."""
        ...


@dataclass(frozen=True)
class TrialOutcome:
    """A finished trial.

    Attributes:
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


def run_trial(study: Study, encoding: Encoding, objective: Objective, rule: StopRule) -> TrialOutcome:
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
    told = study.tell(trial, decision.predicted if decision.stop else reward)
    return TrialOutcome(told, architecture, n_made, decision)


def _train(
    study: Study, trial: Trial, architecture: Architecture, penalty: float, objective: Objective, rule: StopRule
) -> tuple[int, float, Decision]:
    curve = objective.accuracies(architecture, trial.number)
    decision = Decision(stop=False, predicted=-penalty)
    reward = -penalty
    n_made = 0
    for n_made, accuracy in enumerate(curve, start=1):
        reward = accuracy - penalty
        decision = report(study, trial, n_made, reward, rule, objective.n_evaluations)
        if decision.stop:
            break
    if n_made == 0:
        raise ValueError(f"{type(objective).__name__} yielded no accuracy")
    return n_made, reward, decision


def report(study: Study, trial: Trial, step: int, reward: float, rule: StopRule, n_evaluations: int) -> Decision:
    """Reports an evaluation, asks the rule, and marks the trial where it stops or flags it.

    A trial that was taken up from a dead worker may have this value, and later ones: these are not shown to the rule.

    Args:
        step: of the evaluation, from 1.
        n_evaluations: of a full training.
    """
    stored = as_stored(study, trial)
    earlier = {k: value for k, value in stored.intermediate_values.items() if k <= step}
    if step not in earlier:
        trial.report(reward, step)
    seen = copy.copy(stored)
    seen.intermediate_values = {step: reward, **earlier}
    decision = rule.decide(study, seen, n_evaluations)
    if decision.stop:
        trial.set_user_attr(STOPPED_AT, step)
        trial.set_user_attr(PREDICTED_SD, decision.predicted_sd)
    elif decision.flagged and not held_out(seen):
        trial.set_user_attr(HELD_OUT, step)
        trial.set_user_attr(PREDICTED, decision.predicted)
        trial.set_user_attr(PREDICTED_SD, decision.predicted_sd)
    return decision


def as_stored(study: Study, trial: Trial) -> FrozenTrial:
    """A running trial as its storage has it, with everything reported so far."""
    return study.get_trials(deepcopy=False)[trial.number]

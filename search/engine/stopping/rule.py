"""What a rule for stopping is, and the two simplest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial  # noqa: TID253

from search.engine.record import best_reward, finished, trained

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """What a rule says of a trial after an evaluation.

    Attributes:
        predicted: reward at the end of training.
        predicted_sd: its standard deviation, corrected by hold-out continuations; 0 when the rule has none.
        probability: that the final reward beats the best trained one; 1 when the rule does not say.
        flagged: the rule would stop the trial. With `stop` False it is a hold-out continuation: the trial is
            trained on, to see whether the rule was right.
    """

    stop: bool
    predicted: float
    predicted_sd: float = 0.0
    probability: float = 1.0
    flagged: bool = False


class StopRule(Protocol):
    """Decides from the stored trials and a seed alone, so that any process decides the same."""

    def decide(self, study: Study, trial: FrozenTrial, n_evaluations: int) -> Decision:
        """Whether to stop a running trial after its last evaluation.

        Args:
            study: of one objective, the reward.
            trial: with rewards as intermediate values after evaluations 1, 2, ..., and its attributes.
            n_evaluations: of a full training.
        """
        ...


def observed(trial: FrozenTrial) -> Floats:
    """A trial's rewards so far, (k,), by evaluation."""
    return np.array([value for _, value in sorted(trial.intermediate_values.items())])


class NeverStop:
    """Trains everything to the end."""

    def decide(self, study: Study, trial: FrozenTrial, n_evaluations: int) -> Decision:
        """What to do with a trial after its newest evaluation; see `StopRule.decide`."""
        return Decision(stop=False, predicted=float(observed(trial)[-1]))


class MedianStop:
    """Golovin et al. (2017), section 3.2.2: stops when a trial's best reward so far is below the median of the trained
    trials' running averages at the same evaluation. The control.

    Args:
        n_startup: trained trials before it stops anything.
        floor: evaluations before it stops a trial.
    """

    def __init__(self, *, n_startup: int = 5, floor: int = 6) -> None:
        self.n_startup = n_startup
        self.floor = floor
        self._curves: dict[int, Floats] = {}

    def decide(self, study: Study, trial: FrozenTrial, n_evaluations: int) -> Decision:
        """What to do with a trial after its newest evaluation; see `StopRule.decide`."""
        rewards = observed(trial)
        n_seen = len(rewards)
        going_on = Decision(stop=False, predicted=float(rewards[-1]))
        if n_seen < self.floor or n_seen >= n_evaluations:
            return going_on
        curves = self._trained_curves(study)
        averages = [curve[:n_seen].mean() for curve in curves if len(curve) >= n_seen]
        if len(averages) < self.n_startup or rewards.max() >= np.median(averages):
            return going_on
        gains = [curve[-1] - curve[n_seen - 1] for curve in curves if len(curve) >= n_seen]
        predicted = min(float(rewards[-1] + np.mean(gains)), best_reward(finished(study)))
        return Decision(True, predicted, float(np.std(gains)), 0.0, flagged=True)

    def _trained_curves(self, study: Study) -> list[Floats]:
        trials = trained(study)
        for trial in trials:
            if trial.number not in self._curves:
                self._curves[trial.number] = observed(trial)
        return [self._curves[trial.number] for trial in trials]

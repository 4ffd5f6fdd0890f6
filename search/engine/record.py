"""What a trial carries besides its parameters: the only place that knows the names.

| attribute | when | meaning |
|---|---|---|
| energy_mj, energy_low_mj, energy_high_mj | before training | predicted energy of an inference, and its interval |
| size_bytes | before training | of the .tflite file |
| penalty | before training | what energy and size take from the accuracy |
| flops, n_params | before training | counts of the network |
| energy_outside | before training | the architecture is beyond what the predictor has seen: energy is extrapolated |
| architecture_hash | before training, the last of these | of the architecture's text |
| stopped_at | when stopped | evaluations seen; the trial's value is then a prediction |
| predicted_sd | when stopped or held out | standard deviation of the predicted reward |
| predicted | when held out | the predicted reward |
| audited | when flagged, yet run on | evaluations seen when it was flagged |
| failure | when it cannot be evaluated | why; the trial is told FAIL |

Intermediate values are rewards (accuracy - penalty) after evaluation 1, 2, ..., n. A stopped trial is told COMPLETE
with its predicted final reward, since Optuna's GP sampler does not see pruned trials; it never counts as the best.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial, Trial, TrialState  # noqa: TID253

STOPPED_AT = "stopped_at"
PREDICTED = "predicted"
PREDICTED_SD = "predicted_sd"
HELD_OUT = "audited"
FAILURE = "failure"
_PENALTY, _HASH = "penalty", "architecture_hash"
# Optuna's own name for what `enqueue_trial` was given.
_FIXED_PARAMS = "fixed_params"


@dataclass(frozen=True)
class TrialCosts:
    """What is known of an architecture before it is trained; the fields are the names of the attributes."""

    energy_mj: float
    energy_low_mj: float
    energy_high_mj: float
    size_bytes: int
    penalty: float
    flops: int
    n_params: int
    architecture_hash: str
    energy_outside: bool = False

    def write(self, trial: Trial) -> None:
        """Sets the attributes, the hash last; before the first evaluation is reported."""
        for name, value in sorted(asdict(self).items(), key=lambda item: item[0] == _HASH):
            trial.set_user_attr(name, value)

    @classmethod
    def read(cls, trial: FrozenTrial) -> TrialCosts:
        """What `write` stored; KeyError when a trial never got that far."""
        # Earlier versions did not look whether an energy is extrapolated.
        stored = {"energy_outside": False, **trial.user_attrs}
        return cls(**{each.name: stored[each.name] for each in fields(cls)})


def finished(study: Study) -> list[FrozenTrial]:
    """The trials with a reward, stopped ones among them, by number."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def trained(study: Study) -> list[FrozenTrial]:
    """The trials that were trained to the end, by number."""
    return [trial for trial in finished(study) if not stopped(trial)]


def best_trained(study: Study) -> FrozenTrial | None:
    """The trained trial of the highest reward, the first of equals; never a stopped one. None before there is one."""
    return best_of(finished(study))


def best_of(trials: Iterable[FrozenTrial]) -> FrozenTrial | None:
    """As `best_trained`, of these."""
    complete = (trial for trial in trials if not stopped(trial) and trial.state is TrialState.COMPLETE)
    return max(complete, key=lambda trial: (final_reward(trial), -trial.number), default=None)


def best_reward(trials: Iterable[FrozenTrial]) -> float:
    """The incumbent among these: the reward of `best_of` them, minus infinity before there is one."""
    best = best_of(trials)
    return -math.inf if best is None else final_reward(best)


def stopped(trial: FrozenTrial) -> bool:
    """Whether training was cut short, so that the trial's value is a prediction."""
    return trial.user_attrs.get(STOPPED_AT) is not None


def held_out(trial: FrozenTrial) -> bool:
    """Whether a rule flagged it and it was run on to see whether the rule was right."""
    return trial.user_attrs.get(HELD_OUT) is not None


def final_reward(trial: FrozenTrial) -> float:
    """The value of a finished trial of a single-objective study."""
    if trial.values is None:
        raise ValueError(f"trial {trial.number} has no value")
    return float(trial.values[0])


def has_costs(trial: FrozenTrial) -> bool:
    """Whether the costs of its architecture are written: it is trained next, is being trained, or has been."""
    return _HASH in trial.user_attrs


def is_queued(trial: FrozenTrial) -> bool:
    """Whether a user chose its architecture."""
    return bool(trial.system_attrs.get(_FIXED_PARAMS))


def penalty_of(trial: FrozenTrial) -> float:
    """The penalty known before training; 0 when the trial carries none (an objective without costs)."""
    return float(trial.user_attrs.get(_PENALTY, 0.0))


def set_state(study: Study, trial: FrozenTrial, state: dict[str, Any]) -> None:
    """Keeps what a sampler must find again on a trial: as system attributes, in whatever storage the study is.

    Optuna gives samplers no public way to do so; its own write to the storage like this.
    """
    for name, value in state.items():
        study._storage.set_trial_system_attr(trial._trial_id, name, value)

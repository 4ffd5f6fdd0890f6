"""Several objectives at once: accuracy up, energy and size down, and the front that none of the others dominates.

A study of several objectives has no single reward to predict, so its trials are always trained to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study, StudyDirection  # noqa: TID253
from optuna.trial import TrialState  # noqa: TID253

from search.engine.encoding import Encoding
from search.engine.record import TrialCosts, final_reward, trained
from search.engine.stopping.rule import Decision
from search.engine.trials import Objective, TrialOutcome

DIRECTIONS = (StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE, StudyDirection.MINIMIZE)
"""Of the values of a trial: accuracy (0..1), energy_mj, size_bytes."""


@dataclass(frozen=True)
class Point:
    """A trained network in the space of objectives."""

    trial_number: int
    accuracy: float
    energy_mj: float
    size_bytes: float


def points(study: Study) -> list[Point]:
    """The trained trials of a study of either kind: of several objectives, or of the reward."""
    found = []
    for trial in trained(study):
        known = TrialCosts.read(trial)
        accuracy = final_reward(trial) if _several(study) else final_reward(trial) + known.penalty
        found.append(Point(trial.number, accuracy, known.energy_mj, known.size_bytes))
    return found


def front(candidates: Sequence[Point]) -> list[Point]:
    """Those that no other one beats or equals in everything while beating it in something, most accurate first."""
    if not candidates:
        return []
    losses = np.array([(-each.accuracy, each.energy_mj, each.size_bytes) for each in candidates])
    kept = [each for each, row in zip(candidates, losses, strict=True) if not _dominated(row, losses)]
    return sorted(kept, key=lambda each: (-each.accuracy, each.energy_mj, each.size_bytes))


def run_pareto_trial(study: Study, encoding: Encoding, objective: Objective) -> TrialOutcome:
    """As `run_trial`, for a study with DIRECTIONS: trained to the end, told accuracy, energy_mj and size_bytes."""
    trial = study.ask(encoding.distributions)
    try:
        architecture = encoding.architecture(trial.params)
        known = objective.known(architecture)
        known.write(trial)
        accuracies = list(objective.accuracies(architecture, trial.number))
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        raise
    told = study.tell(trial, (accuracies[-1], known.energy_mj, float(known.size_bytes)))
    return TrialOutcome(told, architecture, len(accuracies), Decision(stop=False, predicted=accuracies[-1]))


def _several(study: Study) -> bool:
    return len(study.directions) > 1


def _dominated(row: NDArray[np.float64], losses: NDArray[np.float64]) -> bool:
    return bool(((losses <= row).all(axis=1) & (losses < row).any(axis=1)).any())

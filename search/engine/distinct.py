"""No architecture is trained twice by oversight."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial, TrialState  # noqa: TID253

from search.engine.encoding import Codes, Encoding, key
from search.engine.record import has_costs, is_queued
from search.errors import SpaceExhausted

MAX_RANDOM_DRAWS = 100


def untaken(codes: Codes, taken: Set[tuple[int, ...]], encoding: Encoding, rng: np.random.Generator) -> Codes:
    """The proposal itself if it is not taken, else something close to it that is not.

    First one of its untaken neighbours, each as likely; else a random architecture; else, when MAX_RANDOM_DRAWS
    of these were taken too, the first that is not in the order of the space, counted from the proposal.

    Args:
        taken: architectures that finished or run.
        rng: for the choice among neighbours and the draws.

    Raises:
        SpaceExhausted: every architecture of the space is taken.
    """
    if key(codes) not in taken:
        return codes
    free = [row for row in encoding.neighbours(codes) if key(row) not in taken]
    if free:
        chosen: Codes = free[int(rng.integers(len(free)))]
        return chosen
    for _ in range(MAX_RANDOM_DRAWS):
        drawn = encoding.random(rng)
        if key(drawn) not in taken:
            return drawn
    for row in encoding.in_order_from(codes):
        if row not in taken:
            return np.array(row, dtype=np.int64)
    raise SpaceExhausted(
        f"all {encoding.space.size} architectures of {encoding.space.name} have been tried",
        "the search is complete: look at its best, or search a larger space",
    )


def is_doubled(study: Study, trial: FrozenTrial) -> bool:
    """Whether a trial is to be given up: another one of the same architecture came before it, or is further than it.

    Proposals that two workers make at the same moment cannot know of each other; so each looks again when all of its
    parameters are written, before it trains. What a user has queued is never given up.
    """
    if is_queued(trial):
        return False
    return any(
        other.number != trial.number
        and other.params == trial.params
        and (other.number < trial.number or has_costs(other))
        for other in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.RUNNING))
    )

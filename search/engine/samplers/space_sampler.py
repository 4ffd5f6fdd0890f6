"""What all samplers of the engine share: the space, a random stream for each trial, screening of proposals.

The random numbers of a trial follow from the seed and the trial's number, and nothing else is carried from one
proposal to the next that does not follow from the stored trials. So a sampler that is built anew in another process
goes on exactly as this one would have, and several workers may use the same seed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution  # noqa: TID253
from optuna.samplers import BaseSampler  # noqa: TID253
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial, TrialState  # noqa: TID253

from search.engine.distinct import untaken
from search.engine.dominated import KnownPenalties, is_dominated
from search.engine.encoding import Codes, Encoding
from search.engine.history import HistoryReader, StudyHistory
from search.engine.record import is_queued
from search.errors import OutsideSpace


@dataclass(frozen=True)
class DominanceScreen:
    """Keeps dominated proposals from being trained.

    Attributes:
        accuracy_bound: no accuracy is above it.
        max_proposals: how often a sampler proposes anew for one trial; then the one of the lowest penalty is taken.
    """

    penalties: KnownPenalties
    accuracy_bound: float = 1.0
    max_proposals: int = 10


class SpaceSampler(BaseSampler):
    """A sampler over the blocks of a space.

    Args:
        seed: of all its random numbers.
        screen: against dominated proposals; None trains whatever is proposed, as the paper does.
    """

    def __init__(self, encoding: Encoding, seed: int, screen: DominanceScreen | None = None) -> None:
        self.encoding = encoding
        self.seed = seed
        self.screen = screen
        self._reader = HistoryReader(encoding)

    @abstractmethod
    def propose(self, study: Study, trial: FrozenTrial, history: StudyHistory, rng: np.random.Generator) -> Codes:
        """An architecture for this trial; it may be taken or dominated. May be called more than once for a trial."""

    def rng_of(self, trial_number: int) -> np.random.Generator:
        """The random stream of a trial."""
        return np.random.default_rng((self.seed, trial_number))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All parameters at once: a proposal is one architecture (Optuna's interface)."""
        return self.encoding.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The proposal as parameters (Optuna's interface)."""
        if is_queued(trial):
            return {}
        history = self._reader.read(study, trial)
        return self.encoding.params(self._screened(study, trial, history, self.rng_of(trial.number)))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Not used: every parameter is proposed together (Optuna's interface)."""
        raise OutsideSpace(
            f"parameter {param_name} in a study of {self.encoding.space.name}",
            "ask with the distributions of the study's space",
        )

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Nothing: all that matters is in the trial."""

    def _screened(self, study: Study, trial: FrozenTrial, history: StudyHistory, rng: np.random.Generator) -> Codes:
        def propose() -> Codes:
            return untaken(self.propose(study, trial, history, rng), history.taken, self.encoding, rng)

        first = propose()
        if self.screen is None:
            return first
        bound = self.screen.accuracy_bound
        proposal, penalty = first, self._penalty(first)
        for _ in range(self.screen.max_proposals - 1):
            if not is_dominated(penalty, history.incumbent, bound):
                break
            other = propose()
            if (other_penalty := self._penalty(other)) < penalty:
                proposal, penalty = other, other_penalty
        return proposal

    def _penalty(self, codes: Codes) -> float:
        if self.screen is None:
            return 0.0
        return float(self.screen.penalties.of(codes[np.newaxis])[0])

"""The controls: random search, and regularised evolution (Real et al. 2019, algorithm 1)."""

from __future__ import annotations

import numpy as np
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial  # noqa: TID253

from search.engine.encoding import Codes, Encoding
from search.engine.history import StudyHistory
from search.engine.samplers.space_sampler import DominanceScreen, SpaceSampler


class RandomSampler(SpaceSampler):
    """Uniform over the space."""

    def propose(self, study: Study, trial: FrozenTrial, history: StudyHistory, rng: np.random.Generator) -> Codes:
        """Codes (n_positions,) of the architecture to try; see `SpaceSampler.propose`."""
        return self.encoding.random(rng)


class EvolutionSampler(SpaceSampler):
    """Regularised evolution: the best of a random sample of the youngest has one block changed.

    Args:
        population: only the last so many trials are parents; as many random ones come first.
        sample_size: of those, drawn without replacement, the best one is the parent.
    """

    def __init__(
        self,
        encoding: Encoding,
        seed: int,
        screen: DominanceScreen | None = None,
        *,
        population: int = 100,
        sample_size: int = 25,
    ) -> None:
        super().__init__(encoding, seed, screen)
        self.population = population
        self.sample_size = sample_size

    def propose(self, study: Study, trial: FrozenTrial, history: StudyHistory, rng: np.random.Generator) -> Codes:
        """Codes (n_positions,) of the architecture to try; see `SpaceSampler.propose`."""
        if len(history) < self.population:
            return self.encoding.random(rng)
        rewards = history.rewards[-self.population :]
        drawn = rng.choice(self.population, size=min(self.sample_size, self.population), replace=False)
        parent = history.codes[-self.population :][drawn[np.argmax(rewards[drawn])]]
        return mutated(parent, self.encoding, rng)


def mutated(codes: Codes, encoding: Encoding, rng: np.random.Generator) -> Codes:
    """One block changed to another one; each position that has a choice is as likely."""
    position = rng.choice(np.flatnonzero(encoding.n_options > 1))
    child = codes.copy()
    child[position] = (codes[position] + rng.integers(1, encoding.n_options[position])) % encoding.n_options[position]
    return child

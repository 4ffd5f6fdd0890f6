"""Optuna's own samplers over the blocks: TPE and NSGA-II as they are, its Gaussian process as the paper's Bayesian.

Each proposal comes from a sampler that is built for it, seeded by the trial's number. That costs the Gaussian
process its warm start from the last fit, and buys that a study which was killed goes on exactly as it would have.
"""

from __future__ import annotations

import importlib.util
from abc import abstractmethod

import numpy as np
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler  # noqa: TID253
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial  # noqa: TID253

from search.engine.encoding import Codes, Encoding
from search.engine.history import StudyHistory
from search.engine.samplers.space_sampler import DominanceScreen, SpaceSampler
from search.errors import TrainingUnavailable


class OptunaSampler(SpaceSampler):
    """Proposals by a sampler of Optuna; what that leaves open (its first trials, mutated blocks) is random."""

    @abstractmethod
    def build(self, seed: int) -> BaseSampler:
        """Optuna's sampler."""

    def propose(self, study: Study, trial: FrozenTrial, history: StudyHistory, rng: np.random.Generator) -> Codes:
        """Codes (n_positions,) of the architecture to try; see `SpaceSampler.propose`."""
        inner = self.build(int(rng.integers(2**31)))
        choices = {name: each for name, each in self.encoding.distributions.items() if not each.single()}
        chosen = inner.sample_relative(study, trial, choices)
        return self.encoding.codes({**self.encoding.params(self.encoding.random(rng)), **chosen})


class TreeParzenSampler(OptunaSampler):
    """Optuna's TPE with its defaults; ten random trials first."""

    def build(self, seed: int) -> BaseSampler:
        """Optuna's sampler for one proposal, from a seed."""
        return TPESampler(seed=seed)


class BayesianSampler(OptunaSampler):
    """Optuna's Gaussian process: Hamming-ARD Matern kernel, log expected improvement; ten random trials first.

    Raises:
        TrainingUnavailable: torch is not installed.
    """

    def __init__(self, encoding: Encoding, seed: int, screen: DominanceScreen | None = None) -> None:
        if importlib.util.find_spec("torch") is None:
            raise TrainingUnavailable(
                "Bayesian search needs torch, which is not installed",
                "install it where this project is installed: pip install -e '.[train]'",
            )
        super().__init__(encoding, seed, screen)

    def build(self, seed: int) -> BaseSampler:
        """Optuna's sampler for one proposal, from a seed."""
        return GPSampler(seed=seed)


class ParetoSampler(OptunaSampler):
    """NSGA-II for several objectives (Deb et al. 2002).

    Its generations are in the study, so it too can be built anew at any trial.

    Args:
        encoding, seed, screen: see SpaceSampler; a screen makes no sense where there is no single reward.
        population: of a generation; Optuna's default is 50.
    """

    def __init__(
        self, encoding: Encoding, seed: int, screen: DominanceScreen | None = None, *, population: int = 50
    ) -> None:
        super().__init__(encoding, seed, None)
        self.population = population

    def build(self, seed: int) -> BaseSampler:
        """Optuna's sampler for one proposal, from a seed."""
        return NSGAIISampler(seed=seed, population_size=self.population)

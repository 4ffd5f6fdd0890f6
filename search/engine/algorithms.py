"""The search algorithms by name.

| name | what | defaults |
|---|---|---|
| random | uniform | |
| tpe | Optuna's TPE | 10 random trials first |
| evolution | regularised evolution | population 100, sample 25 |
| firefly | Vizier's Eagle on categoricals, its distance corrected | pool 26; see FireflyParameters |
| hyperfirefly | the same, tuned by a second level | a window of 50 trials |
| bayesian | Optuna's Gaussian process of the reward | 10 random trials first |
| hybrid | bayesian, then hyperfirefly on its best | switch at trial 1,000 |
| known-penalty | Gaussian process of accuracy, exact penalty in the acquisition | 10 trials first, 1,000 candidates |
| pareto | NSGA-II on accuracy, energy and size | population 50 |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from search.engine.dominated import KnownPenalties, Penalties
from search.engine.encoding import Encoding
from search.engine.samplers.firefly import FireflySampler, HybridSampler
from search.engine.samplers.from_optuna import BayesianSampler, ParetoSampler, TreeParzenSampler
from search.engine.samplers.known_penalty import KnownPenaltySampler
from search.engine.samplers.plain import EvolutionSampler, RandomSampler
from search.engine.samplers.space_sampler import DominanceScreen, SpaceSampler
from search.errors import MissingPenalties, UnknownAlgorithm

PARETO = "pareto"


@dataclass(frozen=True)
class Settings:
    """What a sampler is built from.

    Attributes:
        seed: of its random numbers.
        penalties: known before training; `known-penalty` and `skip_dominated` need them.
        skip_dominated: proposals that cannot beat the best trained trial are proposed anew.
        accuracy_bound: no accuracy is above it: decides what is dominated.
        switch_at: trial at which the hybrid changes over.
    """

    encoding: Encoding
    seed: int
    penalties: Penalties | None = None
    skip_dominated: bool = False
    accuracy_bound: float = 1.0
    switch_at: int = 1000

    @property
    def known_penalties(self) -> KnownPenalties:
        """The penalties.

        Raises:
            MissingPenalties: none were given.
        """
        if self.penalties is None:
            raise MissingPenalties(
                "this search needs to know the penalty of a network before training it",
                "give it a reward with a fitted energy predictor, or choose another algorithm",
            )
        return KnownPenalties(self.encoding, self.penalties)

    @property
    def screen(self) -> DominanceScreen | None:
        """Against dominated proposals, if wanted; MissingPenalties as above."""
        return DominanceScreen(self.known_penalties, self.accuracy_bound) if self.skip_dominated else None


_ALGORITHMS: dict[str, Callable[[Settings], SpaceSampler]] = {
    "random": lambda s: RandomSampler(s.encoding, s.seed, s.screen),
    "tpe": lambda s: TreeParzenSampler(s.encoding, s.seed, s.screen),
    "evolution": lambda s: EvolutionSampler(s.encoding, s.seed, s.screen),
    "firefly": lambda s: FireflySampler(s.encoding, s.seed, s.screen),
    "hyperfirefly": lambda s: FireflySampler(s.encoding, s.seed, s.screen, tuned=True),
    "bayesian": lambda s: BayesianSampler(s.encoding, s.seed, s.screen),
    "hybrid": lambda s: HybridSampler(s.encoding, s.seed, s.screen, switch_at=s.switch_at),
    "known-penalty": lambda s: KnownPenaltySampler(
        s.encoding, s.seed, s.known_penalties, accuracy_bound=s.accuracy_bound
    ),
    PARETO: lambda s: ParetoSampler(s.encoding, s.seed),
}

ALGORITHM_NAMES = tuple(_ALGORITHMS)


def check_algorithm(name: str) -> None:
    """Returns when there is an algorithm of this name; UnknownAlgorithm when not."""
    if name not in _ALGORITHMS:
        raise UnknownAlgorithm(f"no search algorithm {name!r}", f"algorithms: {', '.join(ALGORITHM_NAMES)}")


def build_sampler(name: str, settings: Settings) -> SpaceSampler:
    """The sampler of this name.

    Raises:
        UnknownAlgorithm: there is none.
        MissingPenalties: it needs penalties, and there are none.
        TrainingUnavailable: it needs torch, which is not installed.
    """
    check_algorithm(name)
    return _ALGORITHMS[name](settings)

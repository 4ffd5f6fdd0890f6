"""Picking a sub-network for a budget: an evolutionary search with predicted costs and shared-weight accuracy.

No training takes place: what a candidate costs is predicted, how good it is, is asked of the shared weights. Candidates
beyond the budget are never scored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.errors import BudgetTooSmall
from search.networks.architecture import Architecture
from search.networks.space import Space
from search.supernet.sampling import crossed, mutated, random_architecture, smallest
from search.supernet.shared_accuracy import SharedScore

_N_DRAWN = 600
_N_PARENTS = 10
_N_CHILDREN = 10
_MUTATED = 0.6
_MOST_ATTEMPTS = 60


@dataclass(frozen=True)
class Costs:
    """Predicted costs of architectures, (n,) each.

    Attributes:
        latencies_ms: None where no latency is asked for.
    """

    energies_mj: NDArray[np.float64]
    sizes_bytes: NDArray[np.float64]
    latencies_ms: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class EnergyBudget:
    """What a sub-network may cost at most, as predicted.

    Attributes:
        memory_kb: of the .tflite file, thousands of bytes; None: any.
        latency_ms: of an inference; None: any.
    """

    energy_mj: float
    memory_kb: float | None = None
    latency_ms: float | None = None

    @property
    def text(self) -> str:
        """For a user."""
        parts = [f"{self.energy_mj:g} mJ"]
        parts += [f"{self.memory_kb:g} kB"] if self.memory_kb is not None else []
        parts += [f"{self.latency_ms:g} ms"] if self.latency_ms is not None else []
        return ", ".join(parts)

    def allows(self, costs: Costs) -> NDArray[np.bool_]:
        """Which of some architectures are within it, (n,)."""
        within = costs.energies_mj <= self.energy_mj
        if self.memory_kb is not None:
            within &= costs.sizes_bytes <= 1e3 * self.memory_kb
        if self.latency_ms is not None and costs.latencies_ms is not None:
            within &= costs.latencies_ms <= self.latency_ms
        return within


@dataclass(frozen=True)
class Pick:
    """What was picked for a budget.

    Attributes:
        n_scored: architectures whose shared-weight accuracy was taken for it.
    """

    budget: EnergyBudget
    architecture: Architecture
    energy_mj: float
    size_bytes: float
    score: SharedScore
    n_scored: int


CostsOf = Callable[[Sequence[Architecture]], Costs]
ScoreOf = Callable[[Architecture], SharedScore]


def pick(
    space: Space,
    budget: EnergyBudget,
    costs_of: CostsOf,
    score_of: ScoreOf,
    n_scores: int,
    seed: int,
    observe: Callable[[int], None] = lambda n: None,
) -> Pick:
    """The best architecture that was found within a budget: of the lowest loss with the shared weights.

    The loss tells apart what equal accuracies on some hundred clips do not.

    Args:
        costs_of: of many at once.
        score_of: of one, remembered by whoever gives it.
        n_scores: architectures to score.
        seed: the same seed picks the same.
        observe: told how many are scored.

    Raises:
        BudgetTooSmall: nothing was found within the budget; says the least energy that can be had.
    """
    rng = np.random.default_rng(seed)
    waiting = _first_within(space, budget, costs_of, rng)
    scored: dict[Architecture, SharedScore] = {}
    while waiting and len(scored) < n_scores:
        for architecture in waiting[: n_scores - len(scored)]:
            scored[architecture] = score_of(architecture)
            observe(len(scored))
        best = sorted(scored, key=lambda each: scored[each].loss)[:_N_PARENTS]
        waiting = _children(space, budget, costs_of, best, scored, rng)
    chosen = min(scored, key=lambda each: scored[each].loss)
    costs = costs_of([chosen])
    return Pick(budget, chosen, float(costs.energies_mj[0]), float(costs.sizes_bytes[0]), scored[chosen], len(scored))


def _first_within(
    space: Space, budget: EnergyBudget, costs_of: CostsOf, rng: np.random.Generator
) -> list[Architecture]:
    """Some architectures within the budget, half of them those that use most of it."""
    drawn = [random_architecture(space, rng) for _ in range(_N_DRAWN)]
    drawn += [smallest(space, rng) for _ in range(_N_DRAWN // 10)]
    drawn = list(dict.fromkeys(drawn))
    costs = costs_of(drawn)
    within = np.flatnonzero(budget.allows(costs))
    if not len(within):
        cheapest = _cheapest(space, costs_of, drawn[int(np.argmin(costs.energies_mj))])
        costs = costs_of([cheapest])
        if not budget.allows(costs)[0]:
            raise BudgetTooSmall(
                f"no architecture of {space.name} is predicted to be within {budget.text}: the most frugal that was "
                f"found takes {costs.energies_mj[0]:.3f} mJ and {costs.sizes_bytes[0] / 1e3:.1f} kB",
                "give a larger budget; search supernet front shows what can be had",
            )
        return [cheapest]
    by_energy = within[np.argsort(costs.energies_mj[within])[::-1]]
    hungriest = by_energy[:_N_PARENTS]
    others = rng.permutation(by_energy[_N_PARENTS:])[:_N_PARENTS]
    return [drawn[i] for i in (*hungriest.tolist(), *others.tolist())]


def _cheapest(space: Space, costs_of: CostsOf, begun: Architecture) -> Architecture:
    """Downhill in predicted energy, from one architecture by single blocks."""
    while True:
        around = list(space.neighbours(begun))
        energies = costs_of([begun, *around]).energies_mj
        best = int(np.argmin(energies))
        if best == 0:
            return begun
        begun = around[best - 1]


def _children(
    space: Space,
    budget: EnergyBudget,
    costs_of: CostsOf,
    parents: Sequence[Architecture],
    scored: dict[Architecture, SharedScore],
    rng: np.random.Generator,
) -> list[Architecture]:
    """New architectures within the budget; none where the parents have no such neighbours any more."""
    found: dict[Architecture, None] = {}
    for _ in range(_MOST_ATTEMPTS):
        drawn = [_child(space, parents, rng) for _ in range(4 * _N_CHILDREN)]
        drawn = [each for each in dict.fromkeys(drawn) if each not in scored and each not in found]
        if drawn:
            allowed = budget.allows(costs_of(drawn))
            found.update({each: None for each, within in zip(drawn, allowed, strict=True) if within})
        if len(found) >= _N_CHILDREN:
            break
    return list(found)[:_N_CHILDREN]


def _child(space: Space, parents: Sequence[Architecture], rng: np.random.Generator) -> Architecture:
    one = parents[int(rng.integers(len(parents)))]
    if rng.random() < _MUTATED or len(parents) == 1:
        return mutated(one, space, rng)
    return crossed(one, parents[int(rng.integers(len(parents)))], rng)

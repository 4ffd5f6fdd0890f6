"""A TOY objective for comparing search algorithms: a formula in the shape of the paper's problem, nothing measured.

Accuracy: an effect of each block (its type, kernel and filters, and one of its own), effects of 24 pairs of blocks, and
a gain from size, through a saturation. Energy from FLOPs and size from parameters, both counted, on lines through the
paper's Table 2 network. Learning curves are mixtures of an exponential and a power law, one in ten rises late, with a
noise that has memory. Every effect follows from one seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.networks.architecture import Architecture
from search.networks.count import ComputeCost, count_graph
from search.networks.graph import build_graph
from search.networks.space import Space

Floats = NDArray[np.float64]
CostKey = tuple[int, int, str]

N_PAIRS = 24
LUCK_SD = 0.005
LATE_SHARE = 0.1
TABLE_2_MFLOPS, TABLE_2_PARAMS = 12.29, 24_000


@dataclass(frozen=True, eq=False)
class Effects:
    """Of blocks, (n_options,) per position, and of pairs of blocks by their positions."""

    blocks: tuple[Floats, ...]
    pairs: dict[tuple[int, int], Floats]


def draw_effects(space: Space, seed: int) -> Effects:
    """What each block and pair is worth."""
    rng = np.random.default_rng(seed)
    blocks = []
    for position in space.positions:
        by_type = {kind: rng.normal(0, 0.5) for kind in position.types}
        by_kernel, by_filters = rng.normal(0, 0.25, 2)
        blocks.append(
            np.array(
                [
                    by_type[block.type]
                    + by_kernel * (block.kernel - 4)
                    + by_filters * np.log2(max(block.filters, 16) / 32)
                    + rng.normal(0, 0.3)
                    for block in position.blocks
                ]
            )
        )
    n = len(space.positions)
    every = [(i, j) for i in range(n) for j in range(i + 1, n)]
    chosen = rng.choice(len(every), min(N_PAIRS, len(every)), replace=False)
    pairs = {}
    for index in sorted(chosen.tolist()):
        i, j = every[index]
        pairs[i, j] = rng.normal(0, 0.35, (len(blocks[i]), len(blocks[j])))
    return Effects(tuple(blocks), pairs)


class ToyObjective:
    """A formula that answers as a surrogate would.

    Args:
        space: of its architectures.
        seed: of the effects.
        n_evaluations: of a full training.
    """

    def __init__(self, space: Space, seed: int = 1, n_evaluations: int = 30) -> None:
        self.name = f"TOY formula {seed}, {space.name}"
        self.n_evaluations = n_evaluations
        self._space = space
        self._effects = draw_effects(space, seed)
        self._index = [{block: i for i, block in enumerate(position.blocks)} for position in space.positions]
        self._block_cost: dict[CostKey, tuple[int, int]] = {}

    def accuracy(self, architecture: Architecture) -> float:
        """Between 0.35 and 0.93."""
        at = [index[block] for index, block in zip(self._index, architecture.blocks, strict=True)]
        score = sum(effects[i] for effects, i in zip(self._effects.blocks, at, strict=True))
        score += sum(table[at[i], at[j]] for (i, j), table in self._effects.pairs.items())
        cost = self._cost(architecture)
        gain = np.log(cost.n_params / TABLE_2_PARAMS) + 0.5 * np.log(cost.flops / (TABLE_2_MFLOPS * 1e6))
        return float(0.35 + 0.58 / (1 + np.exp(-(0.4 + 0.10 * score + 0.35 * gain))))

    def curve(self, architecture: Architecture, rng: np.random.Generator) -> Floats:
        """One training: rises to the accuracy and the run-to-run noise of this training."""
        end = self.accuracy(architecture) + rng.normal(0, LUCK_SD)
        t = np.arange(1, self.n_evaluations + 1) / self.n_evaluations
        steep, share, late = np.exp(rng.normal(0, 0.2)), rng.uniform(0.5, 1.0), rng.random() < LATE_SHARE
        power = (1 + 12.0 * steep * t) ** -1.0 - (1 + 12.0 * steep) ** -1.0
        missing = share * np.exp(-7.0 * steep * t) + (1 - share) * power
        if late:
            missing = 1 / (1 + np.exp(25.0 * (t - 0.15 * steep)))
        noise = np.zeros(self.n_evaluations)
        for i, shock in enumerate(rng.normal(0, 0.008, self.n_evaluations)):
            noise[i] = 0.5 * noise[i - 1] + shock if i else shock
        noise *= np.linspace(1.5, 0.5, self.n_evaluations)
        curve: Floats = np.clip(end - (end - 0.11) * 0.75 * missing + noise, 0.0, 1.0)
        return curve

    def costs(self, architectures: Sequence[Architecture]) -> tuple[Floats, Floats]:
        """On lines through Table 2's network, 1.30 mJ and 52 kB: (n,) each, mJ and bytes."""
        counted = [self._cost(each) for each in architectures]
        energies = [0.25 + 1.05 * cost.flops / (TABLE_2_MFLOPS * 1e6) for cost in counted]
        sizes = [round(24_000 + 28_000 * cost.n_params / TABLE_2_PARAMS) for cost in counted]
        return np.array(energies, float), np.array(sizes, float)

    def _cost(self, architecture: Architecture) -> ComputeCost:
        """A block's FLOPs and parameters follow from its position and the channels that come in: counted once each."""
        keys = self._keys(architecture)
        try:
            costs = [self._block_cost[each] for each in keys]
        except KeyError:
            counted = count_graph(build_graph(architecture), len(architecture.blocks))
            costs = [(each.flops, each.n_params) for each in (*counted.blocks, counted.head)]
            self._block_cost.update(zip(keys, costs, strict=True))
        return ComputeCost(sum(flops for flops, _ in costs), sum(n_params for _, n_params in costs))

    def _keys(self, architecture: Architecture) -> list[CostKey]:
        channels = self._space.input_shape[-1]
        keys = []
        for i, block in enumerate(architecture.blocks):
            keys.append((i, channels, block.text))
            channels = block.filters or channels
        return [*keys, (-1, channels, "")]

"""Studies without training or files: an objective that answers from a model of what both would have given.

What walks its trials is the engine of `search run`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.trial import Trial  # noqa: TID253

from search.engine.record import TrialCosts
from search.engine.reward import Reward
from search.engine.trials import Report
from search.networks.architecture import Architecture
from search.networks.count import count_graph
from search.networks.graph import build_graph

Floats = NDArray[np.float64]


class Surrogate(Protocol):
    """Stands for training and measuring the architectures of a space."""

    @property
    def name(self) -> str:
        """What it is, with whatever a user must know to read figures from it."""
        ...

    @property
    def n_evaluations(self) -> int:
        """Of a full training."""
        ...

    def accuracy(self, architecture: Architecture) -> float:
        """without run-to-run (seed) variance, 0..1."""
        ...

    def curve(self, architecture: Architecture, rng: np.random.Generator) -> Floats:
        """The accuracies of one training, (n_evaluations,)."""
        ...

    def costs(self, architectures: Sequence[Architecture]) -> tuple[Floats, Floats]:
        """Energies of an inference, mJ, and sizes of the .tflite files, bytes: (n,) each."""
        ...


class SurrogateObjective:
    """A surrogate and a reward as the objective of a study.

    Args:
        seed: with a trial's number, the seed of its training.
    """

    def __init__(self, surrogate: Surrogate, reward: Reward, seed: int) -> None:
        self.surrogate = surrogate
        self.reward = reward
        self.n_evaluations = surrogate.n_evaluations
        self._seed = seed

    def known(self, architecture: Architecture) -> TrialCosts:
        """Costs; the surrogate's energy has no interval."""
        energies_mj, sizes_bytes = self.surrogate.costs([architecture])
        energy_mj, size_bytes = float(energies_mj[0]), int(sizes_bytes[0])
        cost = count_graph(build_graph(architecture)).total
        return TrialCosts(
            energy_mj=energy_mj,
            energy_low_mj=energy_mj,
            energy_high_mj=energy_mj,
            size_bytes=size_bytes,
            penalty=self.reward.penalty(energy_mj, size_bytes),
            flops=cost.flops,
            n_params=cost.n_params,
            architecture_hash=architecture.architecture_hash,
        )

    def train(self, architecture: Architecture, trial: Trial, report: Report) -> float | None:
        """The surrogate's curve, as far as it is asked for."""
        curve = self.curve(architecture, trial.number)
        if any(report(ordinal, accuracy) for ordinal, accuracy in enumerate(curve, start=1)):
            return None
        return curve[-1]

    def curve(self, architecture: Architecture, trial_number: int) -> list[float]:
        """The accuracies of a trial's training, if nothing stops it."""
        rng = np.random.default_rng((self._seed, trial_number))
        return self.surrogate.curve(architecture, rng).tolist()

    def penalties(self, architectures: Sequence[Architecture]) -> Floats:
        """Known before training, (n,)."""
        energies_mj, sizes_bytes = self.surrogate.costs(architectures)
        return np.array([self.reward.penalty(e, s) for e, s in zip(energies_mj, sizes_bytes, strict=True)], dtype=float)

    def true_reward(self, architecture: Architecture) -> float:
        """without run-to-run (seed) variance: what algorithms are compared by."""
        return self.surrogate.accuracy(architecture) - float(self.penalties([architecture])[0])

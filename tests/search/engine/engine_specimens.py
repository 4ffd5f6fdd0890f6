"""A small space and an objective that needs no training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import optuna  # noqa: TID253
from numpy.typing import NDArray
from optuna.samplers import BaseSampler  # noqa: TID253
from optuna.study import Study  # noqa: TID253
from optuna.trial import Trial  # noqa: TID253

from search.engine.algorithms import Settings
from search.engine.encoding import Encoding
from search.engine.record import TrialCosts
from search.engine.stopping.rule import NeverStop, StopRule
from search.engine.trials import Report, TrialOutcome, run_trial
from search.networks.architecture import Architecture
from search.networks.blocks import BlockType
from search.networks.space import Position, Space
from search.networks.spaces import AUDIO_2D

AUDIO = Encoding(AUDIO_2D)
_PLACE = Position((1, 1), (BlockType.KXK, BlockType.MOBILENET_V1, BlockType.IDENTITY), (3, 5), (8, 16))
SMALL = Encoding(Space("small", (8, 8, 1), (_PLACE,) * 4, 4, 2))
"""9 blocks at each of 4 positions."""
NINE = Encoding(Space("nine", (8, 8, 1), (_PLACE,), 4, 2))
"""9 architectures."""


class Formula:
    """Additive effects of blocks, a penalty for filters above a mean of 10, curves that decay towards their end.

    Args:
        encoding: the space.
        seed: of the effects.
        n_evaluations: of a full training.
        penalty: for each unit of mean filters above 10.
        noise_sd: of an evaluation.
    """

    def __init__(
        self,
        encoding: Encoding,
        *,
        seed: int = 0,
        n_evaluations: int = 1,
        penalty: float = 0.01,
        noise_sd: float = 0.002,
    ) -> None:
        self.n_evaluations = n_evaluations
        self._encoding = encoding
        self._rate, self._noise_sd = penalty, noise_sd
        rng = np.random.default_rng(seed)
        self._effects = [rng.normal(0, 0.06 / len(encoding.names) ** 0.5, n) for n in encoding.n_options]

    def accuracy(self, architecture: Architecture) -> float:
        """Of a full training, without noise."""
        pairs = zip(self._encoding.space.positions, architecture.blocks, self._effects, strict=True)
        return 0.7 + float(sum(effects[position.blocks.index(block)] for position, block, effects in pairs))

    def penalties(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Known before training."""
        filters = [np.mean([block.filters for block in each.blocks]) for each in architectures]
        return self._rate * np.maximum(0.0, np.array(filters) - 10)

    def known(self, architecture: Architecture) -> TrialCosts:
        """Costs that follow from the filters."""
        n_filters = sum(block.filters for block in architecture.blocks)
        return TrialCosts(
            energy_mj=0.5 + n_filters / 400,
            energy_low_mj=0.4,
            energy_high_mj=2.0,
            size_bytes=30_000 + 50 * n_filters,
            penalty=float(self.penalties([architecture])[0]),
            flops=n_filters,
            n_params=n_filters,
            architecture_hash=architecture.architecture_hash,
        )

    def train(self, architecture: Architecture, trial: Trial, report: Report) -> float | None:
        """As far as it is asked for."""
        accuracy = None
        for ordinal, accuracy in enumerate(self.accuracies(architecture, trial.number), start=1):
            if report(ordinal, accuracy):
                return None
        return accuracy

    def accuracies(self, architecture: Architecture, trial_number: int) -> Iterator[float]:
        """Exponential towards the accuracy, with noise."""
        rng = np.random.default_rng((7, trial_number))
        end = self.accuracy(architecture)
        for done in range(1, self.n_evaluations + 1):
            missing = 0.0 if self.n_evaluations == 1 else 0.4 * np.exp(-6 * done / self.n_evaluations)
            yield end - missing + rng.normal(0, self._noise_sd)


def settings(encoding: Encoding, objective: Formula, seed: int = 3, switch_at: int = 20) -> Settings:
    """For `build_sampler`."""
    return Settings(encoding, seed, objective.penalties, switch_at=switch_at)


def new_study(sampler: BaseSampler) -> Study:
    """In memory, of the reward."""
    return optuna.create_study(direction="maximize", sampler=sampler)


def run_trials(
    study: Study, encoding: Encoding, objective: Formula, n: int, rule: StopRule | None = None
) -> list[TrialOutcome]:
    """n more trials."""
    return [run_trial(study, encoding, objective, rule or NeverStop()) for _ in range(n)]


def proposals(study: Study, encoding: Encoding) -> list[tuple[int, ...]]:
    """What was proposed, by trial number, as codes."""
    return [tuple(encoding.codes(trial.params).tolist()) for trial in study.trials]

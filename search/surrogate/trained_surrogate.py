"""A surrogate of trainings: an objective that studies can ask thousands of times, from trainings that were real.

The end of a training is the model's accuracy and run-to-run variance, on log-odds: no training is perfect. Its course
is that of a real training with a similar end, drawn at random, stretched between chance and the new end. So a curve
has the noise and the late risers of real ones; what it has not is a course that depends on the blocks other than by its
end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from search.networks.architecture import Architecture
from search.surrogate.accuracy import AccuracyModel, fit_accuracy
from search.surrogate.trainings import Trainings, merged, read_trainings
from search.tflite.writer import write_tflite
from search.training.result import CurveEvaluation, TrainingResult, TrainingStopped, Watch

_N_SIMILAR = 20


class TrainedSurrogate:
    """Answers for trainings of one space and one recipe.

    Args:
        trainings: that it stands for.
    """

    def __init__(self, trainings: Trainings, model: AccuracyModel, file_sha256: str) -> None:
        self.trainings, self.model, self.file_sha256 = trainings, model, file_sha256
        self.n_evaluations = trainings.recipe.n_evaluations
        self._curves = np.array([row.curve for row in trainings.rows])
        self._chance = float(np.median(self._curves[:, 0]))

    @classmethod
    def from_file(cls, path: Path) -> TrainedSurrogate:
        """From a table of trainings; BadTrainings when it is none."""
        trainings = merged([read_trainings(path)])
        return cls(trainings, fit_accuracy(trainings), hashlib.sha256(path.read_bytes()).hexdigest())

    @property
    def name(self) -> str:
        """What it is, and how good."""
        best = self.model.judged[0]
        return (
            f"SURROGATE of {self.model.n_trainings} trainings on {self.trainings.data}; {best.name}, held-out R² "
            f"{best.folds.r2:.2f}, RMSE {best.folds.rmse:.3f}, run-to-run (seed) sd {self.seed_sd:.2f} on log-odds"
        )

    @property
    def seed_sd(self) -> float:
        """Spread of the log-odds of a training's accuracy about the model's.

        That of trainings of one architecture, where enough were repeated; otherwise the model's error, which holds
        what the model cannot tell as well.
        """
        seed_variance = self.model.seed_variance
        return self.model.judged[0].log_odds_rmse if seed_variance is None else seed_variance.log_odds_sd

    def accuracy(self, architecture: Architecture) -> float:
        """Without run-to-run variance, 0..1."""
        return float(self.model.accuracies([architecture])[0])

    def curve(self, architecture: Architecture, rng: np.random.Generator) -> NDArray[np.float64]:
        """The accuracies of one training, (n_evaluations,)."""
        end = float(expit(logit(self.accuracy(architecture)) + rng.normal(0.0, self.seed_sd)))
        similar = np.argsort(np.abs(self._curves[:, -1] - end), kind="stable")[:_N_SIMILAR]
        drawn = self._curves[rng.choice(similar)]
        rise = drawn[-1] - self._chance
        stretched = drawn if abs(rise) < 1e-6 else self._chance + (drawn - self._chance) * (end - self._chance) / rise
        curve: NDArray[np.float64] = np.clip(stretched, 0.0, 1.0)
        curve[-1] = end
        return curve

    def trainer(self) -> Callable[[Architecture, int, Watch], TrainingResult]:
        """Stands in for training; the file it gives has the right size and operators, and random weights.

        Raises, when called:
            TrainingStopped: the watcher has seen enough.
        """

        def train(architecture: Architecture, seed: int, watch: Watch) -> TrainingResult:
            seen: list[CurveEvaluation] = []
            for ordinal, accuracy in enumerate(self.curve(architecture, np.random.default_rng(seed)).tolist(), 1):
                seen.append(CurveEvaluation(ordinal, ordinal / self.n_evaluations, accuracy, False))
                if watch(seen[-1]):
                    raise TrainingStopped(tuple(seen))
            end = seen[-1].accuracy
            return TrainingResult(write_tflite(architecture, seed=0), end, end, tuple(seen))

        return train

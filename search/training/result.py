"""What a training gives, and what it says on the way, as values; knows no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class CurveEvaluation:
    """A point of the learning curve.

    Attributes:
        ordinal: from 1.
        done_frac: share of the whole training behind it.
        accuracy: on the validation split, of the Keras model as it stands.
        quantization_aware: whether it is already the quantization-aware model.
    """

    ordinal: int
    done_frac: float
    accuracy: float
    quantization_aware: bool


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A trained network.

    Attributes:
        tflite: the int8 file.
        accuracy: of the file, validation split.
        float_accuracy: of the float model at the end of its part, validation split.
        curve: what was reported on the way.
    """

    tflite: bytes
    accuracy: float
    float_accuracy: float
    curve: tuple[CurveEvaluation, ...]


class TrainingStopped(Exception):
    """The caller that watched the training had seen enough.

    Args:
        curve: what was reported until then.
    """

    def __init__(self, curve: tuple[CurveEvaluation, ...]) -> None:
        self.curve = curve
        super().__init__(f"stopped after {len(curve)} evaluations")


Watch = Callable[[CurveEvaluation], bool]
"""Told every evaluation; True stops the training."""

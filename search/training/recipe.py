"""How a network is trained, as a value; knows no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TrainingRecipe:
    """How a network is trained.

    Attributes:
        n_float_epochs: passes over the data in floating point; parts of a pass count.
        n_int8_epochs: quantization-aware passes after them.
        learning_rate: highest, of Adam; it rises over the first tenth and falls to zero along a cosine.
        int8_learning_rate: the same for the quantization-aware part.
        n_evaluations: how often the validation accuracy is taken on the way, evenly.
        label_smoothing: share of the label given to all classes.
        n_masks: SpecAugment's, of bands and of stretches of time each; short trainings learn faster with fewer.
    """

    n_float_epochs: float = 4
    n_int8_epochs: float = 1
    batch_size: int = 16
    learning_rate: float = 1e-2
    int8_learning_rate: float = 2e-3
    n_evaluations: int = 20
    label_smoothing: float = 0.05
    n_masks: int = 1

    def longer(self, factor: float) -> TrainingRecipe:
        """The same with more passes (the paper retrains its best networks for a third longer)."""
        return replace(
            self,
            n_float_epochs=self.n_float_epochs * factor,
            n_int8_epochs=self.n_int8_epochs * factor,
        )


SMOKE = TrainingRecipe(n_float_epochs=2, n_int8_epochs=1, batch_size=25, n_evaluations=3)
"""Learns next to nothing, in seconds."""

QUICK = TrainingRecipe()
"""For two cores and a thousand clips or two: about a minute a network."""

THOROUGH = TrainingRecipe(n_float_epochs=15, n_int8_epochs=5, batch_size=32, n_evaluations=25, n_masks=2)
"""For a data set that deserves it: what a search is meant to be run with."""

"""How a supernet is trained, as a value; knows no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SupernetRecipe:
    """The sandwich rule with in-place distillation.

    Every step trains a largest architecture (all kernels and filters at their largest, kinds of block at random) by the
    labels, then a smallest and some random ones by a mixture of the labels and the largest one's answers; their
    gradients are summed.

    Attributes:
        n_epochs: passes over the training split; each step of a pass trains `2 + n_random` architectures.
        batch_size: clips a step.
        n_random: random architectures a step; of these, kinds of block are drawn first, so that Identity is no rarer
            than any other.
        opening: share of the training over which kinds of block are opened. At its beginning every place has the first
            of its kinds; the chance that another may be drawn rises to 1. Open from the beginning, a block hardly ever
            meets the same neighbours twice, and nothing is learnt for thousands of steps.
        learning_rate: highest, of Adam; it rises over the first tenth and falls to zero along a cosine.
        label_smoothing: share of the label given to all classes.
        distillation: share of the largest architecture's answers in what the others learn; the rest are labels.
        n_masks: SpecAugment's, of bands and of stretches of time each.
    """

    n_epochs: int = 30
    batch_size: int = 16
    n_random: int = 2
    opening: float = 0.6
    learning_rate: float = 1e-2
    label_smoothing: float = 0.05
    distillation: float = 0.5
    n_masks: int = 1

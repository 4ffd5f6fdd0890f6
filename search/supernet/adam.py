"""Adam (Kingma and Ba, 2015), with weights that have no gradient left where they are.

PyTorch's own loads its compiler, and with it triton, whose libraries end the process where TensorFlow's are loaded
already. The arithmetic is the same; `tests/search/supernet/test_adam.py` holds the two against each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from search.supernet.torch_framework import torch

_KEPT_MEAN, _KEPT_SQUARE, _EPSILON = 0.9, 0.999, 1e-8


@dataclass
class Moments:
    """Of one weight.

    Attributes:
        mean, square: running means of its gradient and of the gradient's square, of the weight's shape.
        n_steps: how often it had a gradient.
    """

    mean: torch.Tensor
    square: torch.Tensor
    n_steps: int = 0


class Adam:
    """Moves weights by their gradients.

    Args:
        weights: by name.

    Attributes:
        moments: by name, of the weights that have had a gradient.
    """

    def __init__(self, weights: Mapping[str, torch.nn.Parameter]) -> None:
        self._weights = weights
        self.moments: dict[str, Moments] = {}

    def forget_gradients(self) -> None:
        """No weight has a gradient any more: none, not one of zero, which momentum would follow."""
        for weight in self._weights.values():
            weight.grad = None

    def step(self, rate: float, largest_norm: float) -> None:
        """One step.

        Args:
            rate: of learning.
            largest_norm: gradients are shortened to this norm, all together.
        """
        moved = {name: weight for name, weight in self._weights.items() if weight.grad is not None}
        torch.nn.utils.clip_grad_norm_(moved.values(), largest_norm)
        with torch.no_grad():
            for name, weight in moved.items():
                self._move(name, weight, rate)

    def _move(self, name: str, weight: torch.nn.Parameter, rate: float) -> None:
        gradient = weight.grad
        assert gradient is not None
        if name not in self.moments:
            self.moments[name] = Moments(torch.zeros_like(weight), torch.zeros_like(weight))
        moments = self.moments[name]
        moments.n_steps += 1
        moments.mean.lerp_(gradient, 1 - _KEPT_MEAN)
        moments.square.mul_(_KEPT_SQUARE).addcmul_(gradient, gradient, value=1 - _KEPT_SQUARE)
        unbiased = math.sqrt(1 - _KEPT_SQUARE**moments.n_steps)
        length = rate / (1 - _KEPT_MEAN**moments.n_steps)
        weight.addcdiv_(moments.mean, (moments.square.sqrt() / unbiased).add_(_EPSILON), value=-length)

"""Training the supernet: the sandwich rule with in-place distillation, one pass over the data at a time.

What a pass draws follows from the seed and its number alone, and between two passes weights and the optimizer's moments
are all that counts: so a training that was killed and goes on ends with the very same weights on the same machine.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from search.audio.augmentation import mask
from search.audio.examples import SoundData
from search.errors import BadSupernet
from search.networks.architecture import Architecture
from search.networks.spaces import space_named
from search.supernet.adam import Adam, Moments
from search.supernet.checkpoint import Checkpoint, SupernetDescription
from search.supernet.recipe import SupernetRecipe
from search.supernet.sampling import largest, random_architecture, smallest
from search.supernet.shared_network import SharedNetwork, Tensor
from search.supernet.torch_framework import torch

_WARM_UP = 0.1
_WEIGHT, _MOMENT, _SQUARE, _COUNT = "weight/", "adam_mean/", "adam_square/", "adam_steps/"
_LARGEST_GRADIENT = 1.0


class SupernetTraining:
    """A training between two passes.

    Args:
        description: of what is trained; `n_epochs_done` passes are in `arrays`.
        arrays: of a checkpoint; none at the beginning.
        device: PyTorch's name of it.
    """

    def __init__(
        self,
        description: SupernetDescription,
        data: SoundData,
        arrays: dict[str, NDArray[np.float32]] | None = None,
        device: str = "cpu",
    ) -> None:
        self.description, self._data = description, data
        space = space_named(description.space)
        self.network = SharedNetwork(space, description.n_classes, description.seed).to(device)
        self._adam = Adam(dict(self.network.named_parameters()))
        if arrays:
            restore(self.network, arrays)
            self._restore_moments(arrays)

    @property
    def n_steps_in_pass(self) -> int:
        """Batches that a pass consists of."""
        return max(1, len(self._data.train) // self.description.recipe.batch_size)

    def run_pass(self, report: Callable[[int, int], None] = lambda done, n: None) -> float:
        """One more pass over the training split.

        Args:
            report: told steps done and steps in the pass.

        Returns:
            Mean loss of the largest architectures.
        """
        recipe, epoch = self.description.recipe, self.description.n_epochs_done
        rng = np.random.default_rng([self.description.seed, epoch])
        order = rng.permutation(len(self._data.train))
        losses = []
        for i in range(self.n_steps_in_pass):
            done_frac = (epoch * self.n_steps_in_pass + i + 1) / (recipe.n_epochs * self.n_steps_in_pass)
            openness = min(1.0, done_frac / recipe.opening) if recipe.opening else 1.0
            losses.append(self._step(order[i * recipe.batch_size :][: recipe.batch_size], rng, done_frac, openness))
            report(i + 1, self.n_steps_in_pass)
        self.description = dataclasses.replace(self.description, n_epochs_done=epoch + 1)
        return float(np.mean(losses))

    def checkpoint(self) -> Checkpoint:
        """What goes on from here."""
        arrays: dict[str, NDArray[np.float32]] = {}
        for name, weight in self.network.named_parameters():
            arrays[_WEIGHT + name] = weight.detach().cpu().numpy().copy()
            if moments := self._adam.moments.get(name):
                arrays[_MOMENT + name] = moments.mean.cpu().numpy().copy()
                arrays[_SQUARE + name] = moments.square.cpu().numpy().copy()
                arrays[_COUNT + name] = np.array(moments.n_steps, np.float32)
        return Checkpoint(self.description, arrays)

    def _step(self, chosen: NDArray[np.int64], rng: np.random.Generator, done_frac: float, openness: float) -> float:
        recipe, space = self.description.recipe, self.network.space
        examples = self._data.train
        inputs = self.network.inputs_of(mask(examples.spectrograms[chosen], rng, recipe.n_masks))
        labels = torch.from_numpy(examples.labels[chosen]).to(inputs.device)
        self._adam.forget_gradients()
        logits = self.network(largest(space, rng, openness), inputs)
        loss = self._loss(logits, labels)
        torch.autograd.backward(loss)
        taught = torch.softmax(logits.detach(), 1)
        others = [smallest(space, rng, openness)]
        others += [random_architecture(space, rng, openness) for _ in range(recipe.n_random)]
        for architecture in others:
            self._learn(architecture, inputs, labels, taught)
        self._adam.step(self._rate(done_frac), _LARGEST_GRADIENT * (1 + len(others)))
        return float(loss.detach())

    def _learn(self, architecture: Architecture, inputs: Tensor, labels: Tensor, taught: Tensor) -> None:
        share = self.description.recipe.distillation
        logits = self.network(architecture, inputs)
        loss = share * torch.nn.functional.cross_entropy(logits, taught) + (1 - share) * self._loss(logits, labels)
        torch.autograd.backward(loss)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        smoothing = self.description.recipe.label_smoothing
        return torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)

    def _rate(self, done_frac: float) -> float:
        highest = self.description.recipe.learning_rate
        if done_frac < _WARM_UP:
            return highest * (0.1 + 0.9 * done_frac / _WARM_UP)
        return highest * 0.5 * (1 + math.cos(math.pi * (done_frac - _WARM_UP) / (1 - _WARM_UP)))

    def _restore_moments(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        for name, weight in self.network.named_parameters():
            if _COUNT + name in arrays:
                mean, square = (
                    torch.from_numpy(arrays[kind + name].copy()).to(weight.device) for kind in (_MOMENT, _SQUARE)
                )
                self._adam.moments[name] = Moments(mean, square, int(arrays[_COUNT + name]))


def restore(network: SharedNetwork, arrays: dict[str, NDArray[np.float32]]) -> None:
    """Gives a network the weights of a checkpoint.

    Raises:
        BadSupernet: they are not those of this network.
    """
    with torch.no_grad():
        for name, weight in network.named_parameters():
            stored = arrays.get(_WEIGHT + name)
            if stored is None or stored.shape != tuple(weight.shape):
                seen = "is missing" if stored is None else f"has shape {stored.shape}"
                raise BadSupernet(
                    f"weight {name} {seen}", "the supernet is of another release or space: train it again"
                )
            weight.copy_(torch.from_numpy(stored.copy()))


def begun(space: str, data: SoundData, budget: str, recipe: SupernetRecipe, seed: int) -> SupernetDescription:
    """A supernet before its first pass."""
    return SupernetDescription(
        space=space, data=data.name, data_sha256=data.sha256, data_description=data.description,
        synthetic=data.synthetic, budget=budget, recipe=recipe, seed=seed, n_epochs_done=0, trained_s=0.0,
        versions={name: version(name) for name in ("energy-lab", "torch", "numpy")},
    )  # fmt: skip

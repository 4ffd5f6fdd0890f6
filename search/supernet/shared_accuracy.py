"""How good an architecture is with the shared weights: what stands for its accuracy before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search.audio.examples import SoundData
from search.networks.architecture import Architecture
from search.supernet.shared_network import SharedNetwork, Statistics, Tensor
from search.supernet.torch_framework import torch

_BATCH = 100
_CALIBRATION_SEED = 20231117


@dataclass(frozen=True)
class SharedScore:
    """Of one architecture, on clips of the validation split.

    Attributes:
        accuracy: share of clips whose most likely class is theirs.
        loss: mean cross-entropy, nats: tells apart what equal accuracies do not.
    """

    accuracy: float
    loss: float


class SharedAccuracy:
    """Scores architectures by the shared weights, each once.

    The statistics of normalisations differ from architecture to architecture, and those of another one make it guess:
    they are taken anew for each, in training mode, on clips of the training split.

    Args:
        n_calibration, n_validation: clips of either split; as many as there are, where there are fewer.
    """

    def __init__(
        self, network: SharedNetwork, data: SoundData, n_calibration: int = 200, n_validation: int = 600
    ) -> None:
        self.network = network
        rng = np.random.default_rng(_CALIBRATION_SEED)
        chosen = np.sort(rng.permutation(len(data.train))[:n_calibration])
        self._calibration = network.inputs_of(data.train.spectrograms[chosen])
        validation = data.validation.first(n_validation)
        self._inputs = network.inputs_of(validation.spectrograms[:])
        self._labels = torch.from_numpy(validation.labels.copy()).to(network.device)
        self._known: dict[str, SharedScore] = {}

    @property
    def n_scored(self) -> int:
        """Architectures so far."""
        return len(self._known)

    def score(self, architecture: Architecture) -> SharedScore:
        """Of an architecture of the supernet's space."""
        known = self._known.get(architecture.text)
        if known is None:
            known = self._known[architecture.text] = self._scored(architecture)
        return known

    def statistics(self, architecture: Architecture) -> Statistics:
        """Mean and variance that each of its normalisations sees, over the calibration clips."""
        batches: list[dict[str, tuple[Tensor, Tensor]]] = []
        with torch.no_grad():
            for inputs in torch.split(self._calibration, _BATCH):
                seen: dict[str, tuple[Tensor, Tensor]] = {}
                self.network(architecture, inputs, seen=seen)
                batches.append(seen)
        return {
            name: (_mean([batch[name][0] for batch in batches]), _mean([batch[name][1] for batch in batches]))
            for name in batches[0]
        }

    def _scored(self, architecture: Architecture) -> SharedScore:
        statistics = self.statistics(architecture)
        with torch.no_grad():
            logits = torch.cat(
                [self.network(architecture, part, statistics) for part in torch.split(self._inputs, _BATCH)]
            )
            loss = torch.nn.functional.cross_entropy(logits, self._labels)
            hits = (logits.argmax(1) == self._labels).float().mean()
        return SharedScore(float(hits), float(loss))


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean(0)

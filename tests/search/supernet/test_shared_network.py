"""A part of the supernet is the network: the same outputs as that of its own weights, in Keras and in the file."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorflow")

from search.networks.architecture import Architecture
from search.networks.graph import build_graph
from search.networks.space import Space
from search.networks.spaces import AUDIO_2D, SPACES
from search.supernet.sampling import largest, random_architecture, smallest
from search.supernet.shared_network import SharedNetwork
from search.supernet.torch_framework import torch
from search.training.framework import keras
from search.training.keras_network import build_keras, set_weights

CLOSE = 1e-5


def shaken(space: Space) -> SharedNetwork:
    """A supernet none of whose weights is where it began."""
    network = SharedNetwork(space, 9, seed=3)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weights, low, high in ((network.factors, 0.5, 1.5), (network.offsets, -0.3, 0.3)):
            for weight in weights.values():
                weight.copy_(low + (high - low) * torch.rand(weight.shape, generator=random))
        for weight in network.transforms.values():
            weight.add_(0.2 * torch.randn(weight.shape, generator=random))
    return network


def architectures(space: Space, n: int) -> list[Architecture]:
    """The extremes, then random ones."""
    rng = np.random.default_rng(11)
    drawn = [largest(space, rng), smallest(space, rng), smallest(space, rng)]
    return (drawn + [random_architecture(space, rng) for _ in range(n)])[:n]


def worst_difference(space: Space, n: int) -> float:
    """Between probabilities of the supernet and of Keras with the extracted weights, over n architectures."""
    network = shaken(space)
    rng = np.random.default_rng(0)
    worst = 0.0
    for architecture in architectures(space, n):
        spectrograms = rng.normal(size=(4, 196, 40)).astype(np.float32)
        seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        with torch.no_grad():
            network(architecture, network.inputs_of(spectrograms), seen=seen)
            logits = network(architecture, network.inputs_of(spectrograms), seen)
        model = build_keras(build_graph(architecture, 9))
        set_weights(model, network.weights_of(architecture, seen))
        theirs = model(spectrograms.reshape(-1, *space.input_shape), training=False).numpy()
        worst = max(worst, float(np.abs(torch.softmax(logits, 1).numpy() - theirs).max()))
        keras.backend.clear_session()
    return worst


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_a_sub_network_computes_what_keras_does_with_its_weights(space: Space) -> None:
    assert worst_difference(space, 8) < CLOSE


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_sub_networks_compute_what_keras_does_with_their_weights() -> None:
    assert worst_difference(AUDIO_2D, 200) < CLOSE


def test_sub_networks_differ_from_each_other() -> None:
    network = shaken(AUDIO_2D)
    inputs = network.inputs_of(np.random.default_rng(0).normal(size=(4, 196, 40)).astype(np.float32))
    with torch.no_grad():
        outputs = [network(architecture, inputs) for architecture in architectures(AUDIO_2D, 6)]
    for i, one in enumerate(outputs):
        assert all(float((one - other).abs().max()) > 1e-3 for other in outputs[:i])


def test_only_what_was_sampled_has_a_gradient() -> None:
    network = SharedNetwork(AUDIO_2D, 9)
    architecture = random_architecture(AUDIO_2D, np.random.default_rng(5))
    inputs = network.inputs_of(np.random.default_rng(0).normal(size=(2, 196, 40)).astype(np.float32))
    torch.autograd.backward(network(architecture, inputs).sum())
    touched = {name for name, weight in network.kernels.items() if weight.grad is not None}
    kinds = [f"block{place:02d}_{block.type.name.lower()}_" for place, block in enumerate(architecture.blocks, start=1)]
    assert touched == {name for name in network.kernels if name.startswith((*kinds, "head_"))}

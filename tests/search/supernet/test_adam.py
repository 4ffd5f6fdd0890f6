"""Adam without PyTorch's compiler: the same steps as PyTorch's own, and safe beside TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("torch")

# In a process of its own: PyTorch's optimizer loads what must not meet TensorFlow.
COMPARED = """
import torch
from search.supernet.adam import Adam
ours, theirs = ({name: torch.nn.Parameter(torch.ones(3, 2)) for name in "ab"} for _ in range(2))
adam, known = Adam(ours), torch.optim.Adam(theirs.values(), lr=0.01)
random = torch.Generator().manual_seed(1)
for step in range(20):
    adam.forget_gradients()
    known.zero_grad(set_to_none=True)
    # The second has a gradient every third step only.
    for name in "ab" if step % 3 == 0 else "a":
        gradient = torch.randn((3, 2), generator=random)
        ours[name].grad, theirs[name].grad = gradient.clone(), gradient.clone()
    adam.step(0.01, 1e9)
    known.step()
print(max(float((ours[name] - theirs[name]).detach().abs().max()) for name in "ab"))
"""
BESIDE = """
import sys
import search.training.framework
import numpy as np
from search.networks.spaces import AUDIO_1D
from search.supernet.adam import Adam
from search.supernet.sampling import largest
from search.supernet.shared_network import SharedNetwork, torch
network = SharedNetwork(AUDIO_1D, 3)
adam = Adam(dict(network.named_parameters()))
logits = network(largest(AUDIO_1D, np.random.default_rng(1)), network.inputs_of(np.ones((2, 196, 40), np.float32)))
torch.autograd.backward(torch.nn.functional.cross_entropy(logits, torch.tensor([0, 2]), label_smoothing=0.1))
adam.step(0.01, 4.0)
print(sorted(name for name in ("torch._dynamo", "triton") if name in sys.modules))
"""


def printed(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_steps_are_those_of_pytorch() -> None:
    assert float(printed(COMPARED)) < 1e-6


def test_the_compiler_of_pytorch_is_not_loaded_beside_tensorflow() -> None:
    pytest.importorskip("tensorflow")
    assert printed(BESIDE) == "[]"

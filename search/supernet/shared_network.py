"""The supernet itself: shared weights, and the outputs of any architecture that is a part of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search.networks.architecture import Architecture
from search.networks.graph import build_graph
from search.networks.layers import (
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv,
    Dense,
    DepthwiseConv,
    GlobalMean,
    Layer,
    Pair,
    Softmax,
)
from search.networks.space import Space
from search.supernet.sharing import SharedWeight, Step, pads, shared_weights, steps_of
from search.supernet.torch_framework import torch
from search.training.layer_weights import NORM_EPSILON, LayerWeights

Tensor = torch.Tensor
Statistics = Mapping[str, tuple[Tensor, Tensor]]
"""Mean and variance by channel that each normalisation of one architecture sees, by the name of its weight."""

_KEPT_PLANS = 4096


class SharedNetwork(torch.nn.Module):
    """The weights of all architectures of a space.

    Shared are kernels, biases and the factor and offset of normalisations; what a normalisation sees differs from
    architecture to architecture, so its statistics belong to none: they are those of the batch, or are given.

    Args:
        space: with its options at their defaults.
        n_classes: of the data.
        seed: of the first weights.
    """

    def __init__(self, space: Space, n_classes: int, seed: int = 1) -> None:
        super().__init__()
        self.space, self.n_classes = space, n_classes
        self.shared: dict[str, SharedWeight] = shared_weights(space, n_classes)
        self.kernels, self.factors = torch.nn.ParameterDict(), torch.nn.ParameterDict()
        self.offsets, self.transforms = torch.nn.ParameterDict(), torch.nn.ParameterDict()
        random = torch.Generator().manual_seed(seed)
        for name, weight in sorted(self.shared.items()):
            self.kernels[name] = torch.nn.Parameter(_glorot(weight, random))
            self.offsets[name] = torch.nn.Parameter(torch.zeros(weight.n_out))
            if weight.kind is not Dense:
                self.factors[name] = torch.nn.Parameter(torch.ones(weight.n_out))
            for kernel in sorted(weight.kernels - {weight.kernel}):
                self.transforms[_transform(name, kernel)] = torch.nn.Parameter(torch.eye(kernel[0] * kernel[1]))
        self._plan = lru_cache(_KEPT_PLANS)(self._planned)

    def forward(
        self,
        architecture: Architecture,
        inputs: Tensor,
        statistics: Statistics | None = None,
        seen: dict[str, tuple[Tensor, Tensor]] | None = None,
    ) -> Tensor:
        """Logits of an architecture.

        Args:
            inputs: (n, channels, time, frequency).
            statistics: of its normalisations; None: those of this batch.
            seen: takes up mean and variance of this batch at every normalisation.

        Returns:
            (n, n_classes).
        """
        values = [inputs]
        for step in self._plan(architecture):
            values.append(self._applied(step, [values[number] for number in step.layer.inputs], statistics, seen))
        return values[-1]

    def weights_of(self, architecture: Architecture, statistics: Statistics) -> dict[int, LayerWeights]:
        """An architecture's own weights by the layer's place in its graph, to go on with outside the supernet."""
        found = {}
        with torch.no_grad():
            for index, step in enumerate(self._plan(architecture)):
                if step.name is not None:
                    found[index] = self._extracted(step, statistics)
        return found

    def inputs_of(self, spectrograms: NDArray[np.float32]) -> Tensor:
        """Spectrograms (n, frames, bands) as the network reads them."""
        shaped = spectrograms.reshape(-1, *self.space.input_shape)
        return torch.from_numpy(np.ascontiguousarray(shaped.transpose(0, 3, 1, 2))).to(self.device)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def _planned(self, architecture: Architecture) -> tuple[Step, ...]:
        self.space.validate(architecture)
        return steps_of(architecture, build_graph(architecture, self.n_classes), self.shared)

    def _applied(
        self,
        step: Step,
        inputs: list[Tensor],
        statistics: Statistics | None,
        seen: dict[str, tuple[Tensor, Tensor]] | None,
    ) -> Tensor:
        layer, x = step.layer, inputs[0]
        match layer:
            case Conv() | DepthwiseConv():
                name = str(step.name)
                groups = layer.out_shape[-1] if isinstance(layer, DepthwiseConv) else 1
                padded = _padded(x, layer, layer.kernel, layer.stride)
                y = torch.nn.functional.conv2d(padded, self._kernel(step), None, layer.stride, groups=groups)
                if seen is not None:
                    variance, mean = torch.var_mean(y, (0, 2, 3), correction=0)
                    seen[name] = (mean, variance)
                return _activated(self._normalised(name, y, statistics), layer.activation)
            case Dense():
                n_out, name = layer.out_shape[-1], str(step.name)
                y = torch.nn.functional.linear(x, self._kernel(step), self.offsets[name][:n_out])
                return _activated(y, layer.activation)
            case Add():
                return _activated(inputs[0] + inputs[1], layer.activation)
            case Concat():
                return torch.cat(inputs, 1)
            case AveragePool():
                return _pooled(x, layer)
            case GlobalMean():
                return x.mean((2, 3))
            case Softmax():
                return x
            case _:
                raise TypeError(f"the supernet has no {type(layer).__name__}")

    def _kernel(self, step: Step) -> Tensor:
        """The part of a shared kernel that a layer takes: (out, in, time, frequency), or (out, in) of a dense one."""
        name, layer = str(step.name), step.layer
        n_in = layer.in_shape[-1]
        whole: Tensor = self.kernels[name]
        match layer:
            case Conv() | DepthwiseConv():
                part = whole[: layer.out_shape[-1], : 1 if isinstance(layer, DepthwiseConv) else n_in]
                if layer.kernel == self.shared[name].kernel:
                    return part
                (top, left), (height, width) = step.crop, layer.kernel
                cut = part[:, :, top : top + height, left : left + width]
                turned: Tensor = cut.flatten(2) @ self.transforms[_transform(name, layer.kernel)]
                return torch.unflatten(turned, 2, layer.kernel)
            case _:
                return whole[: layer.out_shape[-1], :n_in]

    def _normalised(self, name: str, y: Tensor, statistics: Statistics | None) -> Tensor:
        n = y.shape[1]
        factor, offset = self.factors[name][:n], self.offsets[name][:n]
        mean, variance = (None, None) if statistics is None else statistics[name]
        return torch.nn.functional.batch_norm(
            y, mean, variance, factor, offset, training=statistics is None, eps=NORM_EPSILON
        )

    def _extracted(self, step: Step, statistics: Statistics) -> LayerWeights:
        name, n_out = str(step.name), step.layer.out_shape[-1]
        kernel = self._kernel(step).cpu().numpy()
        offset = self.offsets[name][:n_out].cpu().numpy().copy()
        match step.layer:
            case Conv():
                kernel = kernel.transpose(2, 3, 1, 0)
            case DepthwiseConv():
                kernel = kernel.transpose(2, 3, 0, 1)
            case _:
                return LayerWeights(kernel.T.copy(), offset)
        mean, variance = (values.cpu().numpy().copy() for values in statistics[name])
        factor = self.factors[name][:n_out].cpu().numpy().copy()
        return LayerWeights(kernel.copy(), offset, factor, mean, variance)


def _glorot(weight: SharedWeight, random: torch.Generator) -> Tensor:
    """Uniform, as Keras begins: within sqrt(6 / (inputs + outputs)) of a cell of the kernel."""
    n_cells = weight.kernel[0] * weight.kernel[1]
    n_out = 1 if weight.kind is DepthwiseConv else weight.n_out
    n_in = weight.n_out if weight.kind is DepthwiseConv else weight.n_in
    limit = math.sqrt(6 / (n_cells * (n_in + n_out)))
    shape = (weight.n_out, weight.n_in) if weight.kind is Dense else (weight.n_out, weight.n_in, *weight.kernel)
    return (2 * torch.rand(shape, generator=random) - 1) * limit


def _transform(name: str, kernel: Pair) -> str:
    return f"{name}_{kernel[0]}x{kernel[1]}"


def _padded(x: Tensor, layer: Layer, kernel: Pair, stride: Pair) -> Tensor:
    (top, bottom), (left, right) = pads(layer, (x.shape[2], x.shape[3]), kernel, stride)
    return torch.nn.functional.pad(x, (left, right, top, bottom))


def _pooled(x: Tensor, layer: AveragePool) -> Tensor:
    """Means over windows, in which cells outside the map do not count."""
    ones = torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device)
    sums, counts = (
        torch.nn.functional.avg_pool2d(_padded(each, layer, layer.kernel, layer.stride), layer.kernel, layer.stride)
        for each in (x, ones)
    )
    return sums / counts


def _activated(x: Tensor, activation: Activation) -> Tensor:
    match activation:
        case Activation.NONE:
            return x
        case Activation.RELU:
            return torch.relu(x)
        case Activation.RELU6:
            return torch.nn.functional.relu6(x)

"""The networks that the paper compares with: MobileNetV1, MobileNetV2, TC-ResNet8 and TC-ResNet14-1.5.

Laid with the same layers and blocks as the architectures of the spaces, for 196 frames x 40 bands and nine
classes. The paper (Speckhard et al., 2023, Table 1) names them only; these definitions are the ones that give
its FLOPs, parameters and file sizes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from search.networks.blocks import inverted_residual, residual_along_time, separable
from search.networks.graph import lay_head
from search.networks.layers import Activation, Graph, GraphBuilder

_N_CLASSES = 9
_MAP = (196, 40, 1)
_FRAMES = (196, 1, 40)
_KERNEL = (3, 3)
_V1_CLASSIFIER_UNITS = 1000
_V1_WIDTHS_AND_STRIDES = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2)),
)
# Filters, blocks, stride of the first.
_V2_STAGES = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 1), (320, 1, 1))
_V2_EXPANSION = 6


@dataclass(frozen=True)
class Baseline:
    """A network of fixed shape.

    Attributes:
        name: what a user types; its text, as an architecture's line is.
        title: as the paper prints it.
        lay: gives its layers for a number of classes.
    """

    name: str
    title: str
    lay: Callable[[int], Graph]

    @property
    def text(self) -> str:
        """The canonical text: the name."""
        return self.name

    @property
    def architecture_hash(self) -> str:
        """sha256 of the text, as an architecture has it."""
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()

    @property
    def graph(self) -> Graph:
        """Its layers, nine classes as in the paper; the first convolution is block 1."""
        return self.lay(_N_CLASSES)


def _mobilenet_v1(n_classes: int) -> Graph:
    """Howard et al. (2017), without the last block of 1024 and with a dense layer of 1000 before the classes."""
    net = GraphBuilder(_MAP)
    net.block = 1
    x = net.conv(net.input, 32, _KERNEL, (2, 1))
    for ordinal, (filters, stride) in enumerate(_V1_WIDTHS_AND_STRIDES, start=2):
        net.block = ordinal
        x = separable(net, x, _KERNEL, filters, (stride, stride))
    return lay_head(net, x, (_V1_CLASSIFIER_UNITS,), n_classes)


def _mobilenet_v2(n_classes: int) -> Graph:
    """Sandler et al. (2018), with expansion 6 in the first bottleneck too and stride 1 at width 160."""
    net = GraphBuilder(_MAP)
    net.block = 1
    x = net.conv(net.input, 32, _KERNEL, (2, 1))
    for filters, n_blocks, first_stride in _V2_STAGES:
        for i in range(n_blocks):
            net.block += 1
            stride = first_stride if i == 0 else 1
            x = inverted_residual(net, x, _KERNEL, filters, (stride, stride), expansion=_V2_EXPANSION)
    net.block += 1
    return lay_head(net, net.conv(x, 1280, (1, 1)), (), n_classes)


def _tc_resnet(first: int, widths: tuple[tuple[int, int], ...], n_classes: int) -> Graph:
    """Choi et al. (2019): frequency as channels; widths are (filters, stride)."""
    net = GraphBuilder(_FRAMES)
    net.block = 1
    x = net.conv(net.input, first, (3, 1), activation=Activation.RELU)
    for ordinal, (filters, stride) in enumerate(widths, start=2):
        net.block = ordinal
        x = residual_along_time(net, x, 9, filters, stride)
    return lay_head(net, x, (), n_classes)


def _tc_resnet_8(n_classes: int) -> Graph:
    return _tc_resnet(16, ((24, 2), (32, 2), (48, 2)), n_classes)


def _tc_resnet_14(n_classes: int) -> Graph:
    return _tc_resnet(24, ((36, 2), (36, 1), (48, 2), (48, 1), (72, 2), (72, 1)), n_classes)


BASELINES = (
    Baseline("mobilenet_v1", "MobileNetV1", _mobilenet_v1),
    Baseline("mobilenet_v2", "MobileNetV2", _mobilenet_v2),
    Baseline("tc_resnet_8", "TCResNet8-1.0", _tc_resnet_8),
    Baseline("tc_resnet_14", "TCResNet14-1.5", _tc_resnet_14),
)
"""In the order of the paper's Table 1."""

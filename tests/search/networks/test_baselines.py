"""The baselines of the paper."""

from __future__ import annotations

import pytest
from network_specimens import baseline_named

from search.networks.layers import DepthwiseConv, GlobalMean


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mobilenet_v1", (7, 3, 1024)),
        ("mobilenet_v2", (13, 5, 1280)),
        ("tc_resnet_8", (25, 1, 48)),
        ("tc_resnet_14", (25, 1, 72)),
    ],
)
def test_the_last_map_has_the_shape_that_fits_the_paper(name: str, shape: tuple[int, ...]) -> None:
    graph = baseline_named(name).graph
    mean = next(layer for layer in graph.layers if isinstance(layer, GlobalMean))
    assert mean.in_shape == shape
    assert graph.layers[-1].out_shape == (9,)


def test_every_bottleneck_of_mobilenet_v2_expands_sixfold() -> None:
    graph = baseline_named("mobilenet_v2").graph
    depthwise = [layer for layer in graph.layers if isinstance(layer, DepthwiseConv)]
    assert len(depthwise) == 17
    assert depthwise[0].in_shape[-1] == 6 * 32

"""What the predictor sees of an architecture: the counts of its graph, at once for many."""

import numpy as np
import pytest

from search.errors import OutsideSpace
from search.networks.blocks import DwStride, PoolMerge
from search.networks.count import count_graph
from search.networks.features import COSTS, GRAPH_COUNTS, family_of, feature_columns
from search.networks.graph import build_graph
from search.networks.layers import Conv
from search.networks.space import Space
from search.networks.spaces import AUDIO_1D, AUDIO_2D, SPACES, TABLE_2
from search.tflite.writer import write_tflite

OPTIONS = [{"dw_stride": stride.value, "pool_merge": merge.value} for stride in DwStride for merge in PoolMerge]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options.values()))
def test_flops_parameters_and_operators_are_those_of_the_graph(space: Space, options: dict[str, str]) -> None:
    drawn = space.sample_unique(25, 3, space.set_options(options))
    columns = feature_columns(drawn)
    graphs = [build_graph(architecture) for architecture in drawn]
    costs = [count_graph(graph).total for graph in graphs]
    assert columns["flops"].tolist() == [cost.flops for cost in costs]
    assert columns["n_params"].tolist() == [cost.n_params for cost in costs]
    assert columns["n_ops"].tolist() == [len(graph.layers) for graph in graphs]
    n_conv = [sum(np.prod(layer.out_shape) for layer in g.layers if isinstance(layer, Conv)) for g in graphs]
    assert columns["n_conv_outputs"].tolist() == n_conv


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@pytest.mark.parametrize("merge", list(PoolMerge))
def test_the_size_is_that_of_the_file_within_a_third_of_a_per_cent(space: Space, merge: PoolMerge) -> None:
    drawn = space.sample_unique(25, 4, space.set_options({"pool_merge": merge.value}))
    sizes = np.array([len(write_tflite(architecture, 1)) for architecture in drawn])
    assert np.abs(feature_columns(drawn)["size_bytes"] / sizes - 1).max() < 0.003


def test_the_parameters_are_those_of_the_record() -> None:
    params = TABLE_2.to_params()
    columns = feature_columns([TABLE_2])
    del params["space"]
    assert {name: columns[name][0] for name in params} == params
    assert set(columns) == {*params, *COSTS, *GRAPH_COUNTS}


def test_one_wrong_architecture_is_refused() -> None:
    with pytest.raises(OutsideSpace):
        feature_columns([TABLE_2, *AUDIO_1D.sample_unique(1, 1)])
    assert feature_columns([]) == {}


def test_columns_that_say_much_the_same_are_of_one_family() -> None:
    assert family_of("b01_type") == family_of("b01_filters") == "block 1"
    assert family_of("b12_type") == "block 12"
    assert family_of("flops") == family_of("conv_macs") != family_of("n_conv_outputs")
    assert family_of("option_dw_stride") == "option_dw_stride"
    columns = feature_columns(AUDIO_2D.sample_unique(2, 1))
    assert len({family_of(name) for name in columns}) == 12 + 2 + 3

"""The Keras model of an int8 file, against the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflite_likeness import outputs_of
from training_specimens import chirps, small_network, train

from search.errors import BuildFailed
from search.networks.graph import build_graph
from search.networks.layers import Graph
from search.networks.spaces import AUDIO_1D, TABLE_2
from search.tflite.quantized import QuantizedNetwork
from search.tflite.random_constants import draw_constants
from search.tflite.reader import read_network
from search.tflite.writer import serialize
from search.training.float_twin import float_twin, save_keras
from search.training.framework import keras
from search.training.trained_network import trained_network


def correlation(network: QuantizedNetwork, n: int) -> float:
    """Of the probabilities that file and twin give to the classes of chirps."""
    inputs, _ = chirps(network.graph.input_shape, n, seed=5)
    source = network.quantizations[0]
    steps = np.clip(np.rint(inputs / source.scale) + source.zero_point, -128, 127)
    of_file = outputs_of(serialize(network), steps.astype(np.int8)[:, np.newaxis]).astype(float)
    real = (steps - source.zero_point) * source.scale
    of_twin = float_twin(network).predict(real.astype(np.float32), verbose=0)
    return float(np.corrcoef(of_file.ravel(), of_twin.ravel())[0, 1])


def test_the_twin_of_a_trained_file_hears_the_same(tmp_path: Path) -> None:
    graph = small_network()
    trained = trained_network(train(graph, n_examples=400, n_epochs=6, seed=1), graph)
    network = read_network(serialize(trained), graph)
    assert correlation(network, 300) > 0.995
    path = tmp_path / "twin.keras"
    save_keras(float_twin(network), path)
    inputs, _ = chirps(graph.input_shape, 10, seed=6)
    again = keras.models.load_model(path).predict(inputs, verbose=0)
    assert np.array_equal(again, float_twin(network).predict(inputs, verbose=0))
    assert [each.name for each in tmp_path.iterdir()] == ["twin.keras"]


@pytest.mark.parametrize(
    "graph", [build_graph(TABLE_2), build_graph(AUDIO_1D.sample_unique(1, 3)[0])], ids=["2d", "1d"]
)
def test_a_network_of_either_space_has_a_twin(graph: Graph) -> None:
    assert correlation(draw_constants(graph, np.random.default_rng(2)), 20) > 0.95


def test_another_ending_or_folder_is_refused(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(1,))])
    with pytest.raises(BuildFailed, match="no name for a Keras model"):
        save_keras(model, tmp_path / "twin.h5")
    with pytest.raises(BuildFailed, match="cannot write"):
        save_keras(model, tmp_path / "nowhere" / "twin.keras")
    assert not list(tmp_path.iterdir())

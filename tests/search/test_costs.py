"""What is known before training."""

from __future__ import annotations

import numpy as np
import pytest
from study_rig import MJ_PER_FLOP, save_predictor

from predictor.artefact import load
from search.costs import PredictedCosts
from search.engine.reward import PAPER_B
from search.networks.count import count_graph
from search.networks.graph import build_graph
from search.networks.spaces import AUDIO_2D, TABLE_2
from search.tflite.writer import write_tflite


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> PredictedCosts:
    folder = tmp_path_factory.mktemp("predictor") / "model"
    save_predictor(folder, AUDIO_2D)
    return PredictedCosts(load(folder).predictor, PAPER_B)


def test_energy_comes_from_the_predictor_and_size_from_the_file(costs: PredictedCosts) -> None:
    known = costs.known(TABLE_2)
    flops = count_graph(build_graph(TABLE_2)).total.flops
    assert known.flops == flops
    assert known.energy_mj == pytest.approx(MJ_PER_FLOP * flops, rel=0.1)
    assert known.energy_low_mj < known.energy_mj < known.energy_high_mj
    assert known.size_bytes == len(write_tflite(TABLE_2, 0))
    assert known.penalty == PAPER_B.penalty(known.energy_mj, known.size_bytes)
    assert known.architecture_hash == TABLE_2.architecture_hash


def test_the_penalties_of_many_are_those_of_each(costs: PredictedCosts) -> None:
    architectures = AUDIO_2D.sample_unique(20, 5)
    each = [costs.known(architecture).penalty for architecture in architectures]
    np.testing.assert_allclose(costs.penalties(architectures), each, atol=3e-4)

"""What is known before training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from study_rig import MJ_PER_FLOP, save_predictor

from predictor.artefact import load
from search.costs import PredictedCosts
from search.engine.reward import PAPER_B
from search.networks.architecture import IDENTITY
from search.networks.count import count_graph
from search.networks.features import feature_columns, level_shares
from search.networks.graph import build_graph
from search.networks.spaces import AUDIO_2D, TABLE_2
from search.studies.own_predictor import n_to_see_all, unseen_levels
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


@pytest.mark.parametrize("n_classes", [2, 10, 50, 600])
def test_other_classes_change_size_and_counts_and_not_the_energy_of_what_was_measured(
    n_classes: int, tmp_path: Path, costs: PredictedCosts
) -> None:
    save_predictor(tmp_path / "model", AUDIO_2D)
    of_data = PredictedCosts(load(tmp_path / "model").predictor, PAPER_B, n_classes)
    known, own = of_data.known(TABLE_2), costs.known(TABLE_2)
    assert known.size_bytes == len(write_tflite(TABLE_2, 0, n_classes)) != own.size_bytes
    assert known.n_params - own.n_params == 33 * (n_classes - 9)
    assert (known.energy_mj, known.energy_outside) == (own.energy_mj, own.energy_outside)
    energies, sizes = of_data.costs([TABLE_2])
    assert energies[0] == known.energy_mj
    assert sizes[0] == pytest.approx(known.size_bytes, rel=0.003)


def test_a_block_type_that_was_never_measured_is_extrapolated_and_marked(tmp_path: Path) -> None:
    save_predictor(tmp_path / "model", AUDIO_2D, without="Identity")
    saved = load(tmp_path / "model")
    costs = PredictedCosts(saved.predictor, PAPER_B)
    with_identity = next(a for a in AUDIO_2D.sample_unique(100, 5) if IDENTITY in a.blocks)
    known = costs.known(with_identity)
    assert known.energy_outside
    each = (costs.known(a) for a in AUDIO_2D.sample_unique(200, 11) if IDENTITY not in a.blocks)
    inside = next(one for one in each if not one.energy_outside)
    width, usual = ((one.energy_high_mj - one.energy_low_mj) / one.energy_mj for one in (known, inside))
    assert width == pytest.approx(saved.predictor.band.outside_factor * usual)
    unseen = unseen_levels(saved, AUDIO_2D)
    assert unseen is not None
    assert all(name.endswith("Identity") for name in unseen.names)
    assert 50 < unseen.n_to_measure < 1000


def test_a_campaign_of_the_size_advised_holds_every_level() -> None:
    shares = [share for levels in level_shares(AUDIO_2D).values() for share in levels.values()]
    drawn = feature_columns(AUDIO_2D.sample_unique(4 * n_to_see_all(shares), 3))
    for column, levels in level_shares(AUDIO_2D).items():
        kinds, counts = np.unique(drawn[column], return_counts=True)
        found = dict(zip(kinds.tolist(), counts / counts.sum(), strict=True))
        assert found == pytest.approx(levels, abs=0.1)

"""What random networks of a space are like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search.errors import BuildFailed
from search.networks.count import count_graph
from search.networks.graph import build_graph
from search.networks.spaces import AUDIO_2D
from search.survey.plot import draw_survey
from search.survey.survey import survey_space
from search.tflite.writer import write_tflite

SURVEY = survey_space(AUDIO_2D, 40, 3, AUDIO_2D.default_options)


def test_every_network_of_the_draw_is_counted_and_written() -> None:
    architectures = AUDIO_2D.sample_unique(40, 3)
    costs = [count_graph(build_graph(architecture)).total for architecture in architectures]
    assert SURVEY.flops.tolist() == [cost.flops for cost in costs]
    assert SURVEY.n_params.tolist() == [cost.n_params for cost in costs]
    assert SURVEY.size_bytes.tolist() == [len(write_tflite(architecture, 3)) for architecture in architectures]


def test_larger_networks_have_larger_files() -> None:
    assert 0.8 < SURVEY.size_correlation < 1.0
    assert SURVEY.share_below(SURVEY.size_bytes.min()) == 0
    assert SURVEY.share_below(SURVEY.size_bytes.max() + 1) == 1
    near = SURVEY.sizes_near_params(30_000, 5_000)
    assert 0 < len(near) < 40
    assert near.max() < SURVEY.size_bytes.max()


def test_the_picture_is_a_png_and_another_survey_gives_another(tmp_path: Path) -> None:
    draw_survey(SURVEY, tmp_path / "a.png")
    draw_survey(survey_space(AUDIO_2D, 5, 1, AUDIO_2D.default_options), tmp_path / "b.png")
    pictures = [(tmp_path / name).read_bytes() for name in ("a.png", "b.png")]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_picture_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed):
        draw_survey(SURVEY, tmp_path / "missing" / "a.png")


def test_percentiles_are_ordered() -> None:
    assert np.all(np.diff(SURVEY.percentiles(SURVEY.flops)) >= 0)

"""Model files that are built: ahead in order, and out of order."""

from pathlib import Path

from lab.campaign.model_files import ModelBuilder
from search.networks.spaces import AUDIO_2D
from search.tflite.writer import write_tflite


def texts(n: int) -> list[str]:
    return [architecture.text for architecture in AUDIO_2D.sample_unique(n, 4)]


def test_files_come_in_order_and_hold_what_the_writer_writes(tmp_path: Path) -> None:
    wanted = texts(4)
    builder = ModelBuilder(wanted, 7, tmp_path)
    for text, architecture in zip(wanted, AUDIO_2D.sample_unique(4, 4), strict=True):
        model = builder.model(text)
        assert model.path.read_bytes() == write_tflite(architecture, 7)
        assert model.path.name == f"{model.spec.sha256}.tflite"
    builder.close()


def test_a_file_out_of_order_and_one_that_was_not_announced_are_built_at_once(tmp_path: Path) -> None:
    announced, other = texts(6), AUDIO_2D.sample_unique(1, 99)[0].text
    builder = ModelBuilder(announced, 7, tmp_path)
    names = [builder.model(text).path.name for text in (announced[3], other, announced[0], announced[3])]
    assert names[0] == names[3]
    assert len(set(names)) == 3
    builder.close()


def test_a_builder_that_is_closed_early_ends(tmp_path: Path) -> None:
    builder = ModelBuilder(texts(120), 7, tmp_path)
    builder.model(texts(1)[0])
    builder.close()
    assert not builder._thread.is_alive()

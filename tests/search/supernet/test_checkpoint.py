"""A supernet on disk: whole or refused, and of these data and this space or refused."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

from search.audio.front_end import DataDescription
from search.audio.log_mel import FRONT_END
from search.errors import BadSupernet, SupernetMissing
from search.supernet.checkpoint import (
    FILE_NAME,
    Checkpoint,
    SupernetDescription,
    check_data,
    check_same,
    is_there,
    load,
    save,
)
from search.supernet.recipe import SupernetRecipe

DESCRIPTION = SupernetDescription(
    space="audio2d", data="SYNTHETIC clips", data_sha256="a" * 64,
    data_description=DataDescription(("no", "yes"), FRONT_END, 3.5, 4.0), synthetic=True, budget="smoke",
    recipe=SupernetRecipe(n_epochs=3), seed=1, n_epochs_done=1, trained_s=2.5, versions={"torch": "2"},
)  # fmt: skip
ARRAYS = {"weight/kernels.head_1": np.arange(6, dtype=np.float32).reshape(2, 3)}


def test_what_was_saved_comes_back_to_the_last_digit(tmp_path: Path) -> None:
    save(tmp_path / "s", Checkpoint(DESCRIPTION, ARRAYS))
    again = load(tmp_path / "s")
    assert again.description == DESCRIPTION
    assert again.arrays.keys() == ARRAYS.keys()
    assert all(np.array_equal(again.arrays[name], ARRAYS[name]) for name in ARRAYS)


def test_a_folder_without_a_supernet_says_how_to_train_one(tmp_path: Path) -> None:
    assert not is_there(tmp_path)
    with pytest.raises(SupernetMissing) as caught:
        load(tmp_path)
    assert "search supernet train" in caught.value.hint


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    save(tmp_path, Checkpoint(DESCRIPTION, ARRAYS))
    path = tmp_path / FILE_NAME
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BadSupernet, match="damaged"):
        load(tmp_path)


def test_a_changed_byte_of_a_weight_is_noticed(tmp_path: Path) -> None:
    save(tmp_path, Checkpoint(DESCRIPTION, ARRAYS))
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    at = bytes(content).index(ARRAYS["weight/kernels.head_1"].tobytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(BadSupernet):
        load(tmp_path)


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_code_of_a_stranger_is_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for content in (pickle.dumps(Runs(ran)), None):
        if content is None:
            with (tmp_path / FILE_NAME).open("wb") as stream:
                np.savez(stream, description=np.array([Runs(ran)], dtype=object))
        else:
            (tmp_path / FILE_NAME).write_bytes(content)
        with pytest.raises(BadSupernet):
            load(tmp_path)
        assert not ran.exists()


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"space": "audio1d"}, "space"),
        ({"seed": 2}, "seed"),
        ({"recipe": SupernetRecipe(n_epochs=4)}, "recipe"),
        ({"data_sha256": "b" * 64, "data": "others"}, "learnt"),
    ],
)
def test_a_training_of_something_else_does_not_go_on_there(changed: dict[str, object], word: str) -> None:
    wanted = dataclasses.replace(DESCRIPTION, n_epochs_done=0, **changed)  # type: ignore[arg-type]
    with pytest.raises(BadSupernet, match=word):
        check_same(Path("s"), DESCRIPTION, wanted)
    check_same(Path("s"), DESCRIPTION, dataclasses.replace(DESCRIPTION, n_epochs_done=0))
    check_data(Path("s"), DESCRIPTION, "x", DESCRIPTION.data_sha256)

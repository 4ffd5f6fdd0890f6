"""A user's own files: found, told apart by content, matched to what a campaign has, whatever they are called."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import pytest

from db.rows import TaskRow, TaskSpec
from lab.campaign.own_models import common_folder, described, find_models, matched
from lab.campaign.tasks import model_tasks
from lab.errors import ModelsError
from search.networks.architecture import parse
from search.networks.spaces import AUDIO_2D, TABLE_2
from search.tflite.reader import read_operators
from search.tflite.strip import unpack
from search.tflite.writer import write_tflite

OWN = Path(__file__).parents[2] / "data" / "own_models"


def network(n: int = 0) -> bytes:
    return write_tflite(AUDIO_2D.sample_unique(n + 1, 1)[n], 0)


def names(folder: Path) -> list[str]:
    return [model.spec.name for model in find_models([folder]).models]


def tasks(folder: Path) -> list[TaskSpec]:
    return model_tasks(find_models([folder]).models, seed=1, repeat_frac=0.0)


def begun(folder: Path, state: str = "done") -> list[TaskRow]:
    return [
        TaskRow(
            role="architecture", ordinal=task.ordinal, n_wanted=1, model=task.model, task_id=10 + task.ordinal,
            state=state, n_attempts=1, failure=None,  # type: ignore[arg-type]
        )
        for task in tasks(folder)
    ]  # fmt: skip


def places(tasks: tuple[TaskSpec, ...]) -> dict[str, int]:
    return {task.model.name: task.ordinal for task in tasks if task.model is not None}


def test_every_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "good.tflite").write_bytes(network())
    (tmp_path / "empty.tflite").write_bytes(b"")
    (tmp_path / "text.tflite").write_text("hello, world")
    with pytest.raises(ModelsError) as refused:
        find_models([tmp_path])
    assert "empty.tflite: the file is empty" in str(refused.value)
    assert "text.tflite" in str(refused.value)
    assert "good.tflite" not in str(refused.value)


def test_what_is_not_there_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelsError, match=r"no \.tflite file"):
        find_models([tmp_path])
    (tmp_path / "readme.md").write_text("nothing else here")
    with pytest.raises(ModelsError, match=r"no \.tflite file"):
        find_models([tmp_path])
    with pytest.raises(ModelsError, match="is not there"):
        find_models([tmp_path / "nothing"])


def test_sub_folders_and_any_case_of_the_suffix_count_and_hidden_files_do_not(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.tflite").write_bytes(network(0))
    (tmp_path / "deep" / "b.TFLITE").write_bytes(network(1))
    (tmp_path / "deep" / "er" / "c.Tflite").write_bytes(network(2))
    (tmp_path / "._a.tflite").write_bytes(b"what a Mac leaves behind")
    (tmp_path / ".git" / "d.tflite").write_bytes(network(3))
    assert names(tmp_path) == ["a.tflite", "deep/b.TFLITE", "deep/er/c.Tflite"]


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(network(0))
    (tmp_path / "same.tflite").write_bytes(network(0))
    (tmp_path / "net.lite").write_bytes(network(1))
    (tmp_path / "labels.txt").write_text("cat")
    found = find_models([tmp_path])
    assert [model.spec.name for model in found.models] == ["a.tflite"]
    doubled, ignored = found.notes
    assert "under 2 names, measured once: a.tflite, same.tflite" in doubled
    assert "labels.txt" in ignored
    assert "net.lite, which holds a model all the same" in ignored


def test_a_file_that_is_named_itself_may_have_any_suffix_and_twice_is_once(tmp_path: Path) -> None:
    (tmp_path / "net.lite").write_bytes(network())
    found = find_models([tmp_path / "net.lite", tmp_path / "net.lite"])
    assert [model.spec.name for model in found.models] == ["net.lite"]
    assert found.notes == ()


def test_files_of_one_name_from_two_folders_are_told_apart(tmp_path: Path) -> None:
    for n, folder in enumerate(("old", "new")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.tflite").write_bytes(network(n))
    found = find_models([tmp_path / "old" / "net.tflite", tmp_path / "new"])
    assert [model.spec.name for model in found.models] == ["old/net.tflite", "new/net.tflite"]
    assert common_folder([tmp_path / "old" / "net.tflite", tmp_path / "new"]) == tmp_path.resolve()


def test_a_new_file_that_sorts_first_leaves_the_others_their_places(tmp_path: Path) -> None:
    for n, name in enumerate(("m.tflite", "z.tflite")):
        (tmp_path / name).write_bytes(network(n))
    before = begun(tmp_path)
    (tmp_path / "a.tflite").write_bytes(network(2))
    now = matched(tasks(tmp_path), before, 5)
    assert places(now.tasks) == {"m.tflite": 0, "z.tflite": 1, "a.tflite": 2}
    assert now.notes == ()


def test_a_renamed_file_is_still_the_same_and_one_that_is_gone_keeps_its_results(tmp_path: Path) -> None:
    for n, name in enumerate(("a.tflite", "b.tflite")):
        (tmp_path / name).write_bytes(network(n))
    before = begun(tmp_path)
    (tmp_path / "a.tflite").rename(tmp_path / "best.tflite")
    (tmp_path / "b.tflite").unlink()
    now = matched(tasks(tmp_path), before, 5)
    assert places(now.tasks) == {"a.tflite": 0, "b.tflite": 1}
    renamed, gone = now.notes
    assert "a.tflite is now best.tflite" in renamed
    assert gone.endswith("b.tflite")


def test_a_file_that_is_still_to_be_measured_is_missed(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(network(0))
    (tmp_path / "b.tflite").write_bytes(network(1))
    before = begun(tmp_path, "pending")
    (tmp_path / "b.tflite").unlink()
    with pytest.raises(ModelsError, match=r"still to be measured.*b\.tflite"):
        matched(tasks(tmp_path), before, 5)
    # Another content under the old name is another model.
    (tmp_path / "b.tflite").write_bytes(network(2))
    with pytest.raises(ModelsError, match=r"b\.tflite"):
        matched(tasks(tmp_path), before, 5)


def test_an_architecture_of_a_space_is_recognised_and_its_flops_are_the_spaces(tmp_path: Path) -> None:
    (tmp_path / "mine.tflite").write_bytes(write_tflite(TABLE_2, 7))
    (model,) = find_models([tmp_path]).models
    model, architecture = described(model)
    assert architecture is not None
    # Where an Identity stands makes no difference to the file.
    assert read_operators(write_tflite(parse(architecture.text), 7)) == read_operators(write_tflite(TABLE_2, 7))
    assert model.spec.flops == architecture.flops


@pytest.mark.parametrize(("name", "flops"), [("float32", 1_703_876), ("while", None), ("custom", None)])
def test_any_other_file_has_the_flops_that_its_graph_tells(name: str, flops: int | None) -> None:
    (model,) = find_models([OWN / f"{name}.tflite"]).models
    model, architecture = described(model)
    assert (model.spec.flops, architecture) == (flops, None)


def changed(name: str, change: Callable[[Any], None]) -> bytes:
    """A file of the specimens with its object tree changed."""
    model = unpack((OWN / f"{name}.tflite").read_bytes())
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def no_shape(model: Any) -> None:
    """The first operator gives a scalar, and others follow."""
    model.subgraphs[0].tensors[model.subgraphs[0].operators[0].outputs[0]].shape = []


def negative_shape(model: Any) -> None:
    """A dimension that only running tells, or damage."""
    model.subgraphs[0].tensors[model.subgraphs[0].operators[-1].outputs[0]].shape = [-1, 2]


@pytest.mark.parametrize("change", [no_shape, negative_shape])
def test_shapes_that_are_none_leave_a_file_undescribed_and_not_refused(
    tmp_path: Path, change: Callable[[Any], None]
) -> None:
    (tmp_path / "odd.tflite").write_bytes(changed("two_inputs", change))
    (model,) = find_models([tmp_path]).models
    model, architecture = described(model)
    assert architecture is None
    assert model.spec.flops is None or model.spec.flops >= 0


def test_a_name_that_is_no_text_is_kept_with_escapes(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"bad\xff.tflite")).write_bytes(network())
    assert names(tmp_path) == ["bad\\udcff.tflite"]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.tflite")
    with pytest.raises(ModelsError, match=r"p\.tflite: no regular file"):
        find_models([tmp_path])
    with pytest.raises(ModelsError, match="no regular file"):
        find_models([Path("/dev/zero")])

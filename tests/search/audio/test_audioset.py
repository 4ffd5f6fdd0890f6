"""AudioSet from a folder."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audioset_specimens import (
    EVENT_LABELS,
    POLICE,
    SPEECH,
    label,
    list_text,
    rows_of,
    tone,
    video,
    write_lists,
    write_sounds,
    write_spectrograms,
)

from search.audio.audioset import Inventory, class_table, load_audioset
from search.audio.classes import CLASS_NAMES
from search.audio.clip_files import loudest
from search.audio.examples import SoundData, standardised
from search.audio.log_mel import log_mel
from search.errors import DataBroken, DataMissing, SearchError


@pytest.fixture
def audioset(tmp_path: Path) -> Path:
    """Real lists and spectrograms of all classes in every split."""
    write_spectrograms(tmp_path / "as", write_lists(tmp_path / "as"))
    return tmp_path / "as"


def load(folder: Path) -> tuple[SoundData, Inventory]:
    return load_audioset(folder, folder.parent / "cache", 2)


def test_clips_take_the_class_of_their_labels(audioset: Path) -> None:
    data, inventory = load(audioset)
    for split in (data.train, data.validation, data.test):
        assert set(split.labels.tolist()) == set(range(len(CLASS_NAMES)))
        n_negative = int(np.sum(split.labels == len(CLASS_NAMES) - 1))
        assert n_negative <= len(split) - n_negative
    assert len(data.test) == 16
    assert inventory.n_missing == {"train": 0, "validation": 0, "test": 0}
    assert not data.synthetic


def test_what_is_below_a_label_is_of_its_class(audioset: Path) -> None:
    path = audioset / "eval_segments.csv"
    n_before = int(np.sum(load(audioset)[0].test.labels == CLASS_NAMES.index("siren")))
    path.write_text(path.read_text() + list_text([("police00001", f"{POLICE},{SPEECH}")]))
    np.save(audioset / "log_mel" / "police00001.npy", np.random.default_rng(3).normal(0, 1, (196, 40)))
    assert int(np.sum(load(audioset)[0].test.labels == CLASS_NAMES.index("siren"))) == n_before + 1


def test_spectrograms_are_those_that_were_computed_in_memory_before(tmp_path: Path) -> None:
    folder = tmp_path / "as"
    videos = write_lists(folder)
    write_sounds(folder / "audio", videos, lambda each: f"{each}_30.wav", 0.7)
    data, _ = load(folder)
    rows = [*rows_of("tr", 320), *rows_of("ev", 16)]
    labels = {
        name: EVENT_LABELS.index(first) if (first := text.split(",")[0]) in EVENT_LABELS else 8 for name, text in rows
    }
    # A class's own tone tells which clip is which: order, label and numbers are held at once.
    samples = {name: soundfile.read(folder / "audio" / f"{name}_30.wav", dtype="float32")[0] for name in videos}
    raw = {name: log_mel(loudest(values)) for name, values in samples.items()}
    by_split: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for name in sorted(videos):
        split = "test" if name[1:3] == "ev" else ("validation" if place(name) < 0.1 else "train")
        by_split[split].append(name)
    splits = {}
    for split, names in by_split.items():
        events = [name for name in names if labels[name] != 8]
        negatives = sorted((name for name in names if labels[name] == 8), key=place)[: len(events)]
        chosen = sorted([*events, *negatives])
        splits[split] = (np.array([raw[name] for name in chosen]), np.array([labels[name] for name in chosen]))
    before = standardised("before", False, splits, CLASS_NAMES, {})
    assert data.description.deviation == pytest.approx(before.description.deviation, rel=1e-13)
    for now, then in ((data.train, before.train), (data.validation, before.validation), (data.test, before.test)):
        assert np.array_equal(now.labels, then.labels)
        assert np.array_equal(now.spectrograms[:], then.spectrograms[:])


def place(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def test_the_same_folder_gives_the_same_data_from_the_cache_and_without(audioset: Path, tmp_path: Path) -> None:
    first, inventory = load(audioset)
    second, again = load(audioset)
    third, _ = load_audioset(audioset, tmp_path / "other", 1)
    assert inventory.n_read > 0
    assert again.n_read == 0
    assert first.sha256 == second.sha256 == third.sha256
    assert first.numbers_sha256 == second.numbers_sha256 == third.numbers_sha256


_HERE = """
import sys; from pathlib import Path
from search.audio.audioset import load_audioset
print(load_audioset(Path(sys.argv[1]), Path(sys.argv[2]), 1)[0].sha256)
"""


@pytest.mark.parametrize("kernels", ["Prescott", "Haswell"])
def test_the_same_files_are_the_same_data_under_other_matrix_products(tmp_path: Path, kernels: str) -> None:
    folder = tmp_path / "as"
    write_sounds(folder / "audio", write_lists(folder), lambda each: f"{each}_30.wav")
    done = subprocess.run(
        [sys.executable, "-c", _HERE, str(folder), str(tmp_path / "there")],
        env=os.environ | {"OPENBLAS_CORETYPE": kernels}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == load(folder)[0].sha256


def test_other_bytes_in_a_file_are_other_data(audioset: Path) -> None:
    before = load(audioset)[0]
    np.save(audioset / "log_mel" / f"{video('ev', 4)}_30.npy", np.zeros((196, 40), np.float32))
    after = load(audioset)[0]
    assert after.sha256 != before.sha256


def test_a_list_that_is_there_twice_counts_once(audioset: Path) -> None:
    data, inventory = load(audioset)
    twice = (audioset / "balanced_train_segments.csv").read_text()
    (audioset / "unbalanced_train_segments.csv").write_text(twice)
    again, inventory_again = load(audioset)
    assert again.sha256 == data.sha256
    assert inventory_again.n_missing == inventory.n_missing


def test_missing_files_are_counted(audioset: Path) -> None:
    (audioset / "log_mel" / f"{video('ev', 1)}_30.npy").unlink()
    data, inventory = load(audioset)
    assert inventory.n_missing["test"] == 1
    assert len(data.test) == 15


def test_whole_videos_and_segments_lie_side_by_side(tmp_path: Path) -> None:
    folder = tmp_path / "as"
    videos = write_lists(folder)
    write_sounds(folder / "audio", videos, lambda each: f"Y{each}.wav")
    whole = np.concatenate([tone(200, 30), 0.1 * tone(3000, 10), tone(200, 5)])
    soundfile.write(folder / "audio" / f"Y{videos[-1]}.wav", whole, 16_000)
    data, inventory = load(folder)
    assert not inventory.unusable
    n_test = len(data.test)
    loud_band = data.test.spectrograms[n_test - 1].mean(axis=0).argmax()
    assert loud_band > 15


def test_files_of_no_use_are_left_out_named_and_counted(audioset: Path, tmp_path: Path) -> None:
    (audioset / "log_mel" / f"{video('tr', 3)}_30.npy").write_bytes(b"")
    (audioset / "log_mel" / f"{video('tr', 5)}_30.npy").write_bytes(b"no spectrogram")
    soundfile.write(audioset / f"{video('tr', 7)}_30.wav", np.zeros(160_000), 16_000)
    (audioset / "log_mel" / f"{video('tr', 7)}_30.npy").unlink()
    soundfile.write(audioset / f"{video('tr', 9)}_30.wav", tone(200, 20), 16_000)
    (audioset / "log_mel" / f"{video('tr', 9)}_30.npy").unlink()
    data, inventory = load(audioset)
    assert sorted(file.reason for _, file in inventory.unusable) == ["damaged", "empty", "silent", "wrong length"]
    assert inventory.unusable_path is not None
    assert inventory.unusable_path.parent == tmp_path / "cache"
    assert len(inventory.unusable_path.read_text().splitlines()) == 5
    assert len(data.train) + len(data.validation) + 4 == 317


def test_too_many_files_of_no_use_are_refused_by_reason(audioset: Path, tmp_path: Path) -> None:
    for i in range(1, 81, 2):
        (audioset / "log_mel" / f"{video('tr', i)}_30.npy").write_bytes(b"" if i < 41 else b"no")
    with pytest.raises(DataBroken, match="more than 10%") as caught:
        load(audioset)
    assert "20 empty" in caught.value.problem
    assert "20 damaged" in caught.value.problem
    assert max(map(len, caught.value.problem.replace(str(tmp_path), "").splitlines())) <= 80
    named = next((tmp_path / "cache").glob("unusable-as-*.tsv"))
    assert str(named) in caught.value.problem
    assert len(named.read_text().splitlines()) == 41


@pytest.mark.parametrize("what", ["all", "one", "other-times", "unbalanced"])
def test_videos_in_training_and_evaluation_are_refused_by_name(audioset: Path, what: str) -> None:
    train = (audioset / "balanced_train_segments.csv").read_text().splitlines()
    test = audioset / "eval_segments.csv"
    match what:
        case "all":
            test.write_text("\n".join(train))
        case "one":
            test.write_text(test.read_text() + train[3] + "\n")
        case "other-times":
            test.write_text(test.read_text() + train[3].replace("30.000, 40.000", "50.000, 60.000") + "\n")
        case "unbalanced":
            (audioset / "unbalanced_train_segments.csv").write_text(test.read_text())
    with pytest.raises(DataBroken, match="balanced_train_segments") as caught:
        load(audioset)
    n, shown = {"all": ("320", "tr0000"), "unbalanced": ("16", "ev0000")}.get(what, ("1 ", "tr0000"))
    assert caught.value.problem.startswith(n)
    assert shown in caught.value.problem
    assert "judged" in caught.value.hint


def test_a_class_without_a_clip_in_a_split_is_refused_by_name(audioset: Path) -> None:
    path = audioset / "eval_segments.csv"
    without = [line for line in path.read_text().splitlines() if EVENT_LABELS[4] not in line]
    path.write_text("\n".join(without))
    with pytest.raises(DataMissing, match="has a file of use") as caught:
        load(audioset)
    assert caught.value.problem.splitlines()[1:] == ["  test: doorbell"]


def test_a_class_whose_files_are_not_there_is_refused_before_anything_is_read(audioset: Path, tmp_path: Path) -> None:
    (audioset / "log_mel" / f"{video('ev', 8)}_30.npy").unlink()
    with pytest.raises(DataMissing, match="has a file:") as caught:
        load(audioset)
    assert caught.value.problem.splitlines()[1:] == ["  test: doorbell"]
    assert not (tmp_path / "cache").exists()


def test_a_class_whose_files_are_of_no_use_is_refused_by_name(audioset: Path) -> None:
    (audioset / "log_mel" / f"{video('ev', 8)}_30.npy").write_bytes(b"")
    with pytest.raises(DataMissing, match="file of use") as caught:
        load(audioset)
    assert caught.value.problem.splitlines()[1:] == ["  test: doorbell"]


def test_a_table_counts_the_clips_of_every_class_in_every_split(audioset: Path) -> None:
    data, _ = load(audioset)
    lines = class_table(data).splitlines()
    assert lines[0].split() == ["class", "train", "validation", "test"]
    assert [line.split()[0] for line in lines[1:]] == [*CLASS_NAMES, "all"]
    counted = np.array([[int(n) for n in line.split()[1:]] for line in lines[1:]])
    assert np.array_equal(counted[:-1].sum(axis=0), counted[-1])
    assert counted[-1].tolist() == [len(data.train), len(data.validation), len(data.test)]
    assert max(map(len, lines)) <= 80


def test_what_is_looked_for_and_what_is_there_is_shown_when_nothing_is_found(audioset: Path) -> None:
    for number, path in enumerate(sorted((audioset / "log_mel").iterdir())):
        path.rename(audioset / f"clip-{number:04d}.wav")
    with pytest.raises(DataMissing, match="none of the") as caught:
        load(audioset)
    assert "clip-0000.wav" in caught.value.problem
    assert "YTID_30" in caught.value.problem
    assert max(map(len, caught.value.problem.splitlines()[1:])) <= 80


def break_ontology(folder: Path) -> None:
    (folder / "ontology.json").write_text('{"a": 1}')


def lose_label(folder: Path) -> None:
    nodes = json.loads((folder / "ontology.json").read_text())
    (folder / "ontology.json").write_text(json.dumps([node for node in nodes if node["name"] != "Bark"]))


def lose_lists(folder: Path) -> None:
    (folder / "balanced_train_segments.csv").unlink()


def lose_test_list(folder: Path) -> None:
    (folder / "eval_segments.csv").unlink()


def break_list(folder: Path) -> None:
    (folder / "eval_segments.csv").write_text("a, b\n")


def empty_list(folder: Path) -> None:
    (folder / "eval_segments.csv").write_text("")


def lose_sounds(folder: Path) -> None:
    for path in (folder / "log_mel").iterdir():
        path.unlink()


def name_strangely(folder: Path) -> None:
    path = folder / "balanced_train_segments.csv"
    path.write_text(path.read_text().replace(label("Bark"), "/m/bark-bark"))


@pytest.mark.parametrize(
    ("damage", "kind", "word"),
    [
        (break_ontology, DataBroken, "ontology"),
        (lose_label, DataBroken, "Bark"),
        (lose_lists, DataMissing, "balanced_train_segments.csv"),
        (lose_test_list, DataMissing, "eval_segments.csv"),
        (break_list, DataBroken, "line 1"),
        (empty_list, DataMissing, "test: alarm"),
        (lose_sounds, DataMissing, "there is no other file"),
        (name_strangely, DataBroken, "bark-bark"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(  # type: ignore[no-untyped-def]
    audioset: Path, damage, kind: type[SearchError], word: str
) -> None:
    damage(audioset)
    with pytest.raises(kind) as caught:
        load(audioset)
    assert word in caught.value.problem
    assert caught.value.hint


@pytest.mark.parametrize(
    "spectrogram",
    [np.zeros((3, 3)), np.full((196, 40), 1e300), np.full((196, 40), "loud"), np.full((196, 40), np.nan)],
    ids=["shape", "size", "text", "nan"],
)
def test_a_spectrogram_of_another_kind_is_of_no_use(audioset: Path, spectrogram: np.ndarray) -> None:
    np.save(audioset / "log_mel" / f"{video('ev', 1)}_30.npy", spectrogram)
    assert [path.name for path, _ in load(audioset)[1].unusable] == [f"{video('ev', 1)}_30.npy"]


def test_several_arrays_in_a_file_are_of_no_use(audioset: Path) -> None:
    with (audioset / "log_mel" / f"{video('ev', 1)}_30.npy").open("wb") as stream:
        np.savez(stream, a=np.zeros((196, 40)))
    assert len(load(audioset)[1].unusable) == 1


def test_a_folder_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="not a folder"):
        load_audioset(tmp_path / "none", tmp_path / "cache")

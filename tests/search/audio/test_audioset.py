"""AudioSet from a folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from search.audio.audioset import load_audioset, loudest, read_ontology, read_segments
from search.audio.classes import CLASS_NAMES, EVENTS
from search.audio.log_mel import N_BANDS, N_FRAMES, N_SAMPLES, RATE_HZ
from search.errors import DataBroken, DataMissing, SearchError

SPEECH = "/m/speech"
POLICE = "/m/police"


def label(name: str) -> str:
    return "/m/" + name.lower().replace(" ", "_").replace(",", "").replace("(", "").replace(")", "")


def write_ontology(folder: Path) -> None:
    nodes = [{"id": label(name), "name": name, "child_ids": []} for event in EVENTS for name in event.labels]
    nodes += [{"id": SPEECH, "name": "Speech", "child_ids": []}]
    nodes += [{"id": POLICE, "name": "Police car (siren)", "child_ids": []}]
    by_name = {str(node["name"]): node for node in nodes}
    by_name["Siren"]["child_ids"] = [POLICE]
    by_name["Alarm"]["child_ids"] = [label("Siren"), label("Telephone")]
    (folder / "ontology.json").write_text(json.dumps(nodes))


def write_list(path: Path, rows: list[tuple[str, str]]) -> None:
    lines = ["# YTID, start_seconds, end_seconds, positive_labels"]
    lines += [f'{video}, 30.000, 40.000, "{labels}"' for video, labels in rows]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def audioset(tmp_path: Path) -> Path:
    """Sixty training videos and ten of evaluation, half of them sirens, as spectrograms."""
    write_ontology(tmp_path)
    (tmp_path / "log_mel").mkdir()
    rng = np.random.default_rng(0)
    for name, n in (("balanced_train_segments.csv", 60), ("eval_segments.csv", 10)):
        rows = [(f"{name[:4]}{i}", f"{POLICE},{SPEECH}" if i % 2 else SPEECH) for i in range(n)]
        write_list(tmp_path / name, rows)
        for i, (video, _) in enumerate(rows):
            stem = f"{video}_30" if i % 3 else video
            np.save(tmp_path / "log_mel" / f"{stem}.npy", rng.normal(i % 2, 1, (N_FRAMES, N_BANDS)))
    return tmp_path


def test_clips_take_the_class_of_their_labels_and_of_those_below(audioset: Path) -> None:
    data, inventory = load_audioset(audioset)
    siren = CLASS_NAMES.index("siren")
    for split in (data.train, data.validation, data.test):
        assert set(split.labels.tolist()) == {siren, len(CLASS_NAMES) - 1}
        assert np.sum(split.labels == siren) >= np.sum(split.labels != siren)
    assert (len(data.train) + len(data.validation)) > 50
    assert len(data.test) == 10
    assert inventory.n_missing == {"train": 0, "validation": 0, "test": 0}
    assert not data.synthetic


def test_the_same_folder_gives_the_same_data(audioset: Path) -> None:
    assert load_audioset(audioset)[0].sha256 == load_audioset(audioset)[0].sha256


def test_what_is_below_alarm_is_not_an_alarm(audioset: Path) -> None:
    class_of = read_ontology(audioset / "ontology.json")
    assert CLASS_NAMES[class_of[label("Alarm")]] == "alarm"
    assert CLASS_NAMES[class_of[label("Siren")]] == "siren"
    assert CLASS_NAMES[class_of[POLICE]] == "siren"
    assert CLASS_NAMES[class_of[label("Telephone")]] == "phone_ringing"
    assert SPEECH not in class_of


def test_a_clip_of_two_classes_is_left_out(audioset: Path) -> None:
    path = audioset / "two.csv"
    write_list(path, [("a", f"{POLICE},{label('Bark')}"), ("b", f"{label('Bark')},{SPEECH}")])
    first, second = read_segments(path, read_ontology(audioset / "ontology.json"))
    assert first is None
    assert second is not None
    assert CLASS_NAMES[second.class_index] == "dog_barking"


def test_audio_files_of_any_rate_become_spectrograms(audioset: Path) -> None:
    soundfile = pytest.importorskip("soundfile", reason="needs the train extra")
    (audioset / "audio").mkdir()
    for path in sorted((audioset / "log_mel").glob("eval*.npy")):
        time_s = np.arange(44_100 * 3) / 44_100
        tone = 0.5 * np.sin(2 * np.pi * 880 * time_s)
        soundfile.write(audioset / "audio" / f"{path.stem}.wav", np.stack([tone, tone], axis=1), 44_100)
        path.unlink()
    data, _ = load_audioset(audioset)
    assert len(data.test) == 10
    assert np.allclose(data.test.spectrograms[0], data.test.spectrograms[1])


def test_a_list_that_is_there_twice_counts_once(audioset: Path) -> None:
    data, inventory = load_audioset(audioset)
    twice = (audioset / "balanced_train_segments.csv").read_text()
    (audioset / "unbalanced_train_segments.csv").write_text(twice)
    again, inventory_again = load_audioset(audioset)
    assert (again.sha256, inventory_again) == (data.sha256, inventory)


def test_an_ontology_in_a_circle_has_an_end(audioset: Path) -> None:
    nodes = json.loads((audioset / "ontology.json").read_text())
    for node in nodes:
        node["child_ids"] = [*node["child_ids"], label("Siren")] if node["id"] == POLICE else node["child_ids"]
    (audioset / "ontology.json").write_text(json.dumps(nodes))
    assert CLASS_NAMES[read_ontology(audioset / "ontology.json")[POLICE]] == "siren"


def test_missing_files_are_counted(audioset: Path) -> None:
    (audioset / "log_mel" / "eval1_30.npy").unlink()
    data, inventory = load_audioset(audioset)
    assert inventory.n_missing["test"] == 1
    assert len(data.test) == 8


def test_the_loudest_two_seconds_are_taken() -> None:
    clip = np.full(10 * RATE_HZ, 0.01, np.float32)
    clip[5 * RATE_HZ : 7 * RATE_HZ] = 0.5
    assert np.all(loudest(clip) == 0.5)
    assert len(loudest(clip[: RATE_HZ // 2])) == N_SAMPLES


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


def lose_sounds(folder: Path) -> None:
    for path in (folder / "log_mel").iterdir():
        path.unlink()


def break_sound(folder: Path) -> None:
    (folder / "log_mel" / "eval1_30.npy").write_bytes(b"no spectrogram")


def misshape_sound(folder: Path) -> None:
    np.save(folder / "log_mel" / "eval1_30.npy", np.zeros((3, 3)))


def cut_sound(folder: Path) -> None:
    (folder / "audio").mkdir()
    (folder / "log_mel" / "eval1_30.npy").unlink()
    (folder / "audio" / "eval1_30.wav").write_bytes(b"RIFF\x00\x00")


def quote_open(folder: Path) -> None:
    path = folder / "eval_segments.csv"
    path.write_text(path.read_text() + 'x, 30.000, 40.000, "/m/1\n')


def begin_nowhere(folder: Path) -> None:
    (folder / "eval_segments.csv").write_text('x, nan, 40.000, "/m/1"\n')


def overflow_sound(folder: Path) -> None:
    spectrogram = np.zeros((196, 40))
    spectrogram[3, 3] = 1e300
    np.save(folder / "log_mel" / "eval1_30.npy", spectrogram)


def pack_sound(folder: Path) -> None:
    with (folder / "log_mel" / "eval1_30.npy").open("wb") as stream:
        np.savez(stream, a=np.zeros((196, 40)))


def write_sound(folder: Path) -> None:
    np.save(folder / "log_mel" / "eval1_30.npy", np.full((196, 40), "loud"))


@pytest.mark.parametrize(
    ("damage", "kind", "word"),
    [
        (break_ontology, DataBroken, "ontology"),
        (lose_label, DataBroken, "Bark"),
        (lose_lists, DataMissing, "balanced_train_segments.csv"),
        (lose_test_list, DataMissing, "eval_segments.csv"),
        (break_list, DataBroken, "line 1"),
        (lose_sounds, DataMissing, "has a file"),
        (break_sound, DataBroken, "eval1_30.npy"),
        (misshape_sound, DataBroken, "(3, 3)"),
        (cut_sound, DataBroken, "eval1_30.wav"),
        (quote_open, DataBroken, "eval_segments.csv"),
        (begin_nowhere, DataBroken, "line 1"),
        (overflow_sound, DataBroken, "eval1_30.npy"),
        (pack_sound, DataBroken, "eval1_30.npy"),
        (write_sound, DataBroken, "eval1_30.npy"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(  # type: ignore[no-untyped-def]
    audioset: Path, damage, kind: type[SearchError], word: str
) -> None:
    damage(audioset)
    with pytest.raises(kind) as caught:
        load_audioset(audioset)
    assert word in caught.value.problem
    assert caught.value.hint


def test_a_folder_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="not a folder"):
        load_audioset(tmp_path / "none")

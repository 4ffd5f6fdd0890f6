"""A user's own folder of sounds, as real files."""

from __future__ import annotations

import errno
import os
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sound_specimens import tone, write_sounds, write_split_sounds

from search.audio.clip_files import ClipFeatures, ClipFile, UnusableFile, read_features
from search.audio.clip_reading import by_reason
from search.audio.recordings import RecordingRule
from search.audio.sound_folder import SHORTEST_S, load_sounds
from search.errors import DataBroken, DataMissing

PLAIN = RecordingRule()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def read_sound(path: Path) -> ClipFeatures:
    found = read_features(ClipFile(path, shortest_s=SHORTEST_S))
    assert isinstance(found, ClipFeatures), found
    return found


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    write_sounds(tmp_path / "sounds", 30)
    return tmp_path / "sounds"


@pytest.fixture
def split(tmp_path: Path) -> Path:
    write_split_sounds(tmp_path / "split")
    return tmp_path / "split"


def test_a_folder_per_class_is_split_by_recording_and_named(sounds: Path) -> None:
    data, inventory = load_sounds(sounds, PLAIN)
    assert data.class_names == ("high", "low")
    assert data.name == "sounds, 2 classes, 48-6-6 clips"
    assert not data.synthetic
    assert [len(each) for each in (data.train, data.validation, data.test)] == [48, 6, 6]
    for each in (data.train, data.validation, data.test):
        assert np.bincount(each.labels, minlength=2).tolist() == [len(each) // 2] * 2
    assert inventory.n_recordings == 30, "a name in two classes is one recording"
    assert [line.split() for line in inventory.lines][1] == ["high", "24", "3", "3"]
    assert all(len(line) <= 80 for line in inventory.lines)


def test_three_classes_and_pieces_of_one_recording_stay_together(tmp_path: Path) -> None:
    for k in range(4):
        write_sounds(tmp_path / "in", 3, ("high", "low", "mid"), first_seed=10 * k)
    for path in sorted((tmp_path / "in").rglob("*.wav")):
        number = int(path.stem.removeprefix("rec"))
        path.rename(path.with_name(f"{path.parent.name}{number // 10}_{number % 10}.wav"))
    data, inventory = load_sounds(tmp_path / "in", PLAIN)
    assert data.n_classes == 3
    assert inventory.n_recordings == 12
    assert {inventory.counts[name, "test"] for name in data.class_names} == {3}


def test_the_folders_of_the_splits_are_used_as_they_are(split: Path) -> None:
    data, _ = load_sounds(split, PLAIN)
    assert [len(each) for each in (data.train, data.validation, data.test)] == [20, 8, 8]


def test_the_same_files_are_the_same_data_and_others_are_not(sounds: Path, tmp_path: Path) -> None:
    data, _ = load_sounds(sounds, PLAIN)
    shutil.copytree(sounds, tmp_path / "moved")
    moved, _ = load_sounds(tmp_path / "moved", PLAIN)
    assert moved.sha256 == data.sha256
    soundfile.write(tmp_path / "moved" / "low" / "rec0.wav", tone(301.0, 1), 16_000)
    assert load_sounds(tmp_path / "moved", PLAIN)[0].sha256 != data.sha256
    shutil.copytree(sounds, tmp_path / "renamed")
    (tmp_path / "renamed" / "low").rename(tmp_path / "renamed" / "deep")
    assert load_sounds(tmp_path / "renamed", PLAIN)[0].sha256 != data.sha256
    assert load_sounds(sounds, RecordingRule("([0-9])"))[0].sha256 != data.sha256, "another split"


@pytest.mark.parametrize("name", ["a.WAV", "a.flac", "a.Ogg", "a.mp3", "a.aiff", "a.au", "a.caf", "no_suffix", "a.txt"])
def test_whatever_soundfile_reads_is_a_clip_by_its_content(name: str, tmp_path: Path) -> None:
    kind = {".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3", ".aiff": "AIFF", ".au": "AU", ".caf": "CAF"}
    path = tmp_path / name
    soundfile.write(tmp_path / "part", tone(900, 1, 1.0, 44_100), 44_100, format=kind.get(path.suffix.lower(), "WAV"))
    (tmp_path / "part").rename(path)
    found = read_sound(path)
    assert found.spectrogram.shape == (196, 40)
    assert np.argmax(found.spectrogram[:90].mean(axis=0)) == pytest.approx(12, abs=2)


def test_channels_rates_and_lengths_do_not_change_what_is_heard(tmp_path: Path) -> None:
    mono = tone(900, 1, 1.0)
    soundfile.write(tmp_path / "mono.wav", mono, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "stereo.wav", np.stack([mono, mono], axis=1), 16_000, subtype="FLOAT")
    a, b = (read_sound(tmp_path / name) for name in ("mono.wav", "stereo.wav"))
    assert np.array_equal(a.spectrogram, b.spectrogram)
    long = np.concatenate([0.01 * tone(300, 2, 5.0), mono, mono, 0.01 * tone(300, 3, 5.0)])
    soundfile.write(tmp_path / "long.wav", long, 16_000)
    assert np.argmax(read_sound(tmp_path / "long.wav").spectrogram.mean(axis=0)) == pytest.approx(12, abs=2)
    assert (read_sound(tmp_path / "mono.wav").spectrogram[110:] < -13).all(), "silence after a short sound"


def write_unusable(folder: Path) -> dict[str, str]:
    """A file of every kind that gives no clip, with the word that says why."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "no_samples.wav", np.zeros(0), 16_000)
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(folder / "short.wav", tone(300, 1, 0.03), 16_000)
    (folder / "notes.txt").write_text("recorded in May")
    (folder / "damaged.wav").write_bytes(b"RIFF\x10\x00\x00\x00WAVEnothing more")
    soundfile.write(folder / "whole.flac", tone(300, 1), 16_000)
    (folder / "cut.flac").write_bytes((folder / "whole.flac").read_bytes()[:6000])
    (folder / "whole.flac").unlink()
    sound = tone(300, 1)
    sound[7] = np.nan
    soundfile.write(folder / "nan.wav", sound, 16_000, subtype="FLOAT")
    (folder / "headless.raw").write_bytes(bytes(range(256)) * 100)
    return {
        "empty.wav": "0 bytes", "no_samples.wav": "no samples", "silent.wav": "full scale", "short.wav": "0.03 s",
        "notes.txt": "", "damaged.wav": "", "cut.flac": "", "nan.wav": "not a number", "headless.raw": "",
    }  # fmt: skip


def test_every_kind_of_file_without_a_clip_is_said_to_be_that(tmp_path: Path) -> None:
    for name, word in write_unusable(tmp_path).items():
        found = read_features(ClipFile(tmp_path / name, shortest_s=SHORTEST_S))
        assert isinstance(found, UnusableFile), name
        assert word in found.detail


def test_some_unusable_files_are_left_out_and_named_and_many_are_refused(tmp_path: Path) -> None:
    write_sounds(tmp_path / "in", 100)
    whole, _ = load_sounds(tmp_path / "in", PLAIN)
    words = write_unusable(tmp_path / "in" / "low" / "more")
    data, inventory = load_sounds(tmp_path / "in", PLAIN)
    assert data.sha256 == whole.sha256
    assert {path.name for path, _ in inventory.unusable} == set(words)
    assert inventory.unusable_path is not None
    named = inventory.unusable_path.read_text()
    assert all(name in named for name in words)
    for more in ("high/a", "high/b", "high/c"):
        write_unusable(tmp_path / "in" / more)
    with pytest.raises(DataBroken, match="36 of 236 files cannot be used, more than 10%") as caught:
        load_sounds(tmp_path / "in", PLAIN)
    assert str(inventory.unusable_path) in caught.value.problem


def test_a_hidden_file_is_none(sounds: Path) -> None:
    (sounds / "low" / ".DS_Store").write_bytes(b"x")
    (sounds / ".git").mkdir()
    (sounds / "__MACOSX").mkdir()
    (sounds / "README.md").write_text("mine")
    _, inventory = load_sounds(sounds, PLAIN)
    assert inventory.n_files == 60


def test_splits_that_share_a_recording_are_refused_with_the_way_out(split: Path) -> None:
    for name in ("train", "test"):
        soundfile.write(split / name / "low" / f"yard_{name == 'test':d}.wav", tone(300, len(name)), 16_000)
    with pytest.raises(DataBroken, match="yard: train, test") as caught:
        load_sounds(split, PLAIN)
    assert "'(.+)'" in caught.value.hint
    data, _ = load_sounds(split, RecordingRule("(.+)"))
    assert len(data.test) == 9


@pytest.mark.parametrize("target", ["other_name.wav", "other.flac"])
def test_one_sound_in_two_splits_is_refused_whatever_its_name_and_format(split: Path, target: str) -> None:
    sound, rate_hz = soundfile.read(split / "train" / "low" / "rec0.wav", dtype="int16")
    soundfile.write(split / "test" / "low" / target, sound, rate_hz)
    with pytest.raises(DataBroken, match="two splits"):
        load_sounds(split, PLAIN)


def test_copies_in_a_folder_per_class_go_to_one_split_and_in_two_classes_are_refused(sounds: Path) -> None:
    for i in range(30):
        shutil.copy(sounds / "low" / f"rec{i}.wav", sounds / "low" / f"copy{i}.wav")
    data, inventory = load_sounds(sounds, PLAIN)
    assert inventory.counts["low", "test"] == 2 * inventory.counts["high", "test"]
    spectrograms = [set(map(bytes, each.spectrograms)) for each in (data.train, data.validation, data.test)]
    assert not spectrograms[0] & (spectrograms[1] | spectrograms[2])
    shutil.copy(sounds / "low" / "rec3.wav", sounds / "high" / "new.wav")
    with pytest.raises(DataBroken, match="two classes"):
        load_sounds(sounds, PLAIN)


@pytest.mark.parametrize(
    ("folders", "word"),
    [
        (["train", "test"], "exactly train, validation and test"),
        (["train", "val", "test"], "exactly train, validation and test"),
        (["Train", "Validation", "Test"], "exactly train, validation and test"),
        (["train", "validation", "test", "spare"], "nothing beside them"),
    ],
)
def test_splits_that_are_not_quite_laid_out_are_refused(folders: list[str], word: str, tmp_path: Path) -> None:
    for k, name in enumerate(folders):
        write_sounds(tmp_path / name, 3, first_seed=10 * k)
    with pytest.raises(DataBroken) as caught:
        load_sounds(tmp_path, PLAIN)
    assert word in caught.value.hint


def test_a_class_that_is_called_train_is_a_class(tmp_path: Path) -> None:
    write_sounds(tmp_path, 4)
    (tmp_path / "low").rename(tmp_path / "train")
    assert load_sounds(tmp_path, PLAIN)[0].class_names == ("high", "train")


def test_what_is_no_data_set_is_refused_with_the_layout(tmp_path: Path, split: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow" / "low").mkdir(parents=True)
    write_sounds(tmp_path / "one", 5, ("low",))
    write_sounds(tmp_path / "flat", 5, ("low",))
    for path in (tmp_path / "flat" / "low").iterdir():
        path.rename(tmp_path / "flat" / path.name)
    (tmp_path / "file").write_text("x")
    for name in ("nowhere", "empty", "hollow", "one", "flat", "file"):
        with pytest.raises(DataMissing) as caught:
            load_sounds(tmp_path / name, PLAIN)
        assert "DIR/CLASS" in caught.value.hint, name
    shutil.rmtree(split / "validation" / "low")
    with pytest.raises(DataBroken, match="low in validation"):
        load_sounds(split, PLAIN)
    write_sounds(tmp_path / "few", 2)
    with pytest.raises(DataBroken, match="high has 2") as few:
        load_sounds(tmp_path / "few", PLAIN)
    assert "needs 3 recordings" in few.value.hint


def test_folders_are_followed_through_links_and_entered_once(tmp_path: Path) -> None:
    write_sounds(tmp_path / "elsewhere", 4)
    (tmp_path / "in" / "low").mkdir(parents=True)
    (tmp_path / "in" / "high").symlink_to(tmp_path / "elsewhere" / "high")
    (tmp_path / "in" / "low" / "inner").symlink_to(tmp_path / "elsewhere" / "low")
    (tmp_path / "elsewhere" / "low" / "back").symlink_to(tmp_path / "in" / "low")
    data, inventory = load_sounds(tmp_path / "in", PLAIN)
    assert data.class_names == ("high", "low")
    assert inventory.n_files == 8


def test_a_class_without_clips_is_refused_not_forgotten(sounds: Path) -> None:
    (sounds / "mid").mkdir()
    with pytest.raises(DataBroken, match="mid in train"):
        load_sounds(sounds, PLAIN)


def test_a_folder_that_cannot_be_read_is_refused_not_forgotten(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, closed = os.scandir, sounds / "low" / "closed"
    closed.mkdir()

    def scandir(place: Any) -> Any:
        if Path(place) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataBroken, match="closed cannot be read: Permission denied"):
        load_sounds(sounds, PLAIN)


def test_a_class_whose_name_breaks_lines_is_refused(tmp_path: Path) -> None:
    write_sounds(tmp_path, 4)
    (tmp_path / "low").rename(tmp_path / "low\nlower")
    with pytest.raises(DataBroken, match=r"low\\nlower has a name that is no text"):
        load_sounds(tmp_path, PLAIN)


def test_names_that_are_no_text_are_read_and_shown_as_escapes(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    write_sounds(tmp_path / "in", 8)
    (tmp_path / "in").rename(folder)
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/low/\xfe\x1b[31m.wav"))
    odd.write_text("no sound")
    data, inventory = load_sounds(folder, PLAIN)
    assert data.name.startswith("\\udcff, 2 classes")
    assert [path for path, _ in inventory.unusable] == [odd]
    assert "\\udcfe\\x1b[31m.wav, Format not recognised" in by_reason(inventory.unusable)


@pytest.mark.parametrize("name", ["Caf\u00e9", "Hu\u0308hner", "\u304c\u3093", "\u212bngstrom"])
def test_a_name_that_is_stored_in_two_ways_is_refused_not_counted_twice(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    composed, other = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    write_sounds(folder, classes=("high", "low", "mid"))
    (folder / "high").rename(folder / composed)
    (folder / "low").rename(folder / other)
    with pytest.raises(DataBroken) as refused:
        load_sounds(folder, RecordingRule(), tmp_path / "cache")
    assert ascii(composed) in str(refused.value)
    assert ascii(other) in str(refused.value)
    (folder / composed).rename(folder / "high")
    assert load_sounds(folder, RecordingRule(), tmp_path / "cache")[0].n_classes == 3


def test_splits_that_spell_a_class_in_two_ways_are_refused(split: Path) -> None:
    for each in ("train", "validation"):
        (split / each / "high").rename(split / each / "h\u00f6ch")
    (split / "test" / "high").rename(split / "test" / "ho\u0308ch")
    with pytest.raises(DataBroken, match="stored in two ways"):
        load_sounds(split, RecordingRule(), split.parent / "cache")

"""A user's own sounds: a folder of clips per class, of two classes or more.

| layout | splits |
|---|---|
| `DIR/CLASS/..` | by recording, see `recordings`: of each class a tenth to validation, a tenth to test |
| `DIR/train/CLASS/..`, `DIR/validation/CLASS/..`, `DIR/test/CLASS/..` | as laid out; refused if they share recordings |

Everything below a class's folder that soundfile can read is a clip of it, whatever its suffix; names that begin with a
dot are left out. No class is added to those that have a folder.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from db.shown_text import is_text, printable
from search.audio.clip_files import ClipFile, UnusableFile
from search.audio.clip_reading import Report, check_unusable, read_clips, write_unusable
from search.audio.examples import SoundData, standardised
from search.audio.feature_cache import FeatureCache, StoredClip
from search.audio.identity import ClipSource, sha256_of_clips
from search.audio.log_mel import N_BANDS, N_FRAMES, Spectrogram
from search.audio.recordings import (
    OWN_RECORDINGS,
    PIECE_RULE,
    SPLITS,
    RecordingRule,
    joined,
    shared_recordings,
    split_recordings,
)
from search.audio.synthetic_data import default_cache_dir
from search.errors import DataBroken, DataMissing

SHORTEST_S = 0.05
"""Of a clip: silence is added at its end, up to two seconds."""

_SEGMENT = "the loudest 2 s in steps of 0.5 s; silence is added at the end of shorter ones"
_LAYOUT = "put the clips of each class into a folder of its own, DIR/CLASS/.. or DIR/train/CLASS/.."
_SPLIT_NAMES = (*SPLITS, "training", "valid", "val", "dev", "testing", "eval", "evaluation")
_SHOWN = 5


@dataclass(frozen=True)
class _Listed:
    """A file of the folder; its split where the folders say so."""

    path: Path
    class_name: str
    split: str | None


@dataclass(frozen=True, eq=False)
class _Sound:
    """What a file gave: the hash of its bytes, and that of its spectrogram, which copies in other formats share."""

    spectrogram: Spectrogram
    file_sha256: str
    sound_sha256: str


@dataclass(frozen=True, eq=False)
class _Clip:
    listed: _Listed
    sound: _Sound
    recording: str
    split: str


@dataclass(frozen=True)
class SoundInventory:
    """What of a folder was used.

    Attributes:
        counts: clips by (class, split).
        files: of each split, in the order of its examples.
        n_recordings: different ones.
        unusable: path and reason of each file that was left out.
        unusable_path: the file that names them.
    """

    class_names: tuple[str, ...]
    counts: dict[tuple[str, str], int]
    files: dict[str, tuple[Path, ...]]
    n_recordings: int
    n_files: int
    unusable: tuple[tuple[Path, UnusableFile], ...]
    unusable_path: Path | None

    @property
    def lines(self) -> tuple[str, ...]:
        """Clips per class and split, as a table of plain text."""
        width = max(len("class"), *(min(len(name), 40) for name in self.class_names))
        rows: list[tuple[str, ...]] = [("class", *SPLITS)]
        rows += [(name[:40], *(str(self.counts[name, split]) for split in SPLITS)) for name in self.class_names]
        return tuple(f"  {name:<{width}}" + "".join(f"{n:>12}" for n in counts) for name, *counts in rows)


def load_sounds(
    folder: Path, rule: RecordingRule, cache_dir: Path | None = None, report: Report = lambda done, n: None
) -> tuple[SoundData, SoundInventory]:
    """Reads a folder of sounds; features are kept, and no file that has not changed is read twice.

    Args:
        cache_dir: where they are kept. None: `default_cache_dir`.
        report: told how many files are read, of how many.

    Raises:
        DataMissing: there is no such folder, or no clips in it.
        DataBroken: its layout, its splits or too many of its files cannot be used; says which.
    """
    cache_dir = default_cache_dir() if cache_dir is None else cache_dir
    listed, class_names = _listed(folder)
    if len(class_names) < 2:
        raise DataMissing(f"{folder} has clips of {len(class_names)} class, two are needed", _LAYOUT)
    cache = FeatureCache(cache_dir)
    asked = [ClipFile(each.path, shortest_s=SHORTEST_S) for each in listed]
    read = read_clips(asked, cache, len(os.sched_getaffinity(0)), report)
    unusable_path = write_unusable(read.unusable, cache_dir, folder)
    check_unusable(read.unusable, len(listed), unusable_path)
    sounds = [
        (each, _sound(cache, stored)) for each, stored in zip(listed, read.clips, strict=True) if stored is not None
    ]
    cache.close()
    clips = _split(sounds, rule)
    _check_every_class(clips, class_names)
    inventory = SoundInventory(
        class_names,
        dict(Counter((clip.listed.class_name, clip.split) for clip in clips)),
        {split: tuple(clip.listed.path for clip in clips if clip.split == split) for split in SPLITS},
        len({clip.recording for clip in clips}),
        len(listed),
        read.unusable,
        unusable_path,
    )
    return _data(folder, clips, class_names), inventory


def _sound(cache: FeatureCache, stored: StoredClip) -> _Sound:
    spectrogram = cache.spectrograms([stored.row])[0]
    return _Sound(spectrogram, stored.sha256, hashlib.sha256(spectrogram.tobytes()).hexdigest())


def _listed(folder: Path) -> tuple[list[_Listed], tuple[str, ...]]:
    """The files, and the classes in order: whatever has a folder, with files or without."""
    if not folder.is_dir():
        raise DataMissing(f"{printable(folder)} is not a folder", f"give the folder that holds your sounds: {_LAYOUT}")
    top = _folders(folder)
    named = {each.name: each for each in top}
    if sum(name.lower() in _SPLIT_NAMES for name in named) < 2:
        of_split: list[tuple[str | None, Path]] = [(None, each) for each in top]
    else:
        if set(named) != set(SPLITS):
            shown = ", ".join(map(printable, sorted(named)[:8]))
            raise DataBroken(
                f"{printable(folder)} looks like splits laid out as folders, and has: {shown}",
                "name them exactly train, validation and test, nothing beside them, and a folder per class in each; "
                "or give a folder per class alone: they are then split by recording",
            )
        of_split = [(split, each) for split in SPLITS for each in _folders(named[split])]
    class_names = tuple(sorted({each.name for _, each in of_split}))
    found = [_Listed(path, each.name, split) for split, each in of_split for path in _files(each)]
    if not found:
        raise DataMissing(f"{printable(folder)} has no folders with clips", _LAYOUT)
    for name in class_names:
        if not is_text(name):
            raise DataBroken(f"the folder {printable(name)} has a name that is no text", "rename it")
    _check_spelling(class_names)
    return found, class_names


def _check_spelling(class_names: tuple[str, ...]) -> None:
    """Returns when no two names are the same letters in two ways of writing: a copy from another system has the other.

    Raises:
        DataBroken: they would be two classes that look the same.
    """
    first: dict[str, str] = {}
    for name in class_names:
        other = first.setdefault(unicodedata.normalize("NFC", name), name)
        if other != name:
            raise DataBroken(
                f"two folders are called {name}, with letters that are stored in two ways: {other!a} and {name!a}",
                "put the clips of both into one folder: they would be two classes",
            )


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith((".", "__")))
    except OSError as error:
        _refuse(error)
        raise


def _files(folder: Path) -> Iterator[Path]:
    """Files in order of path, through links to folders too; what is hidden is left out, a folder is entered once."""
    entered: set[tuple[int, int]] = set()
    _enter(folder, entered)
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and _enter(Path(place, name), entered))
        found += (path for name in names if not name.startswith(".") and (path := Path(place, name)).is_file())
    yield from sorted(found)


def _enter(folder: Path, entered: set[tuple[int, int]]) -> bool:
    status = folder.stat()
    key = (status.st_dev, status.st_ino)
    new = key not in entered
    entered.add(key)
    return new


def _refuse(error: OSError) -> None:
    raise DataBroken(
        f"{printable(str(error.filename))} cannot be read: {error.strerror}", "make it readable, or take it away"
    ) from error


def _split(sounds: list[tuple[_Listed, _Sound]], rule: RecordingRule) -> list[_Clip]:
    """The clips in their splits, by split, class and path.

    Raises:
        DataBroken: splits share a recording or a sound, a sound has two classes, or a class cannot be split.
    """
    _check_one_class(sounds)
    recordings = [rule.recording_of(each.path.stem) for each, _ in sounds]
    if any(each.split is None for each, _ in sounds):
        recordings = joined(recordings, [sound.sound_sha256 for _, sound in sounds])
        of_class: dict[str, list[str]] = {}
        for (each, _), recording in zip(sounds, recordings, strict=True):
            of_class.setdefault(each.class_name, []).append(recording)
        split_of = split_recordings(of_class)
        splits = [split_of[recording] for recording in recordings]
    else:
        splits = [str(each.split) for each, _ in sounds]
        _check_apart(sounds, recordings, splits, rule)
    clips = [_Clip(each, sound, r, s) for (each, sound), r, s in zip(sounds, recordings, splits, strict=True)]
    return sorted(clips, key=lambda clip: (SPLITS.index(clip.split), clip.listed.class_name, clip.listed.path))


def _check_one_class(sounds: list[tuple[_Listed, _Sound]]) -> None:
    if twice := _sound_of_two(sounds, lambda each: each.class_name):
        raise DataBroken(
            f"one sound stands in two classes: {twice}", "remove it from one of them: a clip has one class"
        )


def _sound_of_two(sounds: list[tuple[_Listed, _Sound]], side: Callable[[_Listed], str | None]) -> str | None:
    """The names of two files of one sound that stand on different sides; None where there are none."""
    first: dict[str, _Listed] = {}
    for each, sound in sounds:
        other = first.setdefault(sound.sound_sha256, each)
        if side(other) != side(each):
            return f"{printable(other.path)} and {printable(each.path)}"
    return None


def _check_apart(
    sounds: list[tuple[_Listed, _Sound]], recordings: list[str], splits: list[str], rule: RecordingRule
) -> None:
    """Returns when the folders of the splits share nothing."""
    if twice := _sound_of_two(sounds, lambda each: each.split):
        raise DataBroken(
            f"one sound stands in two splits: {twice}",
            "remove it from one of them: what is judged must not have been learnt",
        )
    shared = shared_recordings(zip(recordings, splits, strict=True))
    if shared:
        shown = "".join(f"\n  {printable(name)}: {', '.join(where)}" for name, where in shared[:_SHOWN])
        rest = f"\n  and {len(shared) - _SHOWN} more" if len(shared) > _SHOWN else ""
        known = "your --recording" if rule.pattern is not None else PIECE_RULE
        raise DataBroken(
            f"{len(shared)} recordings stand in several splits:{shown}{rest}",
            f"a recording is known by {known}. Move its clips into one split; where files are recordings of their own, "
            f"say so: {OWN_RECORDINGS}",
        )


def _check_every_class(clips: list[_Clip], class_names: tuple[str, ...]) -> None:
    there = {(clip.listed.class_name, clip.split) for clip in clips}
    missing = [f"{name} in {split}" for name in class_names for split in SPLITS if (name, split) not in there]
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
        raise DataBroken(
            f"no usable clip of {shown}", "every class needs clips in every split: train, validation, test"
        )


def _data(folder: Path, clips: list[_Clip], class_names: tuple[str, ...]) -> SoundData:
    index = {name: i for i, name in enumerate(class_names)}
    splits = dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]]()
    sources = list[ClipSource]()
    for split in SPLITS:
        own = [clip for clip in clips if clip.split == split]
        spectrograms = np.empty((len(own), N_FRAMES, N_BANDS), np.float32)
        for i, clip in enumerate(own):
            spectrograms[i] = clip.sound.spectrogram
        labels = np.array([index[clip.listed.class_name] for clip in own], np.int64)
        splits[split] = spectrograms, labels
        sources += [
            ClipSource(split, int(label), clip.sound.file_sha256, _SEGMENT)
            for clip, label in zip(own, labels, strict=True)
        ]
    counts = "-".join(str(len(splits[split][1])) for split in SPLITS)
    name = f"{printable(folder.resolve().name)}, {len(class_names)} classes, {counts} clips"
    made_from = {"kind": "sounds", "clips_sha256": sha256_of_clips(sources)}
    return standardised(name, False, splits, class_names, made_from)

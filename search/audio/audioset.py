"""AudioSet (Gemmeke et al., 2017) from a folder: the published lists, and audio files or spectrograms beside them.

What the folder holds:

| name | what |
|---|---|
| `ontology.json` | the published ontology |
| `balanced_train_segments.csv`, `unbalanced_train_segments.csv` | published lists, one or both: training, validation |
| `eval_segments.csv` | published list: test |
| `audio/` | `YTID_START.wav` or `YTID.wav` (or .flac, .ogg), START in whole seconds as in the list |
| `log_mel/` | instead of audio: `YTID_START.npy` or `YTID.npy`, (196, 40) natural logarithms of mel-band power |

A clip belongs to the class of its labels (see `classes`); clips of two classes are left out, clips of none are
negatives, of which as many are kept as there are events. A tenth of the training clips, chosen by a hash of
their video, is the validation split, so that no video is on both sides. Of a ten-second clip the two loudest
seconds in a row are used. Clips whose file is not there are counted: videos vanish.
"""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.audio.classes import CLASS_NAMES, EVENTS, NEGATIVE_INDEX, SoundClass
from search.audio.examples import SoundData, standardised
from search.audio.identity import ClipSource, sha256_of_clips, sha256_of_file
from search.audio.log_mel import N_BANDS, N_FRAMES, N_SAMPLES, RATE_HZ, Spectrogram, Waveform, log_mel
from search.errors import DataBroken, DataMissing

_TRAIN_LISTS = ("balanced_train_segments.csv", "unbalanced_train_segments.csv")
_TEST_LIST = "eval_segments.csv"
_AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")
_VALIDATION_SHARE = 0.1
_STEP = RATE_HZ // 2
_SEGMENT = "loudest 2 s in steps of 0.5 s"
_SHOWN = 5
_LARGEST = 1e3
_LONGEST_S, _LONGEST_NAME = 1e6, 200
_SOURCE_HINT = "the lists and the ontology are published at research.google.com/audioset/download.html"


@dataclass(frozen=True)
class Clip:
    """A segment of a list.

    Attributes:
        video: YouTube's name of the video.
    """

    video: str
    start_s: float
    class_index: int

    @property
    def stems(self) -> tuple[str, str]:
        """File names to look for, without suffix, the most exact first."""
        return f"{self.video}_{int(self.start_s)}", self.video

    @property
    def place(self) -> float:
        """Of its video in 0..1, the same everywhere."""
        digest = hashlib.sha256(self.video.encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64


@dataclass(frozen=True)
class Inventory:
    """What of the lists was found.

    Attributes:
        n_missing: clips of one class, or of none, that have no file, by split.
        n_ambiguous: clips of two classes, left out.
    """

    n_missing: dict[str, int]
    n_ambiguous: int


def load_audioset(folder: Path) -> tuple[SoundData, Inventory]:
    """Reads the folder.

    Raises:
        DataMissing: the folder, the ontology, a list, or all files of a split are not there.
        DataBroken: a list, the ontology or files cannot be read; the first of them are named.
    """
    if not folder.is_dir():
        raise DataMissing(f"{folder} is not a folder", f"give the folder that holds AudioSet: {_SOURCE_HINT}")
    class_of = read_ontology(folder / "ontology.json")
    lists = [folder / name for name in _TRAIN_LISTS if (folder / name).is_file()]
    if not lists:
        raise DataMissing(f"{folder} holds neither {' nor '.join(_TRAIN_LISTS)}", _SOURCE_HINT)
    n_ambiguous = 0
    clips: dict[str, list[Clip]] = {"train": [], "validation": [], "test": []}
    for listing in (*lists, folder / _TEST_LIST):
        for clip in read_segments(listing, class_of):
            if clip is None:
                n_ambiguous += 1
            elif listing.name == _TEST_LIST:
                clips["test"].append(clip)
            else:
                clips["validation" if clip.place < _VALIDATION_SHARE else "train"].append(clip)
    # A segment that stands in two lists is one clip.
    clips = {split: list(dict.fromkeys(listed)) for split, listed in clips.items()}
    sources = list[ClipSource]()
    splits, missing, broken = dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]](), dict[str, int](), list[str]()
    for split, listed in clips.items():
        found = [(clip, path) for clip in listed if (path := _file_of(folder, clip)) is not None]
        missing[split] = len(listed) - len(found)
        splits[split] = _read_files(_half_negative(found), split, sources, broken)
        if not len(splits[split][1]) and not broken:
            hint = f"put audio into {folder / 'audio'}, or spectrograms into {folder / 'log_mel'}, named YTID_START"
            raise DataMissing(f"none of the {len(listed)} {split} clips has a file of both kinds of class", hint)
    if broken:
        shown = "".join(f"\n  {line}" for line in broken[:_SHOWN])
        rest = f"\n  and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        raise DataBroken(f"{len(broken)} files cannot be used:{shown}{rest}", "remove them, or fetch them again")
    counts = "-".join(str(len(splits[split][1])) for split in clips)
    made_from = {"kind": "AudioSet", "clips_sha256": sha256_of_clips(sources)}
    data = standardised(f"AudioSet, 9 classes, {counts} clips", False, splits, CLASS_NAMES, made_from)
    return data, Inventory(missing, n_ambiguous)


def read_ontology(path: Path) -> dict[str, int]:
    """Class index of every label that makes one, by the ontology's label id.

    Raises:
        DataMissing, DataBroken: not there, or not the published ontology.
    """
    try:
        nodes = {node["id"]: node for node in json.loads(path.read_text(encoding="utf-8"))}
        ids = {node["name"]: node["id"] for node in nodes.values()}
        children = {label: list(node["child_ids"]) for label, node in nodes.items()}
    except FileNotFoundError as error:
        raise DataMissing(f"{path} is not there", _SOURCE_HINT) from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataBroken(f"{path} is not AudioSet's ontology: {error}", _SOURCE_HINT) from error
    class_of: dict[str, int] = {}
    for index, event in enumerate(EVENTS):
        for label in _labels_of(event, ids, children, path):
            class_of.setdefault(label, index)
    return class_of


def _labels_of(event: SoundClass, ids: dict[str, str], children: dict[str, list[str]], path: Path) -> Iterator[str]:
    unknown = [name for name in event.labels if name not in ids]
    if unknown:
        raise DataBroken(f"{path} has no label {unknown[0]!r}, which makes class {event.name}", _SOURCE_HINT)
    waiting, seen = [ids[name] for name in event.labels], set[str]()
    while waiting:
        label = waiting.pop()
        if label in seen:
            continue
        seen.add(label)
        yield label
        if event.with_children:
            waiting.extend(children.get(label, ()))


def read_segments(path: Path, class_of: dict[str, int]) -> Iterator[Clip | None]:
    """The clips of a published list; None for one of two classes.

    Raises:
        DataMissing, DataBroken: not there, or a line is not of the form YTID, start, end, "labels".
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream, skipinitialspace=True, strict=True))
    except FileNotFoundError as error:
        raise DataMissing(f"{path} is not there", _SOURCE_HINT) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataBroken(f"{path} cannot be read: {error}", _SOURCE_HINT) from error
    for line, row in enumerate(rows, start=1):
        if not row or row[0].startswith("#"):
            continue
        try:
            video, start, _, labels = row
            start_s = float(start)
            if not 0 <= start_s < _LONGEST_S or len(video) > _LONGEST_NAME:
                raise ValueError("no segment of a video")
        except ValueError as error:
            raise DataBroken(f"{path}, line {line} is not YTID, start, end, labels", _SOURCE_HINT) from error
        found = {class_of[label] for label in labels.split(",") if label in class_of}
        yield None if len(found) > 1 else Clip(video, start_s, found.pop() if found else NEGATIVE_INDEX)


def _half_negative(found: list[tuple[Clip, Path]]) -> list[tuple[Clip, Path]]:
    events = [pair for pair in found if pair[0].class_index != NEGATIVE_INDEX]
    negatives = [pair for pair in found if pair[0].class_index == NEGATIVE_INDEX]
    negatives.sort(key=lambda pair: (pair[0].place, pair[0].start_s))
    chosen = [*events, *negatives[: len(events)]]
    return sorted(chosen, key=lambda pair: (pair[0].video, pair[0].start_s))


def _file_of(folder: Path, clip: Clip) -> Path | None:
    for stem in clip.stems:
        candidates = [folder / "log_mel" / f"{stem}.npy"]
        candidates += [folder / "audio" / f"{stem}{suffix}" for suffix in _AUDIO_SUFFIXES]
        for candidate in candidates:
            if candidate.is_file():
                return candidate
    return None


def _read_files(
    found: list[tuple[Clip, Path]], split: str, sources: list[ClipSource], broken: list[str]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    spectrograms, labels = list[Spectrogram](), list[int]()
    for clip, path in found:
        try:
            spectrograms.append(_spectrogram_of(path))
            labels.append(clip.class_index)
            sources.append(ClipSource(split, clip.class_index, sha256_of_file(path), _SEGMENT))
        except (OSError, ValueError, TypeError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile) as error:
            # soundfile's errors are RuntimeErrors; a damaged head of an array can ask for any memory.
            broken.append(f"{path.name}: {error}")
    shape = (len(spectrograms), N_FRAMES, N_BANDS)
    return np.array(spectrograms, np.float32).reshape(shape), np.array(labels, np.int64)


def _spectrogram_of(path: Path) -> Spectrogram:
    if path.suffix == ".npy":
        stored: Any = np.load(path, allow_pickle=False)
        if not isinstance(stored, np.ndarray) or stored.shape != (N_FRAMES, N_BANDS):
            raise ValueError(f"holds {getattr(stored, 'shape', 'several arrays')}, not {N_FRAMES} x {N_BANDS} numbers")
        if not np.all(np.abs(stored) < _LARGEST):
            raise ValueError("holds what is no logarithm of a power")
        return stored.astype(np.float32)
    return log_mel(loudest(_read_audio(path)))


def _read_audio(path: Path) -> Waveform:
    import soundfile
    from scipy.signal import resample_poly

    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate_hz != RATE_HZ:
        divisor = int(np.gcd(rate_hz, RATE_HZ))
        mono = resample_poly(mono, RATE_HZ // divisor, rate_hz // divisor)
    if len(mono) < N_SAMPLES // 4:
        raise ValueError(f"only {len(mono) / RATE_HZ:.2f} s of sound")
    if not np.all(np.isfinite(mono)):
        raise ValueError("samples that are no numbers")
    return np.asarray(mono, np.float32)


def loudest(waveform: Waveform) -> Waveform:
    """The two loudest seconds in a row; silence is added at the end of shorter sounds."""
    if len(waveform) <= N_SAMPLES:
        return np.pad(waveform, (0, N_SAMPLES - len(waveform)))
    energy = np.concatenate(([0.0], np.cumsum(waveform.astype(np.float64) ** 2)))
    starts = np.arange(0, len(waveform) - N_SAMPLES + 1, _STEP)
    best = int(starts[np.argmax(energy[starts + N_SAMPLES] - energy[starts])])
    return waveform[best : best + N_SAMPLES]

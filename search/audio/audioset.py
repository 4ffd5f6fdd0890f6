"""AudioSet (Gemmeke et al., 2017) from a folder: the published lists, and audio files or spectrograms below them.

What the folder holds:

| name | what |
|---|---|
| `ontology.json` | the published ontology |
| `balanced_train_segments.csv`, `unbalanced_train_segments.csv` | published lists, one or both: training, validation |
| `eval_segments.csv` | published list: test |
| any folder | files of sound by the names of `audioset_files` |
| `log_mel/` | instead of sound: the same names with .npy, (196, 40) natural logarithms of mel-band power |

A clip belongs to the class of its labels (see `classes`); clips of two classes are left out, clips of none are
negatives, of which as many are kept as there are events. A tenth of the training clips, chosen by a hash of
their video, is the validation split, so that no video is on both sides. A file as long as the segment, or shorter, is
the segment; one that reaches the segment's end as a video from its beginning is cut there; of a ten-second segment the
two loudest seconds in a row are used. Clips whose file is not there are counted: videos vanish.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search.audio.audioset_files import LOOKED_FOR, SPECTROGRAMS, find_files
from search.audio.audioset_lists import Clip, ListRemarks, read_segments
from search.audio.audioset_ontology import SOURCE_HINT, read_ontology
from search.audio.classes import CLASS_NAMES, NEGATIVE_INDEX
from search.audio.clip_files import READ_SUFFIXES, ClipFile, UnusableFile
from search.audio.clip_reading import ReadClips, Report, check_unusable, read_clips, write_unusable
from search.audio.examples import SoundData
from search.audio.feature_cache import FeatureCache
from search.audio.identity import ClipSource, sha256_of_clips
from search.audio.stored_spectrograms import stored_data
from search.audio.synthetic_data import default_cache_dir
from search.errors import DataBroken, DataMissing

SPLITS = ("train", "validation", "test")

_TRAIN_LISTS = ("balanced_train_segments.csv", "unbalanced_train_segments.csv")
_TEST_LIST = "eval_segments.csv"
_VALIDATION_SHARE = 0.1
_SHOWN = 5


@dataclass(frozen=True)
class Inventory:
    """What of the lists was found, and what was left out.

    Attributes:
        n_missing: clips of one class, or of none, that have no file, by split.
        n_ambiguous: clips of two classes, left out.
        n_by_name: lines of the lists that give labels by display name.
        strange: some files that are no clip's.
        unusable: files that were left out, and why.
        unusable_path: names all of those; None where there are none, or where it cannot be written.
        n_read: files that were opened; the features of the others were kept from before.
    """

    n_missing: dict[str, int]
    n_ambiguous: int
    n_by_name: int = 0
    strange: tuple[str, ...] = ()
    unusable: tuple[tuple[Path, UnusableFile], ...] = ()
    unusable_path: Path | None = None
    n_read: int = 0


def load_audioset(
    folder: Path, cache_dir: Path | None = None, n_threads: int | None = None, report: Report = lambda done, n: None
) -> tuple[SoundData, Inventory]:
    """Reads the folder; features of clips are kept, and no file that has not changed is read twice.

    Args:
        cache_dir: where they are kept. None: `default_cache_dir`.
        n_threads: that read at once. None: one for each processor.
        report: told how many clips are done, of how many.

    Raises:
        DataMissing: the folder, the ontology, a list, all files of a split or all clips of a class are not there.
        DataBroken: a list or the ontology cannot be read, lists share videos, or too many files are of no use.
    """
    cache_dir = default_cache_dir() if cache_dir is None else cache_dir
    n_threads = len(os.sched_getaffinity(0)) if n_threads is None else n_threads
    if not folder.is_dir():
        raise DataMissing(f"{folder} is not a folder", f"give the folder that holds AudioSet: {SOURCE_HINT}")
    remarks = ListRemarks()
    listed = _listed(folder, remarks)
    files, strange = find_files(folder, (clip for clips in listed.values() for clip in clips))
    found = {split: [clip for clip in clips if clip in files] for split, clips in listed.items()}
    for split in SPLITS:
        if listed[split] and not found[split]:
            raise _no_files(folder, split, len(listed[split]), strange)
    chosen = {split: _half_negative(clips) for split, clips in found.items()}
    # Before hours of reading: what the lists have and no file is there for.
    wanted = {split: _classes(clips) for split, clips in listed.items()}
    _check_classes(folder, {split: wanted[split] - _classes(clips) for split, clips in chosen.items()}, "a file")
    cache = FeatureCache(cache_dir)
    asked = [ClipFile(Path(files[clip]), clip.segment) for split in SPLITS for clip in chosen[split]]
    read = read_clips(asked, cache, n_threads, report)
    unusable_path = write_unusable(read.unusable, cache_dir, folder)
    check_unusable(read.unusable, len(asked), unusable_path)
    splits = _split(read, chosen)
    every = set(range(len(CLASS_NAMES)))
    _check_classes(
        folder, {split: every - set(labels) for split, (_, labels) in splits.items()}, _of_use(unusable_path)
    )
    inventory = Inventory(
        n_missing={split: len(listed[split]) - len(found[split]) for split in SPLITS},
        n_ambiguous=remarks.n_ambiguous,
        n_by_name=remarks.n_by_name,
        strange=tuple(strange),
        unusable=read.unusable,
        unusable_path=unusable_path,
        n_read=read.n_read,
    )
    counts = "-".join(str(len(splits[split][1])) for split in SPLITS)
    made_from = {"kind": "AudioSet", "clips_sha256": sha256_of_clips(_sources(splits))}
    name = f"AudioSet, {len(CLASS_NAMES)} classes, {counts} clips"
    return stored_data(name, cache, splits, CLASS_NAMES, made_from), inventory


def _listed(folder: Path, remarks: ListRemarks) -> dict[str, list[Clip]]:
    """The clips of the lists by split; a segment that stands in two lists is one clip."""
    ontology = read_ontology(folder / "ontology.json")
    lists = [folder / name for name in _TRAIN_LISTS if (folder / name).is_file()]
    if not lists:
        raise DataMissing(f"{folder} holds neither {' nor '.join(_TRAIN_LISTS)}", SOURCE_HINT)
    listed: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    for path in lists:
        for clip in read_segments(path, ontology, remarks):
            listed["validation" if clip.place < _VALIDATION_SHARE else "train"].append(clip)
    listed["test"] = list(read_segments(folder / _TEST_LIST, ontology, remarks))
    _check_shared(listed, lists)
    return {split: list(dict.fromkeys(clips)) for split, clips in listed.items()}


def _check_shared(listed: Mapping[str, Sequence[Clip]], lists: Sequence[Path]) -> None:
    tested = {clip.video for clip in listed["test"]}
    shared = sorted({clip.video for split in ("train", "validation") for clip in listed[split]} & tested)
    if shared:
        names = " and ".join(path.name for path in lists)
        rest = "" if len(shared) <= _SHOWN else f" and {len(shared) - _SHOWN:,} more"
        raise DataBroken(
            f"{len(shared):,} videos of {_TEST_LIST} stand in {names} too: {', '.join(shared[:_SHOWN])}{rest}",
            f"a network would be judged by what it was trained with: take them out of one list; {SOURCE_HINT}",
        )


def _no_files(folder: Path, split: str, n_listed: int, strange: Sequence[str]) -> DataMissing:
    others = "".join(f"\n  {name}" for name in strange[:3])
    there = f"there are files by other names:{others}" if strange else "there is no other file"
    kinds = " ".join(READ_SUFFIXES)
    return DataMissing(
        f"none of the {n_listed:,} {split} clips of the lists has a file below {folder};\n{there}\n"
        f"looked for, for a segment of 30 to 40 s:\n  {LOOKED_FOR}\nwith one of {kinds}",
        f"put sounds into {folder / 'audio'}, or spectrograms into {folder / SPECTROGRAMS}, by one of these names",
    )


def _half_negative(found: Sequence[Clip]) -> list[Clip]:
    events = [clip for clip in found if clip.class_index != NEGATIVE_INDEX]
    negatives = [clip for clip in found if clip.class_index == NEGATIVE_INDEX]
    negatives.sort(key=lambda clip: (clip.place, clip.start_s))
    return sorted([*events, *negatives[: len(events)]], key=lambda clip: (clip.video, clip.start_s))


def _classes(clips: Sequence[Clip]) -> set[int]:
    return {clip.class_index for clip in clips}


def _check_classes(folder: Path, without: Mapping[str, set[int]], what: str) -> None:
    lines = [
        f"\n  {split}: {', '.join(CLASS_NAMES[index] for index in sorted(missing))}"
        for split, missing in without.items()
        if missing
    ]
    if lines:
        hint = "fetch clips of them (a tenth of the training lists is for validation); no network can be judged without"
        raise DataMissing(f"in {folder} no clip of these classes has {what}:{''.join(lines)}", hint)


def _of_use(unusable_path: Path | None) -> str:
    return "a file of use" if unusable_path is None else f"a file of use (others: {unusable_path})"


def _split(read: ReadClips, chosen: Mapping[str, Sequence[Clip]]) -> dict[str, tuple[ReadClips, list[int]]]:
    """What was read of each split, and the classes of what is of use."""
    splits, first = {}, 0
    for split in SPLITS:
        clips = read.clips[first : first + len(chosen[split])]
        first += len(clips)
        labels = [clip.class_index for clip, stored in zip(chosen[split], clips, strict=True) if stored is not None]
        splits[split] = (ReadClips(clips, (), 0), labels)
    return splits


def _sources(splits: Mapping[str, tuple[ReadClips, Sequence[int]]]) -> Iterator[ClipSource]:
    for split, (read, labels) in splits.items():
        used = (stored for stored in read.clips if stored is not None)
        for stored, class_index in zip(used, labels, strict=True):
            yield ClipSource(split, class_index, stored.sha256, stored.part)


def class_table(data: SoundData) -> str:
    """How many clips of each class the splits have: lines of text."""
    splits = [data.train.labels, data.validation.labels, data.test.labels]
    counts = np.array([np.bincount(labels, minlength=data.n_classes) for labels in splits]).T
    width = max(len(name) for name in (*data.class_names, "all"))
    lines = ["  ".join((f"{'class':<{width}}", *(f"{split:>10}" for split in SPLITS)))]
    for name, row in zip((*data.class_names, "all"), [*counts, counts.sum(axis=0)], strict=True):
        lines.append("  ".join((f"{name:<{width}}", *(f"{n:>10,}" for n in row))))
    return "\n".join(lines)

"""Which recording a clip is a piece of, and which split each recording goes to.

Pieces of one recording in training and in test would make a network look better than it is, so a recording is the
smallest thing that is split.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from search.errors import DataBroken

SPLITS = ("train", "validation", "test")
HELD_OUT_SHARE = 0.1
"""Of a class's recordings that go to validation, and to test: rounded, one at least."""

PIECE_RULE = "a file's name without a number at its end (street_01.wav and street-02.wav are pieces of one)"
OWN_RECORDINGS = "--recording '(.+)'"
"""For files that are recordings of their own."""

_PIECE = re.compile(
    r"^(.*?[^\W_].*?)[\s_.-]+(?:(?:part|piece|seg|segment|chunk|slice|clip)[\s_.-]*)?\d+$", re.IGNORECASE
)


@dataclass(frozen=True)
class RecordingRule:
    """How the recording of a file is known from its name.

    Attributes:
        pattern: a regular expression that is looked for in the name without its suffix: its first group, or all of it;
            None: PIECE_RULE.
    """

    pattern: str | None = None

    def __post_init__(self) -> None:
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise DataBroken(
                    f"{self.pattern!r} is no regular expression: {error}",
                    f"give one whose first group is the recording; every file its own: {OWN_RECORDINGS}",
                ) from error

    def recording_of(self, stem: str) -> str:
        """The recording's name.

        Args:
            stem: a file's name without its suffix.

        Raises:
            DataBroken: the pattern is not in it.
        """
        if self.pattern is None:
            found = _PIECE.match(stem)
            return found[1] if found else stem
        given = re.search(self.pattern, stem)
        named = (given[1] if given.re.groups else given[0]) if given else None
        if not named:
            raise DataBroken(
                f"--recording {self.pattern!r} finds no recording in {stem!r}",
                f"its first group must match in every file's name; every file its own: {OWN_RECORDINGS}",
            )
        return named


def joined(recordings: Sequence[str], sounds: Sequence[str]) -> list[str]:
    """The recordings, those that share a sound made one: a copy is the same recording, whatever its name.

    Args:
        recordings: of each clip.
        sounds: of each clip, equal where the sounds are.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    first: dict[str, str] = {}
    for recording, sound in zip(recordings, sounds, strict=True):
        a, b = root(first.setdefault(sound, recording)), root(recording)
        parent[max(a, b)] = min(a, b)
    return [root(recording) for recording in recordings]


def split_recordings(of_class: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """A split for every recording: of each class, a tenth to validation, a tenth to test, by a hash of the names.

    Args:
        of_class: the recordings of every class; one may be in several classes, and goes to one split.

    Raises:
        DataBroken: a class has too few recordings to stand in every split.
    """
    split_of: dict[str, str] = {}
    by_class = {name: sorted(set(recordings), key=_place) for name, recordings in of_class.items()}
    n_least = len(SPLITS)
    few = {name: len(recordings) for name, recordings in by_class.items() if len(recordings) < n_least}
    if few:
        shown = ", ".join(f"{name} has {n}" for name, n in list(few.items())[:8])
        raise DataBroken(
            f"too few recordings to split: {shown}{' ...' if len(few) > 8 else ''}",
            f"every class needs {n_least} recordings, for {', '.join(SPLITS)}. A recording is {PIECE_RULE}; "
            f"--recording REGEX says otherwise, and that every file is its own: {OWN_RECORDINGS}",
        )
    for name in sorted(by_class, key=lambda each: (len(by_class[each]), each)):
        recordings = by_class[name]
        n_held_out = max(1, round(HELD_OUT_SHARE * len(recordings)))
        n_wanted = {"test": n_held_out, "validation": n_held_out}
        given = [split_of[each] for each in recordings if each in split_of]
        free = [each for each in recordings if each not in split_of]
        for split, n in n_wanted.items():
            n_missing = max(0, n - given.count(split))
            split_of |= dict.fromkeys(free[:n_missing], split)
            free = free[n_missing:]
        split_of |= dict.fromkeys(free, "train")
    _check_classes(by_class, split_of)
    return split_of


def _check_classes(by_class: Mapping[str, Sequence[str]], split_of: Mapping[str, str]) -> None:
    """A recording of several classes can leave one of them without a split."""
    for name, recordings in by_class.items():
        there = {split_of[each] for each in recordings}
        if len(there) < len(SPLITS):
            missing = " and ".join(split for split in SPLITS if split not in there)
            raise DataBroken(
                f"class {name} would not stand in {missing}: its {len(recordings)} recordings are also other classes'",
                f"add recordings of {name}, or lay the splits out as folders: train, validation, test",
            )


def shared_recordings(clips: Iterable[tuple[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    """Recordings that stand in more than one split, with their splits; of (recording, split) pairs."""
    seen: dict[str, set[str]] = defaultdict(set)
    for recording, split in clips:
        seen[recording].add(split)
    return [(name, tuple(s for s in SPLITS if s in splits)) for name, splits in seen.items() if len(splits) > 1]


def _place(recording: str) -> tuple[bytes, str]:
    """Of a recording among others, the same everywhere."""
    return hashlib.sha256(recording.encode("utf-8", "surrogateescape")).digest(), recording

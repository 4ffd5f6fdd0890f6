"""Which file below AudioSet's folder is which clip: by the names that the public downloaders give.

| name | from |
|---|---|
| `YTID_30`, `YTID_30.000`, `YTID_000030` | audioset-processing and many scripts |
| `YTID_30000` | AudioSet's own segment ids |
| `YTID_30.0-40.0` in a folder for each label | audioset-download |
| `YTID_30000_40000` (milliseconds) below `SPLIT/audio` | audiosetdl |
| `YTID_30_40`, `YYTID_30.000_40.000` | DCASE's scripts |
| `YYTID`, `YTID` | PANNs, AST: the segment; or the whole video |
| `TITLE [YTID]`, `[YTID]-[30-40]` | yt-dlp |

Of several files for a clip one that names its times is taken before one that does not, a spectrogram in `log_mel`
before sound, then by suffix, then the first by path.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from search.audio.audioset_lists import Clip
from search.audio.clip_files import READ_SUFFIXES, UNREAD_SUFFIXES

SPECTROGRAMS = "log_mel"
LOOKED_FOR = "YTID_30  YTID_30.000  YTID_30_40  YTID_30.0-40.0  YTID_30000_40000  YTID"
"""Names of a clip that begins at 30 s and ends at 40, without suffix; a Y may stand before the id."""

_RANKS = {suffix: rank for rank, suffix in enumerate((".npy", *READ_SUFFIXES, *UNREAD_SUFFIXES))}
_NUMBER = r"\d{1,9}(?:\.\d{1,6})?"
_TIMES = (
    re.compile(rf"(?P<video>.+)[_-](?P<start>{_NUMBER})[_-](?P<end>{_NUMBER})"),
    re.compile(rf"(?P<video>.+)[_-](?P<start>{_NUMBER})"),
    re.compile(rf".*\[(?P<video>[\w-]{{11}})\](?:-\[(?P<start>{_NUMBER})-(?P<end>{_NUMBER})\])?"),
)
_SHOWN = 5
_MS = 1000.0
_SAME_S = 0.01


def find_files(folder: Path, clips: Iterable[Clip]) -> tuple[dict[Clip, str], list[str]]:
    """The file of each clip that has one; and some names that no clip has."""
    wanted: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        wanted[clip.video].append(clip)
    best: dict[Clip, tuple[int, int, str]] = {}
    strange: list[str] = []
    for path in _files_below(folder):
        stem, suffix = os.path.splitext(os.path.basename(path))
        matched = False
        for clip, timed in _clips_named(stem, wanted):
            rank = (0 if timed else 1, _RANKS[suffix.lower()], path)
            if clip not in best or rank < best[clip]:
                best[clip] = rank
            matched = True
        if not matched and len(strange) < _SHOWN:
            strange.append(os.path.relpath(path, folder))
    return {clip: path for clip, (_, _, path) in best.items()}, strange


def _files_below(folder: Path) -> Iterator[str]:
    """Sounds and spectrograms in order of path; what is hidden is left out, a folder is entered once."""
    entered: set[tuple[int, int]] = set()
    waiting = [str(folder)]
    while waiting:
        place = waiting.pop()
        try:
            found = os.stat(place)
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:
            # Gone, or not ours to read: its clips have no file.
            continue
        if (found.st_dev, found.st_ino) in entered:
            continue
        entered.add((found.st_dev, found.st_ino))
        below = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            suffix = os.path.splitext(entry.name)[1].lower()
            if entry.is_dir():
                below.append(entry.path)
            elif suffix in _RANKS and (suffix != ".npy" or place == str(folder / SPECTROGRAMS)) and entry.is_file():
                yield entry.path
        waiting += reversed(below)


def _clips_named(stem: str, wanted: dict[str, list[Clip]]) -> list[tuple[Clip, bool]]:
    """The clips that a name can mean, and whether it says their times."""
    for named in (stem, stem[1:]) if stem.startswith("Y") else (stem,):
        if named in wanted:
            return [(clip, False) for clip in wanted[named]]
        for pattern in _TIMES:
            match = pattern.fullmatch(named)
            if match is None or match["video"] not in wanted:
                continue
            start, end = match["start"], match.groupdict().get("end")
            if start is None:
                return [(clip, False) for clip in wanted[match["video"]]]
            for near_s in (_SAME_S, 1.0):
                meant = [clip for clip in wanted[match["video"]] if _is_time_of(clip, start, end, near_s)]
                if meant:
                    return [(clip, True) for clip in meant]
    return []


def _is_time_of(clip: Clip, start: str, end: str | None, near_s: float) -> bool:
    """Whether numbers of a name are the clip's times, in seconds or milliseconds, to less than `near_s`.

    Seconds may be rounded or cut off where they are whole.
    """
    times = [(float(start), clip.start_s)] + ([] if end is None else [(float(end), clip.end_s)])
    in_s = all(_is_second_of(named, listed, near_s) for named, listed in times)
    return in_s or all(abs(named - listed * _MS) <= 1 for named, listed in times)


def _is_second_of(named: float, listed: float, near_s: float) -> bool:
    return abs(named - listed) < (near_s if named in (int(listed), round(listed)) else _SAME_S)

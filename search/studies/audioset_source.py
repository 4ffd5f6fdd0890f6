"""AudioSet for a study, with what a user is told while it is read and about what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from search.audio.audioset import Inventory, class_table, load_audioset
from search.audio.clip_reading import MOST_UNUSABLE_FRAC, by_reason
from search.audio.examples import SoundData
from search.studies.clock import StudyClock

Say = Callable[[str], None]

_FIRST_S, _EVERY_S = 1.0, 10.0
_NAMED = 3


class ReadingProgress:
    """Says how far the reading of many clips is: within two seconds, then every ten.

    Args:
        monotonic_s: of a stopwatch.
    """

    def __init__(self, say: Say, monotonic_s: Callable[[], float]) -> None:
        self._say, self._monotonic_s = say, monotonic_s
        self._began_s: float | None = None
        self._n_known = 0
        self._next_s = 0.0

    def __call__(self, done: int, n: int) -> None:
        """Told whenever clips are done."""
        now_s = self._monotonic_s()
        if self._began_s is None:
            self._began_s, self._n_known, self._next_s = now_s, done, now_s + _FIRST_S
            if done < n:
                kept = f"; {done:,} are known from before" if done else ""
                self._say(f"reading {n - done:,} clips{kept}; Ctrl-C keeps what is done")
        elif now_s >= self._next_s and done < n:
            self._next_s = now_s + _EVERY_S
            rate = (done - self._n_known) / max(now_s - self._began_s, 1e-9)
            left = _duration((n - done) / rate) if rate > 0 else "unknown time"
            self._say(f"  {done:,} of {n:,} clips, {rate:,.0f} a second, {left} left")


def load_audioset_aloud(folder: Path, say: Say, cache_dir: Path | None = None) -> SoundData:
    """AudioSet from a folder.

    Raises:
        DataMissing, DataBroken: as `load_audioset`.
    """
    say(f"AudioSet in {folder}: reading its lists and looking for its files")
    progress = ReadingProgress(say, StudyClock.of_this_machine().monotonic_s)
    data, inventory = load_audioset(folder, cache_dir, report=progress)
    say(f"data: {data.name}")
    for line in remarks(inventory):
        say(line)
    say(class_table(data))
    return data


def remarks(inventory: Inventory) -> Iterator[str]:
    """What a user should know of what was left out."""
    missing = sum(inventory.n_missing.values())
    yield f"{missing:,} clips of the lists have no file, {inventory.n_ambiguous:,} are of two classes: left out"
    if inventory.strange:
        names = ", ".join(inventory.strange[:_NAMED])
        yield f"files that no clip of the lists is named as, for example: {names}"
    if inventory.n_by_name:
        yield f"{inventory.n_by_name:,} lines name labels by display name; ontology.json says which they are"
    if inventory.unusable:
        n = len(inventory.unusable)
        files = "1 file is" if n == 1 else f"{n:,} files are"
        yield f"{files} of no use and left out (up to {MOST_UNUSABLE_FRAC:.0%} may be):"
        yield by_reason(inventory.unusable)
        yield f"all of them: {inventory.unusable_path or 'cannot be written where features are kept'}"


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1.5:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"

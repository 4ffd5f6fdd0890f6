"""Many files become features: in parallel, through the cache, with what is of no use apart from the rest.

The entrance for loaders of data sets: clips in; features, hashes and unusable files out, in the order asked.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from db.shown_text import printable
from db.whole_file import whole_file
from search.audio.clip_files import ClipFile, FileReading, Unusable, UnusableFile, read_file
from search.audio.feature_cache import FeatureCache, StoredClip
from search.errors import DataBroken

MOST_UNUSABLE_FRAC = 0.1
"""Of the files of a data set: so many are skipped, more are refused."""

Report = Callable[[int, int], None]
"""Told how many clips are done, of how many."""

_CHUNK = 16
_CHUNKS_AHEAD = 4
_SHOWN = 5
_WIDEST = 78


@dataclass(frozen=True, eq=False)
class ReadClips:
    """What a list of files gave.

    Attributes:
        clips: in the order asked; None where a file is of no use.
        unusable: those files and why, in the order asked.
        n_read: how many files were opened; the others were known.
    """

    clips: tuple[StoredClip | None, ...]
    unusable: tuple[tuple[Path, UnusableFile], ...]
    n_read: int


def read_clips(
    files: Sequence[ClipFile], cache: FeatureCache, n_threads: int, report: Report = lambda done, n: None
) -> ReadClips:
    """Features of files, from the cache or computed and kept. Ctrl-C ends it within seconds; what was kept is kept.

    Threads, not processes: libsndfile, FFT and hash let others run, and no process has to start.

    Args:
        n_threads: that read at once.
        report: told at the beginning, and whenever some are done.

    Raises:
        DataBroken: there is no room for features anywhere.
    """
    outcomes = _known(files, cache)
    missing = [place for place, outcome in enumerate(outcomes) if outcome is None]
    n_known = len(files) - len(missing)
    report(n_known, len(files))
    done = n_known
    with closing(_read_all(files, missing, n_threads)) as chunks:
        for places, readings in chunks:
            kept = cache.keep([(files[place], reading) for place, reading in zip(places, readings, strict=True)])
            for place, outcome in zip(places, kept, strict=True):
                outcomes[place] = outcome
            done += len(places)
            report(done, len(files))
    unusable = tuple(
        (file.path, out) for file, out in zip(files, outcomes, strict=True) if isinstance(out, UnusableFile)
    )
    clips = tuple(outcome if isinstance(outcome, StoredClip) else None for outcome in outcomes)
    return ReadClips(clips, unusable, len(missing))


def check_unusable(unusable: Sequence[tuple[Path, UnusableFile]], n_files: int, named_in: Path | None) -> None:
    """Lets a few files of no use pass.

    Args:
        named_in: the file that names all of them; None where none could be written.

    Raises:
        DataBroken: they are more than MOST_UNUSABLE_FRAC of n_files.
    """
    if len(unusable) <= MOST_UNUSABLE_FRAC * n_files:
        return
    where = (
        f"all of them: {printable(named_in)}"
        if named_in
        else "\n".join(f"  {line}" for line in _lines(unusable[:_SHOWN]))
    )
    raise DataBroken(
        f"{len(unusable):,} of {n_files:,} files cannot be used, more than {MOST_UNUSABLE_FRAC:.0%}:\n"
        f"{by_reason(unusable)}\n{where}",
        "fetch them again, or remove them: a clip without a file is left out",
    )


def by_reason(unusable: Sequence[tuple[Path, UnusableFile]]) -> str:
    """A line for each reason, the most frequent first, with the first file and what is wrong with it."""
    counts = Counter(found.reason for _, found in unusable)
    first: dict[Unusable, tuple[Path, UnusableFile]] = {}
    for path, found in unusable:
        first.setdefault(found.reason, (path, found))
    lines = []
    for reason, n in counts.most_common():
        path, found = first[reason]
        lines.append(_short(f"  {n:,} {reason}: {path.name}, {found.detail}"))
    return "\n".join(lines)


def write_unusable(unusable: Sequence[tuple[Path, UnusableFile]], cache_dir: Path, folder: Path) -> Path | None:
    """Names all of them in a table of path, reason and detail in the cache's folder; gives its path.

    None where it cannot be written. What an earlier start wrote for this folder is replaced, or removed when there is
    nothing to name any more.
    """
    whole = folder.resolve()
    digest = hashlib.sha256(str(whole).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    path = cache_dir / f"unusable-{whole.name or 'root'}-{digest}.tsv"
    try:
        if not unusable:
            path.unlink(missing_ok=True)
            return None
        cache_dir.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part, part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
            writer.writerow(("path", "reason", "detail"))
            writer.writerows((str(file), found.reason, found.detail) for file, found in unusable)
    except OSError:
        return None
    return path


def _lines(unusable: Sequence[tuple[Path, UnusableFile]]) -> Iterator[str]:
    for path, found in unusable:
        yield _short(f"{path.name}: {found.reason}, {found.detail}")


def _short(line: str) -> str:
    line = printable(line)
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 3]}..."


def _known(files: Sequence[ClipFile], cache: FeatureCache) -> list[StoredClip | UnusableFile | None]:
    hashes = cache.hashes(list(dict.fromkeys(file.path for file in files)))
    keys = [(hashes.get(file.path, ""), file.asked) for file in files]
    known = cache.outcomes([key for key in keys if key[0]])
    return [known.get(key) for key in keys]


def _read_all(
    files: Sequence[ClipFile], places: list[int], n_threads: int
) -> Generator[tuple[list[int], list[FileReading]], None, None]:
    """Chunks of readings as they are done, few at a time in memory."""
    chunks = iter([places[start : start + _CHUNK] for start in range(0, len(places), _CHUNK)])
    pool = ThreadPoolExecutor(n_threads, "reads-audio")
    under_way: dict[Future[list[FileReading]], list[int]] = {}
    try:
        while True:
            while len(under_way) < n_threads * _CHUNKS_AHEAD and (chunk := next(chunks, None)) is not None:
                under_way[pool.submit(_read_chunk, [files[place] for place in chunk])] = chunk
            if not under_way:
                return
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way.pop(future), future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read_chunk(files: list[ClipFile]) -> list[FileReading]:
    return [read_file(file) for file in files]

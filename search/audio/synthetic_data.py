"""The synthetic data set: generated at first use from a seed, and kept in a cache.

Half of every split are negatives, as in the paper. The cache is a file of raw log-mel spectrograms (float16);
delete it at any time.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.whole_file import whole_file
from search.audio.classes import CLASS_NAMES, NEGATIVE_INDEX
from search.audio.examples import SoundData, standardised
from search.audio.log_mel import N_BANDS, N_FRAMES, log_mel
from search.audio.synthetic import synthesise
from search.worker_processes import worker_pool

log = logging.getLogger(__name__)
_VERSION = 2
_SPLITS = ("train", "validation", "test")
_CHUNK = 100


@dataclass(frozen=True)
class SyntheticSize:
    """How many clips each split has, and from which seed."""

    n_train: int = 6_000
    n_validation: int = 1_500
    n_test: int = 1_500
    seed: int = 1

    @property
    def name(self) -> str:
        """Identifies the clips."""
        counts = f"{self.n_train}-{self.n_validation}-{self.n_test}"
        return f"SYNTHETIC sound events v{_VERSION}, {counts}, seed {self.seed}"

    @property
    def made_from(self) -> dict[str, Any]:
        """What the clips follow from."""
        return {"kind": "synthetic", "version": _VERSION, **dataclasses.asdict(self)}

    @property
    def file_name(self) -> str:
        """Of the cache."""
        return f"synthetic-v{_VERSION}-{self.n_train}-{self.n_validation}-{self.n_test}-seed{self.seed}.npz"


def size_of_name(name: str) -> SyntheticSize | None:
    """The size of this name; None for a name that is none of this version's."""
    found = re.search(r", (\d+)-(\d+)-(\d+), seed (\d+)$", name)
    size = SyntheticSize(*map(int, found.groups())) if found else None
    return size if size is not None and size.name == name else None


def load_synthetic(
    size: SyntheticSize, cache_dir: Path, n_workers: int = 2, report: Callable[[int, int], None] = lambda done, n: None
) -> SoundData:
    """The data set, from the cache or generated (two minutes for 9,000 clips on two cores).

    Args:
        cache_dir: where the cache lies; made if missing. Without room, the data are used and not kept.
        n_workers: processes that generate; 0: this one.
        report: told how many clips are done, of how many.
    """
    path = cache_dir / size.file_name
    arrays = _read(path)
    if arrays is None:
        arrays = _generate(size, n_workers, report)
        _write(path, arrays)
    counts = (size.n_train, size.n_validation, size.n_test)
    splits = {split: (arrays[split].astype(np.float32), labels_of(n)) for split, n in zip(_SPLITS, counts, strict=True)}
    return standardised(size.name, True, splits, CLASS_NAMES, size.made_from)


def labels_of(n: int) -> NDArray[np.int64]:
    """Classes of n clips: every second one is negative, the events take turns between them."""
    ordinals = np.arange(n)
    return np.where(ordinals % 2 == 0, NEGATIVE_INDEX, (ordinals // 2) % NEGATIVE_INDEX).astype(np.int64)


def default_cache_dir() -> Path:
    """`$XDG_CACHE_HOME/energy-lab`, or `~/.cache/energy-lab`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "energy-lab"


def _generate(
    size: SyntheticSize, n_workers: int, report: Callable[[int, int], None]
) -> dict[str, NDArray[np.float16]]:
    counts = (size.n_train, size.n_validation, size.n_test)
    jobs = [
        (size.seed, split_index, start, min(_CHUNK, n - start))
        for split_index, n in enumerate(counts)
        for start in range(0, n, _CHUNK)
    ]
    made: list[NDArray[np.float16]] = []
    total = sum(counts)
    if n_workers == 0:
        for job in jobs:
            made.append(_clips(job))
            report(sum(map(len, made)), total)
    else:
        with worker_pool(n_workers) as executor:
            for chunk in executor.map(_clips, jobs):
                made.append(chunk)
                report(sum(map(len, made)), total)
    everything = np.concatenate(made) if made else np.zeros((0, N_FRAMES, N_BANDS), np.float16)
    bounds = np.cumsum((0, *counts))
    return {split: everything[bounds[i] : bounds[i + 1]] for i, split in enumerate(_SPLITS)}


def _clips(job: tuple[int, int, int, int]) -> NDArray[np.float16]:
    seed, split_index, start, n = job
    labels = labels_of(start + n)[start:]
    rngs = (np.random.default_rng([seed, split_index, start + i]) for i in range(n))
    return np.array([log_mel(synthesise(int(label), rng)) for label, rng in zip(labels, rngs, strict=True)], np.float16)


def _read(path: Path) -> dict[str, NDArray[np.float16]] | None:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return {split: stored[split] for split in _SPLITS}
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile):
        # Not there, or cut short by whatever ended its writer: it is made again.
        return None


def _write(path: Path, arrays: dict[str, NDArray[np.float16]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, ".npz") as part:
            np.savez(part, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        log.warning("the clips are not kept in %s: %s", path.parent, error)

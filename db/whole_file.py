"""Files that are there whole, or not at all, also after a power cut: the one atomic write of the project.

Written under another name, synced to the disk, and renamed at the end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, ending: str = "", *, rebuildable: bool = False) -> Iterator[Path]:
    """The name to write to in the block; it becomes `path` at the end, and nothing is left of it after an error.

    The process id in it keeps two writers of the same file apart, and tells whose it was (see `remove_leftovers`).

    Args:
        path: of the finished file.
        ending: of the other name, for those who write by the ending of a name.
        rebuildable: a power cut may take it: it is checked by its hash and made again; syncing costs 8 ms a file.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part{ending}")
    try:
        yield part
        if not rebuildable:
            sync(part)
        part.replace(path)
        if not rebuildable:
            sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk before this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Removes halves of files whose writer was killed: no process has their number any more."""
    for part in folder.glob(".*.part"):
        pid = part.name.split(".")[-2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            part.unlink(missing_ok=True)

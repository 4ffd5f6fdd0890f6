"""Files that are there whole, or not at all: written under another name, which they give up at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, ending: str = "") -> Iterator[Path]:
    """The name to write to in the block; it becomes `path` at the end, and nothing is left of it after an error.

    The process id in it keeps two writers of the same file apart, and tells whose it was (see `remove_leftovers`).

    Args:
        ending: of that name, for those who write by the ending of a name.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part{ending}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Removes halves of files whose writer was killed: no process has their number any more."""
    for part in folder.glob(".*.part"):
        pid = part.name.split(".")[-2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            part.unlink(missing_ok=True)

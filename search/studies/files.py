"""Where the files of trained networks lie, and how they get there."""

from __future__ import annotations

from pathlib import Path

from db.database import Database
from db.whole_file import whole_file
from search.errors import TrialMissing
from search.tflite.build import build_failed


def networks_dir(db: Database) -> Path:
    """Beside the record."""
    return db.files_dir / "networks"


def keep_file(folder: Path, sha256: str, tflite: bytes) -> str:
    """Stores a trained file under its hash; returns its name.

    Raises:
        BuildFailed: it cannot be written.
    """
    path = folder / f"{sha256}.tflite"
    write_file(path, tflite)
    return path.name


def read_file(source: Path) -> bytes:
    """A trained file; TrialMissing when it is gone."""
    try:
        return source.read_bytes()
    except OSError as error:
        hint = "it was trained on another computer, or deleted: copy it there from the worker that trained it"
        raise TrialMissing(f"{source} cannot be read: {error.strerror}", hint) from error


def copy_file(source: Path, target: Path) -> None:
    """Copies a trained file.

    Raises:
        TrialMissing: it is gone.
        BuildFailed: it cannot be written.
    """
    write_file(target, read_file(source))


def write_file(path: Path, content: bytes) -> None:
    """Writes a file whole, and its folder where there is none.

    Raises:
        BuildFailed: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise build_failed(error, path) from error

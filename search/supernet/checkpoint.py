"""A supernet on disk: one file of arrays and a description, which runs no code of a stranger when it is read.

The file is numpy's .npz without objects (`allow_pickle=False`); its member `description` is JSON: format, space, data,
recipe, seed, passes done, versions. Written whole or not at all, so that a killed training leaves the pass before.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.whole_file import whole_file
from search.audio.front_end import DataDescription
from search.errors import BadSupernet, BuildFailed, SupernetMissing
from search.supernet.recipe import SupernetRecipe

FORMAT = 1
FILE_NAME = "supernet.npz"
_DESCRIPTION = "description"
_HINT = "train it again (`search supernet train --out` another folder), or bring the file back"


@dataclass(frozen=True)
class SupernetDescription:
    """What a supernet is.

    Attributes:
        space: its name.
        data: name of the data; `data_sha256` of what they were made of.
        data_description: classes, front-end and divisor.
        synthetic: whether the sounds are synthesised.
        budget: the clips' and the finish's, see `search.studies.budget`.
        n_epochs_done: passes over the training split so far.
        trained_s: seconds of training so far.
        versions: of what computed it.
    """

    space: str
    data: str
    data_sha256: str
    data_description: DataDescription
    synthetic: bool
    budget: str
    recipe: SupernetRecipe
    seed: int
    n_epochs_done: int
    trained_s: float
    versions: dict[str, str]

    @property
    def n_classes(self) -> int:
        """Of the data."""
        return len(self.data_description.class_names)

    @property
    def is_finished(self) -> bool:
        """Whether all passes are done."""
        return self.n_epochs_done >= self.recipe.n_epochs

    def to_plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "format": FORMAT,
            **dataclasses.asdict(self),
            "data_description": self.data_description.to_plain(),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> SupernetDescription:
        """What `to_plain` gave; KeyError, TypeError or ValueError for anything else."""
        if plain["format"] != FORMAT:
            raise ValueError(f"format {plain['format']}, this release reads {FORMAT}")
        values = {field.name: plain[field.name] for field in dataclasses.fields(cls)}
        values["data_description"] = DataDescription.from_plain(plain["data_description"])
        values["recipe"] = SupernetRecipe(**plain["recipe"])
        return cls(**values)


@dataclass(frozen=True)
class Checkpoint:
    """A supernet between two passes.

    Attributes:
        arrays: weights and the optimizer's moments, by name.
    """

    description: SupernetDescription
    arrays: dict[str, NDArray[np.float32]]


def is_there(folder: Path) -> bool:
    """Whether a folder holds a supernet, whole or damaged."""
    return (folder / FILE_NAME).exists()


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes it in place of the one before.

    Raises:
        BuildFailed: it cannot be written; the one before is still there.
    """
    text = json.dumps(checkpoint.description.to_plain())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(folder / FILE_NAME) as part, part.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **{_DESCRIPTION: np.array(text), **checkpoint.arrays})
    except OSError as error:
        raise BuildFailed(
            f"{folder / FILE_NAME} cannot be written: {error.strerror}",
            "choose another place with --out, or free space",
        ) from error


def load(folder: Path) -> Checkpoint:
    """Reads it.

    Raises:
        SupernetMissing: there is none.
        BadSupernet: damaged, cut short, of another format, or no supernet.
    """
    path = folder / FILE_NAME
    if not path.exists():
        raise SupernetMissing(f"{folder} holds no supernet", "train one: search supernet train")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            description = SupernetDescription.from_plain(json.loads(str(stored[_DESCRIPTION])))
            arrays = {name: stored[name] for name in stored.files if name != _DESCRIPTION}
    except (OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise BadSupernet(f"{path} is damaged, or no supernet of this release: {error}", _HINT) from error
    return Checkpoint(description, arrays)


def check_same(folder: Path, kept: SupernetDescription, wanted: SupernetDescription) -> None:
    """Returns when a training may go on: of the same space, data, recipe and seed.

    Raises:
        BadSupernet: names what differs.
    """
    check_data(folder, kept, wanted.data, wanted.data_sha256)
    for what, one, other in (
        ("space", kept.space, wanted.space),
        ("seed", kept.seed, wanted.seed),
        ("recipe", kept.recipe, wanted.recipe),
    ):
        if one != other:
            raise BadSupernet(
                f"the supernet in {folder} has {what} {one}, not {other}", "give the same options, or another --out"
            )


def check_data(folder: Path, kept: SupernetDescription, data: str, data_sha256: str) -> None:
    """Returns when data are those that a supernet has learnt; BadSupernet where they are not."""
    if kept.data_sha256 != data_sha256:
        raise BadSupernet(
            f"the supernet in {folder} has learnt {kept.data} ({kept.data_sha256[:12]}...), these are {data} "
            f"({data_sha256[:12]}...)",
            "give the data that it was trained on (--sounds, --audioset, --recording)",
        )

"""The energy predictor of a study: its own copy of it, and what it has never seen of the space.

A study's rewards are comparable only under one predictor. So a study keeps a copy beside its record, by the hash that
stands in its settings, and goes on with that when `lab fit-rf` has written another one in the meantime.
"""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from predictor.artefact import SavedPredictor, is_predictor, load
from predictor.errors import PredictorError
from search.errors import PredictorUnfit
from search.networks.features import level_shares
from search.networks.space import Space

_FOLDER = "predictors"
_ENOUGH = 0.05
"""Levels that a campaign of the size named is expected to miss."""


def keep_copy(files_dir: Path, source: Path, saved: SavedPredictor) -> None:
    """Keeps a predictor among the files of a record; one that is there whole already is left as it is.

    Args:
        source: the folder that `saved` was read from.

    Raises:
        PredictorUnfit: it cannot be written, or the source has become another predictor.
    """
    target = copy_of(files_dir, saved.sha256)
    if read_copy(files_dir, saved.sha256) is not None:
        return
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, part)
        # `lab fit-rf` may have written anew since it was read.
        if load(part).sha256 == saved.sha256:
            # Another worker may have been faster; its copy is the same. One that is damaged gives way.
            if read_copy(files_dir, saved.sha256) is None:
                shutil.rmtree(target, ignore_errors=True)
                part.replace(target)
            return
    except (OSError, shutil.Error) as error:
        if read_copy(files_dir, saved.sha256) is not None:
            return
        raise PredictorUnfit(
            f"the study's copy of {source} cannot be written to {target}: {error}", "make room for it, or choose --db"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    raise PredictorUnfit(f"{source} was written anew while it was copied", "type the same command again")


def copy_of(files_dir: Path, sha256: str) -> Path:
    """Where the copy of a predictor stands, or would."""
    return files_dir / _FOLDER / sha256[:16]


def read_copy(files_dir: Path, sha256: str) -> SavedPredictor | None:
    """The predictor of this hash among the files of a record; None where it is not, or is damaged."""
    folder = copy_of(files_dir, sha256)
    if not sha256 or not is_predictor(folder):
        return None
    try:
        saved = load(folder)
    except PredictorError:
        return None
    return saved if saved.sha256 == sha256 else None


@dataclass(frozen=True)
class UnseenLevels:
    """Choices of a space that a predictor has never seen.

    Attributes:
        names: as `b06_type Identity`, in the order of the blocks.
        n_levels: of the whole space.
        n_to_measure: architectures, drawn from the space, that would most likely hold all of its levels.
        factor: how much wider intervals are there.
    """

    names: tuple[str, ...]
    n_levels: int
    n_to_measure: int
    factor: float

    @property
    def text(self) -> str:
        """What a user should know of it when a search starts."""
        return (
            f"the energy predictor has never seen {len(self.names)} of the space's {self.n_levels} levels "
            f"({', '.join(self.names)}): energies there are extrapolated, with intervals {self.factor:.2g} times as "
            f"wide, and marked !; to see them all: lab measure --n {self.n_to_measure}, then lab fit-rf"
        )


def unseen_levels(saved: SavedPredictor, space: Space) -> UnseenLevels | None:
    """What a predictor has never seen of a space; None when it has seen every level."""
    predictor = saved.predictor
    shares = level_shares(space)
    known = {column.name: set(column.levels) for column in predictor.model.schema.columns if column.levels}
    names = [f"{column} {level}" for column, levels in shares.items() if column in known
             for level in levels if level not in known[column]]  # fmt: skip
    if not names:
        return None
    each = [share for levels in shares.values() for share in levels.values()]
    return UnseenLevels(tuple(names), len(each), n_to_see_all(each), predictor.band.outside_factor)


def n_to_see_all(shares: list[float]) -> int:
    """Draws after which less than 0.05 levels are expected to be missing, in round numbers.

    Args:
        shares: of all draws that have each level, in 0..1.
    """
    n = 50
    while sum((1 - share) ** n for share in shares) > _ENOUGH:
        n = math.ceil(1.2 * n / 50) * 50
    return n

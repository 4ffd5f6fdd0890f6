"""Finished trainings as a table: what a surrogate is fitted to.

A CSV file. Its first line is a comment with a JSON object: format, space, recipe, data; the others are

    architecture, training_seed, float_accuracy, accuracy, curve

where `accuracy` is that of the int8 file and `curve` the accuracies on the way, both on the validation split and
as decimal fractions; those of a curve stand behind each other with a blank between.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.whole_file import whole_file
from search.errors import BadTrainings, StableSearchError
from search.networks.architecture import Architecture, parse
from search.networks.spaces import space_named
from search.training.recipe import TrainingRecipe

FORMAT = 1
COLUMNS = ("architecture", "training_seed", "float_accuracy", "accuracy", "curve")
_DIGITS = 5


@dataclass(frozen=True)
class Training:
    """One finished training.

    Attributes:
        seed: of weights and order.
        float_accuracy: of the float model, validation split, 0..1.
        accuracy: of the int8 file.
        curve: accuracies on the way, (n_evaluations,).
    """

    architecture: Architecture
    seed: int
    float_accuracy: float
    accuracy: float
    curve: tuple[float, ...]


@dataclass(frozen=True)
class Trainings:
    """Trainings that may be compared: of one space, with one recipe, on the same data.

    Attributes:
        data: name of the data set.
        recipe: of all of them.
    """

    space: str
    data: str
    recipe: TrainingRecipe
    rows: tuple[Training, ...]

    @property
    def n_architectures(self) -> int:
        """How many different ones were trained."""
        return len({row.architecture.architecture_hash for row in self.rows})

    @property
    def groups(self) -> NDArray[np.intp]:
        """Which rows are of the same architecture, (n,): what folds keep together."""
        hashes = [row.architecture.architecture_hash for row in self.rows]
        return np.unique(hashes, return_inverse=True)[1].astype(np.intp)


def write_trainings(path: Path, trainings: Trainings) -> None:
    """Writes the table.

    Raises:
        BadTrainings: it cannot be written.
    """
    stream = io.StringIO()
    head = {"format": FORMAT, "space": trainings.space, "data": trainings.data, "recipe": asdict(trainings.recipe)}
    stream.write(f"# {json.dumps(head)}\n")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in trainings.rows:
        curve = " ".join(_number(each) for each in row.curve)
        writer.writerow(
            (row.architecture.text, row.seed, _number(row.float_accuracy), _number(row.accuracy), curve)
        )  # fmt: skip
    try:
        with whole_file(path) as part:
            part.write_text(stream.getvalue(), encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadTrainings(f"{path} cannot be written: {error}", "name a file in a folder that is there") from error


def read_trainings(path: Path) -> Trainings:
    """Reads the table.

    Raises:
        BadTrainings: no such file, not such a table, or a row that is none.
    """
    try:
        first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadTrainings(f"{path} cannot be read: {error}", _HINT) from error
    try:
        head = json.loads(first.removeprefix("# "))
        recipe = TrainingRecipe(**head["recipe"])
        if recipe.n_evaluations < 1:
            raise ValueError("no evaluation")
        if head["format"] != FORMAT:
            raise BadTrainings(f"{path} has format {head['format']}, this version reads {FORMAT}", _HINT)
        trainings = Trainings(str(head["space"]), str(head["data"]), recipe, ())
        space = space_named(trainings.space)
    except (ValueError, TypeError, KeyError) as error:
        raise BadTrainings(f"{path} does not begin with the description of a table of trainings", _HINT) from error
    rows = []
    for number, row in enumerate(csv.DictReader(io.StringIO(rest)), start=1):
        try:
            rows.append(_training(row, recipe.n_evaluations))
            space.validate(rows[-1].architecture)
        except (ValueError, TypeError, KeyError, AttributeError, StableSearchError) as error:
            raise BadTrainings(f"row {number} of {path}: {error}", _HINT) from error
    return replace(trainings, rows=tuple(rows))


def merged(tables: Sequence[Trainings]) -> Trainings:
    """Several tables as one; a training that stands in several of them counts once.

    Raises:
        BadTrainings: they differ in space, data or recipe, or there is none.
    """
    if not tables:
        raise BadTrainings("no table of trainings", _HINT)
    if any(replace(table, rows=()) != replace(tables[0], rows=()) for table in tables):
        raise BadTrainings("the studies differ in space, data or recipe", "take studies of one space and one budget")
    rows = {(row.architecture.architecture_hash, row.seed): row for table in tables for row in table.rows}
    return replace(tables[0], rows=tuple(rows.values()))


_HINT = "a table of trainings is what `search trainings --study NAME --out FILE` writes"


def _training(row: dict[str, Any], n_evaluations: int) -> Training:
    curve = tuple(_share(each) for each in row["curve"].split())
    if len(curve) != n_evaluations:
        raise ValueError(f"{len(curve)} evaluations instead of {n_evaluations}")
    accuracies = _share(row["float_accuracy"]), _share(row["accuracy"])
    return Training(parse(row["architecture"]), int(row["training_seed"]), *accuracies, curve)


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError(f"{text} is not in 0..1")
    return share


def _number(value: float) -> str:
    return f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".")

"""The columns that a model was fitted on, and turning tables into the matrix that scikit-learn sees.

Categories become their number among the levels seen in training; the model's own pipeline makes one-hot
columns of them. Working on numbers keeps 10,000 rows a matter of milliseconds, and lets an ONNX file take
one float32 matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from predictor.errors import BadTable
from predictor.table import FeatureTable, check_complete

Matrix = NDArray[np.float32]

_LARGEST = float(np.finfo(np.float32).max)
UNSEEN = -1
"""The code of a category that was not seen in training."""


@dataclass(frozen=True)
class FeatureColumn:
    """One column.

    Attributes:
        levels: the categories in alphabetical order; empty for a number.
        low, high: the range seen in training; 0 and 0 for a category.
    """

    name: str
    family: str
    levels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class FeatureSchema:
    """The columns of a model, in the order of its matrix."""

    columns: tuple[FeatureColumn, ...]

    @classmethod
    def of(cls, table: FeatureTable) -> Self:
        """The schema of a training table.

        Raises:
            BadTable: missing or non-finite values.
        """
        check_complete(table)
        return cls(tuple(_column(table, name) for name in table.names))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in order."""
        return tuple(column.name for column in self.columns)

    @property
    def are_categories(self) -> dict[str, bool]:
        """Whether a column holds categories, by its name."""
        return {column.name: bool(column.levels) for column in self.columns}

    @property
    def categorical(self) -> list[int]:
        """Positions of the categories."""
        return [place for place, column in enumerate(self.columns) if column.levels]

    @property
    def numeric(self) -> list[int]:
        """Positions of the numbers."""
        return [place for place, column in enumerate(self.columns) if not column.levels]

    def encode(self, table: FeatureTable, *, unseen: bool = False) -> Matrix:
        """The table as a matrix (rows, columns) of float32, categories as their number among the levels.

        Args:
            unseen: a category that was not seen in training becomes UNSEEN, which is none of the one-hot columns.

        Raises:
            BadTable: a column is missing, a value is missing, or a category was not seen in training.
        """
        table = table.select(self.names)
        check_complete(table)
        matrix = np.empty((table.n_rows, len(self.columns)), np.float32)
        for place, column in enumerate(self.columns):
            values = table.columns[column.name]
            if table.is_categorical(column.name) != bool(column.levels):
                kind, seen = ("categories", "numbers") if column.levels else ("numbers", "categories")
                raise BadTable(f"column {column.name} has {seen}, the model was fitted on {kind}", "correct the column")
            if column.levels:
                matrix[:, place] = _codes(column, values, unseen)
            else:
                _check_range(column.name, values)
                matrix[:, place] = values
        return matrix

    def outside(self, table: FeatureTable) -> NDArray[np.bool_]:
        """Which rows have a number beyond the range seen in training, or a category that was not seen in it.

        A tree cannot extrapolate to them.
        """
        beyond = np.zeros(table.n_rows, np.bool_)
        for column in self.columns:
            values = table.columns[column.name]
            beyond |= (
                ~np.isin(values, column.levels) if column.levels else (values < column.low) | (values > column.high)
            )
        return beyond

    def as_plain(self) -> list[dict[str, Any]]:
        """For JSON."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_plain(cls, plain: list[Mapping[str, Any]]) -> Self:
        """What `as_plain` returned."""
        return cls(tuple(FeatureColumn(**{**column, "levels": tuple(column["levels"])}) for column in plain))


def check_levels(schema: FeatureSchema, table: FeatureTable) -> None:
    """Refuse a table with a category that was not seen in training, in whichever of the columns it has.

    Raises:
        BadTable: names column, row and category.
    """
    for column in schema.columns:
        if column.levels and column.name in table.columns:
            _codes(column, table.columns[column.name], unseen=False)


def _check_range(name: str, values: NDArray[Any]) -> None:
    """Models see float32: a number beyond it would be an infinity to them."""
    if (beyond := np.flatnonzero(np.abs(values) > _LARGEST)).size:
        raise BadTable(
            f"{name} is {values[beyond[0]]:g} in row {beyond[0] + 1}, more than a model can take",
            "correct it, or give the column in another unit",
        )


def _column(table: FeatureTable, name: str) -> FeatureColumn:
    values, family = table.columns[name], table.families.get(name, name)
    if table.is_categorical(name):
        return FeatureColumn(name, family, tuple(np.unique(values).tolist()))
    return FeatureColumn(name, family, (), float(values.min()), float(values.max()))


def _codes(column: FeatureColumn, values: NDArray[Any], unseen: bool) -> NDArray[np.intp]:
    levels = np.array(column.levels)
    codes = np.minimum(np.searchsorted(levels, values), len(levels) - 1)
    unknown = levels[codes] != values
    if unseen:
        return np.where(unknown, UNSEEN, codes)
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        raise BadTable(
            f"{column.name} is {str(values[row])!r} in row {row + 1}, which was never measured",
            f"the model knows: {', '.join(column.levels)}; measure such architectures and fit again",
        )
    return codes

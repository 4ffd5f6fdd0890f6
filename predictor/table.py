"""Tables of named feature columns, and measurements of them: all that this package knows of a network.

A `FeatureTable` comes from a database (`predictor.records`), from a file (`predictor.table_file`) or from
architectures (`search.networks.features`). `Measurements` adds what was measured, which rows belong to one
architecture, and where the rows come from. Everything after this file works on plain arrays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from predictor.errors import BadTable, OneArchitecture, TooFewRows

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

MIN_ARCHITECTURES = 30
"""Below it, a held-out fifth is six networks: no figure about them would mean anything."""

_UNITS = {"mj": "mJ", "uj": "uJ", "ms": "ms", "us": "us", "s": "s", "w": "W", "mw": "mW", "bytes": "bytes"}
_SHOWN_ROWS = 5
_LARGEST = 1e30


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Named columns of equal length.

    Attributes:
        columns: by name; float64 arrays are numbers, arrays of str are categories.
        families: of columns that say the same thing in other words (a block's type, kernel and filters), by
            column; a column without one is its own. Importances are permuted by family.
    """

    columns: Mapping[str, NDArray[Any]]
    families: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.columns:
            raise BadTable("the table has no feature column", "name at least one column")
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise BadTable(f"columns of different lengths: {lengths}", "give every column one value a row")

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[Any] | NDArray[Any]], families: Mapping[str, str] | None = None) -> Self:
        """A table of plain sequences: all numbers makes a numeric column, anything else a categorical one."""
        return cls({name: as_column(values) for name, values in columns.items()}, dict(families or {}))

    @property
    def n_rows(self) -> int:
        """Rows."""
        return len(next(iter(self.columns.values())))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in order."""
        return tuple(self.columns)

    def is_categorical(self, name: str) -> bool:
        """Whether a column holds categories."""
        return self.columns[name].dtype.kind in "OU"

    def take(self, rows: Indices) -> FeatureTable:
        """The table of these rows, in this order."""
        return replace(self, columns={name: column[rows] for name, column in self.columns.items()})

    def select(self, names: Sequence[str]) -> FeatureTable:
        """The table of these columns.

        Raises:
            BadTable: there is no such column.
        """
        if missing := [name for name in names if name not in self.columns]:
            raise BadTable(f"no column {', '.join(missing)}", f"the table has: {', '.join(self.columns)}")
        return replace(self, columns={name: self.columns[name] for name in names})


def as_column(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """A column of float64 if every value is a number or missing (None becomes NaN), else of str."""
    raw = np.asarray(values, dtype=object) if not isinstance(values, np.ndarray) else values
    if raw.dtype.kind in "iufb":
        return raw.astype(np.float64)
    present = [value for value in raw.tolist() if value is not None]
    if all(isinstance(value, (int, float)) for value in present):
        return np.array([np.nan if value is None else value for value in raw.tolist()], np.float64)
    # An empty text is a missing category; `check_complete` refuses it with its row.
    return np.array(["" if value is None else str(value) for value in raw.tolist()])


def check_complete(table: FeatureTable) -> None:
    """Refuse missing and non-finite values.

    Raises:
        BadTable: names every such column with its first rows.
    """
    wrong = []
    for name, column in table.columns.items():
        bad = column == "" if table.is_categorical(name) else ~np.isfinite(column)
        if bad.any():
            wrong.append(f"{name} in {_listed(np.flatnonzero(bad))}")
    if wrong:
        raise BadTable(
            f"missing or non-finite values: {'; '.join(wrong)}",
            "fill in or leave out these rows, or leave out the column",
        )


def _listed(rows: Indices) -> str:
    shown = ", ".join(str(row + 1) for row in rows[:_SHOWN_ROWS].tolist())
    more = f" and {len(rows) - _SHOWN_ROWS} more" if len(rows) > _SHOWN_ROWS else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"


@dataclass(frozen=True)
class Target:
    """What is predicted: a column's name and its unit, as the name says it (`energy_mj`: mJ)."""

    name: str
    unit: str

    @classmethod
    def named(cls, name: str, unit: str | None = None) -> Self:
        """The target of a column; the unit follows from the name unless given; "" when it says none."""
        return cls(name, unit if unit is not None else _UNITS.get(name.rsplit("_", 1)[-1].lower(), ""))

    @property
    def text(self) -> str:
        """Name and unit, for an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


ENERGY = Target("energy_mj", "mJ")


@dataclass(frozen=True, eq=False)
class Measurements:
    """What was measured, a row a visit.

    Attributes:
        features: of each visit's architecture.
        target: what `values` are.
        values: (n,) measured, in the target's unit; NaN where it was not measured (see `predictor.two_stage`).
        groups: (n,) number of the architecture; rows of one architecture share it.
        row_ids: (n,) of the visits in their database, or row numbers of a file.
        latencies_ms: (n,) or None where the table has none.
        provenance: what all rows share (device, clock, tool, ...) and which choices were made.
        simulated: the rows come from a simulated bench.
    """

    features: FeatureTable
    target: Target
    values: Floats
    groups: Indices
    row_ids: NDArray[np.int64]
    latencies_ms: Floats | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False

    @property
    def n_rows(self) -> int:
        """Rows."""
        return len(self.values)

    @property
    def n_architectures(self) -> int:
        """Different architectures."""
        return len(np.unique(self.groups))

    def take(self, rows: Indices) -> Measurements:
        """The measurements of these rows."""
        latencies = None if self.latencies_ms is None else self.latencies_ms[rows]
        return replace(
            self, features=self.features.take(rows), values=self.values[rows], groups=self.groups[rows],
            row_ids=self.row_ids[rows], latencies_ms=latencies,
        )  # fmt: skip

    @property
    def sha256(self) -> str:
        """Of names, features, target, latencies, groups and row ids, in order: 64 hexadecimal digits."""
        digest = hashlib.sha256(f"{self.target.name}\0{self.target.unit}".encode())
        arrays: dict[str, NDArray[Any]] = dict(self.features.columns)
        arrays |= {"/values": self.values, "/groups": self.groups, "/row_ids": self.row_ids}
        if self.latencies_ms is not None:
            arrays["/latencies_ms"] = self.latencies_ms
        for name, column in arrays.items():
            digest.update(f"\0{name}\0".encode())
            text = column.dtype.kind in "OU"
            digest.update("\0".join(column.tolist()).encode() if text else column.astype("<f8").tobytes())
        return digest.hexdigest()


def check_learnable(rows: Measurements, *, missing_targets: bool = False) -> None:
    """Refuse what no honest model can be fitted to.

    Args:
        missing_targets: rows without a target are allowed (they still have a latency).

    Raises:
        BadTable, TooFewRows, OneArchitecture.
    """
    check_complete(rows.features)
    values = rows.values[~np.isnan(rows.values)] if missing_targets else rows.values
    if bad := np.flatnonzero(~np.isfinite(values)).size:
        raise BadTable(
            f"{bad} rows have no finite {rows.target.name}", "fill in or leave out these rows, or choose another column"
        )
    if values.size and np.abs(values).max() > _LARGEST:
        raise BadTable(
            f"{rows.target.name} is up to {np.abs(values).max():g}: squares of such numbers are none",
            "correct it, or give the column in another unit",
        )
    if not values.size:
        raise TooFewRows(f"no row has a {rows.target.name}", "measure some, or choose another column")
    if rows.n_rows > 1 and rows.n_architectures == 1:
        raise OneArchitecture(
            f"all {rows.n_rows} rows are of one architecture",
            "a predictor needs many architectures: measure more with `lab measure --n NUMBER`",
        )
    if rows.n_architectures < MIN_ARCHITECTURES:
        raise TooFewRows(
            f"{rows.n_architectures} architectures; a fit needs at least {MIN_ARCHITECTURES}",
            "measure more with `lab measure --n NUMBER`; a campaign goes on when the number is larger",
        )
    if all(len(np.unique(column)) == 1 for column in rows.features.columns.values()):
        raise OneArchitecture(
            f"no feature differs between the {rows.n_rows} rows", "name columns that tell the architectures apart"
        )
    if np.ptp(values) == 0:
        raise BadTable(f"every row has the same {rows.target.name}", "choose a column that was measured")

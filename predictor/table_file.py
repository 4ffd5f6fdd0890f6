"""Tables of others: CSV and Parquet files of measurements, or of architectures to predict for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import BadTable
from predictor.table import FeatureTable, Measurements, Target, as_column, check_complete

_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_SIMULATED = ("true", "1", "1.0", "yes", "simulated")
_MEASURED = ("false", "0", "0.0", "no", "measured")


@dataclass(frozen=True)
class TableChoice:
    """Which columns of a file mean what.

    Attributes:
        features: the columns to learn from.
        target: the column to predict.
        group: the column that says which rows are of one architecture; None: equal features are.
        latency: the column of latencies in ms, or None.
        categorical: columns of numbers that are names of categories.
        unit: of the target; None: as its name says.
    """

    features: tuple[str, ...]
    target: str
    group: str | None = None
    latency: str | None = None
    categorical: tuple[str, ...] = ()
    unit: str | None = None


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a .csv, .csv.gz or .parquet file: float64 where all values are numbers, else str.

    Raises:
        BadTable: no such file, another suffix, or it cannot be read as what it says it is.
    """
    if not path.name.endswith(_SUFFIXES):
        raise BadTable(f"{path} has no suffix that says what it is", f"give a file that ends in {', '.join(_SUFFIXES)}")
    if not path.is_file():
        raise BadTable(f"there is no file {path}", "check the path")
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    try:
        read = pyarrow.parquet.read_table if path.suffix == ".parquet" else pyarrow.csv.read_csv
        table = read(path)
    except (pyarrow.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        kind = "Parquet" if path.suffix == ".parquet" else "CSV"
        raise BadTable(f"{path} cannot be read as {kind}: {error}", "export it again, with one header line") from error
    names = table.column_names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadTable(f"{path} has several columns {', '.join(twice)}", "give every column a name of its own")
    if table.num_rows == 0:
        raise BadTable(f"{path} has no rows", "give a table with a row for each measurement")
    return {name: as_column(table[name].to_pylist()) for name in names}


def read_measurements(path: Path, choice: TableChoice) -> Measurements:
    """The measurements of a file.

    Raises:
        BadTable: the file cannot be read, or lacks a column.
    """
    columns = read_columns(path)
    return measurements_of(columns, choice, {"table": path.name})


def measurements_of(
    columns: Mapping[str, NDArray[Any]], choice: TableChoice, provenance: Mapping[str, Any]
) -> Measurements:
    """Measurements of columns that are at hand.

    A column `simulated` that is true anywhere marks all of them as simulated, and both kinds are never mixed.

    Raises:
        BadTable: a column is missing or of the wrong kind, or simulated rows are mixed with measured ones.
    """
    _check_columns(columns, choice)
    features = FeatureTable({n: _as_chosen(columns[n], n in choice.categorical) for n in choice.features})
    n_rows = features.n_rows
    if choice.group is None:
        groups = equal_rows(features)
    else:
        # A blank is no name: rows without one would all count as the same architecture.
        check_complete(FeatureTable({choice.group: columns[choice.group]}))
        groups = np.unique(columns[choice.group], return_inverse=True)[1].astype(np.intp)
    return Measurements(
        features=features,
        target=Target.named(choice.target, choice.unit),
        values=columns[choice.target],
        groups=groups,
        row_ids=np.arange(1, n_rows + 1),
        latencies_ms=columns[choice.latency] if choice.latency else None,
        provenance=provenance,
        simulated=_simulated(columns),
    )


def equal_rows(features: FeatureTable) -> NDArray[np.intp]:
    """A number for each different row: what looks alike in every feature counts as one architecture."""
    codes = [np.unique(column, return_inverse=True)[1] for column in features.columns.values()]
    groups: NDArray[np.intp] = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)[1]
    return groups.reshape(-1).astype(np.intp)


def _check_columns(columns: Mapping[str, NDArray[Any]], choice: TableChoice) -> None:
    named = [*choice.features, choice.target, *(n for n in (choice.group, choice.latency) if n)]
    if missing := [name for name in (*named, *choice.categorical) if name not in columns]:
        raise BadTable(f"no column {', '.join(missing)}", f"the table has: {_some(list(columns))}")
    if twice := sorted({name for name in choice.features if choice.features.count(name) > 1}):
        raise BadTable(f"feature {', '.join(twice)} is named twice", "name every feature once")
    if choice.target in choice.features:
        raise BadTable(f"{choice.target} is both feature and target", "a model that is told the answer learns nothing")
    for name in (choice.target, choice.latency):
        if name and columns[name].dtype.kind != "f":
            raise BadTable(f"{name} is not a column of numbers", "name a column of measured numbers")


def _some(names: Sequence[str], n: int = 20) -> str:
    more = f", and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(names[:n]) + more


def _as_chosen(column: NDArray[Any], categorical: bool) -> NDArray[Any]:
    if not categorical or column.dtype.kind != "f":
        return column
    return np.array(["" if np.isnan(value) else f"{value:g}" for value in column.tolist()])


def _simulated(columns: Mapping[str, NDArray[Any]]) -> bool:
    if "simulated" not in columns:
        return False
    words = [str(mark).strip().lower() for mark in columns["simulated"].tolist()]
    if unclear := next((row for row, word in enumerate(words, 1) if word not in (*_SIMULATED, *_MEASURED)), None):
        raise BadTable(
            f"column simulated has {columns['simulated'].tolist()[unclear - 1]!r} in row {unclear}",
            "write true or false in every row, or give the column another name if it says something else",
        )
    marks = {word in _SIMULATED for word in words}
    if len(marks) > 1:
        raise BadTable("the table mixes simulated and measured rows", "split it by its column `simulated`")
    return marks.pop()

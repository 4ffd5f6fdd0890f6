"""Tables of others: CSV and Parquet files of measurements, or of architectures to predict for."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.cells import Column
from predictor.errors import BadTable
from predictor.table import FeatureTable, Measurements, Target, check_complete

_SEPARATORS = (",", ";", "\t", "|")
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


def read_columns(path: Path) -> dict[str, Column]:
    """The columns of a .csv, .csv.gz or .parquet file, as they are written.

    Text in UTF-8 or UTF-16, else in Windows' western code page; columns apart by comma, semicolon, tab or bar.

    Raises:
        BadTable: no such file, another suffix, or it cannot be read as what it says it is.
    """
    if not path.name.endswith(_SUFFIXES):
        raise BadTable(f"{path} has no suffix that says what it is", f"give a file that ends in {', '.join(_SUFFIXES)}")
    if not path.is_file():
        raise BadTable(f"there is no file {path}", "check the path")
    names, rows, lines, where = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    # Separators at the ends of all lines make columns without a name in which nothing stands.
    used = [place for place, name in enumerate(names) if name or any(row[place].strip() for row in rows)]
    names, rows = [names[place] for place in used], [[row[place] for place in used] for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        shown = ", ".join(name or "without a name" for name in twice)
        raise BadTable(f"{path} has several columns {shown}", "give every column a name of its own")
    if not rows:
        raise BadTable(f"{path} has no rows", "give a table with a row for each measurement")
    return {
        name: Column(name, tuple(row[place].strip() for row in rows), lines, where) for place, name in enumerate(names)
    }


_Read = tuple[list[str], list[list[str]], list[int], str]
"""Names of columns, cells, lines of the rows, and what a line is called."""


def _read_parquet(path: Path) -> _Read:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise BadTable(f"{path} cannot be read as Parquet: {error}", "export it again") from error
    columns = [[_cell(value) for value in table[place].to_pylist()] for place in range(table.num_columns)]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return list(table.column_names), rows, list(range(1, len(rows) + 1)), "row"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def _read_csv(path: Path) -> _Read:
    try:
        text = _decoded(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        first, separator = _separator_of(text)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        names: list[str] = []
        rows, lines, before = list[list[str]](), list[int](), 0
        for row in reader:
            line, before = before + 1, reader.line_num
            if line <= first or not any(cell.strip() for cell in row):
                continue
            if not names:
                names = [name.strip() for name in row]
            elif len(row) != len(names):
                raise BadTable(
                    f"{path} cannot be read as CSV: line {line} has {len(row)} cells, the header {len(names)}",
                    "put cells with a separator in them between quotes, and let every line have all cells",
                )
            else:
                rows.append(row)
                lines.append(line)
    except (OSError, EOFError, zlib.error, UnicodeError, csv.Error) as error:
        raise BadTable(f"{path} cannot be read as CSV: {error}", "export it again, with one header line") from error
    if not names:
        raise BadTable(f"{path} cannot be read as CSV: it is empty", "export it again, with one header line")
    return names, rows, lines, "line"


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    if b"\0" in content:
        raise UnicodeError("it is no text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _separator_of(text: str) -> tuple[int, str]:
    """How many lines stand before the header, and what parts its columns."""
    first, rest, *_ = [*re.split(r"\r\n|\r|\n", text, maxsplit=2), ""]
    if said := re.fullmatch(r"sep=(.)", first.strip()):
        # Excel's own note to itself.
        return 1, said[1]
    header = re.sub(r'"[^"]*"', "", first if first.strip() else rest)
    return 0, max(_SEPARATORS, key=header.count)


def read_measurements(path: Path, choice: TableChoice) -> Measurements:
    """The measurements of a file.

    Raises:
        BadTable: the file cannot be read, or lacks a column.
    """
    columns = read_columns(path)
    return measurements_of(columns, choice, {"table": path.name})


def measurements_of(columns: Mapping[str, Column], choice: TableChoice, provenance: Mapping[str, Any]) -> Measurements:
    """Measurements of columns that are at hand.

    A column `simulated` that is true anywhere marks all of them as simulated, and both kinds are never mixed.

    Raises:
        BadTable: a column is missing or of the wrong kind, or simulated rows are mixed with measured ones.
    """
    _check_columns(columns, choice)
    categories = {name: name in choice.categorical or not columns[name].is_number for name in choice.features}
    features = typed(columns, categories)
    n_rows = features.n_rows
    if choice.group is None:
        groups = equal_rows(features)
    else:
        # A blank is no name: rows without one would all count as the same architecture.
        check_complete(FeatureTable({choice.group: columns[choice.group].texts}))
        groups = np.unique(columns[choice.group].texts, return_inverse=True)[1].astype(np.intp)
    return Measurements(
        features=features,
        target=Target.named(choice.target, choice.unit),
        values=columns[choice.target].numbers,
        groups=groups,
        row_ids=np.arange(1, n_rows + 1),
        latencies_ms=columns[choice.latency].numbers if choice.latency else None,
        provenance=provenance,
        simulated=_simulated(columns),
    )


def equal_rows(features: FeatureTable) -> NDArray[np.intp]:
    """A number for each different row: what looks alike in every feature counts as one architecture."""
    codes = [np.unique(column, return_inverse=True)[1] for column in features.columns.values()]
    groups: NDArray[np.intp] = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)[1]
    return groups.reshape(-1).astype(np.intp)


def _check_columns(columns: Mapping[str, Column], choice: TableChoice) -> None:
    named = [*choice.features, choice.target, *(n for n in (choice.group, choice.latency) if n)]
    if missing := [name for name in (*named, *choice.categorical) if name not in columns]:
        raise BadTable(f"no column {', '.join(missing)}", f"the table has: {_some(list(columns))}")
    if twice := sorted({name for name in choice.features if choice.features.count(name) > 1}):
        raise BadTable(f"feature {', '.join(twice)} is named twice", "name every feature once")
    if choice.target in choice.features:
        raise BadTable(f"{choice.target} is both feature and target", "a model that is told the answer learns nothing")
    for name in (choice.target, choice.latency):
        if name and not columns[name].is_number:
            raise BadTable(f"{name} is not a column of numbers", "name a column of measured numbers")


def _some(names: Sequence[str], n: int = 20) -> str:
    more = f", and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(names[:n]) + more


def typed(columns: Mapping[str, Column], categories: Mapping[str, bool]) -> FeatureTable:
    """The features that are named, each as categories or as numbers.

    Raises:
        BadTable: a column is not there, or a cell is missing or no number; names value and line.
    """
    if missing := [name for name in categories if name not in columns]:
        raise BadTable(f"no column {', '.join(missing)}", f"the table has: {_some(list(columns))}")
    table = {name: columns[name].texts if is_names else columns[name].numbers for name, is_names in categories.items()}
    if blank := [
        f"{name} in {_some(cells, 3)}"
        for name, is_names in categories.items()
        if (cells := [] if is_names else columns[name].missing())
    ]:
        raise BadTable(
            f"numbers are missing: {'; '.join(blank)}", "fill in or leave out these rows, or leave out the column"
        )
    return FeatureTable(table)


def _simulated(columns: Mapping[str, Column]) -> bool:
    if "simulated" not in columns:
        return False
    words = [mark.lower() for mark in columns["simulated"].cells]
    if unclear := next((row for row, word in enumerate(words, 1) if word not in (*_SIMULATED, *_MEASURED)), None):
        raise BadTable(
            f"column simulated has {columns['simulated'].cells[unclear - 1]!r} in row {unclear}",
            "write true or false in every row, or give the column another name if it says something else",
        )
    marks = {word in _SIMULATED for word in words}
    if len(marks) > 1:
        raise BadTable("the table mixes simulated and measured rows", "split it by its column `simulated`")
    return marks.pop()

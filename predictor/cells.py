"""Cells of a table as text, and the columns that they make: numbers, or names of categories.

A column is what most of its cells are. What a spreadsheet or pandas writes for a number is read: decimal points and
commas, groups of thousands, exponents, blanks around them; and so is what they write for nothing. A column whose
commas could mean either is refused, and so is a cell that is odd among numbers: both are named by value and line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import BadTable

NOTHING = frozenset(
    ("", "-", "--", "–", "—", ".", "?", "na", "n/a", "#n/a", "#na", "nan", "-nan", "null", "none", "<na>", "nil",
     "missing", "unknown")
)  # fmt: skip
"""What stands, in any case of its letters, where a number is missing."""

_SPACES = "\u00a0\u2007\u2009\u202f"
_SIGN, _EXPONENT = r"[-+\u2212]?", r"(?:[eE][-+]?\d+)?"
_POINT = re.compile(rf"{_SIGN}(?:\d+\.?\d*|\.\d+){_EXPONENT}")
_COMMA = re.compile(rf"{_SIGN}(?:\d+,\d*|,\d+){_EXPONENT}")
_POINT_GROUPED = re.compile(rf"{_SIGN}[1-9]\d{{0,2}}([,'’_ ])\d{{3}}(?:\1\d{{3}})*(?:\.\d*)?")
_COMMA_GROUPED = re.compile(rf"{_SIGN}[1-9]\d{{0,2}}([.'’_ ])\d{{3}}(?:\1\d{{3}})*(?:,\d*)?")
_WORDS = {"true": 1.0, "false": 0.0, "inf": math.inf, "+inf": math.inf, "-inf": -math.inf, "infinity": math.inf}
_WHOLE = re.compile(r"([-+]?\d+)\.0+")
_SHOWN = 3


@dataclass(frozen=True)
class Column:
    """A column as it stands in the file.

    Attributes:
        cells: (n,) as text, blanks around them taken off.
        lines: (n,) of the file (or rows of a file without lines), for people.
    """

    name: str
    cells: tuple[str, ...]
    lines: Sequence[int]
    where: str = "line"

    @cached_property
    def is_number(self) -> bool:
        """Whether most of what is written there is numbers."""
        n = sum(value is not None for value in self._found)
        n_odd = sum(
            value is None and cell.lower() not in NOTHING for cell, value in zip(self.cells, self._found, strict=True)
        )
        return n > n_odd or not n_odd

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """As numbers; NaN where nothing is written.

        Raises:
            BadTable: odd cells among them, or commas that could mean either.
        """
        self._check_commas()
        found = self._found
        odd = [
            f"{cell!r} in {self.where} {line}"
            for cell, line, value in zip(self.cells, self.lines, found, strict=True)
            if value is None and cell.lower() not in NOTHING
        ]
        if odd:
            more = f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
            raise BadTable(
                f"column {self.name} holds numbers, but also {', '.join(odd[:_SHOWN])}{more}",
                "correct these cells, or leave them empty and leave out their rows; name the column with --categorical "
                "if its numbers are names",
            )
        return np.array([math.nan if value is None else value for value in found], np.float64)

    @cached_property
    def texts(self) -> NDArray[Any]:
        """As names, with all their digits; "" where nothing is written. A whole number loses the .0 of pandas."""
        return np.array(["" if not cell else _WHOLE.sub(r"\1", cell, count=1) if _WHOLE.fullmatch(cell) else cell
                         for cell in self.cells])  # fmt: skip

    @property
    def values(self) -> NDArray[Any]:
        """As what it is.

        Raises:
            BadTable: as `numbers`.
        """
        return self.numbers if self.is_number else self.texts

    def missing(self) -> list[str]:
        """Where no number stands, with what stands there instead."""
        return [
            f"{self.where} {line}" + (f" ({cell!r})" if cell else "")
            for cell, line in zip(self.cells, self.lines, strict=True)
            if cell.lower() in NOTHING
        ]

    @cached_property
    def _found(self) -> list[float | None]:
        """(n,) the number that each cell says; None for none."""
        return [_number(cell, comma=self._has_comma) for cell in self.cells]

    @cached_property
    def _has_comma(self) -> bool:
        """Whether a comma is the decimal sign here: some cell can be read in no other way."""
        return any(not _POINT.fullmatch(cell) and _is_comma(cell) and not _is_point(cell) for cell in self.cells)

    def _check_commas(self) -> None:
        # A column that has both signs cannot say what a cell like 1.234 is.
        both = self._has_comma and any(_is_point(cell) and not _is_comma(cell) and "." in cell for cell in self.cells)
        unclear = (cell for cell in self.cells if both and _is_point(cell) and _is_comma(cell) and not cell.isdecimal())
        if (cell := next(unclear, None)) is not None:
            self._refuse(cell)
        said = [cell for cell in self.cells if "," in cell]
        if not said or self._has_comma or any(_is_point(cell) and not _is_comma(cell) for cell in said):
            return
        cell = next((cell for cell in said if _is_comma(cell)), None)
        if cell is not None:
            self._refuse(cell)

    def _refuse(self, cell: str) -> None:
        line = self.lines[self.cells.index(cell)]
        raise BadTable(
            f"column {self.name}: {cell!r} in {self.where} {line} could be "
            f"{_number(cell, comma=True):.10g} or {_number(cell, comma=False):.10g}",
            "write numbers with a point and without groups of thousands",
        )


def _number(cell: str, *, comma: bool) -> float | None:
    """The number that a cell says; None for none."""
    if not comma and cell.isascii() and _POINT.fullmatch(cell):
        return _finite(float(cell))
    text = _plain(cell)
    if (word := _WORDS.get(text.lower())) is not None:
        return word
    if comma and _is_comma(cell):
        text = re.sub(r"[.'’_ ]", "", text).replace(",", ".")
    elif _is_point(cell):
        text = re.sub(r"[,'’_ ]", "", text)
    else:
        return None
    return _finite(float(text))


def _finite(value: float) -> float | None:
    # What is written with digits and is larger than any number is a slip of the pen.
    return None if math.isinf(value) else value


def _plain(cell: str) -> str:
    for space in _SPACES:
        cell = cell.replace(space, " ")
    return cell.strip().replace("\u2212", "-")


def _is_point(cell: str) -> bool:
    text = _plain(cell)
    return bool(_POINT.fullmatch(text) or _POINT_GROUPED.fullmatch(text))


def _is_comma(cell: str) -> bool:
    text = _plain(cell)
    return bool(_COMMA.fullmatch(text) or _COMMA_GROUPED.fullmatch(text))

"""Holds the rows of two sessions against each other, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db.session_rows import KEYS, SessionRows


@dataclass(frozen=True)
class Difference:
    """One value that is not the same.

    Attributes:
        row: which one, in words; "" for the session's only one.
        column: "" where the whole row is missing on one side; the value of that side is then None.
    """

    table: str
    row: str
    column: str
    recorded: Any
    replayed: Any


@dataclass(frozen=True)
class RowComparison:
    """What is equal and what is not."""

    n_equal: Mapping[str, int]
    n_unequal: Mapping[str, int]
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


@dataclass(frozen=True)
class EnergyShift:
    """An energy as it was recorded, and as it is derived now; None where there is none."""

    row: str
    recorded_mj: float | None
    now_mj: float | None

    @property
    def shift_frac(self) -> float | None:
        """Change relative to what was recorded."""
        if self.recorded_mj is None or self.now_mj is None:
            return None
        return self.now_mj / self.recorded_mj - 1.0


def compare(recorded: SessionRows, replayed: SessionRows) -> RowComparison:
    """All differences, table by table.

    Floating-point numbers are equal when all their bits are: their shortest text that reads back is the same.
    """
    n_equal, n_unequal, differences = dict[str, int](), dict[str, int](), list[Difference]()
    for table, keys in KEYS.items():
        ours, theirs = _by_key(recorded[table], keys), _by_key(replayed[table], keys)
        n_equal[table] = n_unequal[table] = 0
        for key in dict.fromkeys((*ours, *theirs)):
            found = _differences(table, _words(keys, key), ours.get(key), theirs.get(key))
            differences += found
            n_unequal[table] += bool(found)
            n_equal[table] += not found
    return RowComparison(n_equal, n_unequal, tuple(differences))


def energy_shifts(recorded: SessionRows, replayed: SessionRows) -> list[EnergyShift]:
    """By how much energies differ: the newest analysis of each visit on either side."""
    ours, theirs = _newest(recorded["energy"]), _newest(replayed["energy"])
    keys = sorted({*ours, *theirs})
    return [
        EnergyShift(f"window {window}, visit {order}", ours.get((window, order)), theirs.get((window, order)))
        for window, order in keys
    ]


def _newest(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, int], float]:
    ordered = sorted(rows, key=lambda row: row["analysis_version"])
    return {(row["window"], row["order_in_window"]): row["energy_mj"] for row in ordered}


def _by_key(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    return {tuple(row[key] for key in keys): row for row in rows}


def _words(keys: Sequence[str], key: tuple[Any, ...]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in zip(keys, key, strict=True))


def _differences(
    table: str, row: str, recorded: Mapping[str, Any] | None, replayed: Mapping[str, Any] | None
) -> list[Difference]:
    if recorded is None or replayed is None:
        here, there = ("recorded", None) if replayed is None else (None, "replayed")
        return [Difference(table, row, "", here, there)]
    columns = dict.fromkeys((*recorded, *replayed))
    return [
        Difference(table, row, column, recorded.get(column), replayed.get(column))
        for column in columns
        if _text(recorded.get(column)) != _text(replayed.get(column))
    ]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)

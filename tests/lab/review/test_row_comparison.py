"""Rows are equal when all their bits are."""

from __future__ import annotations

import copy
import math

from db.session_rows import SessionRows
from lab.review.row_comparison import compare, energy_shifts


def rows() -> SessionRows:
    where = {"window": 0, "order_in_window": 1}
    return {
        "session": [{"end_reason": "done", "versions": {"numpy": "2.4.6"}}],
        "window": [{"ordinal": 0, "duration_s": 20.5}],
        "visit": [{**where, "outcome": "accepted"}],
        "energy": [{**where, "analysis_version": 1, "energy_mj": 1.25}],
        "gate": [{**where, "analysis_version": 1, "gate": "skin", "value": 30.0}],
        "incident": [],
    }


def test_equal_rows_are_equal() -> None:
    comparison = compare(rows(), rows())
    assert comparison.equal
    assert comparison.n_equal == {"session": 1, "window": 1, "visit": 1, "energy": 1, "gate": 1, "incident": 0}


def test_the_last_bit_of_a_number_counts() -> None:
    other = copy.deepcopy(rows())
    other["energy"][0]["energy_mj"] = math.nextafter(1.25, 2.0)
    (difference,) = compare(rows(), other).differences
    assert (difference.table, difference.column, difference.recorded) == ("energy", "energy_mj", 1.25)
    assert difference.row == "window 0, order in window 1, analysis version 1"


def test_a_row_that_is_missing_on_either_side_is_a_difference() -> None:
    other = copy.deepcopy(rows())
    other["visit"] = []
    assert [(d.table, d.recorded, d.replayed) for d in compare(rows(), other).differences] == [
        ("visit", "recorded", None)
    ]
    assert [(d.table, d.recorded, d.replayed) for d in compare(other, rows()).differences] == [
        ("visit", None, "replayed")
    ]


def test_a_column_of_a_later_release_is_a_difference() -> None:
    other = copy.deepcopy(rows())
    other["window"][0]["hum_hz"] = 50.0
    assert [d.column for d in compare(rows(), other).differences] == ["hum_hz"]


def test_shifts_compare_the_newest_analysis_of_each_visit() -> None:
    other = copy.deepcopy(rows())
    other["energy"].insert(0, {**other["energy"][0], "analysis_version": 2, "energy_mj": 1.5})
    (shift,) = energy_shifts(rows(), other)
    assert (shift.recorded_mj, shift.now_mj) == (1.25, 1.5)
    assert math.isclose(shift.shift_frac or 0.0, 0.2)


def test_an_energy_that_is_gone_has_no_shift() -> None:
    other = copy.deepcopy(rows())
    other["energy"] = []
    (shift,) = energy_shifts(rows(), other)
    assert shift.shift_frac is None
    assert shift.now_mj is None

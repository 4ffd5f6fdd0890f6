"""Cells of tables as spreadsheets and pandas write them: read as what they are, or refused by value and line."""

from __future__ import annotations

import math

import pytest

from predictor.cells import Column
from predictor.errors import BadTable


def column(*cells: str) -> Column:
    return Column("c", cells, range(2, 2 + len(cells)))


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (("1", "2.5", "-3e-2", "+4E+03", ".5", "6."), [1, 2.5, -0.03, 4000, 0.5, 6]),
        (("1,5", "0,25", "2", "1.234,5"), [1.5, 0.25, 2, 1234.5]),
        (("0,288", "20,412"), [0.288, 20.412]),
        (("1,234.5", "20,412"), [1234.5, 20412]),
        (("1,234,567", "12"), [1234567, 12]),
        (("1.234.567", "1,5"), [1234567, 1.5]),
        (("1 234,5", "1 234 567,25"), [1234.5, 1234567.25]),
        (("1\u00a0234.5", "1\u202f000"), [1234.5, 1000]),
        (("1'234.5", "12"), [1234.5, 12]),
        (("\u22122.5", "3"), [-2.5, 3]),
        (("true", "False", "TRUE"), [1, 0, 1]),
    ],
)
def test_numbers_are_read_however_they_are_written(cells: tuple[str, ...], numbers: list[float]) -> None:
    found = column(*cells)
    assert found.is_number
    assert found.values.tolist() == numbers


@pytest.mark.parametrize("nothing", ["", "-", "NA", "n/a", "NaN", "null", "#N/A", "None", "?"])
def test_nothing_is_no_category(nothing: str) -> None:
    found = column("1", "2", nothing, "4")
    assert found.is_number
    assert [math.isnan(value) for value in found.numbers] == [False, False, True, False]
    assert found.missing() == ["line 4" + (f" ({nothing!r})" if nothing else "")]


def test_what_is_odd_among_numbers_is_named_by_value_and_line() -> None:
    found = column("1", "2", "12 mJ", "4", "broken", "6", "7", "8")
    assert found.is_number
    with pytest.raises(BadTable, match=r"'12 mJ' in line 4, 'broken' in line 6"):
        _ = found.values


def test_commas_that_could_mean_either_are_refused() -> None:
    with pytest.raises(BadTable, match=r"'20,412' in line 2 could be 20\.412 or 20412"):
        _ = column("20,412", "12,000").numbers
    # One cell that can be read in one way only decides for all.
    assert column("20,412", "12,000", "1,5").numbers.tolist() == [20.412, 12.0, 1.5]


def test_mostly_words_are_categories_and_nothing_is_lost_of_them() -> None:
    found = column("conv", "pool", "3", "none")
    assert not found.is_number
    assert found.values.tolist() == ["conv", "pool", "3", "none"]


def test_names_keep_all_digits_but_not_the_point_of_pandas() -> None:
    found = column("007", "12345678901234567890", "3.0", "3.10")
    assert found.texts.tolist() == ["007", "12345678901234567890", "3", "3.10"]


def test_an_empty_column_is_one_of_missing_numbers() -> None:
    found = column("", "", "-")
    assert found.is_number
    assert all(math.isnan(value) for value in found.numbers)

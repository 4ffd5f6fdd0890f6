"""Tables of others: CSV and Parquet."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from predictor.errors import BadTable
from predictor.table_file import TableChoice, read_columns, read_measurements

CSV = "cell,op,edges,code,energy_mj,ms\nA,conv,3,1,1.5,2\nA,conv,3,1,1.6,2\nB,pool,4,2,0.5,1\n"
CHOICE = TableChoice(("op", "edges"), "energy_mj")


def written(folder: Path, text: str = CSV, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_columns_are_numbers_or_categories_as_they_are_written(tmp_path: Path) -> None:
    rows = read_measurements(written(tmp_path), CHOICE)
    assert rows.features.columns["op"].tolist() == ["conv", "conv", "pool"]
    assert rows.features.columns["edges"].tolist() == [3, 3, 4]
    assert (rows.target.unit, rows.values.tolist(), rows.row_ids.tolist()) == ("mJ", [1.5, 1.6, 0.5], [1, 2, 3])


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    table = pyarrow.table({"op": ["conv", "pool"], "edges": [3, 4], "energy_mj": [1.5, 0.5]})
    pyarrow.parquet.write_table(table, tmp_path / "table.parquet")
    assert read_measurements(tmp_path / "table.parquet", CHOICE).values.tolist() == [1.5, 0.5]


def test_rows_are_of_one_architecture_by_their_group_or_by_equal_features(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert read_measurements(path, CHOICE).n_architectures == 2
    by_name = TableChoice(("op", "edges"), "energy_mj", group="cell")
    assert read_measurements(path, by_name).groups.tolist() == [0, 0, 1]


def test_numbers_can_be_named_as_categories(tmp_path: Path) -> None:
    choice = TableChoice(("code",), "energy_mj", categorical=("code",))
    assert read_measurements(written(tmp_path), choice).features.columns["code"].tolist() == ["1", "1", "2"]


def test_latencies_come_along(tmp_path: Path) -> None:
    rows = read_measurements(written(tmp_path), TableChoice(("op",), "energy_mj", latency="ms"))
    assert rows.latencies_ms is not None
    assert rows.latencies_ms.tolist() == [2, 2, 1]


def test_a_table_marked_as_simulated_stays_so_and_is_never_half_so(tmp_path: Path) -> None:
    marked = "op,edges,energy_mj,simulated\na,1,1,true\nb,2,2,{}\n"
    assert read_measurements(written(tmp_path, marked.format("true")), CHOICE).simulated
    with pytest.raises(BadTable, match="mixes simulated and measured"):
        read_measurements(written(tmp_path, marked.format("false")), CHOICE)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (TableChoice(("op", "nope"), "energy_mj"), "no column nope"),
        (TableChoice(("op",), "nope"), "no column nope"),
        (TableChoice(("op",), "energy_mj", group="nope"), "no column nope"),
        (TableChoice(("op", "op"), "energy_mj"), "named twice"),
        (TableChoice(("energy_mj",), "energy_mj"), "both feature and target"),
        (TableChoice(("edges",), "op"), "op is not a column of numbers"),
    ],
)
def test_columns_that_do_not_fit_are_named(tmp_path: Path, choice: TableChoice, words: str) -> None:
    with pytest.raises(BadTable, match=words):
        read_measurements(written(tmp_path), choice)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("table.xlsx", CSV, "no suffix"),
        ("table.parquet", CSV, "cannot be read as Parquet"),
        ("table.csv", "a,b\n1,2\n3\n", "cannot be read as CSV"),
        ("table.csv", "", "cannot be read as CSV"),
        ("table.csv", "op,edges,energy_mj\n", "has no rows"),
        ("table.csv", "a,a\n1,2\n", "several columns a"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(BadTable, match=words):
        read_columns(written(tmp_path, text, name))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="there is no file"):
        read_columns(tmp_path / "none.csv")


@pytest.mark.parametrize("mark", ["SIMULATED", "yes", "true", "1"])
def test_every_way_to_say_simulated_marks_the_rows(tmp_path: Path, mark: str) -> None:
    path = written(tmp_path, f"a,energy_mj,simulated\n1,2,{mark}\n2,3,{mark}\n")
    assert read_measurements(path, TableChoice(("a",), "energy_mj")).simulated


@pytest.mark.parametrize("mark", ["maybe", ""])
def test_a_mark_that_says_neither_is_refused_with_its_row(tmp_path: Path, mark: str) -> None:
    path = written(tmp_path, f"a,energy_mj,simulated\n1,2,no\n2,3,{mark}\n")
    with pytest.raises(BadTable, match="row 2"):
        read_measurements(path, TableChoice(("a",), "energy_mj"))


def test_a_row_without_a_group_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a,energy_mj,g\n1,2,x\n2,3,\n3,4,\n")
    with pytest.raises(BadTable, match="g in rows 2, 3"):
        read_measurements(path, TableChoice(("a",), "energy_mj", group="g"))


@pytest.mark.parametrize(
    ("encoding", "separator"), [("utf-8", ";"), ("utf-8-sig", ","), ("utf-16", "\t"), ("cp1252", ";"), ("utf-8", "|")]
)
def test_every_encoding_and_separator_of_a_spreadsheet_is_read(tmp_path: Path, encoding: str, separator: str) -> None:
    text = CSV.replace("conv", "größe").replace(",", separator).replace("\n", "\r\n")
    (tmp_path / "table.csv").write_bytes(text.encode(encoding))
    rows = read_measurements(tmp_path / "table.csv", CHOICE)
    assert rows.features.columns["op"].tolist() == ["größe", "größe", "pool"]
    assert rows.values.tolist() == [1.5, 1.6, 0.5]


def test_excels_note_blank_lines_and_decimal_commas_are_read(tmp_path: Path) -> None:
    text = "sep=;\nop;edges;energy_mj\n\nconv;3;1,5\npool;4;0,25\n"
    assert read_measurements(written(tmp_path, text), CHOICE).values.tolist() == [1.5, 0.25]


def test_a_dash_among_numbers_is_a_missing_number_and_its_line_is_named(tmp_path: Path) -> None:
    text = "op,edges,energy_mj\na,3,1\n\nb,-,2\nc,5,3\n"
    with pytest.raises(BadTable, match=r"numbers are missing: edges in line 4 \('-'\)"):
        read_measurements(written(tmp_path, text), CHOICE)


def test_an_odd_cell_of_a_column_that_nobody_asked_for_harms_nothing(tmp_path: Path) -> None:
    text = "op,edges,notes,energy_mj\na,3,1,1\nb,4,2,2\nc,5,see page 3,3\n"
    assert read_measurements(written(tmp_path, text), CHOICE).n_rows == 3


def test_decimals_and_long_ids_of_parquet_keep_their_digits(tmp_path: Path) -> None:
    import decimal

    ids = [12345678901234567, 12345678901234568]
    ops, edges = pyarrow.array(["a", "b"]).dictionary_encode(), [decimal.Decimal("3.50"), decimal.Decimal("4.25")]
    table = pyarrow.table({"op": ops, "edges": edges, "energy_mj": [1.0, 2.0], "id": ids})
    pyarrow.parquet.write_table(table, tmp_path / "table.parquet")
    rows = read_measurements(tmp_path / "table.parquet", TableChoice(("op", "edges"), "energy_mj", group="id"))
    assert rows.features.columns["edges"].tolist() == [3.5, 4.25]
    assert rows.n_architectures == 2


def test_a_line_with_too_many_cells_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="line 3 has 4 cells, the header 3"):
        read_columns(written(tmp_path, "a,b,c\n1,2,3\n1,2,3,4\n"))


def values_of(path: Path, content: str) -> dict[str, list[float]]:
    path.write_bytes(content.encode())
    return {name: column.values.tolist() for name, column in read_columns(path).items()}


@pytest.mark.parametrize("content", ["a,e,\n1,2,\n", "a;e;;\n1;2;;\n", "a\te\t \t\n1\t2\t \t\n", "a,,e\n1,,2\n"])
def test_columns_without_a_name_in_which_nothing_stands_are_none(content: str, tmp_path: Path) -> None:
    assert values_of(tmp_path / "t.csv", content) == {"a": [1.0], "e": [2.0]}


def test_columns_without_a_name_in_which_something_stands_are_named_so(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="several columns without a name"):
        values_of(tmp_path / "t.csv", "a,,\n1,2,3\n")
    assert values_of(tmp_path / "t.csv", ",a\n0,2\n1,3\n") == {"": [0.0, 1.0], "a": [2.0, 3.0]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("note", ["", "sep=;"])
def test_the_separator_is_that_of_the_header_however_lines_end(end: str, note: str, tmp_path: Path) -> None:
    lines = [*([note] if note else []), "a;e", *["1,5;2,5"] * 5]
    assert values_of(tmp_path / "t.csv", end.join(lines)) == {"a": [1.5] * 5, "e": [2.5] * 5}


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 400, "1e999999"])
def test_digits_that_are_no_number_of_a_computer_are_odd_cells(number: str, tmp_path: Path) -> None:
    with pytest.raises(BadTable) as refused:
        values_of(tmp_path / "t.csv", f"a,e\n1,2\n{number},3\n4,5\n")
    assert "in line 3" in str(refused.value)


@pytest.mark.parametrize("cells", [("1,5", "1.25", "1.234"), ("1.25", "1.234", "0,5"), ("1,234", "1,5", "2.5")])
def test_a_column_with_both_decimal_signs_does_not_guess_what_a_cell_is(cells: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(BadTable, match=r"could be (1234 or 1\.234|1\.234 or 1234)"):
        values_of(tmp_path / "t.csv", "a;e\n" + "".join(f"{cell};1\n" for cell in cells))

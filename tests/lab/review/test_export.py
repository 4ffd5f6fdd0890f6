from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import typer
from recorded_campaign import BEGAN_UTC, measure_window, record_campaign
from typer.testing import CliRunner

import lab.review.export
from db.database import Database, open_database
from db.errors import CampaignUnknown
from db.results import FIXED_COLUMNS, result_rows
from lab.commands.export import export
from lab.review.export import FIXED_KINDS, ExportError, export_file, export_stream

app = typer.Typer()
app.command()(export)
runner = CliRunner()
PARAMS: list[dict[str, Any]] = [
    {"width": 8, "scale": 1, "residual": True, "kernel": "3x3"},
    {"width": 16, "scale": 0.5, "residual": False, "kernel": "5x5", "depth": 3},
    {"width": 24, "scale": 2, "residual": True, "kernel": 7},
]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "lab.db") as database:
        campaign_id, session_id = record_campaign(database, params=PARAMS)
        measure_window(database, campaign_id, session_id, [12.0, 1 / 3, 14.0])
        yield database


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_fixed_columns_are_exactly_those_of_a_result_row() -> None:
    assert set(FIXED_KINDS) == FIXED_COLUMNS


def test_parquet_gives_back_every_value_of_every_row(db: Database, tmp_path: Path) -> None:
    out = tmp_path / "rows.parquet"
    exported = export_file(db, out)
    found = pyarrow.parquet.read_table(out).to_pylist()
    expected = list(result_rows(db))
    assert exported.n_rows == len(expected) == 3
    for row, before in zip(found, expected, strict=True):
        assert {name: row[name] for name in FIXED_COLUMNS} == {name: before.flat()[name] for name in FIXED_COLUMNS}


def test_parquet_columns_are_typed_and_parameters_get_the_narrowest_type_that_holds_them(
    db: Database, tmp_path: Path
) -> None:
    out = tmp_path / "rows.parquet"
    export_file(db, out)
    schema = pyarrow.parquet.read_schema(out)
    types = {name: str(schema.field(name).type) for name in schema.names}
    assert types["simulated"] == types["residual"] == "bool"
    assert types["energy_mj"] == types["scale"] == "double"
    assert types["flops"] == types["width"] == types["depth"] == "int64"
    assert types["kernel"] == types["arch_text"] == "string"
    assert types["window_started_utc"] == "timestamp[us, tz=UTC]"
    assert schema.names[: len(FIXED_KINDS)] == list(FIXED_KINDS)
    assert schema.metadata[b"simulated"] == b"all"


def test_a_parameter_that_an_architecture_does_not_have_is_empty(db: Database, tmp_path: Path) -> None:
    export_file(db, tmp_path / "rows.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "rows.parquet")["depth"].to_pylist() == [None, 3, None]
    export_file(db, tmp_path / "rows.csv")
    assert [row["depth"] for row in csv_rows((tmp_path / "rows.csv").read_text())] == ["", "3", ""]


def test_csv_keeps_numbers_to_the_last_digit_and_says_true_and_false(db: Database, tmp_path: Path) -> None:
    export_file(db, tmp_path / "rows.csv")
    rows = csv_rows((tmp_path / "rows.csv").read_text(encoding="utf-8"))
    assert [float(row["energy_mj"]) for row in rows] == [12.0, 1 / 3, 14.0]
    assert {row["simulated"] for row in rows} == {"true"}
    assert [row["kernel"] for row in rows] == ["3x3", "5x5", "7"]
    assert datetime.fromisoformat(rows[0]["window_started_utc"]) == BEGAN_UTC


def test_rows_are_written_in_batches_and_none_is_lost_between_them(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab.review.export, "_ROWS_AT_A_TIME", 2)
    export_file(db, tmp_path / "rows.parquet")
    file = pyarrow.parquet.ParquetFile(tmp_path / "rows.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [2, 1]


def test_one_campaign_can_be_chosen_and_a_mixture_is_said_to_be_one(db: Database, tmp_path: Path) -> None:
    campaign_id, session_id = record_campaign(db, "real", simulated=False, params=[{"width": 9}])
    measure_window(db, campaign_id, session_id, [15.0])
    assert export_file(db, tmp_path / "one.csv", "real").n_simulated == 0
    assert {row["simulated"] for row in csv_rows((tmp_path / "one.csv").read_text())} == {"false"}
    both = runner.invoke(app, ["--db", db.shown, "--out", str(tmp_path / "both.csv")], catch_exceptions=False)
    assert "4 rows" in both.stderr
    assert "3 of them SIMULATED" in both.stderr


def test_a_visit_that_comes_while_the_rows_are_read_is_left_for_the_next_export(db: Database) -> None:
    class Meddling(io.StringIO):
        def write(self, text: str) -> int:
            if not self.getvalue():
                campaign_id, session_id = record_campaign(db, "late", params=[{"unheard_of": 1}])
                measure_window(db, campaign_id, session_id, [15.0])
            return super().write(text)

    stream = Meddling()
    export_stream(db, stream)
    rows = csv_rows(stream.getvalue())
    assert len(rows) == 3
    assert "unheard_of" not in rows[0]


def test_a_dash_prints_csv_and_nothing_else_to_stdout(db: Database) -> None:
    result = runner.invoke(app, ["--db", db.shown, "--out", "-"], catch_exceptions=False)
    assert len(csv_rows(result.stdout)) == 3
    assert "SIMULATED" in result.stderr


def test_the_file_there_stays_whole_when_writing_fails(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rows.csv"
    out.write_text("what was there")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="No space left"):
        export_file(db, out)
    assert out.read_text() == "what was there"
    assert sorted(path.name for path in tmp_path.glob("*rows*")) == ["rows.csv"]


def test_the_file_that_a_link_points_to_is_replaced_and_not_the_link(db: Database, tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    export_file(db, tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert len(csv_rows((tmp_path / "real.csv").read_text())) == 3


@pytest.mark.parametrize("name", ["rows", "rows.xlsx", "rows.CSV.gz"])
def test_an_unknown_suffix_is_an_error_that_names_the_known_ones(db: Database, tmp_path: Path, name: str) -> None:
    with pytest.raises(ExportError) as raised:
        export_file(db, tmp_path / name)
    assert ".parquet" in raised.value.hint
    assert not (tmp_path / name).exists()


def test_a_folder_that_does_not_exist_is_an_error(db: Database, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        export_file(db, tmp_path / "nowhere" / "rows.csv")


def test_a_folder_in_place_of_a_file_is_an_error(db: Database, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        export_file(db, tmp_path / "rows.csv")


def test_no_accepted_row_is_an_error_and_makes_no_file(tmp_path: Path) -> None:
    with open_database(tmp_path / "empty.db") as db:
        campaign_id, session_id = record_campaign(db)
        measure_window(db, campaign_id, session_id, [None, None])
        with pytest.raises(ExportError, match="no accepted visit"):
            export_file(db, tmp_path / "rows.csv", "first")
    assert not (tmp_path / "rows.csv").exists()


def test_an_unknown_campaign_is_named_with_the_known_ones(db: Database, tmp_path: Path) -> None:
    with pytest.raises(CampaignUnknown) as raised:
        export_file(db, tmp_path / "rows.csv", "frist")
    assert "first" in raised.value.hint

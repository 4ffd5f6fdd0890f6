"""Writes the results of a database as CSV or Parquet: one row for each trusted visit, in flat memory.

Rows are those of `db.results.result_rows`, read twice: once to learn which parameters the architectures have and of
what type they are, once to write them. A file is written under another name beside its place and then put there, so
nobody ever sees half of one. The column `simulated` is in every row.
"""

from __future__ import annotations

import csv
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from db.database import Database
from db.results import result_rows
from db.whole_file import whole_file
from lab.errors import USAGE, LabError

if TYPE_CHECKING:
    import pyarrow

Kind = Literal["text", "integer", "real", "flag", "moment"]
_ROWS_AT_A_TIME = 5000

FIXED_KINDS: dict[str, Kind] = {
    "campaign": "text",
    "simulated": "flag",
    "session_id": "integer",
    "window_id": "integer",
    "visit_id": "integer",
    "task_id": "integer",
    "role": "text",
    "ordinal": "integer",
    "order_in_window": "integer",
    "window_started_utc": "moment",
    "phone_model": "text",
    "phone_build": "text",
    "phone_serial": "text",
    "meter_kind": "text",
    "meter_serial": "text",
    "clock_freq_khz": "integer",
    "core": "integer",
    "profile_name": "text",
    "profile_sha256": "text",
    "tool_sha256": "text",
    "model_sha256": "text",
    "model_name": "text",
    "size_bytes": "integer",
    "arch_hash": "text",
    "arch_space": "text",
    "arch_text": "text",
    "flops": "integer",
    "n_params": "integer",
    "outcome": "text",
    "started_utc_s": "real",
    "n_segments": "integer",
    "n_segments_trimmed": "integer",
    "n_runs": "integer",
    "latency_ms": "real",
    "latency_sd_ms": "real",
    "analysis_version": "integer",
    "power_w": "real",
    "idle_power_w": "real",
    "energy_mj": "real",
    "energy_se_mj": "real",
    "dynamic_energy_mj": "real",
    "dynamic_energy_se_mj": "real",
    "temp_before_c": "real",
    "temp_after_c": "real",
    "freq_khz": "integer",
}
"""The columns that every row has, in their order. Parameters of architectures follow, in the order of meeting them."""


class ExportError(LabError):
    """The rows cannot be written: no rows, an unknown kind of file, or no place to write to."""

    exit_code = USAGE


@dataclass(frozen=True)
class ExportResult:
    """What an export wrote.

    Attributes:
        n_simulated: rows of them that came from a simulated bench.
        columns: their names in order.
        n_by_analysis: rows by the version of the analysis that their energies are of.
    """

    n_rows: int
    n_simulated: int
    columns: tuple[str, ...]
    n_by_analysis: Mapping[int, int]


@dataclass(frozen=True)
class _Survey:
    """What the first reading found; the second reads no further than `last_visit_id`.

    A campaign may be measuring meanwhile: later visits could have parameters that no column was made for.
    """

    kinds: Mapping[str, Kind]
    n_simulated: int
    n_rows: int
    last_visit_id: int
    n_by_analysis: Mapping[int, int]


def export_file(db: Database, out: Path, campaign: str | None = None) -> ExportResult:
    """Write the rows to a file, whose suffix says how: .csv or .parquet. One that is there is replaced at the end.

    Args:
        campaign: name of the only campaign wanted.

    Raises:
        ExportError: no rows, another suffix, or `out` cannot be written.
        DbError: no such campaign, or the database cannot be read.
    """
    out = Path(out).expanduser()
    if out.suffix not in (".csv", ".parquet"):
        raise ExportError(
            f"{out} has no suffix that says how to write it.", "Name the file .csv or .parquet; `--out -` prints CSV."
        )
    if out.is_dir():
        raise ExportError(f"{out} is a folder.", "Give the name of a file in it.")
    survey = _survey(db, campaign)
    rows = _rows(db, campaign, survey)
    try:
        with whole_file(out.resolve()) as part, part.open("wb") as file:
            if out.suffix == ".parquet":
                _write_parquet(file, rows, survey)
            else:
                _write_csv_bytes(file, rows, survey)
    except OSError as error:
        raise ExportError(
            f"{out} cannot be written: {error.strerror or error}.",
            "Nothing was changed. Choose a folder that exists, with room and permission to write.",
        ) from error
    return _exported(survey)


def export_stream(db: Database, stream: IO[str], campaign: str | None = None) -> ExportResult:
    """Write the rows as CSV to an open text stream.

    Raises:
        ExportError: no rows.
        DbError: no such campaign, or the database cannot be read.
        OSError: the stream's own, e.g. BrokenPipeError.
    """
    survey = _survey(db, campaign)
    _write_csv(stream, _rows(db, campaign, survey), survey)
    return _exported(survey)


def _exported(survey: _Survey) -> ExportResult:
    return ExportResult(survey.n_rows, survey.n_simulated, tuple(survey.kinds), survey.n_by_analysis)


def _survey(db: Database, campaign: str | None) -> _Survey:
    kinds: dict[str, Kind | None] = dict(FIXED_KINDS)
    n_rows = n_simulated = last_visit_id = 0
    n_by_analysis = Counter[int]()
    for row in result_rows(db, campaign):
        n_rows += 1
        n_simulated += row.simulated
        last_visit_id = row.visit_id
        n_by_analysis[row.analysis_version] += 1
        for name, value in row.params.items():
            kinds[name] = _common(kinds.get(name), value)
    if not n_rows:
        whose = f"campaign {campaign}" if campaign else db.shown
        raise ExportError(
            f"There is no accepted visit in {whose} yet: nothing to export.",
            "See with `lab status` what became of the visits; `lab measure` goes on.",
        )
    kinds_found: dict[str, Kind] = {name: kind or "text" for name, kind in kinds.items()}
    return _Survey(kinds_found, n_simulated, n_rows, last_visit_id, n_by_analysis)


def _common(known: Kind | None, value: object) -> Kind | None:
    """The narrowest kind that holds what a column had so far and one more value."""
    if value is None:
        return known
    found: Kind = "text"
    if isinstance(value, bool):
        found = "flag"
    elif isinstance(value, int):
        found = "integer"
    elif isinstance(value, float):
        found = "real"
    if known in (None, found):
        return found
    return "real" if {known, found} == {"integer", "real"} else "text"


def _rows(db: Database, campaign: str | None, survey: _Survey) -> Iterator[dict[str, Any]]:
    """The rows again, each with all columns in their order; None where a row has no such parameter."""
    for row in result_rows(db, campaign):
        if row.visit_id > survey.last_visit_id:
            return
        values = row.flat()
        yield {name: _fitted(values.get(name), kind) for name, kind in survey.kinds.items()}


def _fitted(value: Any, kind: Kind) -> Any:
    if value is None or kind in ("moment", "flag", "integer"):
        return value
    if kind == "real":
        return float(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _write_csv_bytes(file: IO[bytes], rows: Iterable[dict[str, Any]], survey: _Survey) -> None:
    import io

    # Detached at the end: the text layer would close the file under the hands of its opener.
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        _write_csv(text, rows, survey)
    finally:
        text.detach()


def _write_csv(stream: IO[str], rows: Iterable[dict[str, Any]], survey: _Survey) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(survey.kinds)
    for row in rows:
        writer.writerow([_csv_text(value) for value in row.values()])
    stream.flush()


def _csv_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else value


def _write_parquet(file: IO[bytes], rows: Iterator[dict[str, Any]], survey: _Survey) -> None:
    import pyarrow
    import pyarrow.parquet

    kinds = {0: "no", survey.n_rows: "all"}
    schema = _schema(survey.kinds).with_metadata({"simulated": kinds.get(survey.n_simulated, "some")})
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while batch := list(itertools.islice(rows, _ROWS_AT_A_TIME)):
            writer.write_batch(pyarrow.RecordBatch.from_pylist(batch, schema=schema))


def _schema(kinds: Mapping[str, Kind]) -> pyarrow.Schema:
    import pyarrow

    types: dict[Kind, Any] = {
        "text": pyarrow.string(),
        "integer": pyarrow.int64(),
        "real": pyarrow.float64(),
        "flag": pyarrow.bool_(),
        "moment": pyarrow.timestamp("us", tz="UTC"),
    }
    return pyarrow.schema([pyarrow.field(name, types[kind]) for name, kind in kinds.items()])

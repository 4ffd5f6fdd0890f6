"""Energies are derived again from stored traces: the same by the same method, others by another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from recorded_sessions import FOLDER, profile
from sqlalchemy import text
from typer.testing import CliRunner

from db.database import Database, open_database
from db.results import result_rows
from hardware.clock import RealClock
from lab.analysis import window as analysis
from lab.cli import app, register
from lab.profile.profile import BenchProfile
from lab.review.analysis_changes import AnalysisChanges, changes_of
from lab.review.reanalysis import WindowReanalysis, analysis_of, reanalyse
from lab.review.replay import replay

N_VISITS = 6


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[Database]:
    """A database with two windows and their traces, out of a recorded session."""
    with open_database(tmp_path / "lab.db") as db:
        replay(FOLDER / "hvpm.labrec", db)
        yield db


def derive(db: Database, judged_by: BenchProfile | None = None) -> list[WindowReanalysis]:
    return list(reanalyse(db, analysis_of(judged_by, RealClock().utc()), judged_by))


def changes(db: Database, version: int = 1001) -> AnalysisChanges:
    return changes_of(db, version)


def test_the_same_method_derives_the_same_energies_bit_for_bit(measured: Database) -> None:
    before = list(result_rows(measured))
    done = derive(measured)
    assert [(window.n_visits, window.n_energies, window.problem) for window in done] == [(3, 3, None)] * 2
    assert all(window.simulated for window in done)
    assert changes(measured) == AnalysisChanges(N_VISITS, (), {})
    after = list(result_rows(measured))
    assert [replace(row, analysis_version=1) for row in after] == before
    assert list(result_rows(measured.seen_by(1))) == before


def test_another_method_derives_others_beside_them(measured: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "HEAD_S", 0.3)
    derive(measured)
    found = changes(measured)
    assert len(found.shifts_frac) == N_VISITS
    assert all(0 < abs(shift) < 0.02 for shift in found.shifts_frac)


def test_other_gates_are_an_analysis_of_their_own(measured: Database) -> None:
    derive(measured)
    strict = replace(profile("hvpm"), gates=profile("hvpm").gates.model_copy(update={"max_trend_frac": 1e-9}))
    derive(measured, strict)
    assert changes(measured, 1002).verdicts == {("accepted", "rejected"): N_VISITS}
    assert list(result_rows(measured)) == []
    assert len(list(result_rows(measured.seen_by(1001)))) == len(list(result_rows(measured.seen_by(1)))) > 0


def test_doing_it_again_does_nothing(measured: Database) -> None:
    derive(measured)
    assert derive(measured) == []


def test_what_was_stopped_goes_on_where_it_was(measured: Database) -> None:
    spec = analysis_of(None, RealClock().utc())
    first = next(reanalyse(measured, spec, None))
    second = list(reanalyse(measured, spec, None))
    assert [first.window_id] + [window.window_id for window in second] == [1, 2]
    assert changes(measured).n_same == N_VISITS


def test_a_damaged_and_a_missing_trace_are_named_and_the_rest_is_done(measured: Database) -> None:
    with measured.read() as tx:
        paths = list(tx.execute(text("SELECT raw_path FROM window ORDER BY id")).scalars())
    (measured.files_dir / paths[0]).write_bytes(b"damaged")
    problems = [window.problem for window in derive(measured)]
    assert problems[1] is None
    assert "cannot be decompressed" in (problems[0] or "")
    (measured.files_dir / paths[0]).unlink()
    (window,) = derive(measured)
    assert "no trace" in (window.problem or "")


def test_a_window_that_cannot_be_aligned_any_more_rejects_its_visits(
    measured: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab.analysis import alignment

    monkeypatch.setattr(alignment, "_MIN_CORRELATION", 1.1)
    done = derive(measured)
    assert [(window.n_visits, window.n_energies) for window in done] == [(3, 0)] * 2
    assert list(result_rows(measured)) == []
    assert len(list(result_rows(measured.seen_by(1)))) > 0


def test_the_command_says_what_changed_and_marks_it_simulated(measured: Database) -> None:
    register(app)
    done = CliRunner().invoke(app, ["reanalyse", "--db", measured.shown])
    assert done.exit_code == 0
    assert "SIMULATED analysis 1001: 6 visits of 2 windows, 6 energies" in done.output
    assert "6 energies are the same bit for bit, 0 changed" in done.output
    listed = CliRunner().invoke(app, ["reanalyse", "--db", measured.shown, "--list", "--json"])
    assert [row["version"] for row in json.loads(listed.output)] == [1, 1001]
    (measured.files_dir / "a.csv").unlink(missing_ok=True)
    export = ["export", "--db", measured.shown, "--out", "-", "--analysis-version"]
    rows = [CliRunner().invoke(app, [*export, version]) for version in ("1", "1001")]
    assert [result.exit_code for result in rows] == [0, 0]
    assert rows[0].stdout.count("\n") == rows[1].stdout.count("\n") > 2
    assert CliRunner().invoke(app, [*export, "5"]).exit_code != 0

"""`lab replay`: run a recorded session again, and hold what it brings against what it brought then."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lab.review.replay import ReplayResult
    from lab.review.row_comparison import EnergyShift, RowComparison

_SHOWN_DIFFERENCES = 20


def replay(
    file: Annotated[Path, typer.Argument(help="A recording of `lab measure --record FILE`.")],
    db: Annotated[
        str | None,
        typer.Option("--db", help="Compare with the rows of this database. [default: those in the recording]"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the replayed rows into this new database.")] = None,
    analysis: Annotated[
        bool, typer.Option("--analysis", help="Only show by how much today's analysis changes the energies.")
    ] = False,
    bench: Annotated[
        str | None, typer.Option("--bench", help="Refuse a recording that was made with another profile than this.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Runs drivers, procedure and analysis on a recorded session, without any device, and compares every row.

    Exit codes: 0 every row is equal; 1 rows differ, or the drivers do something else than was recorded; 2 no
    recording, one that is cut short, damaged, of a newer version or of another profile; 5 database unusable.
    """
    from db.database import open_database
    from lab.profile.profile import load_profile
    from lab.review.replay import replay as run_replay
    from lab.review.replay import replay_database, rows_of
    from lab.review.row_comparison import compare, energy_shifts

    expected = load_profile(bench) if bench is not None else None
    with tempfile.TemporaryDirectory(prefix="lab-replay-") as scratch:
        with replay_database(out, Path(scratch)) as database:
            replayed = run_replay(file, database, expected)
        then = replayed.recorded.rows
        if db is not None:
            with open_database(db, create=False) as measured:
                then = rows_of(measured, replayed.recorded)
    comparison, shifts = compare(then, replayed.rows), energy_shifts(then, replayed.rows)
    if as_json:
        typer.echo(json.dumps(_as_json(replayed, comparison, shifts)))
    else:
        _show_windows(replayed, file)
        if analysis:
            _show_shifts(shifts)
        else:
            _show_comparison(comparison)
    if not analysis and not comparison.equal:
        raise typer.Exit(1)


def _as_json(replayed: ReplayResult, comparison: RowComparison, shifts: list[EnergyShift]) -> dict[str, Any]:
    return {
        "simulated": replayed.recorded.campaign.simulated,
        "campaign": replayed.recorded.campaign.name,
        "equal": comparison.equal,
        "n_equal": dict(comparison.n_equal),
        "n_unequal": dict(comparison.n_unequal),
        "differences": [asdict(difference) for difference in comparison.differences],
        "energies": [asdict(shift) | {"shift_frac": shift.shift_frac} for shift in shifts],
        "windows": [asdict(pace) | {"ratio": pace.ratio} for pace in replayed.paces],
    }


def _show_windows(replayed: ReplayResult, file: Path) -> None:
    recorded = replayed.recorded
    mark = "SIMULATED bench: " if recorded.campaign.simulated else ""
    typer.echo(f"{mark}session of campaign {recorded.campaign.name}, recorded {recorded.started_utc}, from {file}")
    here = recorded.provenance.versions
    typer.echo(f"  recorded with {', '.join(f'{name} {version}' for name, version in here.items())}")
    for number, pace in enumerate(replayed.paces):
        typer.echo(
            f"  window {number}: {pace.recorded_s:.1f} s recorded, replayed in {pace.replayed_s:.2f} s, "
            f"ratio {pace.ratio:.4f}"
        )


def _show_comparison(comparison: RowComparison) -> None:
    tables = ", ".join(f"{table} {n} of {n + comparison.n_unequal[table]}" for table, n in comparison.n_equal.items())
    typer.echo(f"  equal bit for bit: {tables}")
    for difference in comparison.differences[:_SHOWN_DIFFERENCES]:
        where = " ".join(filter(None, (difference.table, difference.row, difference.column)))
        typer.echo(f"  DIFFERS {where}: recorded {difference.recorded!r:.60}, replayed {difference.replayed!r:.60}")
    left_out = len(comparison.differences) - _SHOWN_DIFFERENCES
    if left_out > 0:
        typer.echo(f"  and {left_out} more; --json lists all")
    typer.echo("Every row is equal." if comparison.equal else f"{len(comparison.differences)} values differ.")


def _show_shifts(shifts: list[EnergyShift]) -> None:
    from lab.analysis.energy import ANALYSIS_VERSION

    typer.echo(f"  energies by analysis version {ANALYSIS_VERSION}, beside what was recorded:")
    for shift in shifts:
        change = "" if shift.shift_frac is None else f"{shift.shift_frac:+.4%}"
        typer.echo(f"  {shift.row}: {_mj(shift.recorded_mj)} -> {_mj(shift.now_mj)} {change}")
    changes = [abs(shift.shift_frac) for shift in shifts if shift.shift_frac is not None]
    if changes:
        typer.echo(f"largest change {max(changes):.4%}, {sum(c == 0.0 for c in changes)} of {len(shifts)} unchanged")


def _mj(energy_mj: float | None) -> str:
    return "none" if energy_mj is None else f"{energy_mj:.4f} mJ"

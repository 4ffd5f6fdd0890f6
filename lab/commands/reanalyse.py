"""`lab reanalyse`: derive energies again from the stored traces, beside what is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.terminal import as_typed, next_steps

if TYPE_CHECKING:
    from db.database import Database
    from lab.review.reanalysis import WindowReanalysis


def reanalyse(
    db: Annotated[str, typer.Option("--db", help="Database: a file or an SQLAlchemy URL.")] = "lab.db",
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only the windows of this campaign.")] = None,
    bench: Annotated[
        str | None,
        typer.Option("--bench", help="Judge by the gates of this profile. [default: of the profile measured with]"),
    ] = None,
    as_list: Annotated[bool, typer.Option("--list", help="Only list the analyses that there are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Derives energies again from stored raw traces, as a new analysis version; what is there stays as it is.

    Export and fits use the newest version of each visit, or the one named with --analysis-version. Running the same
    command again goes on where it stopped, and takes in what was measured since.

    Exit codes: 0 done; 1 done, but some traces are missing or damaged; 2 wrong usage or profile; 5 database unusable;
    130 interrupted, the same command continues.
    """
    from db.database import open_database
    from hardware.clock import RealClock
    from lab.profile.profile import load_profile
    from lab.review.reanalysis import analysis_of
    from lab.review.reanalysis import reanalyse as derive_again

    profile = load_profile(bench) if bench is not None else None
    with open_database(db, create=False) as database:
        if as_list:
            _list(database, as_json)
            return
        spec = analysis_of(profile, RealClock().utc())
        done = list(derive_again(database, spec, profile, campaign))
        version = _version(database, spec.method, spec.settings)
        _report(database, version, done, as_json)
    if any(window.problem for window in done):
        raise typer.Exit(1)


def _version(database: Database, method: int, settings: object) -> int:
    from db.analyses import list_analyses

    return next(a.version for a in list_analyses(database) if a.method == method and a.settings == settings)


def _list(database: Database, as_json: bool) -> None:
    from db.analyses import known_versions, list_analyses

    again = {analysis.version: analysis for analysis in list_analyses(database)}
    rows = [
        {
            "version": version,
            "made": again[version].created_utc.isoformat() if version in again else "while measuring",
            "n_visits": again[version].n_visits if version in again else None,
        }
        for version in sorted({*known_versions(database), *again})
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        visits = "" if row["n_visits"] is None else f", {row['n_visits']} visits"
        typer.echo(f"analysis {row['version']}: {row['made']}{visits}")


def _report(database: Database, version: int, done: list[WindowReanalysis], as_json: bool) -> None:
    from db.queries import list_campaigns
    from lab.review.analysis_changes import changes_of

    changes = changes_of(database, version)
    problems = [window for window in done if window.problem]
    if as_json:
        found = {"analysis_version": version, "n_windows": len(done), "n_visits": sum(w.n_visits for w in done)}
        found |= {"n_energies": sum(w.n_energies for w in done), "n_simulated": sum(w.simulated for w in done)}
        shown = {"problems": [w.problem for w in problems], "changes": changes.as_json()}
        typer.echo(json.dumps(found | shown))
        return
    mark = "SIMULATED " if any(row.simulated for row in list_campaigns(database)) else ""
    n_visits, n_energies = sum(w.n_visits for w in done), sum(w.n_energies for w in done)
    typer.echo(f"{mark}analysis {version}: {n_visits} visits of {len(done)} windows, {n_energies} energies")
    for line in changes.lines():
        typer.echo(f"  {line}")
    for window in problems:
        typer.echo(f"window {window.window_id} of campaign {window.campaign}: {window.problem}", err=True)
    typed = as_typed("lab", "export", analysis_version=version, out="rows.csv", db=database.shown)
    next_steps(f"{typed}   # without a version: the newest of each visit")

"""`lab export`: writes the accepted rows of a database as CSV or Parquet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lab.review.export import ExportResult


def export(
    out: Annotated[str, typer.Option("--out", help="A file ending in .csv or .parquet, or - for CSV on stdout.")],
    db: Annotated[str, typer.Option("--db", help="The database: a path or an SQLAlchemy URL.")] = "lab.db",
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only the rows of this campaign.")] = None,
    analysis_version: Annotated[
        int | None, typer.Option("--analysis-version", help="Energies by this analysis. [default: the newest]")
    ] = None,
) -> None:
    """Writes one row for each accepted visit: energy, latency, provenance and the architecture's parameters."""
    from db.database import open_database
    from db.queries import list_campaigns, without_result
    from db.shown_text import harmless
    from lab.campaign.status import without_result_lines
    from lab.review.analysis_choice import seen_by_analysis
    from lab.review.export import export_file, export_stream

    with open_database(db, create=False) as opened:
        database = seen_by_analysis(opened, analysis_version)
        if out == "-":
            exported = export_stream(database, sys.stdout, campaign)
        else:
            exported = export_file(database, Path(out), campaign)
        missing = [
            line
            for one in list_campaigns(database)
            if campaign in (None, one.name)
            for line in without_result_lines(without_result(database, one.campaign_id), db)
        ]
    for line in missing:
        typer.echo(harmless(line), err=True)
    if len(exported.n_by_analysis) > 1:
        counts = ", ".join(f"{n:,} of analysis {version}" for version, n in sorted(exported.n_by_analysis.items()))
        typer.echo(f"energies of different analyses stand side by side ({counts}; column analysis_version):", err=True)
        typer.echo("`lab reanalyse` brings all to the newest; --analysis-version takes those of one", err=True)
    typer.echo(f"{_described(exported)} to {'stdout' if out == '-' else out}", err=True)


def _described(exported: ExportResult) -> str:
    rows = f"{exported.n_rows:,} rows of {len(exported.columns)} columns"
    if exported.n_simulated == exported.n_rows:
        return f"{rows}, all SIMULATED,"
    if exported.n_simulated:
        return f"{rows}, {exported.n_simulated:,} of them SIMULATED (never mix them in a fit),"
    return rows

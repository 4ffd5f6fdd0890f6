"""`lab fit-rf`: fit a predictor of energy to what was measured, and say how far to trust it."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from predictor.report import FitReport

DEFAULT_FOLDER = Path("energy-model")
_LIST = "Names, separated by commas."


def fit_rf(
    db: Annotated[str, typer.Option("--db", help="Database: a file or an SQLAlchemy URL.")] = "lab.db",
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only the rows of this campaign.")] = None,
    phone: Annotated[str | None, typer.Option("--phone", help="Only the rows of the phone with this serial.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="NAME=VALUE: only rows of this clock, tool, ... (repeatable).")
    ] = None,
    mix: Annotated[
        list[str] | None, typer.Option("--mix", help="A condition that may differ between rows (repeatable).")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="What to predict. [default: energy_mj; with --table: required]")
    ] = None,
    feature_set: Annotated[
        str, typer.Option("--feature-set", help="graph: counts of the network too; paper: the paper's columns.")
    ] = "graph",
    table: Annotated[
        Path | None, typer.Option("--table", help="Fit a .csv or .parquet table of measurements instead.")
    ] = None,
    features: Annotated[
        str | None, typer.Option("--features", help=f"Columns of the table to learn from. {_LIST}")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Column of the table that says which rows are of one architecture.")
    ] = None,
    latency: Annotated[str | None, typer.Option("--latency", help="Column of the table with latencies in ms.")] = None,
    categorical: Annotated[
        str | None, typer.Option("--categorical", help=f"Features whose numbers are only names. {_LIST}")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Unit of the target. [default: as its name says]")] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="random-forest, ridge, gaussian-process or gradient-boosting."),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Evaluate all models on the same folds.")] = False,
    energy_from_latency: Annotated[
        bool, typer.Option("--energy-from-latency", help="A latency model times a power model on few energies.")
    ] = False,
    n_latencies: Annotated[
        int | None, typer.Option("--n-latencies", min=30, help="Architectures whose latency is used. [default: all]")
    ] = None,
    n_energies: Annotated[
        int | None, typer.Option("--n-energies", min=10, help="Of those, whose energy is used. [default: all]")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the predictor; one that is there is replaced.")
    ] = DEFAULT_FOLDER,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write model.onnx too.")] = False,
    analysis_version: Annotated[
        int | None, typer.Option("--analysis-version", help="Energies by this analysis. [default: the newest]")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of split, folds and models.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Fits a predictor of the energy per inference, evaluates it, and writes it to a folder with a model card.

    The paper's random forest unless --model says otherwise. A fifth of the architectures is held out; nothing is
    chosen by looking at it.

    Exit codes: 0 done; 2 wrong usage, or rows that nothing can be learnt from; 5 database unusable; 70 a defect;
    130 interrupted, nothing written.
    """
    from lab.commands.fit_rf_options import RowSource, database_rows, make_plan, table_rows
    from lab.commands.fit_rf_report import print_report
    from predictor.artefact import check_output
    from predictor.report import make_report, plain

    check_output(out)
    source = RowSource(
        db, campaign, phone, tuple(only or ()), tuple(mix or ()), target, feature_set,
        table, features, group, latency, categorical, unit, analysis_version,
    )  # fmt: skip
    plan = make_plan(model, compare, energy_from_latency, n_latencies, n_energies, seed)
    rows, plan = database_rows(source, plan) if table is None else (table_rows(source, plan), plan)
    report = make_report(rows, plan)
    onnx_difference = _save(out, report, onnx)
    if as_json:
        import json

        typer.echo(json.dumps(plain(report) | {"folder": str(out), "onnx_difference": onnx_difference}))
        return
    print_report(report, out, onnx_difference, None if table is not None else db)


def _save(out: Path, report: FitReport, with_onnx: bool) -> float | None:
    """Writes the predictor; returns by how much the ONNX file differs, if there is one."""
    from predictor.artefact import save
    from predictor.card import model_card
    from predictor.plots import draw_plots
    from predictor.report import plain

    files = draw_plots(report)
    versions = {name: metadata.version(name) for name in ("energy-lab", "scikit-learn", "numpy", "skops")}
    files["card.md"] = model_card(report, sorted(files), versions).encode()
    difference = None
    if with_onnx:
        from predictor.onnx import export_onnx

        files["model.onnx"], difference = export_onnx(report.predictor, report.used.features)
    save(out, report.predictor, report.used, {"seed": report.plan.seed, "figures": plain(report)}, files)
    return difference

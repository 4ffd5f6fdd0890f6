"""`search trainings`: what studies have trained, as a table that a surrogate is fitted to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.commands.options import AsJson
from search.commands.terminal import as_typed, new_table, next_steps, print_table, say

if TYPE_CHECKING:
    from search.surrogate.accuracy import AccuracyModel, SeedVariance
    from search.surrogate.trainings import Trainings

Names = Annotated[list[str] | None, typer.Option("--study", help="Name of a study; give several for all of them.")]
Db = Annotated[str, typer.Option("--db", help="The record whose trials lie beside it.")]
Storage = Annotated[
    str | None, typer.Option("--storage", help="Where trials live: an SQLAlchemy URL. [default: beside the record]")
]
Out = Annotated[Path | None, typer.Option("--out", help="The CSV file to write.")]
Tables = Annotated[
    list[Path] | None,
    typer.Option("--table", help="A table written before, here or elsewhere; give several. Their rows come first."),
]


def trainings(
    study: Names = None,
    db: Db = "lab.db",
    storage: Storage = None,
    table: Tables = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Gathers the finished trainings of studies, with their learning curves, and says what can be learnt from them.

    Prints how well models predict the accuracy of architectures that they have not seen, and how float and int8
    accuracies go together. The file is what `search run --surrogate FILE` answers from.

    Exit codes: 0 done; 2 no such study, or studies that do not go together; 5 storage unusable.
    """
    from search.studies.finished_trainings import finished_trainings
    from search.studies.storage import default_url
    from search.surrogate.trainings import merged, read_trainings, write_trainings

    gathered = [read_trainings(each) for each in table or []]
    if study:
        url = storage or default_url(db)
        gathered += [finished_trainings(url, name) for name in study]
    everything = merged(gathered)
    if out is not None:
        write_trainings(out, everything)
    _print_quality(everything, as_json)
    if out is not None:
        say(f"{len(everything.rows)} trainings are written to {out}.")
        _say_next(everything, out, db, as_json)


def _say_next(everything: Trainings, out: Path, db: str, as_json: bool) -> None:
    """A study of its own: one whose networks were trained takes no surrogate."""
    from search.surrogate.accuracy import FEWEST

    if everything.n_architectures < FEWEST:
        return
    study = f"surrogate-{len(everything.rows)}"
    typed = as_typed("search", "run", study=study, surrogate=out, space=everything.space, db=db)
    next_steps(f"{typed}   # searches without training", beside_data=as_json)


def _print_quality(everything: Trainings, as_json: bool) -> None:
    from search.surrogate.accuracy import FEWEST, fit_accuracy

    n = everything.n_architectures
    if as_json:
        typer.echo(json.dumps(_plain(everything, fit_accuracy(everything) if n >= FEWEST else None), indent=2))
    if n < FEWEST:
        typer.echo(f"trainings of {n} architectures: what they teach is said from {FEWEST} on", err=True)
        return
    if as_json:
        return
    model = fit_accuracy(everything)
    table = new_table(
        f"Accuracy of networks not seen, {model.n_trainings} trainings of {n} architectures, folds over these",
        ("model", "R²", "RMSE", "Kendall τ"),
        ("model",),
    )
    for each in model.judged:
        folds = each.folds
        table.add_row(each.name, f"{folds.r2:.3f}", f"{folds.rmse:.4f}", f"{folds.kendall_tau:.3f}")
    print_table(table)
    typer.echo(f"int8 against float accuracy: correlation {model.float_correlation:.3f} (paper: 0.955)")
    typer.echo(
        f"run-to-run (seed) sd between trainings of the same network: {_seed_variance_text(model.seed_variance)}"
    )
    typer.echo(f"data: {everything.data}")


def _plain(everything: Trainings, model: AccuracyModel | None) -> dict[str, Any]:
    """What the tables say, for programs; without models while there are too few architectures to judge them."""
    variance = None if model is None else model.seed_variance
    return {
        "data": everything.data,
        "n_trainings": len(everything.rows),
        "n_architectures": everything.n_architectures,
        "float_correlation": None if model is None else model.float_correlation,
        "seed_accuracy_sd": None if variance is None else variance.accuracy_sd,
        "seed_log_odds_sd": None if variance is None else variance.log_odds_sd,
        "seed_degrees_of_freedom": None if variance is None else variance.n_free,
        "models": [
            {"model": each.name, "r2": each.folds.r2, "rmse": each.folds.rmse, "kendall_tau": each.folds.kendall_tau}
            for each in (() if model is None else model.judged)
        ],
    }


def _seed_variance_text(seed_variance: SeedVariance | None) -> str:
    if seed_variance is None:
        return "unknown: train networks again with `search init --replicate` or `--replicate-table`"
    sds = f"{seed_variance.accuracy_sd:.4f} of the accuracy, {seed_variance.log_odds_sd:.3f} of its log-odds"
    return f"{sds} ({seed_variance.n_free} degrees of freedom)"

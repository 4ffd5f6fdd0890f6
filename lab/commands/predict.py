"""`lab predict`: what architectures will cost, with an interval, from a predictor that `lab fit-rf` has written."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.commands.fit_rf import DEFAULT_FOLDER
from search.commands.terminal import as_typed, next_steps, remark, stdout_console

if TYPE_CHECKING:
    from lab.prediction.request import PredictionRequest
    from predictor.artefact import SavedPredictor
    from predictor.predictor import Prediction

_SHOWN_ROWS = 20
_NAME_WIDTH = 28


def predict(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="An architecture, `table2`, a list of architectures (.txt, or .csv with a column `text`), a .tflite "
            "file of the space, or a table with the model's columns (.csv, .parquet).",
        ),
    ],
    model: Annotated[Path, typer.Option("--model", help="Folder that `lab fit-rf` has written.")] = DEFAULT_FOLDER,
    out: Annotated[Path | None, typer.Option("--out", help="Write all predictions to this .csv file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the predictions as JSON.")] = False,
) -> None:
    """Predicts the energy per inference of architectures, each with the interval of its next measurement.

    Exit codes: 0 done; 2 wrong usage, no predictor, or something that it cannot predict for; 70 a defect.
    """
    from lab.prediction.request import check_space, read_asked
    from predictor.artefact import load

    saved = load(model)
    _check_out(out, what)
    request = read_asked(what, saved.predictor.model.schema.are_categories)
    check_space(request, saved.manifest["provenance"])
    # The levels of an architecture are its space's; in another table an unknown one may be a slip of the pen.
    prediction = saved.predictor.predict(request.features, unseen=request.space is not None)
    if saved.refitted:
        sys.stderr.write(f"{model} was {saved.refitted}: fitted again from its rows. `lab fit-rf` writes it anew.\n")
    rows = _rows(request, prediction)
    if out is not None:
        _write(out, [row | {"simulated": str(saved.predictor.simulated).lower()} for row in rows])
    if as_json:
        import json

        typer.echo(json.dumps(_plain(saved, prediction, rows)))
        return
    _print(saved, request, prediction, model)
    if out is not None:
        typer.echo(f"All {len(rows):,} written to {out}", err=True)


def _rows(request: PredictionRequest, prediction: Prediction) -> list[dict[str, Any]]:
    name = prediction.target.name
    columns = (prediction.values, prediction.low, prediction.high, prediction.outside)
    return [
        {"row": request.names[i], name: value, f"low_{name}": low, f"high_{name}": high, "outside": outside}
        for i, (value, low, high, outside) in enumerate(zip(*(c.tolist() for c in columns), strict=True))
    ]


def _plain(saved: SavedPredictor, prediction: Prediction, rows: list[dict[str, Any]]) -> dict[str, Any]:
    predictor = saved.predictor
    return {
        "simulated": predictor.simulated,
        "recipe": predictor.recipe,
        "target": prediction.target.name,
        "unit": prediction.target.unit,
        "level": predictor.band.level,
        "refitted": saved.refitted,
        "rows": rows,
    }


def _check_out(out: Path | None, what: str) -> None:
    from lab.errors import UsageError

    if out is None:
        return
    if out.suffix != ".csv":
        raise UsageError(f"{out} does not end in .csv.", "Predictions are written as CSV: name the file .csv.")
    if out.resolve() == Path(what).resolve():
        raise UsageError(f"{out} is what is to be predicted for.", "Choose another file with --out; it was left alone.")


def _write(out: Path, rows: list[dict[str, Any]]) -> None:
    from db.whole_file import whole_file
    from lab.errors import UsageError

    try:
        with whole_file(out) as part, part.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}.", "Choose another place with --out.") from error


def _print(saved: SavedPredictor, request: PredictionRequest, prediction: Prediction, folder: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    predictor, unit = saved.predictor, escape(prediction.target.unit)
    mark = "[bold yellow]SIMULATED[/]  " if predictor.simulated else ""
    n = len(request.names)
    name = escape(prediction.target.name)
    title = f"{mark}{name} of {n:,} {'row' if n == 1 else 'rows'} by a {predictor.recipe}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(request.kind, overflow="fold", max_width=_NAME_WIDTH)
    known = [(name, scale, head) for name, scale, head in (("flops", 1e6, "MFLOPs"), ("size_bytes", 1e3, "kB"))
             if name in request.features.columns]  # fmt: skip
    level = f"{predictor.band.level:.0%} interval"
    for heading in (*(head for _, _, head in known), unit or name, level):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for i in range(min(n, _SHOWN_ROWS)):
        counts = [f"{request.features.columns[name][i] / scale:.2f}" for name, scale, _ in known]
        interval = f"{prediction.low[i]:.4g} to {prediction.high[i]:.4g}"
        note = "!" if prediction.outside[i] else ""
        name = escape(_short(request.names[i]).replace(",", ", "))
        table.add_row(name, *counts, f"{prediction.values[i]:.4g}", interval, note)
    console = stdout_console()
    console.print(table)
    if n > _SHOWN_ROWS:
        console.print(f"and {n - _SHOWN_ROWS:,} more; --out FILE.csv has all", highlight=False)
    if request.kind == "architecture":
        remark("Blocks are TYPE:KERNEL:FILTERS, from the input on; mJ is the energy of an inference.")
    remark(
        f"In {predictor.band.level:.0%} of cases one more visit on the bench that was learnt from lies within the "
        "interval."
    )
    if n_outside := int(prediction.outside.sum()):
        rows = f"{n_outside:,} of the rows"
        wider = f"the interval is {predictor.band.outside_factor:.2g} times as wide there"
        remark(f"! {rows} lie beyond what was measured: extrapolated; {wider}.")
    if request.kind == "architecture":
        typed = as_typed("search", "run", trials=20, space=request.space, predictor=folder)
        next_steps(f"{typed}   # finds accurate networks that cost little")


def _short(name: str) -> str:
    """An architecture's text from its first block on."""
    return ",".join(part for i, part in enumerate(name.split(",")) if "=" not in part and (i or ":" in part)) or name

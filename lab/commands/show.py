"""`lab show`: everything that the record holds of one model, or of one visit."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from db.shown_text import harmless, printable
from search.commands.terminal import as_typed, marked_up, named, next_steps, print_heading, say, stdout_console

if TYPE_CHECKING:
    from rich.console import Console

    from db.database import Database
    from db.details import ModelDetail, VisitDetail

_N_NAMES = 8
_LONGEST_VISIT = 12


def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|VISIT",
            help="A model's file name, the first digits of its SHA-256, an architecture's text; or a visit's number.",
        ),
    ],
    db: Annotated[str, typer.Option("--db", help="The database: a path or an SQLAlchemy URL.")] = "lab.db",
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Shows one model with all its visits, or one visit with its gates, its trace and the tool's own words.

    Exit codes: 0 shown; 2 no such model or visit; 5 database unusable.
    """
    from db.database import open_database
    from db.details import models_like, visit_of

    with open_database(db, create=False) as database:
        # Names that are no text are kept as escapes.
        what = what.encode("utf-8", "backslashreplace").decode()
        visit_id = int(what) if what.isdecimal() and len(what) < _LONGEST_VISIT else None
        visit, models = None if visit_id is None else visit_of(database, visit_id), models_like(database, what)
        if visit is not None:
            for model in models:
                say(f"a model is called so too: lab show {shlex.quote(printable(model.name))}")
            _show_visit(database, visit, json_output)
        elif models:
            _show_models(database, models, json_output)
        else:
            _refuse(database, what)


def _refuse(db: Database, what: str) -> None:
    from db.details import model_names
    from lab.errors import UsageError

    shown = printable(what) or "without a name"
    missing = f"visit {shown}, and no model of that name" if what.isdecimal() else f"model {shown}"
    names = ", ".join(map(printable, model_names(db, _N_NAMES))) or "none"
    numbered = " Visits are numbered as `lab measure` prints them." if what.isdecimal() else ""
    raise UsageError(
        f"{db.shown} has no {missing}.",
        f"The newest models are {names}. `lab status --failed` lists those that were not accepted.{numbered}",
    )


def _show_models(db: Database, models: list[ModelDetail], as_json: bool) -> None:
    from db.details import visits_of_model

    if as_json:
        import json

        from db.details import tasks_of_model

        plain = [
            asdict(model)
            | {
                "campaigns": [asdict(task) for task in tasks_of_model(db, model.sha256)],
                "visits": [_plain(visit) for visit in visits_of_model(db, model.sha256)],
            }
            for model in models
        ]
        typer.echo(json.dumps({"database": db.shown, "models": plain}, indent=2))
        return

    console = stdout_console()
    for model in models:
        _print_model(console, db, model)


def _print_model(console: Console, db: Database, model: ModelDetail) -> None:
    from db.details import tasks_of_model, visits_of_model

    visits = visits_of_model(db, model.sha256)
    print_heading(console, named(model.name))
    flops = "its graph does not tell" if model.flops is None else f"{model.flops / 1e6:.2f} MFLOPs"
    facts = [
        ("file", f"{model.size_bytes / 1e3:.1f} kB, sha256 {model.sha256}"),
        ("FLOPs", flops),
        ("network", model.arch_text or "none of the search spaces"),
    ]
    for task in tasks_of_model(db, model.sha256):
        mark = " SIMULATED" if task.simulated else ""
        role = ", a canary" if task.role == "canary" else ""
        failure = f": {task.failure}" if task.failure else ""
        facts.append(("campaign", f"{task.campaign}{mark}{role}, {task.state}{failure}"))
    facts.append(("energy", _mean(visits)))
    for name, text in facts:
        console.print(f"{name:<9}{harmless(text)}", markup=False, soft_wrap=True)
    if not visits:
        return
    table = _table("visit", "ms", "W", "mJ", "outcome")
    for visit in visits:
        outcome = visit.outcome + (f": {visit.reason}" if visit.reason else "")
        table.add_row(
            str(visit.visit_id),
            _number(visit.latency_ms, 4),
            _number(visit.power_w, 4),
            _number(visit.energy_mj, 4),
            marked_up(outcome),
        )
    console.print(table)
    last = next((one for one in reversed(visits) if one.reason), visits[-1])
    next_steps(f"{as_typed('lab', 'show', last.visit_id, db=db.shown)}   # one visit: gates, the tool's words")


def _mean(visits: list[VisitDetail]) -> str:
    from db.kinds import TRUSTED_OUTCOMES

    trusted = [one for one in visits if one.outcome in TRUSTED_OUTCOMES and one.window_state == "done"]
    energies = [one.energy_mj for one in trusted if one.energy_mj is not None]
    if not energies:
        return "no visit was accepted" if visits else "not measured yet"
    mean = math.fsum(energies) / len(energies)
    mark = ", SIMULATED bench" if all(one.simulated for one in trusted) else ""
    n = f"{len(energies)} accepted visit{'s' if len(energies) > 1 else ''}"
    spread = f", {min(energies):.4g} to {max(energies):.4g} mJ" if len(energies) > 1 else ""
    return f"{mean:.4g} mJ per inference, mean of {n}{spread}{mark}"


def _show_visit(db: Database, visit: VisitDetail, as_json: bool) -> None:
    from db.details import gates_of, incidents_in

    gates, incidents = gates_of(db, visit.visit_id, visit.analysis_version), incidents_in(db, visit.window_id)
    if as_json:
        import json

        plain = _plain(visit) | {
            "gates": [asdict(gate) for gate in gates],
            "incidents": [{"kind": kind, "detail": detail} for kind, detail in incidents],
        }
        typer.echo(json.dumps({"database": db.shown, "visit": plain}, indent=2))
        return
    _print_visit(db, visit)
    _print_evidence(gates, incidents, visit)


def _print_visit(db: Database, visit: VisitDetail) -> None:

    mark = " SIMULATED" if visit.simulated else ""
    outcome = visit.outcome + (f": {visit.reason}" if visit.reason else "")
    facts = [
        ("visit", f"{visit.visit_id} of {printable(visit.model_name)}{', a canary' if visit.role == 'canary' else ''}"),
        ("campaign", f"{visit.campaign}{mark}, start {visit.session_id}, window {visit.window_id}"),
        ("when", f"{visit.started_utc:%Y-%m-%d %H:%M:%S} UTC (the window), place {visit.order_in_window + 1} in it"),
        ("outcome", outcome),
    ]
    if visit.energy_mj is not None and visit.energy_se_mj is not None:
        facts.append(("energy", f"{visit.energy_mj:.4g} mJ per inference, standard error {visit.energy_se_mj:.2g} mJ"))
        facts.append(("power", f"{visit.power_w:.4g} W running, {visit.idle_power_w:.4g} W idle"))
    if visit.latency_ms is not None:
        spread = f", standard deviation {visit.latency_sd_ms:.2g} ms" if visit.latency_sd_ms else ""
        facts.append(("latency", f"{visit.latency_ms:.4g} ms, {visit.n_runs:,} inferences{spread}"))
    if visit.temp_before_c is not None and visit.temp_after_c is not None:
        facts.append(("skin", f"{visit.temp_before_c:.1f} °C before, {visit.temp_after_c:.1f} °C after"))
    if visit.freq_khz is not None:
        facts.append(("clock", f"{visit.freq_khz:,} kHz"))
    if visit.exit_code not in (None, 0):
        facts.append(("exit code", f"{visit.exit_code} of the benchmark tool"))
    facts.append(("trace", "none" if visit.trace is None else str(db.files_dir / visit.trace)))
    for name, text in facts:
        typer.echo(f"{name:<11}{harmless(text)}")


def _print_evidence(gates: list[Any], incidents: list[tuple[str, str]], visit: VisitDetail) -> None:

    console = stdout_console()
    if gates:
        table = _table("gate", "value", "limit", "unit", "verdict")
        for gate in gates:
            verdict = {"pass": "passes", "mark": "marked", "reject": "rejects"}.get(gate.outcome, gate.outcome)
            table.add_row(
                marked_up(gate.gate), _number(gate.value, 4), _number(gate.limit_value, 4), gate.unit, verdict
            )
        console.print(table)
    for kind, detail in incidents:
        typer.echo(f"incident   {kind}: {harmless(detail)}")
    if visit.tool_output.strip():
        typer.echo("the benchmark tool said:")
        for line in visit.tool_output.strip().splitlines():
            typer.echo(f"  {harmless(line)}")


def _table(*headers: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(*headers, box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:-1]:
        column.justify = "right"
    for column in table.columns[:-1]:
        column.no_wrap = True
    return table


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}g}"


def _plain(visit: VisitDetail) -> dict[str, Any]:
    return asdict(visit) | {"started_utc": visit.started_utc.isoformat()}

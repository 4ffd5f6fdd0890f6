"""`lab doctor`: prints what is wrong with the bench and this computer, and how to put it right."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.terminal import stdout_console

if TYPE_CHECKING:
    from lab.doctor.check import Check

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "skipped": "dim"}


def doctor(
    bench: Annotated[
        str | None,
        typer.Option("--bench", help="Bench profile: a name, or a .toml file. [default: yours, else simulated]"),
    ] = None,
    db: Annotated[str, typer.Option("--db", help="The database: a path or an SQLAlchemy URL.")] = "lab.db",
    passthrough: Annotated[
        bool, typer.Option("--passthrough", help="Also cut the phone's USB off and on; takes half a minute.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    rule: Annotated[
        bool, typer.Option("--udev-rule", help="Print the udev rule for the meter and nothing else.")
    ] = False,
) -> None:
    """Looks for everything that keeps the bench from measuring; opens it, which feeds the phone.

    Exit codes: 0 nothing failed; 3 something did.
    """
    from lab.doctor.host import DoctorRequest, examine, real_probes, udev_rule
    from lab.errors import BENCH_UNAVAILABLE

    if rule:
        typer.echo(udev_rule(), nl=False)
        return
    checks = examine(DoctorRequest(bench, db, passthrough), real_probes())
    if json_output:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps({"checks": [asdict(check) for check in checks]}, indent=2))
    else:
        _print_checks(checks)
    if any(check.outcome == "fail" for check in checks):
        raise typer.Exit(BENCH_UNAVAILABLE)


def _print_checks(checks: list[Check]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table("check", "", "why", box=SIMPLE_HEAD, pad_edge=False)
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    table.columns[2].overflow = "fold"
    for check in checks:
        fix = f"\n[italic]{escape(check.fix)}[/]" if check.fix and check.outcome != "ok" else ""
        style = _STYLES[check.outcome]
        table.add_row(check.name, f"[{style}]{check.outcome}[/]", escape(check.why) + fix)
    stdout_console().print(table)
    counts = Counter(check.outcome for check in checks)
    typer.echo(", ".join(f"{n} {outcome}" for outcome, n in counts.items()), err=True)

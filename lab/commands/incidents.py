"""`lab incidents`: what went wrong in the campaigns of a database, and what was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.terminal import print_heading, stdout_console

if TYPE_CHECKING:
    from lab.campaign.incidents import ShownIncident


def incidents(
    db: Annotated[str, typer.Option("--db", help="The database: a path or an SQLAlchemy URL.")] = "lab.db",
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only those of this campaign.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only those of this kind, e.g. adb_lost.")] = None,
    session: Annotated[int | None, typer.Option("--session", help="Only those of this start of the bench.")] = None,
    last: Annotated[int | None, typer.Option("--last", min=1, help="Only so many, the newest.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Lists what went wrong while measuring: when, what was seen, what was done, how much bench time it cost.

    Exit codes: 0 listed, even if there is none; 2 no such campaign or kind; 5 database unusable.
    """
    from dataclasses import asdict

    from db.database import open_database
    from db.queries import list_campaigns, without_result
    from db.shown_text import harmless
    from lab.campaign.incidents import as_plain, read_incidents
    from lab.campaign.status import without_result_lines

    kind = None if kind is None else _kind_of_today(kind)
    with open_database(db, create=False) as database:
        found = read_incidents(database, campaign, kind=kind, session=session, last=last)
        missing = [
            (one.name, without_result(database, one.campaign_id))
            for one in list_campaigns(database)
            if campaign in (None, one.name)
        ]
        shown = database.shown
    if json_output:
        import json

        plain = [asdict(model) | {"campaign": name} for name, models in missing for model in models]
        listed = [as_plain(one) for one in found]
        typer.echo(json.dumps({"database": shown, "incidents": listed, "without_result": plain}, indent=2))
        return
    if found:
        _print(found)
    else:
        typer.echo(f"{shown}: no incident.", err=True)
    for name, models in missing:
        # Of a bench without incidents, this is what went wrong.
        for line in without_result_lines(models, shown, campaign=name):
            typer.echo(harmless(line))


def _kind_of_today(kind: str) -> str:
    """The kind that release 0.1 called by the name of an error; its old name still works, with a note on stderr."""
    from db.kinds import IncidentKind
    from db.older_records import incident_kind

    now = incident_kind(kind)
    if kind in list(IncidentKind) or now is IncidentKind.OTHER:
        return kind
    typer.echo(f"note: {kind} is called {now} from release 0.2 on; the old name goes with the next release", err=True)
    return str(now)


def _print(found: list[ShownIncident]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from search.commands.terminal import marked_up

    console = stdout_console()
    for name in dict.fromkeys(one.campaign for one in found):
        mine = [one for one in found if one.campaign == name]
        print_heading(console, marked_up(name) + ("  [bold yellow]SIMULATED[/]" if mine[0].simulated else ""))
        table = Table("when (UTC)", "what was seen", "done about it", "lost s", box=SIMPLE_HEAD, pad_edge=False)
        table.columns[0].no_wrap = True
        table.columns[3].justify = "right"
        for one in mine:
            incident = one.incident
            window = "" if incident.window_id is None else f", window {incident.window_id}"
            when = f"{incident.at_utc:%Y-%m-%d %H:%M:%S}\n[dim]start {incident.session_id}{window}[/]"
            what = marked_up(f"{incident.kind}: {incident.detail}")
            table.add_row(when, what, marked_up(incident.action), f"{incident.lost_s:,.0f}")
        console.print(table)
        lost_s = sum(one.incident.lost_s for one in mine)
        n = f"{len(mine):,} incident{'s' if len(mine) != 1 else ''}"
        console.print(f"{n}, {lost_s / 3600:.2f} bench hours lost", highlight=False)

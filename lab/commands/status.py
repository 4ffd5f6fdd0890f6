"""`lab status`: prints where the campaigns of a database stand, for people or as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.terminal import next_steps, print_heading, stdout_console

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console
    from rich.table import Table

    from lab.campaign.status import CampaignStatus

_LONG_S, _SHORT_S = 5400.0, 90.0


def status(
    db: Annotated[str, typer.Option("--db", help="The database: a path or an SQLAlchemy URL.")] = "lab.db",
    failed: Annotated[
        bool, typer.Option("--failed", help="Only list the models that have no result, all of them, and why.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Shows where each campaign stands: counts, where bench time went, what is left, what to type next."""
    from db.database import open_database
    from lab.campaign.status import as_plain, read_status

    with open_database(db, create=False) as database:
        campaigns = read_status(database)
        shown = database.shown
    if failed:
        _print_failed(shown, campaigns, json_output)
        return
    if json_output:
        import json

        typer.echo(json.dumps({"database": shown, "campaigns": [as_plain(one) for one in campaigns]}, indent=2))
        return
    if not campaigns:
        typer.echo(f"{shown} has no campaign yet; start one with `lab measure --db {shown}`.", err=True)

    # Not a Console of module level: it looks at the terminal when it is made.
    console = stdout_console()
    for campaign in campaigns:
        _print_campaign(console, campaign, shown)


def _print_failed(db: str, campaigns: list[CampaignStatus], as_json: bool) -> None:
    """Every model that has no result, whole names and reasons."""
    from db.shown_text import harmless

    if as_json:
        import json
        from dataclasses import asdict

        rows = [
            {"campaign": campaign.name, "simulated": campaign.simulated, **asdict(one)}
            for campaign in campaigns
            for one in campaign.without_result
        ]
        typer.echo(json.dumps({"database": db, "models": rows}, indent=2))
        return
    for campaign in campaigns:
        mark = "SIMULATED " if campaign.simulated else ""
        for one in campaign.without_result:
            typer.echo(harmless(f"{mark}{campaign.name}  {one.name}  {one.outcome}: {one.reason}"))
    if not any(campaign.without_result for campaign in campaigns):
        typer.echo(f"{db}: no model that was tried lacks a result.", err=True)


def _print_campaign(console: Console, campaign: CampaignStatus, db: str) -> None:
    from db.shown_text import harmless
    from lab.campaign.status import without_result_lines
    from search.commands.terminal import marked_up

    mark = "  [bold yellow]SIMULATED[/]" if campaign.simulated else ""
    print_heading(console, f"{marked_up(campaign.name)}{mark}")
    console.print(_counts_table(campaign))
    console.print(_time_table(campaign))
    console.print(_figures_table(campaign))
    if campaign.last_incidents:
        console.print(_incidents_table(campaign))
    for line in without_result_lines(campaign.without_result, db):
        console.print(harmless(line), markup=False, highlight=False, soft_wrap=True)
    next_steps(harmless(campaign.next_command))


def _counts_table(campaign: CampaignStatus) -> Table:
    table = _table("", "counts")
    kinds: tuple[tuple[str, Mapping[str, int]], ...] = (
        ("architectures", campaign.n_tasks),
        ("visits", campaign.n_visits),
        ("windows", campaign.n_windows),
    )
    for kind, counts in kinds:
        parts = [f"{count:,} {state}" for state, count in counts.items() if count]
        table.add_row(kind, ", ".join(parts) or "none")
    table.add_row("canary visits", f"{campaign.n_canary_visits:,}, of reference models that would show a drift")
    table.add_row("incidents", f"{campaign.n_incidents:,}")
    return table


def _time_table(campaign: CampaignStatus) -> Table:
    from lab.campaign.status import SPENT_ON, USEFUL

    table = _table("bench time", "spent", "share", "on")
    for column in table.columns[1:3]:
        column.justify = "right"
    for share in campaign.time_shares:
        if share.time_s or share.cause == USEFUL:
            table.add_row(share.cause, _duration(share.time_s), _percent(share.share_frac), SPENT_ON[share.cause])
    table.add_section()
    table.add_row("all", _duration(campaign.bench_s), "", "")
    return table


def _figures_table(campaign: CampaignStatus) -> Table:
    noise = campaign.noise
    known = (
        f"{_percent(noise.sd_frac)} of a model's energy (standard deviation, {noise.degrees_of_freedom:,} degrees of "
        "freedom)"
    )
    table = _table("", "figures")
    pace = "not known yet" if math.isnan(campaign.models_per_hour) else f"{campaign.models_per_hour:.1f} models/hour"
    table.add_row("pace", pace)
    table.add_row(
        "noise between visits", known if noise.degrees_of_freedom else "not known yet: no model has two visits"
    )
    table.add_row(
        "left", f"{campaign.n_left:,} to measure, {_forecast(campaign.left_s)}" if campaign.n_left else "nothing"
    )
    return table


def _forecast(left_s: float) -> str:
    return "forecast not known yet" if math.isnan(left_s) else f"about {_duration(left_s)} of bench time"


def _incidents_table(campaign: CampaignStatus) -> Table:
    from search.commands.terminal import marked_up

    table = _table("last incidents", "what", "done about it", "lost s")
    for incident in campaign.last_incidents:
        what = marked_up(f"{incident.kind}: {incident.detail}")
        when = f"{incident.at_utc:%Y-%m-%d %H:%M} UTC"
        table.add_row(when, what, marked_up(incident.action), f"{incident.lost_s:.0f}")
    return table


def _table(*headers: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(*headers, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.columns[0].no_wrap = True
    return table


def _duration(time_s: float) -> str:
    """In the unit in which it is a number of some digits."""
    if time_s >= _LONG_S:
        return f"{time_s / 3600:,.1f} h"
    return f"{time_s / 60:.1f} min" if time_s >= _SHORT_S else f"{time_s:.1f} s"


def _percent(share_frac: float) -> str:
    return "not known yet" if math.isnan(share_frac) else f"{share_frac:.1%}"

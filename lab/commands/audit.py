"""`lab audit`: looks at the campaigns of a database again, and says whether their results can be relied on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.terminal import as_typed, next_steps, print_heading, remark, stdout_console

if TYPE_CHECKING:
    from db.rows import CampaignRow
    from lab.doctor.check import Check

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "skipped": "dim"}


def audit(
    db: Annotated[str, typer.Option("--db", help="The database: a path or an SQLAlchemy URL.")] = "lab.db",
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only this campaign. [default: all]")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Checks finished campaigns from the record alone: hashes, gates, canaries, settings given back, nothing mixed.

    Reads every raw trace again: about a minute for 15,000 models.

    Exit codes: 0 all passed; 1 a check failed; 2 no such campaign, or none at all; 5 database unusable.
    """
    from db.database import open_database
    from db.naming import check_campaign
    from db.queries import list_campaigns
    from lab.errors import SOME_FAILED, UsageError
    from lab.review import audit as auditor

    with open_database(db, create=False) as database:
        if campaign is not None:
            check_campaign(database, campaign)
        chosen = [one for one in list_campaigns(database) if campaign in (None, one.name)]
        if not chosen:
            raise UsageError(f"{database.shown} has no campaign.", "Run `lab measure` first.")
        found = [(one, auditor.audit(database, one)) for one in chosen]
    if json_output:
        _print_json(found)
    else:
        for one, checks in found:
            _print(one, checks)
    failed = [one for one, checks in found if any(check.outcome == "fail" for check in checks)]
    if not json_output:
        next_steps(as_typed("lab", "incidents" if failed else "status", db=db))
    if failed:
        raise typer.Exit(SOME_FAILED)


def _print_json(found: list[tuple[CampaignRow, list[Check]]]) -> None:
    import json
    from dataclasses import asdict

    plain = [
        {"campaign": one.name, "simulated": one.simulated, "checks": [asdict(check) for check in checks]}
        for one, checks in found
    ]
    typer.echo(json.dumps({"campaigns": plain}, indent=2))


def _print(campaign: CampaignRow, checks: list[Check]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from search.commands.terminal import marked_up

    console = stdout_console()
    mark = "  [bold yellow]SIMULATED[/]" if campaign.simulated else ""
    print_heading(console, f"{marked_up(campaign.name)}{mark}")
    table = Table("check", "", "what was found", box=SIMPLE_HEAD, pad_edge=False)
    for check in checks:
        found = marked_up(check.why) + (f"\n[dim]{marked_up(check.fix)}[/]" if check.fix else "")
        table.add_row(check.name, f"[{_STYLES[check.outcome]}]{check.outcome}[/]", found)
    console.print(table)
    counted = Counter(check.outcome for check in checks)
    verdict = "[bold red]did not pass[/]" if counted["fail"] else "[green]passed[/]"
    console.print(f"{verdict}: {counted['ok']} ok, {counted['warn']} to look at, {counted['fail']} failed")
    if not counted["fail"]:
        remark("Passed: the energies of the record are what was measured, under the conditions that it states.")

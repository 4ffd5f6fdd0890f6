"""The `search` command: looks at search spaces and networks.

The outermost file of the package. Tables go to stdout, errors with their hint to stderr; exit code 2 for bad
input. What is slow to import is imported by the command that needs it, so that `search --help` answers at
once.
"""

from __future__ import annotations

import sys

import typer

from search.commands import space
from search.commands.paper import paper
from search.errors import SearchError

BAD_INPUT = 2

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Search spaces, networks and the search.")
app.add_typer(space.app, name="space")
app.command()(paper)


def main() -> None:
    """Runs the command line; ends the process with an exit code."""
    try:
        app()
    except SearchError as error:
        typer.echo(f"error: {error.problem}", err=True)
        typer.echo(f"hint: {error.hint}", err=True)
        sys.exit(BAD_INPUT)

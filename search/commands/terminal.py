"""What goes to the terminal, of both commands: tables on stdout, remarks and errors on stderr; the options of both."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from db.shown_text import harmless, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


_WIDEST = 200
_HEADING_WIDTH = 80


def new_table(title: str, headers: tuple[str, ...], left: tuple[str, ...] = ()) -> Table:
    """An empty table: columns are aligned right, those of `left` left and folded where it is narrow. Nothing is cut."""
    from rich.box import SIMPLE_HEAVY
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAVY, title_style="bold", title_justify="left", padding=(0, 0, 0, 1))
    for header in headers:
        table.add_column(
            header, justify="left" if header in left else "right", overflow="fold", no_wrap=header not in left
        )
    return table


def print_table(table: Table) -> None:
    """On stdout; as wide as it wants to be where that is a file or another program."""
    stdout_console().print(table)


def stdout_console() -> Console:
    """What tables are printed on: as wide as the terminal, or wide enough for all where nobody sees it."""
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDEST
    return console


def print_heading(console: Console, markup: str) -> None:
    """A line that begins a part of the output."""
    from rich.rule import Rule

    console.print(Rule(markup, align="left"), width=min(console.width, _HEADING_WIDTH))


def marked_up(text: str) -> str:
    """A text of others for a rich table, in which square brackets are brackets and no markup."""
    from rich.markup import escape

    return escape(harmless(text))


def named(name: str) -> str:
    """The same of a name, which stays on one line."""
    from rich.markup import escape

    return escape(printable(name))


def say(text: str) -> None:
    """A line on stderr, at once."""
    sys.stderr.write(f"{harmless(text)}\n")
    sys.stderr.flush()


def explain(problem: str, hint: str) -> None:
    """An error and what to do about it, on stderr."""
    say(f"error: {problem}")
    if hint:
        say(f"hint: {hint}")


def log_to_stderr(verbose: int) -> None:
    """Logs errors, with 1 steps too, with 2 what crosses the wire."""
    level = (logging.ERROR, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"energy-lab {version('energy-lab')}")
        raise typer.Exit


Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Log steps; twice: the wire.")]
Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
]


def pair(stride: tuple[int, int]) -> str:
    """`time, frequency`."""
    return f"{stride[0]}, {stride[1]}"


def percent_off(ours: float, theirs: float) -> str:
    """How far ours is from theirs."""
    return f"{ours / theirs - 1:+.2%}"

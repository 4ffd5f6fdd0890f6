"""What goes to the terminal, of both commands: tables on stdout, remarks and errors on stderr; the options of both."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from db.shown_text import harmless, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


_WIDEST = 200
_HEADING_WIDTH = 80
_NEXT = "Next: "

_TAKEN_WITHOUT: dict[str, object] = {
    "db": "lab.db",
    "study": "search",
    "space": "audio2d",
    "predictor": Path("energy-model"),
    "model": Path("energy-model"),
}
"""What a command takes for an option that is not given."""


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


def as_typed(*words: object, **options: object) -> str:
    """A command that can be typed as it is printed: what a shell would take apart is quoted.

    Args:
        options: `db` as --db; left out where it is what the command takes without.
    """
    parts = [str(word) for word in words]
    for name, value in options.items():
        if value is not None and value != _TAKEN_WITHOUT.get(name):
            parts += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(parts)


def say(text: str) -> None:
    """Lines on stderr, at once; in a terminal, broken between words."""
    sys.stderr.write(f"{_in_width(harmless(text), sys.stderr)}\n")
    sys.stderr.flush()


def remark(text: str) -> None:
    """A sentence on stdout about what was printed; in a terminal, broken between words."""
    sys.stdout.write(f"{_in_width(text, sys.stdout)}\n")


def next_steps(*steps: str, beside_data: bool = False) -> None:
    """What to type next: commands are never broken, so that they can be copied.

    Args:
        steps: a command each, by `as_typed`; what it does may follow, as a shell's comment.
        beside_data: whether stdout is for programs; then it goes to stderr.
    """
    stream = sys.stderr if beside_data else sys.stdout
    for number, step in enumerate(steps):
        stream.write(f"{_NEXT if number == 0 else ' ' * len(_NEXT)}{step}\n")


def _in_width(text: str, stream: TextIO) -> str:
    """Lines no longer than the terminal, where it is one; words longer than a line stay whole."""
    if not stream.isatty():
        return text
    wrapper = textwrap.TextWrapper(_width(stream), break_long_words=False, break_on_hyphens=False)
    lines = text.split("\n")
    return "\n".join(wrapper.fill(line) if len(line) > wrapper.width else line for line in lines)


def _width(stream: TextIO) -> int:
    """Of the terminal that the stream is, in columns."""
    with contextlib.suppress(KeyError, ValueError):
        return max(1, int(os.environ["COLUMNS"]))
    with contextlib.suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or _HEADING_WIDTH
    return _HEADING_WIDTH


def explain(problem: str, hint: str) -> None:
    """An error and what to do about it, on stderr; the hint is never broken: it may be a command."""
    say(f"error: {problem}")
    if hint:
        sys.stderr.write(f"hint: {hint}\n")
        sys.stderr.flush()


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

"""What goes to the terminal: tables on stdout, remarks on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


_WIDEST = 200


def new_table(title: str, headers: tuple[str, ...], left: tuple[str, ...] = ()) -> Table:
    """An empty table; columns are aligned right, those of `left` left."""
    from rich.box import SIMPLE_HEAVY
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAVY, title_style="bold", padding=(0, 0, 0, 1))
    for header in headers:
        table.add_column(header, justify="left" if header in left else "right", no_wrap=header in left)
    return table


def print_table(table: Table) -> None:
    """On stdout; as wide as it wants to be where that is a file or another program."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console()
    if not console.is_terminal:
        wide = console.options.update(max_width=_WIDEST)
        console.width = max(console.width, Measurement.get(console, wide, table).maximum)
    console.print(table)


def say(text: str) -> None:
    """A line on stderr, at once."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def pair(stride: tuple[int, int]) -> str:
    """`time, frequency`."""
    return f"{stride[0]}, {stride[1]}"


def percent_off(ours: float, theirs: float) -> str:
    """How far ours is from theirs."""
    return f"{ours / theirs - 1:+.2%}"

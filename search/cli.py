"""The `search` command: looks at search spaces and networks.

The outermost file of the package. Tables go to stdout, errors with their hint to stderr; exit code 2 for bad
input. What is slow to import is imported by the command that needs it, so that `search --help` answers at
once.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from search.errors import SearchError

if TYPE_CHECKING:
    from rich.table import Table

    from search.architecture import Architecture

BAD_INPUT = 2

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Search spaces, networks and the search.")
space_app = typer.Typer(help="Look at the search space, or at one network of it.")
app.add_typer(space_app, name="space")


def main() -> None:
    """Runs the command line; ends the process with an exit code."""
    try:
        app()
    except SearchError as error:
        typer.echo(f"error: {error.problem}", err=True)
        typer.echo(f"hint: {error.hint}", err=True)
        sys.exit(BAD_INPUT)


@app.callback()
def _top() -> None:
    # Without a callback, typer would drop the name of an only sub-command.
    pass


@space_app.callback(invoke_without_command=True)
def space(context: typer.Context) -> None:
    """Prints the search space: what each block may be, and how many networks there are."""
    if context.invoked_subcommand is None:
        _print(_space_table())


@space_app.command()
def show(
    architecture: Annotated[
        str, typer.Argument(metavar="ARCH", help="A network as text, or `table2` for the paper's network.")
    ],
) -> None:
    """Prints one network: blocks, strides, FLOPs and parameters."""
    from search.architecture import parse
    from search.spaces import TABLE_2

    network = TABLE_2 if architecture == "table2" else parse(architecture)
    _print(_network_table(network))
    typer.echo(f"text  {network.text}")
    typer.echo(f"hash  {network.architecture_hash}")


def _print(table: Table) -> None:
    from rich.console import Console

    Console().print(table)


def _space_table() -> Table:
    from rich.table import Table

    from search.spaces import AUDIO_2D

    shape = " x ".join(str(n) for n in AUDIO_2D.input_shape)
    options = "; ".join(f"{name} = {' | '.join(values)}" for name, values in AUDIO_2D.options)
    table = Table(title=f"{AUDIO_2D.name}: input {shape}", caption=f"{AUDIO_2D.size:,} networks; {options}")
    for header in ("block", "stride", "types", "kernels", "filters", "options"):
        table.add_column(header, justify="right" if header in ("block", "options") else "left")
    for ordinal, position in enumerate(AUDIO_2D.positions, start=1):
        table.add_row(
            str(ordinal),
            _pair(position.stride),
            ", ".join(kind.value for kind in position.types),
            " ".join(str(kernel) for kernel in position.kernels),
            " ".join(str(filters) for filters in position.filters),
            str(len(position.blocks)),
        )
    return table


def _network_table(network: Architecture) -> Table:
    from rich.box import SIMPLE_HEAVY
    from rich.table import Table

    from search.count import count_graph
    from search.graph import build_graph, place_strides
    from search.spaces import space_named

    cost = count_graph(build_graph(network), len(network.blocks))
    title = ", ".join((network.space, *(f"{name}={value}" for name, value in network.options)))
    table = Table(title=title, box=SIMPLE_HEAVY)
    for header in ("#", "type", "kernel", "filters", "stride", "FLOPs", "params"):
        left = header in ("type", "stride")
        table.add_column(header, justify="left" if left else "right", no_wrap=True)
    strides = place_strides(network, space_named(network.space))
    rows = zip(network.blocks, strides, cost.blocks, strict=True)
    for ordinal, (block, stride, part) in enumerate(rows, start=1):
        sizes = (str(block.kernel), str(block.filters)) if block.filters else ("", "")
        counts = (f"{part.flops:,}", f"{part.n_params:,}")
        table.add_row(str(ordinal), block.type.value, *sizes, _pair(stride), *counts)
    table.add_row("", "input and head", "", "", "", f"{cost.head.flops:,}", f"{cost.head.n_params:,}")
    table.add_section()
    table.add_row("", "total", "", "", "", f"{cost.total.flops:,}", f"{cost.total.n_params:,}")
    return table


def _pair(stride: tuple[int, int]) -> str:
    return f"{stride[0]}, {stride[1]}"

"""`search space`: a space and its size, one network, or what random networks of it are like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.commands.terminal import new_table, pair, print_table

if TYPE_CHECKING:
    from rich.table import Table

    from search.networks.architecture import Architecture
    from search.networks.baselines import Baseline
    from search.networks.layers import Layer
    from search.networks.space import Space
    from search.survey.survey import Survey

app = typer.Typer(help="Look at a search space, or at networks of it.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
SpaceName = Annotated[str, typer.Option("--space", help="audio2d or audio1d.")]
_PAPER_LIMIT_BYTES = 60_000


@app.callback(invoke_without_command=True)
def space(context: typer.Context, name: SpaceName = "audio2d", as_json: AsJson = False) -> None:
    """Prints a search space: what each block may be, and how many networks there are."""
    from search.networks.spaces import space_named

    if context.invoked_subcommand is None and as_json:
        typer.echo(json.dumps(_plain_space(space_named(name)), indent=2))
    elif context.invoked_subcommand is None:
        print_table(_space_table(space_named(name)))


@app.command()
def show(
    network: Annotated[
        str, typer.Argument(metavar="ARCH", help="A network as text, `table2` for the paper's, or a baseline.")
    ],
    as_json: AsJson = False,
) -> None:
    """Prints one network as the paper's Table 2 does: blocks, strides, FLOPs, and parameters beside them."""
    from search.networks.baselines import Baseline
    from search.networks.count import count_graph
    from search.networks.network import graph_of, read_network_name
    from search.tflite.writer import write_tflite

    found = read_network_name(network)
    size_bytes = len(write_tflite(found, seed=0))
    if as_json:
        cost = count_graph(graph_of(found)).total
        counts = {"flops": cost.flops, "n_params": cost.n_params, "size_bytes": size_bytes}
        typer.echo(json.dumps({"arch_text": found.text, "arch_hash": found.architecture_hash, **counts}, indent=2))
        return
    print_table(_baseline_table(found) if isinstance(found, Baseline) else architecture_table(found))
    typer.echo(f"size  {size_bytes / 1e3:.2f} kB as int8 .tflite")
    typer.echo(f"text  {found.text}")
    typer.echo(f"hash  {found.architecture_hash}")


@app.command()
def survey(
    n: Annotated[int, typer.Option("--n", min=2, help="How many random networks.")] = 2000,
    name: SpaceName = "audio2d",
    option: Annotated[list[str] | None, typer.Option("--option", help="NAME=VALUE of the space. Repeatable.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the sampling.")] = 1,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw size over parameters into this .png.")] = None,
) -> None:
    """What random networks of a space are like: FLOPs, parameters, file size, and how these hang together."""
    from search.networks.space import read_options
    from search.networks.spaces import space_named
    from search.survey.plot import draw_survey
    from search.survey.survey import survey_space

    chosen = space_named(name)
    found = survey_space(chosen, n, seed, chosen.set_options(read_options(option or [])))
    print_table(_survey_table(found))
    small = f"{found.share_below(_PAPER_LIMIT_BYTES):.1%}"
    typer.echo(f"below 60 kB                          {small} of {n:,} networks")
    typer.echo(f"correlation of parameters with size  {found.size_correlation:.3f} (paper: 0.942)")
    around = found.sizes_near_params(30_000, 1_000)
    if len(around):
        span = f"{around.min() / 1e3:.1f} to {around.max() / 1e3:.1f} kB"
        typer.echo(f"size at 29 to 31 k parameters        {span} in {len(around)} networks (paper: 50 to 65 kB)")
    if plot is not None:
        draw_survey(found, plot)
        typer.echo(f"plot  {plot}")


def _plain_space(space: Space) -> dict[str, Any]:
    return {
        "space": space.name,
        "input_shape": list(space.input_shape),
        "n_networks": space.size,
        "options": {name: list(values) for name, values in space.options},
        "blocks": [
            {
                "stride": list(position.stride),
                "types": [kind.value for kind in position.types],
                "kernels": list(position.kernels),
                "filters": list(position.filters),
                "n_options": len(position.blocks),
            }
            for position in space.positions
        ],
    }


def _space_table(space: Space) -> Table:
    from search.networks.spaces import SPACES

    shape = " x ".join(str(n) for n in space.input_shape)
    headers = ("block", "stride", "types", "kernels", "filters", "options")
    table = new_table(f"{space.name}: input {shape}", headers, left=("types", "kernels", "filters"))
    for ordinal, position in enumerate(space.positions, start=1):
        table.add_row(
            str(ordinal),
            pair(position.stride),
            ", ".join(kind.value for kind in position.types),
            " ".join(str(kernel) for kernel in position.kernels),
            " ".join(str(filters) for filters in position.filters),
            str(len(position.blocks)),
        )
    lines = [f"{space.size:,} networks", *(f"option {name} = {' | '.join(values)}" for name, values in space.options)]
    lines.append(f"other spaces: {', '.join(other.name for other in SPACES if other is not space)}")
    table.caption, table.caption_justify = "\n".join(lines), "left"
    return table


def architecture_table(network: Architecture, n_classes: int | None = None) -> Table:
    """Blocks, strides, FLOPs and parameters, as the paper's Table 2 prints a network."""
    from search.networks.count import count_graph
    from search.networks.graph import build_graph, place_strides
    from search.networks.spaces import space_named

    cost = count_graph(build_graph(network, n_classes), len(network.blocks))
    title = ", ".join((network.space, *(f"{name}={value}" for name, value in network.options)))
    headers = ("#", "type", "kernel", "filters", "stride", "FLOPs", "params")
    table = new_table(title, headers, left=("type", "stride"))
    strides = place_strides(network, space_named(network.space))
    rows = zip(network.blocks, strides, cost.blocks, strict=True)
    for ordinal, (block, stride, part) in enumerate(rows, start=1):
        sizes = (str(block.kernel), str(block.filters)) if block.filters else ("", "")
        counts = (f"{part.flops:,}", f"{part.n_params:,}")
        table.add_row(str(ordinal), block.type.value, *sizes, pair(stride), *counts)
    table.add_row("", "input and head", "", "", "", f"{cost.head.flops:,}", f"{cost.head.n_params:,}")
    table.add_section()
    table.add_row("", "total", "", "", "", f"{cost.total.flops:,}", f"{cost.total.n_params:,}")
    return table


def _baseline_table(baseline: Baseline) -> Table:
    from search.networks.count import count_graph

    graph = baseline.graph
    cost = count_graph(graph)
    table = new_table(baseline.title, ("#", "layers", "output", "FLOPs", "params"), left=("layers", "output"))
    for ordinal, part in enumerate(cost.blocks, start=1):
        layers = [layer for layer in graph.layers if layer.block == ordinal]
        shape = " x ".join(str(n) for n in layers[-1].out_shape)
        text = ", ".join(_described(layer) for layer in layers)
        table.add_row(str(ordinal), text, shape, f"{part.flops:,}", f"{part.n_params:,}")
    table.add_row("", "input and head", "", f"{cost.head.flops:,}", f"{cost.head.n_params:,}")
    table.add_section()
    table.add_row("", "total", "", f"{cost.total.flops:,}", f"{cost.total.n_params:,}")
    return table


def _described(layer: Layer) -> str:
    from search.networks.layers import Conv, DepthwiseConv

    match layer:
        case Conv():
            return f"{layer.kernel[0]}x{layer.kernel[1]} conv"
        case DepthwiseConv():
            return f"{layer.kernel[0]}x{layer.kernel[1]} depthwise"
        case _:
            return type(layer).__name__.lower()


def _survey_table(survey: Survey) -> Table:
    n = len(survey.flops)
    table = new_table(
        f"{n:,} random networks of {survey.space_name}", ("", "min", "5 %", "median", "95 %", "max"), ("",)
    )
    rows = (("MFLOPs", survey.flops / 1e6), ("k parameters", survey.n_params / 1e3), ("kB", survey.size_bytes / 1e3))
    for name, values in rows:
        table.add_row(name, *(f"{value:.1f}" for value in survey.percentiles(values)))
    return table

"""`search paper`: our networks beside the paper's figures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.terminal import new_table, percent_off, print_table

if TYPE_CHECKING:
    from rich.table import Table

    from search.networks.network import Network

_TABLE_2_ROW = "NAS-Bayesian"


def paper(
    converter: Annotated[
        bool, typer.Option("--converter", help="Sizes from TFLite's converter too; needs TensorFlow, takes minutes.")
    ] = False,
) -> None:
    """Compares FLOPs, parameters and file sizes with the paper's Table 1, and the blocks with its Table 2.

    "kB, written" are files of this project's writer, "kB, converted" those of TFLite's converter for the
    quantization-aware training model, without names and metadata; a kB is 1000 bytes.
    """
    print_table(_totals_table(converter))
    print_table(_blocks_table())


def _networks() -> list[tuple[str, Network]]:
    from search.networks.baselines import BASELINES
    from search.networks.spaces import TABLE_2

    return [(_TABLE_2_ROW, TABLE_2), *((baseline.title, baseline) for baseline in BASELINES)]


def _totals_table(converter: bool) -> Table:
    from search.networks.count import count_graph
    from search.networks.network import graph_of
    from search.networks.paper_figures import printed_network
    from search.tflite.writer import write_tflite

    headers = ("network", "", "ours", "paper", "off")
    table = new_table("Networks of Table 1 (Speckhard et al., 2023)", headers, left=("network", ""))
    for title, network in _networks():
        printed = printed_network(title)
        cost = count_graph(graph_of(network)).total
        rows = [
            ("MFLOPs", cost.flops / 1e6, printed.flops / 1e6),
            ("k parameters", cost.n_params / 1e3, printed.n_params / 1e3),
            ("kB, written", len(write_tflite(network, seed=0)) / 1e3, printed.size_kb),
        ]
        if converter:
            rows.append(("kB, converted", _converted_bytes(network) / 1e3, printed.size_kb))
        for i, (quantity, ours, theirs) in enumerate(rows):
            figures = (f"{ours:.2f}", f"{theirs:.2f}", percent_off(ours, theirs))
            table.add_row(title if i == 0 else "", quantity, *figures)
        table.add_section()
    return table


def _blocks_table() -> Table:
    from search.networks.blocks import DwStride
    from search.networks.count import count_graph
    from search.networks.graph import build_graph
    from search.networks.paper_figures import TABLE_2_BLOCKS, printed_network
    from search.networks.spaces import AUDIO_2D, TABLE_2

    places = tuple(DwStride)
    costs = []
    for place in places:
        options = AUDIO_2D.set_options({"dw_stride": place.value})
        costs.append(count_graph(build_graph(dataclasses.replace(TABLE_2, options=options)), len(TABLE_2.blocks)))
    headers = ("#", "type", "K", "filters", "paper", *(place.value.replace("_", "\n") for place in places))
    table = new_table("MFLOPs of Table 2's blocks, for each reading of where the DW stride acts", headers, ("type",))
    for i, (block, printed) in enumerate(zip(TABLE_2.blocks, TABLE_2_BLOCKS, strict=True)):
        sizes = (str(block.kernel), str(block.filters)) if block.filters else ("", "")
        paper_flops = "" if printed.flops is None else f"{printed.flops / 1e6:.1f}"
        table.add_row(
            str(i + 1), block.type.value, *sizes, paper_flops, *(f"{cost.blocks[i].flops / 1e6:.2f}" for cost in costs)
        )
    table.add_row("", "input and head", "", "", "", *(f"{cost.head.flops / 1e6:.2f}" for cost in costs))
    table.add_section()
    total = printed_network(_TABLE_2_ROW).flops
    table.add_row("", "total", "", "", f"{total / 1e6:.2f}", *(f"{cost.total.flops / 1e6:.2f}" for cost in costs))
    return table


def _converted_bytes(network: Network) -> int:
    from search.networks.network import graph_of
    from search.training.convert import converted_file

    return len(converted_file(graph_of(network), seed=0))

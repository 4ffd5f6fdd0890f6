"""NAS-Bench-201 cells as feature columns: the six edges, and counts of what is alive in the cell's graph.

A cell has four nodes; an edge from each to every later one holds an operation (Dong and Yang, 2020). Many cells
are the same network: edges without an operation, or that lead nowhere, do not matter, and a skip connection is
no step. `canonical` is the same text for all of them.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from pathlib import Path

import numpy as np

from predictor.table import Measurements
from predictor.table_file import TableChoice, measurements_of

DATA = Path(__file__).parent / "data" / "nasbench201_latency.csv.gz"
_NONE, _SKIP = "none", "skip_connect"
_OPERATIONS = ("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
# Multiply-accumulates of a 3x3 to a 1x1 convolution; a pool has no weights but as many reads.
_WORK = {"nor_conv_3x3": 9, "nor_conv_1x1": 1, "avg_pool_3x3": 0.5}

Edge = tuple[int, int, str]
"""From node, to node, operation."""


def edges(cell: str) -> list[Edge]:
    """The six edges of a cell `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
    return [
        (int(source), node, operation)
        for node, inputs in enumerate(cell.split("+"), start=1)
        for operation, source in re.findall(r"\|?([^|~]+)~(\d)", inputs)
    ]


def present(cell: str) -> list[Edge]:
    """The edges that have an operation."""
    return [edge for edge in edges(cell) if edge[2] != _NONE]


def whole(cell: str) -> bool:
    """Nothing in the cell is dead: every runtime computes the same of it."""
    return present(cell) == fed(cell)


def alive(cell: str) -> list[Edge]:
    """The edges that lead to the output, also from nodes without inputs: some devices compute on their zeros."""
    found, used = [], {3}
    for source, node, operation in reversed(present(cell)):
        if node in used:
            used.add(source)
            found.append((source, node, operation))
    return found[::-1]


def fed(cell: str) -> list[Edge]:
    """Those of them that the input reaches."""
    reached, found = {0}, []
    for source, node, operation in alive(cell):
        if source in reached:
            reached.add(node)
            found.append((source, node, operation))
    return found


def canonical(cell: str) -> str:
    """One text for all cells that are the same network."""
    texts = {0: "in"}
    for node in (1, 2, 3):
        inputs = [(source, op) for source, target, op in alive(cell) if target == node]
        parts = [texts[source] if op == _SKIP else f"{op}({texts[source]})" for source, op in inputs]
        texts[node] = parts[0] if len(parts) == 1 else f"[{'+'.join(sorted(parts)) or 'zeros'}]"
    # The same text may share a step between two ways or take it twice, with weights of its own.
    counts = Counter(op for _, _, op in alive(cell))
    return " ".join([texts[3], *(str(counts[name]) for name in _OPERATIONS)])


def columns_of(cells: list[str]) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    """Named columns of cells: the operation of each edge; of all edges with one, of those that lead to the output,
    and of those that the input reaches too, operations by kind, their work, sums and depth."""
    rows = [_row(cell) for cell in cells]
    columns = {}
    for name, first in rows[0].items():
        values = [row[name] for row in rows]
        columns[name] = np.array(values) if isinstance(first, str) else np.array(values, np.float64)
    return columns


def _row(cell: str) -> dict[str, str | float]:
    row: dict[str, str | float] = {f"edge_{source}_{node}": op for source, node, op in edges(cell)}
    for kind, chosen in (("all", present(cell)), ("alive", alive(cell)), ("fed", fed(cell))):
        counts = Counter(op for _, _, op in chosen)
        row |= {f"{kind}_{name}": counts[name] for name in (*_OPERATIONS, _SKIP)}
        row[f"{kind}_work"] = sum(weight * counts[name] for name, weight in _WORK.items())
        row[f"{kind}_sums"] = len(chosen) - len({node for _, node, _ in chosen})
        row[f"{kind}_depth"] = _depth(chosen)
    return row


def _depth(live: list[Edge]) -> int:
    depths = {0: 0}
    for source, node, operation in live:
        depths[node] = max(depths.get(node, 0), depths.get(source, 0) + (operation != _SKIP))
    return depths.get(3, 0)


def cells() -> list[str]:
    """The cells in the order of their rows."""
    return [row["cell"] for row in _rows()]


def _rows() -> list[dict[str, str]]:
    with gzip.open(DATA, "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def read(device: str) -> Measurements:
    """The latencies of a device (`pixel3_ms`, `raspi4_ms`), cells of one canonical graph in one group."""
    rows = _rows()
    columns = columns_of(cells())
    table = {
        **columns,
        "graph": np.array([canonical(cell) for cell in cells()]),
        device: np.array([float(row[device]) for row in rows]),
    }
    choice = TableChoice(tuple(columns), device, group="graph")
    return measurements_of(table, choice, {"table": DATA.name, "device": device})

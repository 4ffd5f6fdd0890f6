"""An architecture as the record keeps it."""

from __future__ import annotations

from db.rows import ArchitectureSpec
from search.networks.architecture import Architecture
from search.networks.count import count_graph
from search.networks.graph import build_graph


def architecture_spec(architecture: Architecture) -> ArchitectureSpec:
    """Text, hash, parameters and counts of an architecture.

    Raises:
        UnknownSpace, OutsideSpace: it is of no known space, or not in its space.
    """
    cost = count_graph(build_graph(architecture), len(architecture.blocks)).total
    return ArchitectureSpec(
        hash=architecture.architecture_hash,
        space=architecture.space,
        text=architecture.text,
        params=architecture.to_params(),
        flops=cost.flops,
        n_params=cost.n_params,
    )

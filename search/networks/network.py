"""Whatever can be counted and written as a file: an architecture of a space, or a baseline.

Between what a user types and everything that works on layers.
"""

from __future__ import annotations

from search.errors import BadText
from search.networks.architecture import Architecture, parse
from search.networks.baselines import BASELINES, Baseline
from search.networks.graph import build_graph
from search.networks.layers import Graph
from search.networks.spaces import TABLE_2, space_named

Network = Architecture | Baseline
"""Both have `text` and `architecture_hash`."""

TABLE_2_NAME = "table2"


def graph_of(network: Network, n_classes: int | None = None) -> Graph:
    """The layers of a network.

    Args:
        n_classes: outputs of the last layer; None: nine, as the paper's.

    Raises:
        UnknownSpace, OutsideSpace: an architecture of no known space, or not in its space.
    """
    if isinstance(network, Baseline):
        return network.graph if n_classes is None else network.lay(n_classes)
    return build_graph(network, n_classes)


def read_network_name(text: str) -> Network:
    """The network that a user names: a baseline, `table2`, or an architecture's text.

    Raises:
        BadText: none of these.
        UnknownSpace, OutsideSpace: an architecture of no known space, or not in its space.
    """
    name = text.strip()
    for baseline in BASELINES:
        if baseline.name == name:
            return baseline
    if name == TABLE_2_NAME:
        return TABLE_2
    try:
        architecture = parse(name)
    except BadText as error:
        known = ", ".join((TABLE_2_NAME, *(baseline.name for baseline in BASELINES)))
        raise BadText(error.problem, f"{error.hint}; or name one of {known}") from error
    space_named(architecture.space).validate(architecture)
    return architecture

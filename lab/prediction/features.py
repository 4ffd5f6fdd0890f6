"""Where the predictor's columns come from: the visits of a database, or architectures to predict for.

Both get the same columns. A visit has those of its record (`predictor.records`), with the file's true size;
an architecture has those of `search.networks.features`, with the size that its file would have.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from db.database import Database
from lab.errors import UsageError
from predictor.records import Selection, Visits, read_visits
from predictor.table import ENERGY, FeatureTable, Indices
from search.errors import SearchError
from search.networks.architecture import Architecture, parse
from search.networks.features import GRAPH_COUNTS, family_of, feature_columns
from search.networks.graph import network_key

FeatureSet = Literal["graph", "paper"]


def measured_visits(
    db: Database, selection: Selection, target: str = ENERGY.name, feature_set: FeatureSet = "graph"
) -> Visits:
    """The accepted visits of a selection, with the columns of a feature set.

    `paper`: parameters of the blocks, FLOPs and bytes of the file. `graph`: also the number of parameters and
    the counts of the network's graph. Architectures whose networks are the same (an Identity stands elsewhere)
    are one group: a model that has seen one of them has seen the other.

    Raises:
        UsageError: `graph`, and an architecture whose network this release cannot lay.
        PredictorError: see read_visits.
        DbError: no such campaign, or the database cannot be read.
    """
    visits = read_visits(db, selection, target)
    features = visits.rows.features
    if feature_set == "graph":
        features = FeatureTable({**features.columns, **_graph_counts(visits.texts)})
    groups = _network_groups(visits.texts, visits.rows.groups)
    names = features.names if feature_set == "graph" else paper_features(features)
    chosen = replace(features.select(names), families={name: family_of(name) for name in names})
    return replace(visits, rows=replace(visits.rows, features=chosen, groups=groups))


def paper_features(features: FeatureTable) -> tuple[str, ...]:
    """The columns among these that the paper's predictor has."""
    return tuple(name for name in features.names if name not in (*GRAPH_COUNTS, "n_params"))


def architecture_features(architectures: Sequence[Architecture]) -> FeatureTable:
    """All columns of architectures of one space.

    Raises:
        SearchError: an architecture of no known space, or not in its space.
    """
    columns = feature_columns(architectures)
    return FeatureTable(columns, {name: family_of(name) for name in columns})


def _network_groups(texts: Sequence[str], groups: Indices) -> Indices:
    try:
        keys: dict[str, Hashable] = {text: network_key(parse(text)) for text in dict.fromkeys(texts)}
    except SearchError:
        # Of an earlier release: all that is known is which texts are equal.
        return groups
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys.values()))}
    return np.array([numbers[keys[text]] for text in texts], np.intp)


def _graph_counts(texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    try:
        columns = feature_columns([parse(text) for text in texts])
    except SearchError as error:
        raise UsageError(
            f"The network of an architecture cannot be laid: {error}.",
            "It is of another space, or of an earlier release: fit with --feature-set paper, or choose a campaign "
            "with --campaign.",
        ) from error
    return {name: columns[name] for name in GRAPH_COUNTS}

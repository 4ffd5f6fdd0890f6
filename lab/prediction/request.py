"""What a user wants predicted: an architecture, a list of them, a .tflite file, or a table of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lab.errors import UsageError
from lab.prediction.features import architecture_features
from predictor.table import FeatureTable
from predictor.table_file import read_columns, typed
from search.errors import BadText
from search.networks.architecture import Architecture
from search.networks.network import Network, read_network_name
from search.tflite.metadata import DESCRIPTION, read_metadata
from search.tflite.network_list import read_network_list
from search.tflite.recognise import recognise

_TABLES = (".csv", ".csv.gz", ".parquet")
_TEXT_COLUMNS = ("text", "arch_text")


@dataclass(frozen=True, eq=False)
class PredictionRequest:
    """Rows to predict for.

    Attributes:
        kind: what a row is.
        names: (n,) of the rows, for people: an architecture's text, a row number, a file.
        features: (n rows); may have further columns.
        space: of the architectures; None for a table of features.
    """

    kind: str
    names: tuple[str, ...]
    features: FeatureTable
    space: str | None = None


def read_asked(what: str, columns: Mapping[str, bool]) -> PredictionRequest:
    """The rows that a user means.

    Args:
        what: an architecture's text, or a path.
        columns: that the model needs, and whether each holds categories.

    Raises:
        UsageError: a baseline, or a file that cannot be read.
        SearchError: a text or a .tflite file that is no architecture, or a list with one.
        BadTable: a table that cannot be read, or lacks a column.
    """
    path = Path(what)
    if path.suffix == ".tflite":
        return _of_file(path)
    if what.endswith(_TABLES):
        return _of_table(path, columns)
    if path.suffix == ".txt" or _is_file(path):
        return _of_networks(read_network_list(path))
    return _of_networks([read_network_name(what)])


def check_space(request: PredictionRequest, provenance: Mapping[str, Any]) -> None:
    """Refuse architectures of another space than the model has seen: their columns have the same names.

    Args:
        provenance: of the model; one of a user's own table says nothing of a space.

    Raises:
        UsageError: another space.
    """
    learnt = provenance.get("arch_space")
    if request.space is not None and learnt is not None and request.space != learnt:
        raise UsageError(
            f"The model has learnt from architectures of {learnt}, this is {request.space}.",
            f"Measure that space (`lab measure --space {request.space}`) and fit another model to it.",
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # An architecture's text may be longer than any file name.
        return False


def _of_networks(networks: Sequence[Network]) -> PredictionRequest:
    architectures = [network for network in networks if isinstance(network, Architecture)]
    if len(architectures) != len(networks):
        raise UsageError(
            "A baseline is no architecture of a space: the model has no columns for it.",
            "Measure it: `lab build --baselines --out DIR`, then `lab measure --models DIR`.",
        )
    texts = tuple(a.text for a in architectures)
    return PredictionRequest("architecture", texts, architecture_features(architectures), architectures[0].space)


def _of_table(path: Path, columns: Mapping[str, bool]) -> PredictionRequest:
    table = read_columns(path)
    text = next((name for name in _TEXT_COLUMNS if name in table), None)
    if text is not None and not set(columns) <= set(table):
        texts = table[text].cells
        return _of_networks([_read_row(row, line) for row, line in enumerate(texts, start=1)])
    features = typed(table, columns)
    return PredictionRequest("row", tuple(str(row) for row in range(1, features.n_rows + 1)), features)


def _read_row(row: int, text: object) -> Network:
    try:
        return read_network_name(str(text))
    except BadText as error:
        raise BadText(f"row {row}: {error.problem}", error.hint) from error


def _of_file(path: Path) -> PredictionRequest:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    request = _of_networks([recognise(content)])
    # The file is there, so its true size is known; a description that `search export` put in is not measured with it.
    own = read_metadata(content, DESCRIPTION) is not None
    n_bytes = request.features.columns["size_bytes"] if own else np.array([float(len(content))])
    sized = {**request.features.columns, "size_bytes": n_bytes}
    return replace(request, kind="file", names=(path.name,), features=FeatureTable(sized, request.features.families))

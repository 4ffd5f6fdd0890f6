"""Retrained networks side by side: what the paper's Table 1 says of a network, for ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from db.database import Database
from db.networks import described_networks
from db.results import result_rows
from db.retrainings import list_retrainings
from db.rows import RetrainingSpec
from search.errors import BadModelFile
from search.networks.architecture import Architecture
from search.networks.baselines import Baseline
from search.networks.count import count_graph
from search.networks.network import Network, graph_of, read_network_name
from search.studies.files import networks_dir
from search.tflite.reader import read_operators
from search.tflite.recognise import n_classes_of

if TYPE_CHECKING:
    from search.costs import PredictedCosts


@dataclass(frozen=True)
class MeasuredCost:
    """What the bench says of a network: means over its visits, of any of its files."""

    energy_mj: float
    latency_ms: float
    simulated: bool


@dataclass(frozen=True)
class ComparedNetwork:
    """A row of the table.

    Attributes:
        title: as the paper prints it, or the first digits of its hash.
        test_accuracies, accuracies: of the int8 files, a repeat each: test and validation split.
        float_accuracy: mean of the float models, validation split.
        predicted_mj: None for a network outside the predictor's space.
        measured: None while the bench has not seen it.
        data: name of the data set.
        synthetic: whether its sounds are synthesised.
    """

    title: str
    network: Network
    test_accuracies: tuple[float, ...]
    accuracies: tuple[float, ...]
    float_accuracy: float
    size_bytes: int
    flops: int
    n_params: int
    predicted_mj: float | None
    measured: MeasuredCost | None
    data: str
    synthetic: bool

    @property
    def is_baseline(self) -> bool:
        """Not found by a search."""
        return isinstance(self.network, Baseline)


def compared_networks(db: Database, costs: PredictedCosts | None, space: str | None) -> list[ComparedNetwork]:
    """All retrained networks: those that a search has found by falling accuracy, then the baselines in theirs.

    Retrainings on other data or with another recipe than the newest are left out.

    Args:
        costs: predicts energies, of architectures of `space` only.
        space: the predictor's.
    """
    rows = list_retrainings(db)
    if not rows:
        return []
    newest = rows[-1]
    same = [row for row in rows if row.data_sha256 == newest.data_sha256 and dict(row.recipe) == dict(newest.recipe)]
    measured = _measured_files(db)
    by_network: dict[str, list[RetrainingSpec]] = {}
    for row in same:
        by_network.setdefault(row.network_text, []).append(row)
    n_classes = _n_classes_of(networks_dir(db), newest)
    compared = [_compared(text, own, measured, costs, space, n_classes) for text, own in by_network.items()]
    return sorted(compared, key=lambda each: (each.is_baseline, -fmean(each.test_accuracies)))


def _compared(
    text: str,
    rows: Sequence[RetrainingSpec],
    measured: Mapping[str, list[MeasuredCost]],
    costs: PredictedCosts | None,
    space: str | None,
    n_classes: int | None,
) -> ComparedNetwork:
    network = read_network_name(text)
    cost = count_graph(graph_of(network, n_classes)).total
    predicted = None
    if costs is not None and isinstance(network, Architecture) and network.space == space:
        predicted = float(costs.costs([network])[0][0])
    return ComparedNetwork(
        title=network.title if isinstance(network, Baseline) else network.architecture_hash[:8],
        network=network,
        test_accuracies=tuple(row.test_accuracy for row in rows),
        accuracies=tuple(row.accuracy for row in rows),
        float_accuracy=fmean(row.float_accuracy for row in rows),
        size_bytes=rows[0].model.size_bytes,
        flops=cost.flops,
        n_params=cost.n_params,
        predicted_mj=predicted,
        measured=_together([visit for row in rows for visit in measured.get(row.model.sha256, [])]),
        data=rows[0].data,
        synthetic=rows[0].synthetic,
    )


def _n_classes_of(folder: Path, row: RetrainingSpec) -> int | None:
    """Of the data, by a file that learnt them; None where it lies on another machine: then counts are for nine."""
    try:
        return n_classes_of(read_operators((folder / row.model.name).read_bytes())) or None
    except (OSError, BadModelFile):
        return None


def _measured_files(db: Database) -> dict[str, list[MeasuredCost]]:
    """Visits by the hash of the file, without the description that an exported one has."""
    found: dict[str, list[MeasuredCost]] = {}
    networks = described_networks(db)
    for row in result_rows(db):
        visit = MeasuredCost(row.energy_mj, row.latency_ms, row.simulated)
        found.setdefault(networks.get(row.model_sha256, row.model_sha256), []).append(visit)
    return found


def _together(visits: Sequence[MeasuredCost]) -> MeasuredCost | None:
    # A measured visit outweighs any number of simulated ones.
    visits = [visit for visit in visits if not visit.simulated] or visits
    if not visits:
        return None
    energy_mj, latency_ms = fmean(v.energy_mj for v in visits), fmean(v.latency_ms for v in visits)
    return MeasuredCost(energy_mj, latency_ms, visits[0].simulated)


def spread_percent(shares: Sequence[float]) -> str:
    """Mean and standard deviation over repeats, %."""
    mean = f"{100 * fmean(shares):.2f}"
    return f"{mean} ± {100 * stdev(shares):.2f}" if len(shares) > 1 else mean

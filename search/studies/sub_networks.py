"""Sub-networks of a trained supernet: opened with its data, picked for budgets, finished to int8 files, audited."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.artefact import load as load_artefact
from predictor.predictor import Predictor
from predictor.table import FeatureTable
from search.audio.examples import SoundData
from search.costs import PredictedCosts
from search.engine.reward import PAPER_B
from search.errors import BadTrainings, PredictorUnfit
from search.networks.architecture import Architecture
from search.networks.count import count_graph
from search.networks.features import feature_columns
from search.networks.graph import build_graph
from search.networks.spaces import space_named
from search.studies.accuracy_source import DataRequest, Say, load_data
from search.studies.budget import budget_named
from search.studies.described_file import write_described
from search.studies.start import load_predictor
from search.supernet import checkpoint
from search.supernet.checkpoint import SupernetDescription
from search.supernet.picking import Costs, EnergyBudget, Pick, pick
from search.supernet.rank_correlation import RankCorrelation, correlations, noise_ceiling
from search.supernet.shared_accuracy import SharedAccuracy
from search.supernet.shared_network import SharedNetwork
from search.supernet.torch_framework import check_device
from search.supernet.training import restore
from search.surrogate.trainings import read_trainings
from search.training.int8_accuracy import int8_accuracy

_FEWEST = 10


@dataclass(frozen=True, eq=False)
class OpenedSupernet:
    """A supernet with the data that it has learnt.

    Attributes:
        shared: scores its sub-networks.
    """

    description: SupernetDescription
    data: SoundData
    shared: SharedAccuracy

    @property
    def marks(self) -> tuple[str, ...]:
        """What must stand beside its accuracies."""
        return ("SYNTHETIC",) if self.description.synthetic else ()


@dataclass(frozen=True)
class FinishedPick:
    """A pick after its int8 training.

    Attributes:
        path: of the file.
        float_accuracy: as it was picked; `accuracy` of the int8 file: both on the validation split.
        test_accuracy: of the int8 file on clips that nothing has chosen by.
    """

    path: Path
    float_accuracy: float
    accuracy: float
    test_accuracy: float


@dataclass(frozen=True)
class RankAudit:
    """Kendall's tau of several figures with the accuracies of stand-alone trainings, float and int8.

    Attributes:
        float_ceiling, int8_ceiling: tau of a figure without error; NaN where nothing was trained twice.
    """

    n_architectures: int
    n_trainings: int
    float_taus: tuple[RankCorrelation, ...]
    int8_taus: tuple[RankCorrelation, ...]
    float_ceiling: float
    int8_ceiling: float


def open_supernet(folder: Path, request: DataRequest, device: str, say: Say) -> OpenedSupernet:
    """A supernet of a folder, with its data.

    Raises:
        SupernetMissing, BadSupernet: there is none, it is damaged, or has learnt other data.
        DataMissing, DataBroken, DeviceMissing: as they say.
    """
    check_device(device)
    kept = checkpoint.load(folder)
    description = kept.description
    data = load_data(request, budget_named(description.budget).clips, say)
    checkpoint.check_data(folder, description, data.name, data.sha256)
    if not description.is_finished:
        done = f"{description.n_epochs_done} of {description.recipe.n_epochs} passes"
        say(f"{folder} has {done}: its accuracies will rise")
    network = SharedNetwork(space_named(description.space), description.n_classes, description.seed)
    restore(network, kept.arrays)
    return OpenedSupernet(description, data, SharedAccuracy(network.to(device), data))


@dataclass(frozen=True, eq=False)
class Picker:
    """Picks sub-networks by predicted costs.

    Attributes:
        energy, latency: predictors; no latency is asked for without the second.
    """

    supernet: OpenedSupernet
    energy: Predictor
    latency: Predictor | None = None

    @property
    def marks(self) -> tuple[str, ...]:
        """What must stand beside what is picked."""
        return (("SIMULATED",) if self.energy.simulated else ()) + self.supernet.marks

    def pick(self, budget: EnergyBudget, n_scores: int, seed: int) -> Pick:
        """The best that is found within a budget; see `search.supernet.picking.pick`."""
        space = space_named(self.supernet.description.space)
        return pick(space, budget, self.costs, self.supernet.shared.score, n_scores, seed)

    def costs(self, architectures: Sequence[Architecture]) -> Costs:
        """Predicted, of many at once."""
        known = PredictedCosts(self.energy, PAPER_B, self.supernet.description.n_classes)
        energies, sizes = known.costs(architectures)
        latencies = None
        if self.latency is not None:
            latencies = self.latency.predict(FeatureTable(feature_columns(architectures)), unseen=True).values
        return Costs(energies, sizes, latencies)


def open_picker(supernet: OpenedSupernet, energy_model: Path, latency_model: Path | None) -> Picker:
    """With the predictors of folders.

    Raises:
        PredictorUnfit, PredictorError: there is none, or for another space or quantity.
    """
    space = supernet.description.space
    latency = None
    if latency_model is not None:
        saved = load_artefact(latency_model)
        if saved.predictor.target.unit != "ms" or saved.arch_space != space:
            raise PredictorUnfit(
                f"the predictor in {latency_model} gives {saved.predictor.target.text}, no latency of {space} in ms",
                "fit one: lab fit-rf --target latency_ms --out latency-model",
            )
        latency = saved.predictor
    return Picker(supernet, load_predictor(energy_model, space).predictor, latency)


def finish(supernet: OpenedSupernet, chosen: Pick, out: Path, seed: int, say: Say) -> FinishedPick:
    """A pick's int8 file: the int8 stage of a trial, from the shared weights, with no pass in floating point.

    Raises:
        BuildFailed: it cannot be written.
        TrainingUnavailable: TensorFlow is not installed.
    """
    from search.training.trainer import train

    description, shared = supernet.description, supernet.shared
    recipe = dataclasses.replace(budget_named(description.budget).recipe, n_float_epochs=0, n_evaluations=1)
    graph = build_graph(chosen.architecture, description.n_classes)
    weights = shared.network.weights_of(chosen.architecture, shared.statistics(chosen.architecture))
    trained = train(graph, supernet.data, recipe, seed, begun_with=weights)
    path = out / f"{chosen.budget.energy_mj:g}mj-{chosen.architecture.architecture_hash[:8]}.tflite"
    write_described(trained.tflite, graph, description.data_description, path, say)
    tested = int8_accuracy(trained.tflite, supernet.data.test)
    return FinishedPick(path, trained.float_accuracy, trained.accuracy, tested)


def audit_ranks(supernet: OpenedSupernet, table: Path, fewest: int, observe: Callable[[int, int], None]) -> RankAudit:
    """Shared weights against trainings of a table.

    Args:
        fewest: trainings that an architecture must have to count.
        observe: told networks scored, and how many there are.

    Raises:
        BadTrainings: no such table, of another space, or too few architectures in it.
    """
    trainings = read_trainings(table)
    space = supernet.description.space
    if trainings.space != space:
        raise BadTrainings(f"{table} holds trainings of {trainings.space}, the supernet is of {space}", "give another")
    by_text: dict[str, list[Any]] = {}
    for row in trainings.rows:
        by_text.setdefault(row.architecture.text, []).append(row)
    several = [rows for rows in by_text.values() if len(rows) >= fewest]
    if len(several) < _FEWEST:
        raise BadTrainings(
            f"{table} has {len(several)} architectures with {fewest} trainings or more",
            f"{_FEWEST} are needed: train more (search run --algorithm random --stopping none), or lower --fewest",
        )
    figures = _figures(supernet, [rows[0].architecture for rows in several], observe)
    floats = [[row.float_accuracy for row in rows] for rows in several]
    ints = [[row.accuracy for row in rows] for rows in several]
    return RankAudit(
        len(several),
        sum(len(rows) for rows in several),
        tuple(correlations(figures, _means(floats))),
        tuple(correlations(figures, _means(ints))),
        noise_ceiling(floats),
        noise_ceiling(ints),
    )


def _figures(
    supernet: OpenedSupernet, architectures: Sequence[Architecture], observe: Callable[[int, int], None]
) -> dict[str, NDArray[np.float64]]:
    scores = []
    for i, architecture in enumerate(architectures, start=1):
        scores.append(supernet.shared.score(architecture))
        observe(i, len(architectures))
    counted = [count_graph(build_graph(architecture)).total for architecture in architectures]
    return {
        "shared weights, loss": -np.array([score.loss for score in scores]),
        "shared weights, accuracy": np.array([score.accuracy for score in scores]),
        "FLOPs": np.array([float(each.flops) for each in counted]),
        "parameters": np.array([float(each.n_params) for each in counted]),
    }


def _means(accuracies: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    return np.array([np.mean(each) for each in accuracies])

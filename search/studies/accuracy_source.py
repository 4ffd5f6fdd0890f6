"""Where the accuracies of a study come from: trainings on a data set, or a model of earlier trainings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from search.audio.audioset import load_audioset
from search.audio.examples import SoundData
from search.audio.synthetic_data import SyntheticSize, default_cache_dir, load_synthetic
from search.errors import BadTrainings
from search.networks.architecture import Architecture
from search.networks.graph import build_graph
from search.studies.budget import budget_named
from search.studies.recorded_objective import Trainer
from search.training.recipe import TrainingRecipe
from search.training.result import TrainingResult, Watch

Say = Callable[[str], None]
"""Tells a user something."""


@dataclass(frozen=True)
class AccuracySource:
    """Trains, or answers in the place of training.

    Attributes:
        name: the data, or the surrogate with its error.
        sha256: of the data's numbers, or of the surrogate's table.
        synthetic: whether the sounds behind it are synthesised.
        surrogate: whether it is one.
        train: gives the accuracy of an architecture.
    """

    name: str
    sha256: str
    synthetic: bool
    surrogate: bool
    budget: str
    recipe: TrainingRecipe
    train: Trainer


def training_source(audioset: Path | None, budget_name: str, say: Say) -> AccuracySource:
    """Trainings on AudioSet from a folder, or on the synthetic set.

    Raises:
        UnknownBudget: no budget has that name.
        DataMissing, DataBroken: AudioSet is not there, or cannot be read.
    """
    budget = budget_named(budget_name)
    data = load_data(audioset, budget.clips, say)

    def train(architecture: Architecture, seed: int, watch: Watch) -> TrainingResult:
        from search.training.trainer import train as train_graph

        return train_graph(build_graph(architecture), data, budget.recipe, seed, watch)

    return AccuracySource(data.name, data.sha256, data.synthetic, False, budget.name, budget.recipe, train)


def surrogate_source(table: Path, space: str, say: Say) -> AccuracySource:
    """A model fitted to a table of trainings.

    Raises:
        BadTrainings: no such table, too few trainings, or of another space.
    """
    from search.surrogate.trained_surrogate import TrainedSurrogate

    surrogate = TrainedSurrogate.from_file(table)
    trainings = surrogate.trainings
    if trainings.space != space:
        raise BadTrainings(
            f"{table} holds trainings of {trainings.space}, the search is in {space}",
            f"search {trainings.space} (--space), or give a table of {space}",
        )
    say(f"nothing is trained: {surrogate.name}")
    synthetic = trainings.data.startswith("SYNTHETIC")
    return AccuracySource(
        surrogate.name, surrogate.file_sha256, synthetic, True, "surrogate", trainings.recipe, surrogate.trainer()
    )  # fmt: skip


def load_data(audioset: Path | None, clips: SyntheticSize, say: Say) -> SoundData:
    """AudioSet from a folder, or the synthetic set.

    Raises:
        DataMissing, DataBroken: AudioSet is not there, or cannot be read.
    """
    if audioset is not None:
        data, inventory = load_audioset(audioset)
        missing = sum(inventory.n_missing.values())
        say(f"{data.name}; {missing:,} clips of the lists have no file, {inventory.n_ambiguous:,} are of two classes")
        return data
    told = False

    def report(done: int, n: int) -> None:
        nonlocal told
        if not told:
            say(f"making {n:,} synthetic clips, once; they are kept in {default_cache_dir()}")
            told = True

    data = load_synthetic(clips, default_cache_dir(), report=report)
    say(f"data: {data.name}")
    return data

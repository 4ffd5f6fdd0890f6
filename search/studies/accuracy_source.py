"""Where the accuracies of a study come from: trainings on a data set, or a model of earlier trainings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from db.shown_text import printable
from search.audio.clip_reading import by_reason
from search.audio.examples import SoundData
from search.audio.front_end import DataDescription
from search.audio.recordings import RecordingRule
from search.audio.sound_folder import load_sounds
from search.audio.synthetic_data import SyntheticSize, default_cache_dir, load_synthetic
from search.errors import BadTrainings, DataMissing
from search.networks.architecture import Architecture
from search.networks.graph import build_graph
from search.studies.audioset_source import ReadingProgress, load_audioset_aloud
from search.studies.budget import budget_named
from search.studies.clock import StudyClock
from search.studies.recorded_objective import Trainer
from search.studies.settings import StudySettings
from search.training.recipe import TrainingRecipe
from search.training.result import TrainingResult, Watch
from search.worker_processes import is_companion

Say = Callable[[str], None]
"""Tells a user something."""


@dataclass(frozen=True)
class DataRequest:
    """Which sounds a user asks for; with neither folder, synthetic ones.

    Attributes:
        sounds: a folder of clips per class.
        recording: how a recording of `sounds` is known from a file's name, see `RecordingRule`.
    """

    audioset: Path | None = None
    sounds: Path | None = None
    recording: str | None = None

    def __post_init__(self) -> None:
        if self.audioset is not None and self.sounds is not None:
            raise DataMissing("--sounds and --audioset are two data sets", "give one of them")
        if self.recording is not None and self.sounds is None:
            raise DataMissing("--recording says how to split the clips of --sounds, which is not given", "give both")

    @property
    def is_given(self) -> bool:
        """Whether a folder is."""
        return self.audioset is not None or self.sounds is not None


@dataclass(frozen=True)
class AccuracySource:
    """Trains, or answers in the place of training.

    Attributes:
        name: the data, or the surrogate with its error.
        sha256: of what the data were made of, or of the surrogate's table.
        numbers_sha256: gives that of the data's computed numbers, by which releases up to 0.2 knew data.
        description: of the data; None for a surrogate.
        synthetic: whether the sounds behind it are synthesised.
        surrogate: whether it is one.
        train: gives the accuracy of an architecture.
        n_validation: clips that it is of; None for a surrogate.
        chance_accuracy: of what always says the commonest class of these; None for a surrogate.
    """

    name: str
    sha256: str
    numbers_sha256: Callable[[], str]
    description: DataDescription | None
    synthetic: bool
    surrogate: bool
    budget: str
    recipe: TrainingRecipe
    train: Trainer
    n_validation: int | None = None
    chance_accuracy: float | None = None

    def sha256_as_of(self, begun: StudySettings) -> str:
        """The hash to hold against a study's: of the kind that it was begun with."""
        return self.numbers_sha256() if begun.data_description is None else self.sha256


def training_source(request: DataRequest, budget_name: str, say: Say) -> AccuracySource:
    """Trainings on sounds from a folder, or on the synthetic set.

    Raises:
        UnknownBudget: no budget has that name.
        DataMissing, DataBroken: the sounds are not there, or cannot be used.
    """
    budget = budget_named(budget_name)
    data = load_data(request, budget.clips, say)

    def train(architecture: Architecture, seed: int, watch: Watch) -> TrainingResult:
        from search.training.trainer import train as train_graph

        return train_graph(build_graph(architecture, data.n_classes), data, budget.recipe, seed, watch)

    return AccuracySource(
        name=data.name,
        sha256=data.sha256,
        numbers_sha256=lambda: data.numbers_sha256,
        description=data.description,
        synthetic=data.synthetic,
        surrogate=False,
        budget=budget.name,
        recipe=budget.recipe,
        train=train,
        n_validation=len(data.validation),
        chance_accuracy=data.validation.commonest_share,
    )


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
        name=surrogate.name,
        sha256=surrogate.file_sha256,
        numbers_sha256=lambda: surrogate.file_sha256,
        description=None,
        synthetic=synthetic,
        surrogate=True,
        budget="surrogate",
        recipe=trainings.recipe,
        train=surrogate.trainer(),
    )


def load_data(request: DataRequest, clips: SyntheticSize, say: Say) -> SoundData:
    """Sounds from a folder, or the synthetic set.

    Raises:
        DataMissing, DataBroken: the sounds are not there, or cannot be used.
    """
    if request.sounds is not None:
        return _load_sounds(request.sounds, RecordingRule(request.recording), say)
    if request.audioset is not None:
        # Beside a worker that has said it all.
        return load_audioset_aloud(request.audioset, (lambda text: None) if is_companion() else say)
    told = False

    def report(done: int, n: int) -> None:
        nonlocal told
        if not told:
            say(f"making {n:,} synthetic clips, once; they are kept in {default_cache_dir()}")
            told = True

    data = load_synthetic(clips, default_cache_dir(), report=report)
    say(
        f"data: {data.name}: {len(data.train):,} clips to learn from, {len(data.validation):,} to choose networks by "
        f"(validation), {len(data.test):,} for the last word (test)"
    )
    return data


def _load_sounds(folder: Path, rule: RecordingRule, say: Say) -> SoundData:
    if is_companion():
        # Beside a worker that has said it all.
        return load_sounds(folder, rule)[0]
    progress = ReadingProgress(say, StudyClock.of_this_machine().monotonic_s)
    data, inventory = load_sounds(folder, rule, report=progress)
    say(f"data: {data.name}, of {inventory.n_recordings:,} recordings")
    for line in inventory.lines:
        say(line)
    if inventory.unusable:
        say(f"{len(inventory.unusable):,} of {inventory.n_files:,} files are of no use and left out:")
        say(by_reason(inventory.unusable))
        say(f"all of them: {printable(inventory.unusable_path or 'cannot be written where features are kept')}")
    return data

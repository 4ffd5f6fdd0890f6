"""Searches that measure nothing and train nothing: a predictor fitted to a formula, and a trainer in no time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from db.database import open_database
from db.rows import StudySpec
from db.studies import ensure_study
from predictor.artefact import load, save
from predictor.evaluation import evaluate, fit_predictor
from predictor.table import ENERGY, FeatureTable, Measurements
from search.audio.classes import CLASS_NAMES
from search.audio.front_end import DataDescription
from search.audio.log_mel import FRONT_END
from search.costs import PredictedCosts
from search.engine.algorithms import Settings, build_sampler
from search.engine.encoding import Encoding
from search.engine.reward import PAPER_B
from search.engine.stopping.rules import build_stop_rule
from search.networks.architecture import Architecture
from search.networks.features import feature_columns
from search.networks.graph import build_graph
from search.networks.space import Space
from search.networks.spaces import AUDIO_2D
from search.studies.clock import StudyClock
from search.studies.loop import Worker
from search.studies.recorded_objective import Trainer
from search.studies.settings import StudySettings
from search.studies.storage import close_study, create_study
from search.tflite.random_constants import draw_constants
from search.tflite.writer import serialize
from search.training.recipe import TrainingRecipe
from search.training.result import CurveEvaluation, TrainingResult, TrainingStopped, Watch

NOW = datetime(2026, 5, 4, tzinfo=UTC)

MJ_PER_FLOP = 1e-7


def save_predictor(folder: Path, space: Space, without: str | None = None, seed: int = 11) -> None:
    """Energy = 0.1 mJ per MFLOP and 3 % noise, learnt from 60 architectures of the space.

    Args:
        without: a type of block that none of them has.
        seed: which architectures.
    """
    drawn = space.sample_unique(60 if without is None else 600, seed)
    architectures = [a for a in drawn if all(block.type.value != without for block in a.blocks)][:60]
    columns = feature_columns(architectures)
    flops = np.asarray(columns["flops"], np.float64)
    noise = np.random.default_rng(0).normal(1.0, 0.03, len(flops))
    rows = Measurements(
        features=FeatureTable(columns),
        target=ENERGY,
        values=MJ_PER_FLOP * flops * noise,
        groups=np.arange(len(flops)),
        row_ids=np.arange(len(flops)),
        provenance={"arch_space": space.name},
        simulated=True,
    )
    predictor = fit_predictor(evaluate("ridge", rows, seed=1), rows, seed=1)
    save(folder, predictor, rows, {"seed": 1}, {})


def quick_trainer(architecture: Architecture, seed: int, watch: Watch, n_evaluations: int = 4) -> TrainingResult:
    """Learns nothing: the accuracy follows from the seed and the curve rises to it; the file is a real one."""
    accuracy = 0.5 + 0.4 * np.random.default_rng(seed).random()
    curve = []
    for k in range(1, n_evaluations + 1):
        curve.append(CurveEvaluation(k, k / n_evaluations, accuracy * (1 - 0.5**k), k == n_evaluations))
        if watch(curve[-1]):
            raise TrainingStopped(tuple(curve))
    tflite = serialize(draw_constants(build_graph(architecture), np.random.default_rng(seed)))
    return TrainingResult(tflite, accuracy, accuracy, tuple(curve))


def settings(algorithm: str = "evolution", stopping: str = "none", n_evaluations: int = 4) -> StudySettings:
    """Of a study of the 2D space."""
    return StudySettings(
        space="audio2d", options=AUDIO_2D.default_options, algorithm=algorithm, stopping=stopping, reward="b", seed=3,
        data="none", data_sha256="", budget="quick", recipe=TrainingRecipe(n_evaluations=n_evaluations),
        predictor_sha256="", predictor_simulated=True, data_synthetic=True,
        data_description=DataDescription(CLASS_NAMES, FRONT_END, 1.7, 4.0),
    )  # fmt: skip


@contextmanager
def a_worker(folder: Path, predictor: Path, chosen: StudySettings, trainer: Trainer | None = None) -> Iterator[Worker]:
    """A worker on a storage and a record in a folder; a second one goes on with what the first has left."""
    with open_database(folder / "lab.db") as db:
        spec = StudySpec(name="s", created_utc=NOW, settings=chosen.to_plain(), simulated=True, synthetic=True)
        study = create_study(f"sqlite:///{folder / 'lab.trials.db'}", "s", chosen)
        try:
            encoding = Encoding(AUDIO_2D, chosen.options)
            costs = PredictedCosts(load(predictor).predictor, PAPER_B)
            study.sampler = build_sampler(chosen.algorithm, Settings(encoding, chosen.seed, costs.penalties))
            yield Worker(
                study=study, settings=chosen, study_id=ensure_study(db, spec).study_id, db=db,
                files_dir=folder / "networks", costs=costs,
                rule=build_stop_rule(chosen.stopping, chosen.seed), clock=StudyClock(lambda: NOW, lambda: 0.0),
                train=trainer or partial(quick_trainer, n_evaluations=chosen.recipe.n_evaluations),
            )  # fmt: skip
        finally:
            close_study(study)

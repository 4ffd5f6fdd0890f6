"""What a worker's trials are asked: costs from the predictor, accuracy from a trainer, and all that the record wants.

A training's file is kept, and what the record wants to know goes on the trial, so that it can be recorded at any time
later, by any worker:

| user attribute | when | meaning |
|---|---|---|
| worker | every 20 s | who trains it, see `search.studies.ownership` |
| training_seed | before training | see `training_seed` |
| accuracy, float_accuracy | when trained | of the int8 file and of the float model, validation split |
| file_sha256, file_bytes | when trained | of the .tflite file |
| n_evaluations | when trained or stopped | how many were made |
| duration_s, finished_utc | when trained or stopped | of training |
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from optuna.trial import FrozenTrial, Trial  # noqa: TID253

from db.rows import ModelSpec, TrialSpec
from search.costs import PredictedCosts
from search.engine.encoding import Encoding
from search.engine.record import TrialCosts, final_reward, stopped
from search.engine.trials import Report
from search.networks.architecture import Architecture
from search.networks.architecture_spec import architecture_spec
from search.studies.clock import StudyClock
from search.studies.files import keep_file
from search.studies.ownership import kept_signed, sign
from search.training.result import CurveEvaluation, TrainingResult, TrainingStopped, Watch

_ACCURACY, _FLOAT_ACCURACY, _SHA256, _FILE_BYTES = "accuracy", "float_accuracy", "file_sha256", "file_bytes"
_N_EVALUATIONS, _DURATION_S, _SEED, _FINISHED_UTC = "n_evaluations", "duration_s", "training_seed", "finished_utc"

Trainer = Callable[[Architecture, int, Watch], TrainingResult]
"""Trains an architecture from a seed; raises TrainingStopped when the watcher has seen enough."""


@dataclass(frozen=True, eq=False)
class RecordedObjective:
    """An `Objective` whose trials can be recorded.

    Attributes:
        seed: of the study.
        files_dir: where trained files go.
    """

    costs: PredictedCosts
    trainer: Trainer
    n_evaluations: int
    seed: int
    files_dir: Path
    clock: StudyClock

    def known(self, architecture: Architecture) -> TrialCosts:
        """Costs as predicted."""
        return self.costs.known(architecture)

    def train(self, architecture: Architecture, trial: Trial, report: Report) -> float | None:
        """Trains, keeps the trial signed meanwhile, and keeps the file.

        Raises:
            TrialLost: another worker has taken the trial over.
            BuildFailed: the file cannot be written.
        """
        seed = training_seed(self.seed, architecture)
        trial.set_user_attr(_SEED, seed)
        began_s = self.clock.monotonic_s()

        accuracy = None
        with kept_signed(trial, self.clock.utc) as check:

            def watch(evaluation: CurveEvaluation) -> bool:
                check()
                sign(trial, self.clock.utc())
                return report(evaluation.ordinal, evaluation.accuracy)

            try:
                result = self.trainer(architecture, seed, watch)
            except TrainingStopped as stop:
                n_evaluations = len(stop.curve)
            else:
                sign(trial, self.clock.utc())
                self._keep(trial, result)
                accuracy, n_evaluations = result.accuracy, len(result.curve)
        trial.set_user_attr(_N_EVALUATIONS, n_evaluations)
        trial.set_user_attr(_DURATION_S, self.clock.monotonic_s() - began_s)
        trial.set_user_attr(_FINISHED_UTC, self.clock.utc().isoformat())
        return accuracy

    def _keep(self, trial: Trial, result: TrainingResult) -> None:
        """Stores the file and what was measured of it."""
        sha256 = hashlib.sha256(result.tflite).hexdigest()
        keep_file(self.files_dir, sha256, result.tflite)
        trial.set_user_attr(_ACCURACY, result.accuracy)
        trial.set_user_attr(_FLOAT_ACCURACY, result.float_accuracy)
        trial.set_user_attr(_SHA256, sha256)
        trial.set_user_attr(_FILE_BYTES, len(result.tflite))


def training_seed(study_seed: int, architecture: Architecture) -> int:
    """Of the weights and the order of examples: the same whenever, and wherever, a trial is trained again."""
    digest = hashlib.sha256(f"{study_seed}:{architecture.architecture_hash}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 2**31


def row_of(trial: FrozenTrial, encoding: Encoding) -> TrialSpec:
    """A finished trial of a RecordedObjective, for the record."""
    attrs, known = trial.user_attrs, TrialCosts.read(trial)
    cut = stopped(trial)
    model = None
    if not cut:
        sha256 = attrs[_SHA256]
        model = ModelSpec(sha256=sha256, size_bytes=attrs[_FILE_BYTES], name=f"{sha256}.tflite")
    return TrialSpec(
        number=trial.number,
        state="stopped" if cut else "trained",
        architecture=architecture_spec(encoding.architecture(trial.params)),
        reward=final_reward(trial) if cut else attrs[_ACCURACY] - known.penalty,
        penalty=known.penalty,
        energy_mj=known.energy_mj,
        energy_low_mj=known.energy_low_mj,
        energy_high_mj=known.energy_high_mj,
        accuracy=None if cut else attrs[_ACCURACY],
        float_accuracy=None if cut else attrs[_FLOAT_ACCURACY],
        n_evaluations=attrs[_N_EVALUATIONS],
        duration_s=attrs[_DURATION_S],
        seed=attrs[_SEED],
        model=model,
        finished_utc=datetime.fromisoformat(attrs[_FINISHED_UTC]),
    )

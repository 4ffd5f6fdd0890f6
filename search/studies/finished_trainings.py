"""The finished trainings of a study as a table, their learning curves with them."""

from __future__ import annotations

from typing import Any

from search.engine.encoding import Encoding
from search.engine.record import TrialCosts, finished, stopped
from search.errors import BadTrainings
from search.studies.storage import close_study, load_study, settings_of, storage_troubles
from search.surrogate.trainings import Training, Trainings


def finished_trainings(url: str, name: str) -> Trainings:
    """Of the study of a name in a storage; stopped trials are left out.

    Raises:
        StudyMissing, StorageUnusable: no such study, or no such storage.
        BadTrainings: the study trained nothing: it asked a surrogate.
    """
    study = load_study(url, name)
    try:
        with storage_troubles(url):
            return _gathered(study)
    finally:
        close_study(study)


def _gathered(study: Any) -> Trainings:
    settings = settings_of(study)
    if settings.surrogate:
        raise BadTrainings(
            f"study {study.study_name} trained nothing: it asked a surrogate", "take a study that trains"
        )
    encoding = Encoding(settings.search_space, settings.options)
    rows = []
    for trial in finished(study):
        if not stopped(trial):
            rows.append(_training(trial, encoding))
    return Trainings(settings.space, settings.data, settings.recipe, tuple(rows))


def _training(trial: Any, encoding: Encoding) -> Training:
    penalty, attrs = TrialCosts.read(trial).penalty, trial.user_attrs
    # What was reported is the reward.
    curve = [value + penalty for _, value in sorted(trial.intermediate_values.items())]
    return Training(
        encoding.architecture(trial.params),
        attrs["training_seed"],
        attrs["float_accuracy"],
        attrs["accuracy"],
        tuple(min(1.0, max(0.0, each)) for each in curve),
    )

"""The finished trainings of a study as a table, their learning curves with them."""

from __future__ import annotations

from search.engine.encoding import Encoding
from search.engine.record import Known, finished, stopped
from search.errors import BadTrainings
from search.studies.storage import load_study, settings_of, storage_troubles
from search.surrogate.trainings import Training, Trainings


def finished_trainings(url: str, name: str) -> Trainings:
    """Of the study of a name in a storage; stopped trials are left out.

    Raises:
        StudyMissing, StorageUnusable: no such study, or no such storage.
        BadTrainings: the study trained nothing: it asked a surrogate.
    """
    study = load_study(url, name)
    settings = settings_of(study)
    if settings.surrogate:
        raise BadTrainings(f"study {name} trained nothing: it asked a surrogate", "take a study that trains")
    encoding = Encoding(settings.search_space, settings.options)
    rows = []
    with storage_troubles(url):
        for trial in finished(study):
            if stopped(trial):
                continue
            penalty = Known.read(trial).penalty
            curve = [value + penalty for _, value in sorted(trial.intermediate_values.items())]
            attrs = trial.user_attrs
            rows.append(
                Training(
                    encoding.architecture(trial.params),
                    attrs["training_seed"],
                    attrs["float_accuracy"],
                    attrs["accuracy"],
                    tuple(min(1.0, max(0.0, each)) for each in curve),
                )
            )
    return Trainings(settings.space, settings.data, settings.recipe, tuple(rows))

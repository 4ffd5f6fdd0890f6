"""Networks that were trained before, to be trained again from other seeds: the run-to-run variance of an accuracy."""

from __future__ import annotations

from typing import Any

from search.errors import BadTrainings
from search.networks.spaces import space_named
from search.studies.storage import close_study, load_study, settings_of, storage_troubles
from search.surrogate.trainings import Trainings


def trained_before(url: str, name: str, space: str, seed: int) -> list[dict[str, Any]]:
    """The architectures that a study of the storage has trained, as parameters, in its order.

    Args:
        space: in which they are to be trained again.

    Raises:
        StudyMissing: there is no such study.
        BadTrainings: it is of another space, or of the same seed.
    """
    from search.engine.record import trained

    study = load_study(url, name)
    try:
        theirs = settings_of(study)
        if theirs.space != space:
            raise BadTrainings(f"study {name} is in {theirs.space}, not in {space}", "name a study of this space")
        if theirs.seed == seed:
            raise BadTrainings(*_same_seed(f"study {name}", seed))
        with storage_troubles(url):
            return [dict(trial.params) for trial in trained(study)]
    finally:
        close_study(study)


def most_accurate(trainings: Trainings, space: str, seed: int) -> list[dict[str, str]]:
    """The architectures of a table as parameters, each once, by falling accuracy of their best training.

    Args:
        space: in which they are to be trained again, with its own options.

    Raises:
        BadTrainings: the table is empty, of another space or other options, or of the same seed.
    """
    from search.engine.encoding import params_of
    from search.studies.recorded_objective import training_seed

    if trainings.space != space:
        raise BadTrainings(f"the trainings are in {trainings.space}, not in {space}", "give a table of this space")
    rows = sorted(trainings.rows, key=lambda row: -row.accuracy)
    if not rows:
        raise BadTrainings("the table holds no training", "give one that does")
    options = space_named(space).default_options
    for row in rows:
        if row.architecture.options != options:
            hint = "a study has its space's own options: give a table of such networks"
            raise BadTrainings(f"{row.architecture.text} has other options than the study", hint)
        if row.seed == training_seed(seed, row.architecture):
            raise BadTrainings(*_same_seed("a training of the table", seed))
    return list({row.architecture.architecture_hash: params_of(row.architecture) for row in rows}.values())


def _same_seed(what: str, seed: int) -> tuple[str, str]:
    hint = f"choose another seed for this study, say --seed {seed + 1}"
    return f"{what} has seed {seed} too: it would come out the same", hint

"""Where the search engine keeps its trials: an SQLite file beside the record, or a database server.

Optuna's storage and the record both keep a migration table of their own, so they cannot share one SQLite file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search.errors import BadTrainings, StorageUnusable, StudyMissing
from search.studies.settings import StudySettings

_SETTINGS = "settings"
_HINT = "check the address, and that the server runs and lets you in; then type the same command again"


def default_url(db: str) -> str:
    """The address of the storage that goes with a record: `lab.db` -> `sqlite:///lab.trials.db`."""
    if "://" in db:
        raise StorageUnusable(f"no place for trials goes with {db}", "give one with --storage URL")
    path = Path(db).expanduser().absolute()
    return f"sqlite:///{path.with_name(f'{path.stem}.trials.db')}"


@contextmanager
def storage_troubles(url: str) -> Iterator[None]:
    """Troubles with the storage, in the block, as `StorageUnusable`."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError, ModuleNotFoundError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise StorageUnusable(f"the trials at {shown(url)} cannot be used: {reason}", _HINT) from error


def create_study(url: str, name: str, settings: StudySettings) -> Any:
    """The Optuna study of a name; made, with its settings, where there is none.

    Raises:
        StorageUnusable: the storage cannot be reached or is another program's.
    """
    import optuna

    from search.engine.algorithms import PARETO
    from search.engine.pareto import DIRECTIONS

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with storage_troubles(url):
        directions = DIRECTIONS if settings.algorithm == PARETO else DIRECTIONS[:1]
        study = optuna.create_study(storage=url, study_name=name, directions=directions, load_if_exists=True)
        if _SETTINGS not in study.user_attrs:
            study.set_user_attr(_SETTINGS, settings.to_plain())
    return study


def load_study(url: str, name: str) -> Any:
    """The Optuna study of a name.

    Raises:
        StudyMissing: there is none, or it has no settings; names those that there are.
        StorageUnusable: as `create_study`.
    """
    import optuna

    with storage_troubles(url):
        storage = optuna.storages.get_storage(url)
        try:
            names = optuna.get_all_study_names(storage)
            if name not in names:
                known = f"it has: {', '.join(sorted(names))}" if names else "it has none"
                hint = f"{known}; `search init` or `search run` makes one"
                raise StudyMissing(f"no study {name} at {shown(url)}", hint)
            study = optuna.load_study(study_name=name, storage=storage)
            if _SETTINGS not in study.user_attrs:
                raise StudyMissing(f"study {name} was not made by this program", "give it another name")
        except BaseException:
            _close(storage)
            raise
        return study


def queue_again(study: Any, url: str, name: str) -> None:
    """Queues the architectures that another study of the storage has trained, in its order; twice is once.

    Raises:
        StudyMissing: there is no such study.
        BadTrainings: it is of another space.
    """
    from search.engine.record import trained

    other = load_study(url, name)
    try:
        ours, theirs = settings_of(study), settings_of(other)
        if (ours.space, ours.options) != (theirs.space, theirs.options):
            raise BadTrainings(f"study {name} is in {theirs.space}, not in {ours.space}", "name a study of this space")
        with storage_troubles(url):
            for trial in trained(other):
                study.enqueue_trial(trial.params, skip_if_exists=True)
    finally:
        close_study(other)


def close_study(study: Any) -> None:
    """Ends the connections of a study's storage: a server counts them."""
    _close(study._storage)


def _close(storage: Any) -> None:
    storage.remove_session()
    getattr(storage, "_backend", storage).engine.dispose()


def open_storage(url: str) -> Any:
    """Optuna's storage at an address that exists; StorageUnusable as `create_study`."""
    from optuna.storages import RDBStorage

    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        raise StorageUnusable(f"there are no trials at {shown(url)}", "`search init` or `search run` makes them")
    with storage_troubles(url):
        return RDBStorage(url)


def settings_of(study: Any) -> StudySettings:
    """The settings that a study was made with."""
    return StudySettings.from_plain(study.user_attrs[_SETTINGS])


def shown(url: str) -> str:
    """An address without its password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url

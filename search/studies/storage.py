"""Where the search engine keeps its trials: an SQLite file beside the record, or a database server.

Optuna's storage and the record both keep a migration table of their own, so they cannot share one SQLite file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from db.faults import no_text
from db.studies import check_same_settings
from search.errors import StorageUnusable, StudyMissing
from search.studies.settings import StudySettings

_SETTINGS = "settings"
_SQLITE = "sqlite:///"
_MAKERS = "`search init` or `search run` makes them"
_SERVER_HINT = "check the address, and that the server runs and lets you in; then type the same command again"
_FILE_HINT = "check that the file is one of trials, whole, and that you may write to it and its folder"


def default_url(db: str) -> str:
    """The address of the storage that goes with a record: `lab.db` -> `sqlite:///lab.trials.db`."""
    if "://" in db:
        raise StorageUnusable(f"no place for trials goes with {db}", "give one with --storage URL")
    path = Path(db).expanduser().absolute()
    return f"{_SQLITE}{path.with_name(f'{path.stem}.trials.db')}"


@contextmanager
def storage_troubles(url: str) -> Iterator[None]:
    """Troubles with the storage, in the block, as `StorageUnusable`."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except UnicodeEncodeError as error:
        raise no_text(error) from error
    except (StorageInternalError, SQLAlchemyError, ModuleNotFoundError) as error:
        raise _unusable(url, error) from error


def _unusable(url: str, error: Exception) -> StorageUnusable:
    reason = str(error.__cause__ or error).splitlines()[0]
    hint = _FILE_HINT if url.startswith(_SQLITE) else _SERVER_HINT
    return StorageUnusable(f"the trials at {shown(url)} cannot be used: {reason}", hint)


def _storage_at(url: str) -> Any:
    """Optuna's storage at an address; StorageUnusable when there is none that this version can use."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with storage_troubles(url):
            return optuna.storages.get_storage(url)
    except (RuntimeError, ValueError) as error:
        # Of another version of Optuna, or no address of a database.
        raise _unusable(url, error) from error


def create_study(url: str, name: str, settings: StudySettings) -> Any:
    """The Optuna study of a name; made, with its settings, where there is none.

    Raises:
        StudyMismatch: there is one with other settings.
        StorageUnusable: the storage cannot be reached or is another program's.
    """
    import optuna

    from search.engine.algorithms import PARETO
    from search.engine.pareto import DIRECTIONS

    storage = _storage_at(url)
    with storage_troubles(url):
        directions = DIRECTIONS if settings.algorithm == PARETO else DIRECTIONS[:1]
        study = optuna.create_study(storage=storage, study_name=name, directions=directions, load_if_exists=True)
        if _SETTINGS not in study.user_attrs:
            study.set_user_attr(_SETTINGS, settings.to_plain())
    try:
        _check_settings(study, settings)
    except BaseException:
        close_study(study)
        raise
    return study


def check_study(url: str, name: str, settings: StudySettings) -> None:
    """Returns when the storage answers, and has no study of this name or one of these settings; makes nothing.

    Raises:
        StudyMismatch, StorageUnusable: as `create_study`.
    """
    if _is_missing_file(url):
        return
    try:
        study = load_study(url, name)
    except StudyMissing:
        return
    try:
        _check_settings(study, settings)
    finally:
        close_study(study)


def begun_settings(url: str, name: str) -> StudySettings | None:
    """The settings of a study that is there; None when it is not; makes nothing.

    Raises:
        UnknownSettings: this version cannot read them.
        StorageUnusable: as `create_study`.
    """
    if _is_missing_file(url):
        return None
    try:
        study = load_study(url, name)
    except StudyMissing:
        return None
    try:
        return settings_of(study)
    finally:
        close_study(study)


def _check_settings(study: Any, asked: StudySettings) -> None:
    check_same_settings(study.study_name, settings_of(study).to_plain(), asked.to_plain())


def load_study(url: str, name: str) -> Any:
    """The Optuna study of a name.

    Raises:
        StudyMissing: there is none, or it has no settings; names those that there are.
        StorageUnusable: as `create_study`.
    """
    import optuna

    if _is_missing_file(url):
        raise StudyMissing(f"no study {name}: there are no trials at {shown(url)}", _MAKERS)
    storage = _storage_at(url)
    with storage_troubles(url):
        try:
            names = optuna.get_all_study_names(storage)
            if name not in names:
                known = f"it has: {', '.join(sorted(names))}" if names else "it has none"
                raise StudyMissing(f"no study {name} at {shown(url)}", f"{known}; {_MAKERS}")
            study = optuna.load_study(study_name=name, storage=storage)
            if _SETTINGS not in study.user_attrs:
                raise StudyMissing(f"study {name} was not made by this program", "give it another name")
        except BaseException:
            close_storage(storage)
            raise
        return study


def queue(study: Any, url: str, params: list[dict[str, Any]]) -> None:
    """Queues architectures, to be trained before others; twice is once."""
    with storage_troubles(url):
        for each in params:
            study.enqueue_trial(each, skip_if_exists=True)


def close_study(study: Any) -> None:
    """Ends the connections of a study's storage: a server counts them."""
    close_storage(study._storage)


def close_storage(storage: Any) -> None:
    """Ends the connections of a storage."""
    storage.remove_session()
    getattr(storage, "_backend", storage).engine.dispose()


def open_storage(url: str) -> Any:
    """Optuna's storage at an address that exists; StorageUnusable as `create_study`."""
    if _is_missing_file(url):
        raise StorageUnusable(f"there are no trials at {shown(url)}", _MAKERS)
    return _storage_at(url)


def _is_missing_file(url: str) -> bool:
    # A folder that is not there is an address that cannot be used, not a study that is still to be made.
    path = Path(url.removeprefix(_SQLITE))
    return url.startswith(_SQLITE) and not path.exists() and path.parent.is_dir()


def settings_of(study: Any) -> StudySettings:
    """The settings that a study was made with; UnknownSettings when this version cannot read them."""
    return StudySettings.from_plain(study.user_attrs[_SETTINGS])


def shown(url: str) -> str:
    """An address without its password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url

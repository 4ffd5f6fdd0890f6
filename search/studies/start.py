"""Starting or joining a search: predictor, data, storage and record brought together, and held against the study."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from db.database import Database, files_dir_of, open_database
from db.rows import StudyRow, StudySpec, TrialSpec
from db.studies import ensure_study
from predictor.errors import PredictorError
from search.engine.reward import reward_named
from search.errors import BadTrainings, PredictorUnfit, SearchError, StudyMissing, UnknownStopRule
from search.networks.features import feature_columns
from search.networks.spaces import space_named
from search.studies.accuracy_source import AccuracySource, DataRequest, Say, surrogate_source, training_source
from search.studies.budget import budget_named
from search.studies.files import networks_dir
from search.studies.own_predictor import copy_of, keep_copy, read_copy, unseen_levels
from search.studies.settings import StudySettings
from search.studies.storage import (
    begun_settings,
    check_study,
    close_study,
    create_study,
    default_url,
    load_study,
    settings_of,
    shown,
)
from search.worker_processes import is_companion

if TYPE_CHECKING:
    from predictor.artefact import SavedPredictor
    from search.studies.loop import Worker


_DATA_HINT = "give the data that the study was made with, split alike; rewards would not be comparable"
_NUMBERS_HINT = "It was begun by a release up to 0.2, which knew data by computed numbers: processors differ in those"


@dataclass(frozen=True)
class StudyRequest:
    """What a user asks for; see the options of `search run`."""

    study: str
    db: str
    storage: str | None
    predictor: Path
    data: DataRequest
    space: str
    algorithm: str
    stopping: str | None
    reward: str
    budget: str
    seed: int
    surrogate: Path | None = None


@dataclass(frozen=True, eq=False)
class StudyHandle:
    """A study that can be worked on.

    Attributes:
        settings: it was made with.
        study: Optuna's.
        row: the study in the record.
    """

    url: str
    settings: StudySettings
    study: Any
    db: Database
    row: StudyRow
    source: AccuracySource
    saved: SavedPredictor

    @property
    def shown_url(self) -> str:
        """The address of the storage without its password."""
        return shown(self.url)

    def worker(
        self,
        observe: Callable[[TrialSpec], None],
        failed: Callable[[int, str], None],
        waits: Callable[[int], None] = lambda n: None,
    ) -> Worker:
        """A worker of this process; see `Worker` for what it tells."""
        from search.costs import PredictedCosts
        from search.engine.algorithms import Settings, build_sampler
        from search.engine.encoding import Encoding
        from search.engine.stopping.rules import build_stop_rule
        from search.studies.clock import StudyClock
        from search.studies.loop import Worker

        settings = self.settings
        costs = PredictedCosts(self.saved.predictor, reward_named(settings.reward), settings.n_classes)
        encoding = Encoding(settings.search_space, settings.options)
        self.study.sampler = build_sampler(
            settings.algorithm, Settings(encoding, settings.seed, costs.penalties, skip_dominated=True)
        )
        return Worker(
            study=self.study,
            settings=settings,
            study_id=self.row.study_id,
            db=self.db,
            files_dir=networks_dir(self.db),
            costs=costs,
            rule=build_stop_rule(settings.stopping, settings.seed),
            clock=StudyClock.of_this_machine(),
            train=self.source.train,
            observe=observe,
            failed=failed,
            waits=waits,
        )


def check_begun(request: StudyRequest) -> None:
    """Returns when the study is there; StudyMissing when not."""
    close_study(load_study(request.storage or default_url(request.db), request.study))


@contextmanager
def start_study(request: StudyRequest, say: Say) -> Iterator[StudyHandle]:
    """The study of a name, made if there is none.

    Raises:
        SearchError, PredictorError, DbError: something is missing, unfit or another study's.
    """
    from search.engine.algorithms import PARETO, check_algorithm
    from search.engine.stopping.rules import DEFAULT_STOP_RULE, NO_RULE, build_stop_rule

    if not request.study.strip():
        raise StudyMissing("a study needs a name", "give it one with --study NAME")
    space = space_named(request.space)
    reward_named(request.reward)
    budget_named(request.budget)
    check_algorithm(request.algorithm)
    stopping = request.stopping or (NO_RULE if request.algorithm == PARETO else DEFAULT_STOP_RULE)
    if request.algorithm == PARETO and stopping != NO_RULE:
        raise UnknownStopRule(
            f"{PARETO} has no reward whose end could be predicted", f"leave --stopping out, or say {NO_RULE}"
        )
    build_stop_rule(stopping, request.seed)
    url = request.storage or default_url(request.db)
    begun = begun_settings(url, request.study)
    saved = (
        _own_predictor(request.db, request.study, begun, request.predictor, say)
        if begun is not None and begun.space == request.space
        else load_predictor(request.predictor, request.space)
    )
    source = _source(request.surrogate, request.data, request.budget, request.space, say)
    settings = StudySettings(
        space=request.space,
        options=space.default_options,
        algorithm=request.algorithm,
        stopping=stopping,
        reward=request.reward,
        seed=request.seed,
        data=source.name,
        data_sha256=source.sha256 if begun is None else source.sha256_as_of(begun),
        recipe=source.recipe,
        budget=source.budget,
        predictor_sha256=saved.sha256,
        predictor_simulated=saved.predictor.simulated,
        data_synthetic=source.synthetic,
        surrogate=source.surrogate,
        data_description=source.description if begun is None else begun.data_description,
        n_validation=source.n_validation if begun is None else begun.n_validation,
        chance_accuracy=source.chance_accuracy if begun is None else begun.chance_accuracy,
    )
    with open_database(request.db) as db:
        # Storage and record are both asked before either is written to.
        check_study(url, request.study, settings)
        row = _recorded(db, request.study, settings)
        study = create_study(url, request.study, settings)
        try:
            _keep(db, request.predictor, saved)
            if unseen := unseen_levels(saved, space):
                say(unseen.text)
            yield StudyHandle(url, settings, study, db, row, source, saved)
        finally:
            close_study(study)


@contextmanager
def join_study(
    name: str,
    db_url: str,
    storage: str | None,
    predictor: Path,
    data: DataRequest,
    say: Say,
    surrogate: Path | None = None,
) -> Iterator[StudyHandle]:
    """A study that is there already.

    Raises:
        StudyMissing: it is not. PredictorUnfit, DataMissing: predictor or data are not the study's.
    """
    url = storage or default_url(db_url)
    study = load_study(url, name)
    try:
        settings = settings_of(study)
        saved = _own_predictor(db_url, name, settings, predictor, say)
        if settings.surrogate and surrogate is None:
            raise BadTrainings(f"study {name} trains nothing: it asks a surrogate", "give its table: --surrogate FILE")
        source = _source(surrogate, data, settings.budget, settings.space, say)
        if (unseen := unseen_levels(saved, settings.search_space)) and not is_companion():
            say(unseen.text)
        sha256 = source.sha256_as_of(settings)
        if sha256 != settings.data_sha256:
            raise PredictorUnfit(
                f"study {name} was made with other data ({settings.data_sha256[:12]}...) than these ({sha256[:12]}...)",
                _DATA_HINT if settings.data_description else f"{_DATA_HINT}. {_NUMBERS_HINT}",
            )
        with open_database(db_url) as db:
            _keep(db, predictor, saved)
            yield StudyHandle(url, settings, study, db, _recorded(db, name, settings), source, saved)
    finally:
        close_study(study)


def _own_predictor(db: str, name: str, settings: StudySettings, folder: Path, say: Say) -> SavedPredictor:
    """The predictor that a study was made with: from a folder, or its own copy where the folder has another by now."""
    wanted = settings.predictor_sha256
    try:
        given: SavedPredictor | SearchError | PredictorError = load_predictor(folder, settings.space)
    except (SearchError, PredictorError) as error:
        given = error
    if not isinstance(given, Exception) and given.sha256 == wanted:
        return given
    own = read_copy(files_dir_of(db), wanted)
    if own is not None:
        there = "none that it could use" if isinstance(given, Exception) else "another one by now"
        say(f"study {name} goes on with its own copy of the energy predictor it was begun with; {folder} holds {there}")
        return own
    if isinstance(given, Exception):
        raise given
    raise PredictorUnfit(
        f"study {name} was made with another predictor ({wanted[:12]}...) than this one ({given.sha256[:12]}...), "
        f"and has no copy of its own in {copy_of(files_dir_of(db), wanted).parent}",
        "give the predictor that the study was made with, or start a study of another name: rewards would not be "
        "comparable",
    )


def _keep(db: Database, folder: Path, saved: SavedPredictor) -> None:
    if read_copy(db.files_dir, saved.sha256) is None:
        keep_copy(db.files_dir, folder, saved)


def load_predictor(folder: Path, space: str) -> SavedPredictor:
    """The energy predictor of a folder.

    Raises:
        PredictorUnfit: there is none, it predicts no energy, or it was fitted for another space.
        PredictorError: it cannot be read.
    """
    from predictor.artefact import is_predictor, load
    from predictor.schema import check_levels
    from predictor.table import FeatureTable

    if not is_predictor(folder):
        raise PredictorUnfit(
            f"{folder} holds no energy predictor", "measure and fit one first: lab measure --n 2000, then lab fit-rf"
        )
    saved = load(folder)
    specimen = FeatureTable(feature_columns([space_named(space).sample(np.random.default_rng(0))]))
    missing = [name for name in saved.predictor.model.schema.names if name not in specimen.columns]
    fitted_for = saved.arch_space or "another table"
    if missing or fitted_for != space or saved.predictor.target.unit != "mJ":
        raise PredictorUnfit(
            f"the predictor in {folder} was fitted for {fitted_for} and gives {saved.predictor.target.text}; "
            f"the search is in {space}",
            f"measure architectures of {space} and fit a predictor of energy to them, or search {fitted_for}",
        )
    # Options of the space are the same in every architecture: one that was never measured would make every energy
    # extrapolated, so it is refused (BadTable) now. Blocks differ, and those that were never seen are only marked.
    options = [name for name in saved.predictor.model.schema.names if name.startswith("option_")]
    check_levels(saved.predictor.model.schema, specimen.select(tuple(options)))
    saved.predictor.predict(specimen, unseen=True)
    return saved


def _source(surrogate: Path | None, data: DataRequest, budget: str, space: str, say: Say) -> AccuracySource:
    if surrogate is not None:
        if data.is_given:
            raise BadTrainings("a surrogate trains on no data", "leave out --surrogate, or the folder of sounds")
        return surrogate_source(surrogate, space, say)
    return training_source(data, budget, say)


def _recorded(db: Database, name: str, settings: StudySettings) -> StudyRow:
    spec = StudySpec(
        name=name,
        created_utc=datetime.now(UTC),
        settings=settings.to_plain(),
        simulated=settings.predictor_simulated,
        synthetic=settings.data_synthetic,
    )
    return ensure_study(db, spec, lambda stored: StudySettings.from_plain(stored).to_plain())

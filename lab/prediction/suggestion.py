"""Which architectures of a space are worth measuring next, given what a database has."""

from __future__ import annotations

from dataclasses import dataclass

from db.database import Database
from db.results import planned_architectures
from lab.prediction.features import architecture_features, measured_visits
from predictor.errors import NothingMeasured
from predictor.records import Selection
from predictor.suggestion import Method, suggest
from predictor.table import Measurements
from search.errors import SearchError
from search.networks.architecture import Architecture, parse
from search.networks.features import COSTS, GRAPH_COUNTS
from search.networks.space import Space
from search.networks.spaces import space_named

_POOL_SEED = 104_729


@dataclass(frozen=True)
class SuggestionResult:
    """What to measure next.

    Attributes:
        architectures: the most wanted first.
        method: how they were chosen.
        n_known: architectures that are measured or planned already, and are not suggested again.
        simulated: whether what was learnt from is simulated; None when nothing was.
    """

    architectures: tuple[Architecture, ...]
    method: str
    n_known: int
    simulated: bool | None


def suggest_next(
    db: Database,
    selection: Selection,
    n: int,
    *,
    space: str | None = None,
    n_pool: int = 10_000,
    seed: int = 1,
    method: Method = "space-filling",
) -> SuggestionResult:
    """Chooses n architectures of the space among a random pool.

    Args:
        selection: which measurements to learn from.
        space: name of the space; None: that of the measurements, else audio2d.
        n_pool: candidates drawn; more are closer to the best of the whole space, and slower.

    Raises:
        PredictorError: mixed measurements, or a pool smaller than n.
        SearchError: no such space.
        DbError: no such campaign, or the database cannot be read.
    """
    rows, texts = _measured(db, selection)
    measured = [parse(text) for text in texts]
    chosen = space_named(space or (measured[0].space if measured else "audio2d"))
    known = {a for a in _readable(planned_architectures(db)) if chosen.contains(a)}
    pool = _pool(chosen, known, n_pool, seed, measured[0].options if measured else chosen.default_options)
    taken = architecture_features(sorted(known, key=lambda a: a.text)) if known else None
    if measured and measured[0].space != chosen.name:
        rows = None
    choice = suggest(taken, rows, architecture_features(pool), n, seed, (*COSTS, *GRAPH_COUNTS), method)
    architectures = tuple(pool[place] for place in choice.chosen.tolist())
    return SuggestionResult(architectures, choice.method, len(known), None if rows is None else rows.simulated)


def _measured(db: Database, selection: Selection) -> tuple[Measurements | None, tuple[str, ...]]:
    try:
        visits = measured_visits(db, selection)
    except NothingMeasured:
        if selection.campaign is not None or selection.only:
            raise
        return None, ()
    return visits.rows, visits.texts


def _readable(texts: list[str]) -> list[Architecture]:
    """The architectures among texts; those of an earlier release, which has other options, are no candidates."""
    found = []
    for text in texts:
        try:
            found.append(parse(text))
        except SearchError:
            continue
    return found


def _pool(
    space: Space, known: set[Architecture], n_pool: int, seed: int, options: tuple[tuple[str, str], ...]
) -> list[Architecture]:
    n_drawn = min(n_pool + len(known), space.size)
    drawn = space.sample_unique(n_drawn, _POOL_SEED + seed, options)
    return [architecture for architecture in drawn if architecture not in known][:n_pool]

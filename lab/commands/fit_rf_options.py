"""What a user typed after `lab fit-rf`, turned into rows and a plan."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lab.errors import UsageError

if TYPE_CHECKING:
    from predictor.records import Selection
    from predictor.report import FitPlan
    from predictor.table import Measurements


@dataclass(frozen=True)
class RowSource:
    """Where the rows come from, as typed; see the options of `lab fit-rf`."""

    db: str
    campaign: str | None
    phone: str | None
    only: tuple[str, ...]
    mix: tuple[str, ...]
    target: str | None
    feature_set: str
    table: Path | None
    features: str | None
    group: str | None
    latency: str | None
    categorical: str | None
    unit: str | None
    analysis_version: int | None = None


def make_plan(
    model: str | None,
    compare: bool,
    energy_from_latency: bool,
    n_latencies: int | None,
    n_energies: int | None,
    seed: int,
) -> FitPlan:
    """The plan of a command line.

    Raises:
        UsageError: options that exclude each other.
        UnknownRecipe: no such model.
    """
    from predictor.models import BOOSTING, FOREST, recipe_named
    from predictor.report import FitPlan
    from predictor.two_stage import MeasurementBudget

    if not energy_from_latency:
        if n_latencies is not None or n_energies is not None:
            raise UsageError("--n-latencies and --n-energies need --energy-from-latency.", "Add it, or leave them out.")
        return FitPlan(recipe_named(model or FOREST.name).name, seed, compare, None, n_threads())
    if compare:
        raise UsageError("--compare and --energy-from-latency exclude each other.", "Leave one of them out.")
    everything = 10**9
    budget = MeasurementBudget(n_latencies or everything, n_energies or everything)
    # Latencies repeat well, so there the model that learns most from many rows is worth having.
    return FitPlan(recipe_named(model or BOOSTING.name).name, seed, False, budget, n_threads())


def make_selection(campaign: str | None, phone: str | None, only: tuple[str, ...], mix: tuple[str, ...]) -> Selection:
    """Which rows of a database are meant.

    Raises:
        UsageError: --only without `=`.
    """
    from predictor.records import Selection

    wanted = {}
    for text in only:
        name, sign, value = text.partition("=")
        if not sign:
            raise UsageError(f"--only {text} has no value.", "Write --only NAME=VALUE, e.g. --only core=7.")
        wanted[name.strip()] = value.strip()
    if phone is not None:
        wanted["phone_serial"] = phone
    return Selection(campaign, wanted, mix)


def database_rows(source: RowSource, plan: FitPlan) -> tuple[Measurements, FitPlan]:
    """The rows of a database, and the plan with the paper's columns to compare with.

    Raises:
        UsageError: options that belong to --table.
        PredictorError, DbError: see lab.prediction.features.
    """
    from db.database import open_database
    from lab.prediction.features import FeatureSet, measured_visits, paper_features
    from lab.review.analysis_choice import seen_by_analysis

    given = {"--features": source.features, "--group": source.group, "--latency": source.latency,
             "--categorical": source.categorical, "--unit": source.unit}  # fmt: skip
    if wrong := [name for name, value in given.items() if value is not None]:
        raise UsageError(f"{', '.join(wrong)} need --table.", "Add --table FILE, or leave them out.")
    if source.feature_set not in get_args(FeatureSet):
        raise UsageError(f"No feature set {source.feature_set}.", f"Choose one of {', '.join(get_args(FeatureSet))}.")
    selection = make_selection(source.campaign, source.phone, source.only, source.mix)
    feature_set: FeatureSet = "paper" if source.feature_set == "paper" else "graph"
    with open_database(source.db, create=False) as opened:
        database = seen_by_analysis(opened, source.analysis_version)
        rows = measured_visits(database, selection, source.target or "energy_mj", feature_set).rows
    papers = () if feature_set == "paper" else paper_features(rows.features)
    return rows, replace(plan, paper_features=papers)


def table_rows(source: RowSource, plan: FitPlan) -> Measurements:
    """The rows of a user's own table.

    Raises:
        UsageError: --features or --target is missing, or an option belongs to a database.
        BadTable: see predictor.table_file.
    """
    from predictor.table_file import TableChoice, read_measurements

    if source.table is None or source.features is None or source.target is None:
        raise UsageError("--table needs --features and --target.", "Name the columns: --features a,b,c --target t.")
    given = {"--campaign": source.campaign, "--phone": source.phone, "--only": source.only, "--mix": source.mix,
             "--analysis-version": source.analysis_version}  # fmt: skip
    if wrong := [name for name, value in given.items() if value]:
        raise UsageError(f"{', '.join(wrong)} are about a database.", "Leave them out, or leave out --table.")
    if plan.budget is not None and source.latency is None:
        raise UsageError("--energy-from-latency needs latencies.", "Name their column: --latency COLUMN.")
    choice = TableChoice(
        names(source.features),
        source.target,
        source.group,
        source.latency,
        names(source.categorical or ""),
        source.unit,
    )
    return read_measurements(source.table, choice)


def names(text: str) -> tuple[str, ...]:
    """The names of a list as typed."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def n_threads() -> int:
    """Threads for fitting: one for each core this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

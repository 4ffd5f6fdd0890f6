"""Energy from latency: a latency model on many rows, times a power model on few energies.

A latency needs no power meter and repeats within a per cent; power hardly differs between networks on one core.
So a model of latency, fitted to a thousand, and three constants, fitted to fifty energies, come close to
a model of energy that was fitted to thousands of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from predictor.errors import BadTable, TooFewRows
from predictor.evaluation import Evaluation, Fitter, evaluate_fitter
from predictor.predictor import FittedModel, PowerModel, Predictor, fit_model
from predictor.schema import FeatureSchema
from predictor.table import FeatureTable, Floats, Measurements, Target, check_learnable

LATENCY = Target("latency_ms", "ms")
FLOPS_COLUMN = "flops"
_FEWEST_ENERGIES = 10


@dataclass(frozen=True)
class MeasurementBudget:
    """How many architectures are used, at most: with a latency, and of those with one visit's energy as well."""

    n_latencies: int
    n_energies: int


def fit_power(rows: Measurements) -> PowerModel:
    """The power model of rows that have both latency and energy.

    Least squares of relative errors, as that is how the noise of a power measurement grows. FLOPs are a term
    of their own where they are a feature: a busier core draws more.

    Raises:
        TooFewRows: fewer than 10 energies.
    """
    latencies_ms = latencies(rows)
    if rows.n_rows < _FEWEST_ENERGIES:
        raise TooFewRows(
            f"{rows.n_rows} energies; the power model needs at least {_FEWEST_ENERGIES}", "measure more energies"
        )
    flops = rows.features.columns.get(FLOPS_COLUMN)
    terms = [latencies_ms, np.ones(rows.n_rows)] + ([] if flops is None else [flops])
    design = np.stack(terms, axis=1) / latencies_ms[:, None]
    # Scaled, as FLOPs are millions and milliseconds are one.
    scales = np.abs(design).max(axis=0)
    solution = np.linalg.lstsq(design / scales, rows.values / latencies_ms, rcond=None)[0] / scales
    per_flop = 0.0 if flops is None else float(solution[2])
    return PowerModel(
        float(solution[0]), per_flop, float(solution[1]), None if flops is None else FLOPS_COLUMN, rows.n_rows
    )


def latencies(rows: Measurements) -> Floats:
    """The latencies (n,) of rows.

    Raises:
        BadTable: there are none, or some are not positive and finite.
    """
    if rows.latencies_ms is None:
        raise BadTable("the table has no latency", "name its column with --latency")
    bad = ~(np.isfinite(rows.latencies_ms) & (rows.latencies_ms > 0))
    if bad.any():
        raise BadTable(
            f"{int(bad.sum())} rows have no positive latency, row {int(np.flatnonzero(bad)[0]) + 1} first",
            "fill in or leave out these rows",
        )
    return rows.latencies_ms


def within(rows: Measurements, budget: MeasurementBudget, seed: int) -> tuple[Measurements, Measurements]:
    """The rows that a budget buys: those with a latency, and those of them whose energy is looked at.

    Architectures are drawn at random; rows without an energy are used for their latency alone.
    """
    measured = np.unique(rows.groups[~np.isnan(rows.values)])
    rng = np.random.default_rng([seed, 5])
    with_energy = rng.permutation(measured)[: budget.n_energies]
    others = rng.permutation(np.setdiff1d(np.unique(rows.groups), with_energy))
    with_latency = np.concatenate([with_energy, others])[: max(budget.n_latencies, len(with_energy))]
    candidates = np.flatnonzero(np.isin(rows.groups, with_energy) & ~np.isnan(rows.values))
    firsts = candidates[np.unique(rows.groups[candidates], return_index=True)[1]]
    return rows.take(np.flatnonzero(np.isin(rows.groups, with_latency))), rows.take(firsts)


def fit_two_stage(
    recipe: str, schema: FeatureSchema, rows: Measurements, budget: MeasurementBudget, seed: int, n_jobs: int = 1
) -> FittedModel:
    """Fits the latency model and the power model within a budget."""
    timed, measured = within(rows, budget, seed)
    as_latency = replace(timed, values=latencies(timed), target=LATENCY)
    return replace(fit_model(recipe, schema, as_latency, seed, n_jobs), power=fit_power(measured))


def evaluate_two_stage(
    recipe: str, rows: Measurements, budget: MeasurementBudget, seed: int, n_jobs: int = 1
) -> Evaluation:
    """Evaluates energy from latency: every fit sees no more than the budget, the test every held-out energy.

    Raises:
        BadTable: no latencies, or rows that nothing can be learnt from.
    """
    check_learnable(rows, missing_targets=True)
    latencies(rows)
    schema = FeatureSchema.of(rows.features)

    def fit(part: Measurements) -> FittedModel:
        return fit_two_stage(recipe, schema, part, budget, seed, n_jobs)

    return evaluate_fitter(recipe, _with_unmeasured(fit, rows), measured_rows(rows), seed)


def measured_rows(rows: Measurements) -> Measurements:
    """The rows that have a target."""
    return rows.take(np.flatnonzero(~np.isnan(rows.values)))


def _with_unmeasured(fit: Fitter, rows: Measurements) -> Fitter:
    """Gives every fit the rows without an energy too, of architectures that no test can hold."""
    missing = np.isnan(rows.values)
    unmeasured = rows.take(np.flatnonzero(missing & ~np.isin(rows.groups, rows.groups[~missing])))
    if not unmeasured.n_rows:
        return fit
    return lambda part: fit(joined(part, unmeasured))


def joined(first: Measurements, second: Measurements) -> Measurements:
    """The rows of both, which must have the same columns."""
    columns = {name: np.concatenate([first.features.columns[name], second.features.columns[name]])
               for name in first.features.names}  # fmt: skip
    pairs = (first.latencies_ms, second.latencies_ms)
    latencies_ms = None if pairs[0] is None or pairs[1] is None else np.concatenate([pairs[0], pairs[1]])
    return replace(
        first,
        features=FeatureTable(columns, first.features.families),
        values=np.concatenate([first.values, second.values]),
        groups=np.concatenate([first.groups, second.groups]),
        row_ids=np.concatenate([first.row_ids, second.row_ids]),
        latencies_ms=latencies_ms,
    )


def fit_two_stage_predictor(
    evaluation: Evaluation, rows: Measurements, budget: MeasurementBudget, seed: int, n_jobs: int = 1
) -> tuple[Predictor, Measurements]:
    """The predictor to keep, fitted within the budget to rows of training and test alike; and the rows it used."""
    model = fit_two_stage(evaluation.recipe, FeatureSchema.of(rows.features), rows, budget, seed, n_jobs)
    predictor = Predictor(evaluation.recipe, model, evaluation.band, rows.target, rows.simulated)
    return predictor, within(rows, budget, seed)[0]

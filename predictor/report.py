"""All that is found out about one fit: what the terminal, the card and the plots show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from predictor.curves import CurvePoint, default_sizes, learning_curve
from predictor.evaluation import Evaluation, evaluate, fit_predictor
from predictor.importance import FamilyImportance, impurity_shares, permutation_importances
from predictor.metrics import Proxy, proxy, spread
from predictor.models import FOREST, RECIPES
from predictor.predictor import Predictor
from predictor.table import Floats, Measurements
from predictor.two_stage import (
    FLOPS_COLUMN,
    MeasurementBudget,
    evaluate_two_stage,
    fit_two_stage_predictor,
    measured_rows,
)

PAPERS_FOREST = "random-forest, paper's features"


@dataclass(frozen=True)
class FitPlan:
    """What to fit and to find out.

    Attributes:
        recipe: the model to keep; with `compare`, one of those compared.
        seed: of split, folds, draws and models.
        compare: evaluate all models on the same folds.
        budget: set for energy from latency.
        paper_features: with `compare`, the forest is also evaluated on these columns alone.
    """

    recipe: str = FOREST.name
    seed: int = 1
    compare: bool = False
    budget: MeasurementBudget | None = None
    n_jobs: int = 1
    paper_features: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FitReport:
    """What was found out.

    Attributes:
        rows: with a target; `used` are those that the kept predictor was fitted to.
        evaluation: of the kept model.
        compared: of all models on the same folds and test set, best first by their folds; empty without `compare`.
            For energy from latency: the forest that is told every energy.
        impurity: shares of a forest; empty for others.
        families: permutation importances; empty for energy from latency, which has two models.
        curve: over the number of architectures; empty for energy from latency.
    """

    plan: FitPlan
    rows: Measurements
    used: Measurements
    evaluation: Evaluation
    compared: tuple[Evaluation, ...]
    proxies: tuple[Proxy, ...]
    impurity: dict[str, float]
    families: tuple[FamilyImportance, ...]
    curve: tuple[CurvePoint, ...]
    predictor: Predictor


def make_report(rows: Measurements, plan: FitPlan) -> FitReport:
    """Evaluates, fits and explains.

    Raises:
        BadTable: rows that nothing can be learnt from.
        UnknownRecipe: no such model.
    """
    return _two_stage_report(rows, plan, plan.budget) if plan.budget else _plain_report(rows, plan)


def best_first(evaluations: Sequence[Evaluation]) -> tuple[Evaluation, ...]:
    """By the error over the folds: the test set is not for choosing."""
    return tuple(sorted(evaluations, key=lambda one: one.folds.mean.rmse))


def _plain_report(rows: Measurements, plan: FitPlan) -> FitReport:
    names = [recipe.name for recipe in RECIPES] if plan.compare else [plan.recipe]
    evaluations = {name: evaluate(name, rows, plan.seed, plan.n_jobs) for name in dict.fromkeys([plan.recipe, *names])}
    if plan.compare and plan.paper_features:
        few = replace(rows, features=rows.features.select(plan.paper_features))
        forest = evaluate(FOREST.name, few, plan.seed, plan.n_jobs)
        evaluations[PAPERS_FOREST] = replace(forest, recipe=PAPERS_FOREST)
    evaluation = evaluations[plan.recipe]
    train, test = rows.take(evaluation.split.train), rows.take(evaluation.split.test)
    # The last point, that of all training rows, is the evaluation itself.
    sizes = default_sizes(train.n_architectures)[:-1]
    curve = learning_curve(plan.recipe, evaluation.model.schema, train, test, plan.seed, plan.n_jobs, sizes)
    whole = CurvePoint(train.n_architectures, spread([evaluation.test]))
    return FitReport(
        plan=plan, rows=rows, used=rows, evaluation=evaluation,
        compared=best_first(list(evaluations.values())) if plan.compare else (),
        proxies=proxies(rows), impurity=impurity_shares(evaluation.model),
        families=tuple(permutation_importances(evaluation.model, test, plan.seed)),
        curve=(*curve, whole), predictor=fit_predictor(evaluation, rows, plan.seed, plan.n_jobs),
    )  # fmt: skip


def _two_stage_report(rows: Measurements, plan: FitPlan, budget: MeasurementBudget) -> FitReport:
    evaluation = evaluate_two_stage(plan.recipe, rows, budget, plan.seed, plan.n_jobs)
    measured = measured_rows(rows)
    forest = evaluate(FOREST.name, measured, plan.seed, plan.n_jobs)
    predictor, used = fit_two_stage_predictor(evaluation, rows, budget, plan.seed, plan.n_jobs)
    return FitReport(
        plan=plan, rows=measured, used=used, evaluation=evaluation, compared=(forest,),
        proxies=proxies(measured), impurity={}, families=(), curve=(), predictor=predictor,
    )  # fmt: skip


def proxies(rows: Measurements) -> tuple[Proxy, ...]:
    """What FLOPs and latency alone say, where they are known."""
    known: dict[str, Floats | None] = {
        FLOPS_COLUMN: rows.features.columns.get(FLOPS_COLUMN),
        "latency_ms": None if rows.target.name == "latency_ms" else rows.latencies_ms,
    }
    return tuple(proxy(name, column, rows.values) for name, column in known.items() if column is not None)


def plain(report: FitReport) -> dict[str, Any]:
    """The figures as JSON: no NaN, no arrays."""
    evaluation, rows = report.evaluation, report.rows
    figures = {
        "recipe": evaluation.recipe,
        "simulated": rows.simulated,
        "target": asdict(rows.target),
        "seed": report.plan.seed,
        "n_rows": rows.n_rows,
        "n_architectures": rows.n_architectures,
        "n_features": len(rows.features.names),
        "features": list(rows.features.names),
        "budget": None if report.plan.budget is None else asdict(report.plan.budget),
        "test": asdict(evaluation.test),
        "test_row_ids": rows.take(evaluation.split.test).row_ids.tolist(),
        "folds": asdict(evaluation.folds),
        "noise": None if evaluation.noise is None else asdict(evaluation.noise),
        "interval": asdict(evaluation.band) | {"coverage": asdict(evaluation.coverage)},
        "compared": [
            {"recipe": one.recipe, "test": asdict(one.test), "folds": asdict(one.folds)} for one in report.compared
        ],
        "proxies": [asdict(one) for one in report.proxies],
        "impurity": report.impurity,
        "families": [asdict(one) for one in report.families],
        "curve": [asdict(one) for one in report.curve],
    }
    cleaned: dict[str, Any] = _without_nan(figures)
    return cleaned


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value

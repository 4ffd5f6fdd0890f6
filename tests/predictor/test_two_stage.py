"""Energy from latency: many latencies, few energies."""

from dataclasses import replace

import numpy as np
import pytest
from made_rows import made_rows

from predictor.errors import BadTable, TooFewRows
from predictor.evaluation import evaluate
from predictor.two_stage import MeasurementBudget, evaluate_two_stage, fit_power, fit_two_stage_predictor, within


def test_the_power_of_noiseless_rows_is_found() -> None:
    power = fit_power(made_rows(50, noise_frac=0.0))
    assert power.per_ms == pytest.approx(1.3)
    assert power.per_flop == pytest.approx(0, abs=1e-12)
    assert power.constant == pytest.approx(0, abs=1e-9)


def test_a_term_in_flops_and_a_constant_are_found() -> None:
    rows = made_rows(50, noise_frac=0.0)
    assert rows.latencies_ms is not None
    values = 1.1 * rows.latencies_ms + 2e-8 * rows.features.columns["flops"] + 0.05
    power = fit_power(replace(rows, values=values))
    assert (power.per_ms, power.per_flop, power.constant) == pytest.approx((1.1, 2e-8, 0.05))


def test_twenty_energies_do_what_the_forest_does_with_all() -> None:
    rows = made_rows(400, noise_frac=0.05)
    few = evaluate_two_stage("gradient-boosting", rows, MeasurementBudget(400, 20), seed=1)
    forest = evaluate("random-forest", rows, seed=1)
    assert few.test.r2 > forest.test.r2 - 0.02


def test_a_budget_is_kept_to_the_visit() -> None:
    rows = made_rows(200, repeat_frac=1.0)
    timed, measured = within(rows, MeasurementBudget(80, 20), seed=1)
    assert timed.n_architectures == 80
    assert measured.n_rows == measured.n_architectures == 20
    assert set(measured.groups) <= set(timed.groups)


def test_energies_outside_the_budget_change_nothing() -> None:
    rows = made_rows(100, repeat_frac=0)
    budget = MeasurementBudget(60, 20)
    evaluation = evaluate_two_stage("ridge", rows, budget, seed=1)
    used = within(rows, budget, seed=1)[1].row_ids
    wrong = np.where(np.isin(rows.row_ids, used), rows.values, 9.9)
    kept = [
        fit_two_stage_predictor(evaluation, one, budget, seed=1)[0].predict(rows.features).values
        for one in (rows, replace(rows, values=wrong))
    ]
    assert np.array_equal(*kept)


def test_rows_without_an_energy_are_used_for_their_latency() -> None:
    rows = made_rows(300, repeat_frac=0)
    missing = np.where(rows.groups < 200, np.nan, rows.values)
    evaluation = evaluate_two_stage(
        "gradient-boosting", replace(rows, values=missing), MeasurementBudget(1000, 1000), seed=1
    )
    assert evaluation.test.n_rows == 20
    assert evaluation.test.r2 > 0.85


def test_a_table_without_latencies_is_refused() -> None:
    with pytest.raises(BadTable, match="no latency"):
        evaluate_two_stage("ridge", replace(made_rows(50), latencies_ms=None), MeasurementBudget(50, 20), seed=1)


def test_latencies_that_are_not_positive_are_refused() -> None:
    rows = made_rows(50, repeat_frac=0)
    assert rows.latencies_ms is not None
    zeroed = np.where(rows.groups == 7, 0.0, rows.latencies_ms)
    with pytest.raises(BadTable, match="1 rows have no positive latency, row 8"):
        evaluate_two_stage("ridge", replace(rows, latencies_ms=zeroed), MeasurementBudget(50, 20), seed=1)


def test_too_few_energies_are_refused() -> None:
    with pytest.raises(TooFewRows, match="9 energies"):
        evaluate_two_stage("ridge", made_rows(50), MeasurementBudget(50, 9), seed=1)


def test_a_table_without_any_energy_is_refused() -> None:
    rows = made_rows(50)
    with pytest.raises(TooFewRows, match="no row has"):
        evaluate_two_stage(
            "ridge", replace(rows, values=np.full(rows.n_rows, np.nan)), MeasurementBudget(40, 20), seed=1
        )

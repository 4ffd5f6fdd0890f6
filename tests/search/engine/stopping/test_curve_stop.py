"""TSGP and the decay rule in a study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import optuna  # noqa: TID253
import pytest
from curve_specimens import decaying, rising_in_proportion
from engine_specimens import AUDIO, Formula, new_study, run_trials, settings
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial, TrialState, create_trial  # noqa: TID253
from scipy.special import expit, logit

from search.engine.algorithms import build_sampler
from search.engine.record import best_trained, final_reward, penalty_of
from search.engine.stopping.curve_model import CurveModel, default_model, fit_model
from search.engine.stopping.curve_process import make_curves
from search.engine.stopping.curve_stop import (
    N_FEATURES,
    Correction,
    CurveStop,
    SeenCurve,
    calibrate,
    features_of,
    teachers,
)
from search.engine.stopping.rule import Decision, MedianStop, StopRule


def fitted(seed: int = 0) -> CurveModel:
    values, ends = decaying(80, seed)
    return fit_model(np.zeros((80, N_FEATURES)), make_curves(list(values), 20), float(ends.mean()))


def test_a_decaying_curve_is_predicted_better_than_by_its_last_value() -> None:
    model = fitted()
    values, ends = decaying(60, seed=1)
    beginnings = make_curves([curve[:6] for curve in values], 20)
    means, sds = model.predict_end(np.zeros((60, N_FEATURES)), beginnings)
    error = np.sqrt(np.mean((means - ends) ** 2))
    assert error < 0.4 * np.sqrt(np.mean((values[:, 5] - ends) ** 2))
    unlearned, _ = default_model(N_FEATURES, 20).predict_end(np.zeros((60, N_FEATURES)), beginnings)
    assert error < np.sqrt(np.mean((unlearned - ends) ** 2))
    assert 0.5 < np.sqrt(np.mean(((means - values[:, -1]) / sds) ** 2)) < 2.0


@pytest.mark.parametrize("n_seen", [6, 10, 15])
def test_curves_that_rise_in_proportion_to_their_ends_and_calm_down_are_learned(n_seen: int) -> None:
    values, ends = rising_in_proportion(100)
    model = fit_model(np.zeros((100, N_FEATURES)), make_curves(list(values), 20), float(ends.mean()))
    assert model.course.shown[-1] == 1
    assert 0.3 < model.course.shown[9] < 0.7
    values, ends = rising_in_proportion(100, seed=1)
    means, sds = model.predict_end(np.zeros((100, N_FEATURES)), make_curves([each[:n_seen] for each in values], 20))
    # What the best linear predictor of this formula achieves, which knows it.
    t = np.arange(1, n_seen + 1) / 20
    weights = t / (0.02 + 0.3 * (1 - t)) ** 2
    best_sd = (1 / 0.5**2 + weights @ t) ** -0.5
    assert np.sqrt(np.mean((means - ends) ** 2)) < 1.35 * best_sd + 0.01
    assert 0.6 < np.std((values[:, -1] - means) / sds) < 1.5
    # The promising ones are what matters; they are not predicted too low.
    promising = means > np.quantile(means, 0.8)
    assert abs(np.mean(ends[promising] - means[promising])) < 0.5 * best_sd


def test_stopped_curves_teach_as_far_as_they_went_without_bending_the_rest() -> None:
    values, ends = rising_in_proportion(160, seed=3)
    stopped = values[:, :6].mean(axis=1) < np.median(values[:, :6].mean(axis=1))
    seen = [curve[:6] if cut else curve for curve, cut in zip(values, stopped, strict=True)]
    model = fit_model(np.zeros((160, N_FEATURES)), make_curves(seen, 20), float(ends[~stopped].mean()))
    values, ends = rising_in_proportion(200, seed=4)
    means, _ = model.predict_end(np.zeros((200, N_FEATURES)), make_curves([each[:6] for each in values], 20))
    # Those that went to the end stand 0.2 above all.
    assert abs(np.mean(means - ends)) < 0.1


def test_features_teach_where_curves_end() -> None:
    values, ends = decaying(80)
    features = np.zeros((80, N_FEATURES))
    features[:, 0] = ends
    model = fit_model(features, make_curves(list(values), 20), float(ends.mean()))
    means, _ = model.predict_end(features, make_curves([curve[:1] for curve in values], 20))
    blind, _ = fitted().predict_end(np.zeros((80, N_FEATURES)), make_curves([curve[:1] for curve in values], 20))
    assert np.mean((means - ends) ** 2) < 0.5 * np.mean((blind - ends) ** 2)


def test_features_are_costs_and_blocks() -> None:
    trial = create_trial(
        value=0.5,
        params={"b01": "KxK:5:8", "b02": "Identity", "b03": "MobileNetV2:3:32"},
        distributions={f"b0{i}": optuna.distributions.CategoricalDistribution([text]) for i, text in enumerate(
            ("KxK:5:8", "Identity", "MobileNetV2:3:32"), start=1)},
        user_attrs={"energy_mj": 2.0, "size_bytes": 1000},
    )  # fmt: skip
    expected = [np.log(2.0), np.log(1000), 1, 1, (np.log(8) + np.log(32)) / 2, np.log(8)]
    assert features_of(trial) == pytest.approx(np.array(expected))


def seen_curves(n: int, off_by: float) -> list[SeenCurve]:
    values, _ = decaying(n, seed=2)
    values[:, 12:] += off_by
    return [SeenCurve(i, curve, float(curve[-1]), np.zeros(N_FEATURES), True, False) for i, curve in enumerate(values)]


def test_predictions_are_corrected_by_how_far_trials_ended_from_them() -> None:
    model = fitted()
    steady = calibrate(model, seen_curves(40, 0.0), 6)
    assert list(steady) == [6, 9, 12, 18]
    assert all(abs(each.shift) < 0.06 and 0.6 < each.widening < 1.5 for each in steady.values())
    assert calibrate(model, [], 6) == {6: Correction()}
    risen = calibrate(model, seen_curves(40, 0.25), 6)
    assert 0.19 < risen[6].shift < 0.25
    assert abs(risen[18].shift) < 0.08
    assert risen[12].widening < 1.6
    either_way = calibrate(model, [*seen_curves(20, 0.25), *seen_curves(20, -0.25)], 6)
    assert abs(either_way[12].shift) < 0.03
    assert either_way[12].widening > max(2.0, 1.3 * either_way[18].widening)
    assert calibrate(model, [*seen_curves(20, 2.5), *seen_curves(20, -2.5)], 6)[6].widening == 4.0


def test_predictions_that_err_less_than_they_say_are_narrowed() -> None:
    values, _ = decaying(80, seed=4)
    model = fitted()
    loud = replace(model, base=model.base + np.array([0, 0, 0, 0, 0, np.log(3.0), 0]))
    features = np.zeros((80, N_FEATURES))
    seen = [SeenCurve(i, c, float(c[-1]), features[i], True, False) for i, c in enumerate(values)]
    corrections = calibrate(loud, seen[:40], 6)
    assert 0.25 <= corrections[18].widening < 0.7
    beginnings = make_curves([each.log_odds[:18] for each in seen[40:]], 20)
    means, sds = loud.predict_end(features[40:], beginnings)
    misses = (means + corrections[18].shift - [each.end for each in seen[40:]]) / (sds * corrections[18].widening)
    assert 0.7 < np.sqrt(np.mean(misses**2)) < 1.4


def test_few_trials_shift_predictions_less() -> None:
    model = fitted()
    few, many = calibrate(model, seen_curves(2, 0.25), 6), calibrate(model, seen_curves(40, 0.25), 6)
    assert 0 < few[6].shift < 0.5 * many[6].shift


def test_what_the_finished_network_loses_on_its_way_is_predicted_too() -> None:
    study, _ = searched(CurveStop(1, hold_out_share=0.0), n=40)
    lossy = optuna.create_study(direction="maximize")
    for trial in study.trials:
        lossy.add_trial(
            create_trial(
                value=float(expit(logit(trial.values[0] + penalty_of(trial)) - 0.4)) - penalty_of(trial),
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=trial.user_attrs,
                intermediate_values=trial.intermediate_values,
            )
        )
    running = create_trial(state=TrialState.RUNNING, intermediate_values=dict.fromkeys(range(1, 8), 0.5))
    running.number = 40
    there, here = (CurveStop(1, hold_out_share=0.0).decide(each, running, 20) for each in (lossy, study))
    assert logit(there.predicted) == pytest.approx(logit(here.predicted) - 0.4)


def test_an_audited_trial_counts_for_those_that_were_stopped_in_its_place() -> None:
    model = fitted()
    audited = [replace(curve, held_out=True) for curve in seen_curves(2, 0.4)]
    curves = [*seen_curves(38, 0.0), *audited]
    heavy, light = calibrate(model, curves, 6, 20.0)[6], calibrate(model, curves, 6)[6]
    assert heavy.shift > light.shift + 0.05
    assert heavy.widening > 1.5 * light.widening


def searched(rule: StopRule, n: int = 120, seed: int = 3) -> tuple[Study, Formula]:
    objective = Formula(AUDIO, n_evaluations=20)
    study = new_study(build_sampler("evolution", settings(AUDIO, objective, seed)))
    run_trials(study, AUDIO, objective, n, rule)
    return study, objective


def test_tsgp_saves_training_and_a_stopped_trial_is_never_the_best() -> None:
    study, objective = searched(CurveStop(1))
    n_made = [len(trial.intermediate_values) for trial in study.trials]
    assert all(n == 20 for n in n_made[:20])
    assert min(n_made) == 6
    assert sum(n_made) < 0.75 * 20 * 120
    best = best_trained(study)
    assert best is not None
    assert n_made[best.number] == 20
    everything = [objective.accuracy(AUDIO.architecture(t.params)) - t.user_attrs["penalty"] for t in study.trials]
    assert final_reward(best) > max(everything) - 0.01


def test_a_share_of_the_condemned_is_trained_on() -> None:
    all_continued, _ = searched(CurveStop(1, hold_out_share=1.0), n=60)
    assert all(len(trial.intermediate_values) == 20 for trial in all_continued.trials)
    assert sum("audited" in trial.user_attrs for trial in all_continued.trials) > 10
    none_continued, _ = searched(CurveStop(1, hold_out_share=0.0), n=60)
    assert not any("audited" in trial.user_attrs for trial in none_continued.trials)


@pytest.mark.parametrize("learn", [True, False])
def test_a_rule_built_anew_decides_as_the_uninterrupted_one(learn: bool) -> None:
    class BuiltAnew:
        def decide(self, study: Study, trial: FrozenTrial, n_evaluations: int) -> Decision:
            return CurveStop(1, learn=learn, n_startup=10, refit_growth=1.5).decide(study, trial, n_evaluations)

    uninterrupted, _ = searched(CurveStop(1, learn=learn, n_startup=10, refit_growth=1.5), n=32)
    anew, _ = searched(BuiltAnew(), n=32)
    assert [t.values for t in anew.trials] == [t.values for t in uninterrupted.trials]
    assert any("stopped_at" in t.user_attrs for t in anew.trials)


def test_nothing_is_stopped_before_the_floor_or_without_trained_trials() -> None:
    rule = CurveStop(1)
    study = optuna.create_study(direction="maximize")
    running = create_trial(state=TrialState.RUNNING, intermediate_values=dict.fromkeys(range(1, 10), 0.1))
    assert not rule.decide(study, running, 20).flagged
    study, _ = searched(rule, n=30)
    short = create_trial(state=TrialState.RUNNING, intermediate_values=dict.fromkeys(range(1, 6), 0.0))
    assert not rule.decide(study, short, 20).flagged
    dominated = create_trial(state=TrialState.RUNNING, intermediate_values=dict.fromkeys(range(1, 7), 0.0))
    dominated.number = 30
    decision = rule.decide(study, dominated, 20)
    assert decision.flagged
    assert decision.probability < 0.02
    assert decision.predicted < 0.5


def test_the_median_rule_stops_what_is_below_the_middle_of_the_running_averages() -> None:
    study = optuna.create_study(direction="maximize")
    for end in (0.5, 0.6, 0.7, 0.8, 0.9):
        study.add_trial(create_trial(value=end, intermediate_values={k: end * k / 10 for k in range(1, 11)}))

    def decision(rewards: list[float]) -> Decision:
        trial = create_trial(state=TrialState.RUNNING, intermediate_values=dict(enumerate(rewards, start=1)))
        return MedianStop().decide(study, trial, 10)

    median_average = 0.7 * np.mean(np.arange(1, 7)) / 10
    assert decision([median_average - 0.01] * 6).stop
    assert not decision([median_average + 0.01] * 6).stop
    assert not decision([0.0] * 5).stop
    assert not decision([0.0] * 10).stop
    assert decision([0.1] * 6).predicted == pytest.approx(0.1 + 0.7 * 0.4)


def decision_of(study: Study, rewards: list[float], penalty: float = 0.0) -> Decision:
    """Of a trial with the blocks and costs of the first one."""
    first = study.trials[0]
    running = create_trial(
        state=TrialState.RUNNING,
        params=first.params,
        distributions=first.distributions,
        intermediate_values=dict(enumerate(rewards, start=1)),
        user_attrs={**first.user_attrs, "penalty": penalty},
    )
    running.number = len(study.trials)
    return CurveStop(1, hold_out_share=0.0).decide(study, running, 20)


def test_what_cannot_win_or_lose_whatever_its_accuracy_is_known_without_a_curve() -> None:
    study, _ = searched(CurveStop(1), n=30)
    promising = [0.7, 0.8, 0.85, 0.9, 0.93, 0.95]
    assert not decision_of(study, promising).flagged
    assert decision_of(study, [each - 0.6 for each in promising], penalty=0.6).probability == 0
    assert decision_of(study, [each + 2.0 for each in promising], penalty=-2.0).probability == 1


def test_the_less_is_left_to_save_the_less_probable_a_condemned_trial_must_be() -> None:
    study, _ = searched(CurveStop(1), n=60)
    best = best_trained(study)
    assert best is not None
    late = [decision_of(study, [final_reward(best) - gap] * 18) for gap in np.linspace(-0.03, 0.02, 101)]
    between = [each for each in late if 0.01 * 2 / 14 < each.probability < 0.01]
    assert between
    assert not any(each.flagged for each in between)
    assert all(each.flagged == (each.probability < 0.01 * 2 / 14) for each in late)
    early = [decision_of(study, [final_reward(best) - gap] * 6) for gap in np.linspace(-0.3, 0.0, 61)]
    assert any(each.flagged for each in early)
    assert all(each.flagged == (each.probability < 0.01) for each in early)


def test_a_setting_that_would_never_end_is_refused() -> None:
    for wrong in ({"n_startup": 0}, {"refit_growth": 1.0}):
        with pytest.raises(ValueError, match="not above 1"):
            CurveStop(1, **wrong)


def test_few_trained_curves_among_the_newest_are_joined_by_older_ones() -> None:
    values, _ = decaying(500, seed=5)
    curves = [
        SeenCurve(i, c if i < 150 else c[:6], float(c[-1]), np.zeros(N_FEATURES), i < 150, False)
        for i, c in enumerate(values)
    ]
    chosen = [curve.number for curve in teachers(curves)]
    assert chosen == [*range(90, 150), *range(200, 500)]
    assert [curve.number for curve in teachers(curves[:150])] == list(range(150))

"""A model of trainings in the place of training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit
from surrogate_specimens import N_EVALUATIONS, made_up_table, made_up_trainings

from search.errors import BadTrainings
from search.networks.spaces import AUDIO_2D
from search.surrogate.accuracy import fit_accuracy
from search.surrogate.trained_surrogate import TrainedSurrogate
from search.surrogate.trainings import Training
from search.tflite.writer import write_tflite
from search.training.result import CurveEvaluation, TrainingStopped


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory: pytest.TempPathFactory) -> TrainedSurrogate:
    return TrainedSurrogate.from_file(made_up_table(tmp_path_factory.mktemp("table") / "t.csv"))


def test_the_model_is_the_best_of_those_judged_by_folds_and_finds_the_formula(surrogate: TrainedSurrogate) -> None:
    judged = surrogate.model.judged
    assert [each.folds.r2 for each in judged] == sorted((each.folds.r2 for each in judged), reverse=True)
    assert judged[0].folds.r2 > 0.8
    assert judged[0].folds.rmse < 0.02
    assert surrogate.model.float_correlation > 0.99
    assert "SURROGATE of 80 trainings on SYNTHETIC formula" in surrogate.name


def test_luck_is_what_repeats_of_an_architecture_differ_by_and_the_error_of_the_model_without_any() -> None:
    once = made_up_trainings()
    assert fit_accuracy(once, only="ridge").seed_variance is None
    rng = np.random.default_rng(5)
    again = [
        replace(row, seed=2, accuracy=float(expit(logit(row.accuracy) + rng.normal(0, 0.03)))) for row in once.rows[:40]
    ]
    seed_variance = fit_accuracy(replace(once, rows=(*once.rows, *again)), only="ridge").seed_variance
    assert seed_variance is not None
    assert seed_variance.n_free == 40
    # Of pairs, one of which scatters about the other.
    assert seed_variance.log_odds_sd == pytest.approx(0.03 / 2**0.5, rel=0.15)
    p = np.median([row.accuracy for row in once.rows[:40]])
    assert seed_variance.accuracy_sd == pytest.approx(seed_variance.log_odds_sd * p * (1 - p), rel=0.15)


def test_a_first_training_that_was_chosen_for_its_accuracy_is_not_luck() -> None:
    once = made_up_trainings()
    rng = np.random.default_rng(6)

    def again(seed: int, off_by: float) -> list[Training]:
        return [replace(r, seed=seed, accuracy=r.accuracy - off_by + float(rng.normal(0, 0.002))) for r in once.rows]

    seed_variance = fit_accuracy(
        replace(once, rows=(*once.rows, *again(2, 0.02), *again(3, 0.02))), only="ridge"
    ).seed_variance
    assert seed_variance is not None
    assert seed_variance.accuracy_sd == pytest.approx(0.002, rel=0.15)


def test_every_architecture_of_the_space_has_an_accuracy(surrogate: TrainedSurrogate) -> None:
    accuracies = surrogate.model.accuracies(AUDIO_2D.sample_unique(300, 9))
    assert accuracies.min() >= 0
    assert accuracies.max() <= 1
    assert accuracies.std() > 0.01


def test_what_is_better_than_all_that_was_trained_is_ranked_and_not_perfect() -> None:
    rows = sorted(made_up_trainings(160).rows, key=lambda row: row.accuracy)
    # The worse half, spread so that a straight line through it would end far above 1.
    trained = [replace(row, accuracy=0.5 + 0.48 * rank / 79) for rank, row in enumerate(rows[:80])]
    model = fit_accuracy(replace(made_up_trainings(), rows=tuple(trained)), only="ridge")
    accuracies = model.accuracies([row.architecture for row in rows[80:]])
    assert accuracies.max() < 1
    assert len(np.unique(accuracies)) == len(accuracies)
    assert np.median(accuracies) > 0.9


def test_a_curve_has_the_course_of_a_real_one_and_ends_about_the_model_s_accuracy(surrogate: TrainedSurrogate) -> None:
    (architecture,) = AUDIO_2D.sample_unique(1, 9)
    curves = np.array([surrogate.curve(architecture, np.random.default_rng(i)) for i in range(200)])
    assert curves.shape == (200, N_EVALUATIONS)
    assert curves[:, 0] == pytest.approx(0.5, abs=1e-6)
    ends = logit(curves[:, -1])
    assert ends.mean() == pytest.approx(logit(surrogate.accuracy(architecture)), abs=3 * surrogate.seed_sd / 14)
    assert ends.std() == pytest.approx(surrogate.seed_sd, rel=0.25)


def test_as_a_trainer_it_reports_stops_and_gives_a_file_of_the_right_size(surrogate: TrainedSurrogate) -> None:
    (architecture,) = AUDIO_2D.sample_unique(1, 4)
    train = surrogate.trainer()
    trained = train(architecture, 5, lambda evaluation: False)
    assert len(trained.curve) == N_EVALUATIONS
    assert trained.accuracy == trained.curve[-1].accuracy
    assert len(trained.tflite) == len(write_tflite(architecture, seed=7))
    assert train(architecture, 5, lambda evaluation: False).curve == trained.curve

    def impatient(evaluation: CurveEvaluation) -> bool:
        return evaluation.ordinal == 2

    with pytest.raises(TrainingStopped) as stop:
        train(architecture, 5, impatient)
    assert len(stop.value.curve) == 2


def test_too_few_trainings_are_said() -> None:
    with pytest.raises(BadTrainings, match="trainings of 39 architectures are too few"):
        fit_accuracy(made_up_trainings(39))

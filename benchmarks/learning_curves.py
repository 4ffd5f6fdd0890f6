"""Where real trainings end, predicted from their beginnings: the models of the rules for stopping, by folds.

    python benchmarks/learning_curves.py --trainings benchmarks/data/audio2d_quick_trainings.csv

Every curve of the table is predicted by models fitted to the networks of other folds, after several evaluations.
Printed are the errors of the accuracy at the last evaluation, of TSGP, of the decay with default parameters, of the
last value seen and of a ridge regression on the same features and evaluations (log-odds); and for TSGP and the decay,
how often ends lie above what they say is rarely exceeded, by a normal distribution and by Student's t of the rules.
Asserts nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri, stdtrit
from sklearn.linear_model import RidgeCV  # noqa: TID253
from sklearn.pipeline import make_pipeline  # noqa: TID253
from sklearn.preprocessing import StandardScaler  # noqa: TID253

from predictor.artefact import load
from predictor.split import grouped_folds
from search.commands.terminal import new_table, print_table
from search.costs import PredictedCosts
from search.engine.encoding import params_of
from search.engine.log_odds import log_odds
from search.engine.reward import REWARDS, reward_named
from search.engine.stopping.curve_model import default_model, fit_model
from search.engine.stopping.curve_process import make_curves
from search.engine.stopping.curve_stop import DEGREES_OF_FREEDOM, N_FEATURES, features_of
from search.surrogate.trainings import Trainings, read_trainings

Floats = NDArray[np.float64]
Fitted = Callable[[NDArray[np.intp], int], tuple[Floats, Floats | None]]
"""From rows and a number of evaluations to mean and standard deviation of the log-odds at the end."""

SEEN = (4, 6, 8, 10, 13, 16)
RARE = 0.01
PREDICTOR = Path(__file__).parent / "data" / "energy_model"


def features(trainings: Trainings, predictor: Path) -> Floats:
    """What a rule knows of each training's network, (n, N_FEATURES)."""
    costs = PredictedCosts(load(predictor).predictor, reward_named(REWARDS[0].name))
    architectures = [row.architecture for row in trainings.rows]
    known = zip(architectures, *costs.costs(architectures), strict=True)
    trials = [
        SimpleNamespace(params=params_of(each), user_attrs={"energy_mj": energy_mj, "size_bytes": size_bytes})
        for each, energy_mj, size_bytes in known
    ]
    return np.stack([features_of(trial) for trial in trials])  # type: ignore[arg-type]


def tsgp(known: Floats, curves: Floats, rows: NDArray[np.intp]) -> Fitted:
    """Fitted to these rows."""
    n = curves.shape[1]
    model = fit_model(known[rows], make_curves(list(curves[rows]), n), float(curves[rows, -1].mean()))
    return lambda tests, seen: model.predict_end(known[tests], make_curves(list(curves[tests, :seen]), n))


def decay(known: Floats, curves: Floats, rows: NDArray[np.intp]) -> Fitted:
    """Learns nothing."""
    n = curves.shape[1]
    model = default_model(N_FEATURES, n)
    return lambda tests, seen: model.predict_end(known[tests], make_curves(list(curves[tests, :seen]), n))


def last_value(known: Floats, curves: Floats, rows: NDArray[np.intp]) -> Fitted:
    """The curve stays where it is."""
    return lambda tests, seen: (curves[tests, seen - 1], None)


def ridge(known: Floats, curves: Floats, rows: NDArray[np.intp]) -> Fitted:
    """A regression for each number of evaluations."""

    def predict(tests: NDArray[np.intp], seen: int) -> tuple[Floats, None]:
        columns = np.hstack([known, curves[:, :seen]])
        model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 15)))
        return model.fit(columns[rows], curves[rows, -1]).predict(columns[tests]), None

    return predict


def by_folds(fitted: list[tuple[NDArray[np.intp], Fitted]], curves: Floats, seen: int) -> tuple[Floats, Floats]:
    """Predicted means, and errors in predicted standard deviations (not a number where there are none)."""
    means, z = np.empty(len(curves)), np.full(len(curves), np.nan)
    for tests, predict in fitted:
        means[tests], sds = predict(tests, seen)
        if sds is not None:
            z[tests] = (curves[tests, -1] - means[tests]) / sds
    return means, z


METHODS = {"tsgp": tsgp, "decay": decay, "last value": last_value, "ridge": ridge}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=Path, required=True, help="a table that `search trainings` has written")
    parser.add_argument("--predictor", type=Path, default=PREDICTOR, help="folder that `lab fit-rf` has written")
    arguments = parser.parse_args()
    trainings = read_trainings(arguments.trainings)
    known = features(trainings, arguments.predictor)
    curves = log_odds(np.array([row.curve for row in trainings.rows]))
    folds = list(grouped_folds(trainings.groups, 1))
    shown = [seen for seen in SEEN if seen < curves.shape[1]]
    if not shown:
        parser.error(f"curves of {curves.shape[1]} evaluations are too short to predict anything")
    errors = new_table(
        f"RMSE of the accuracy at the end, {len(curves)} trainings on {trainings.data}, after evaluations",
        ("method", *map(str, shown)),
        ("method",),
    )
    tails = new_table(
        f"Share of ends above what {RARE:.0%} should exceed: normal, Student's t with {DEGREES_OF_FREEDOM:.0f}",
        ("method", *map(str, shown)),
        ("method",),
    )
    for name, method in METHODS.items():
        fitted = [(fold.test, method(known, curves, fold.train)) for fold in folds]
        predicted = [by_folds(fitted, curves, seen) for seen in shown]
        ends = expit(curves[:, -1])
        errors.add_row(name, *(f"{np.sqrt(np.mean((expit(means) - ends) ** 2)):.4f}" for means, _ in predicted))
        if all(np.isfinite(z).all() for _, z in predicted):
            limits = -ndtri(RARE), -stdtrit(DEGREES_OF_FREEDOM, RARE)
            tails.add_row(name, *(", ".join(f"{np.mean(z > limit):.1%}" for limit in limits) for _, z in predicted))
    print_table(errors)
    print_table(tails)


if __name__ == "__main__":
    main()

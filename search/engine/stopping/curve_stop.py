"""Stopping by predicted end: TSGP, and the exponential decay with default parameters.

A trial is flagged when the probability that its final reward beats the best trained one is below a small delta. TSGP
(Speckhard et al. 2023, section 4) learns the curves' parameters from finished trials; `curve_model` has the model.
The more of its training a trial has behind it, the smaller is delta, in proportion to what is left: who stops it
then saves little. Predictions are of log-odds of accuracies, and their errors are taken as Student's t with the
predicted standard deviation for its scale: ends have wider tails than a normal distribution, and a search that gets
better moves away from what the model has learned.

A rule that stops trials never learns where it was wrong, and an overconfident one destroys the search. So a share of
the flagged, chosen by seed and trial number, is trained on: hold-out continuations. How far trained trials, these above
all, ended from where they were predicted shifts later predictions and widens or narrows them; a hold-out trial counts
for those that were stopped in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial  # noqa: TID253
from scipy.special import expit, stdtr

from search.engine.log_odds import log_odds
from search.engine.record import best_reward, final_reward, finished, held_out, penalty_of, stopped
from search.engine.stopping.curve_model import CurveModel, default_model, fit_model
from search.engine.stopping.curve_process import make_curves
from search.engine.stopping.rule import Decision, observed
from search.networks.architecture import IDENTITY
from search.networks.blocks import BlockType

Floats = NDArray[np.float64]

N_FEATURES = 6

DEGREES_OF_FREEDOM = 4.0
"""Of Student's t, which errors of predicted ends are taken to follow."""

_MAX_CURVES, _FEWEST_TRAINED = 300, 60
_N_CALIBRATION, _N_HOLD_OUT = 60, 20
_CALIBRATE_EVERY = 10
_N_DOUBT = 5
_WIDENING_LIMITS = (0.25, 4.0)
_STAGES = (1.0, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True, eq=False)
class SeenCurve:
    """A finished trial as the rule sees it.

    Attributes:
        log_odds: of the accuracies after each evaluation, as far as it was trained.
        end: of what it was told with, log-odds too: the accuracy of the finished network, which a last conversion may
            set apart from that of the last evaluation; a prediction where it was stopped.
        features: see `features_of`.
        held_out: it was flagged, and trained on all the same.
    """

    number: int
    log_odds: Floats
    end: float
    features: Floats
    trained: bool
    held_out: bool


@dataclass(frozen=True)
class Correction:
    """What experience makes of predicted ends, in log-odds.

    Attributes:
        shift: added to them: trained trials ended so much higher than predicted, on average.
        widening: what predicted standard deviations are multiplied with; below 1 it narrows them.
    """

    shift: float = 0.0
    widening: float = 1.0


class CurveStop:
    """Stops what is improbable to beat the best.

    Args:
        seed: chooses the hold-out continuations.
        learn: whether curves teach (TSGP); else the decay has default parameters.
        delta: a trial whose probability is below is flagged at the floor; later, below delta times the share of the
            evaluations after the floor that is left.
        floor: evaluations before it flags a trial.
        hold_out_share: of the flagged that is trained on; 0 also leaves predictions as the model makes them.
        n_startup: trials trained to the end before it flags any; 1 or more.
        refit_growth: the finished trials grow by this factor between two fits; above 1.

    Raises:
        ValueError: one of the last two is too small.
    """

    def __init__(
        self,
        seed: int,
        *,
        learn: bool = True,
        delta: float = 0.01,
        floor: int = 6,
        hold_out_share: float = 0.05,
        n_startup: int = 20,
        refit_growth: float = 1.25,
    ) -> None:
        if n_startup < 1 or refit_growth <= 1:
            raise ValueError(f"n_startup {n_startup} is below 1, or refit_growth {refit_growth} not above 1")
        self.seed = seed
        self.learn, self.delta, self.floor = learn, delta, floor
        self.hold_out_share, self.n_startup, self.refit_growth = hold_out_share, n_startup, refit_growth
        self._seen: dict[int, SeenCurve] = {}
        self._fit: tuple[list[int], CurveModel] | None = None
        self._calibration: tuple[CurveModel, list[int], dict[int, Correction]] | None = None

    def decide(self, study: Study, trial: FrozenTrial, n_evaluations: int) -> Decision:
        """What to do with a trial after its newest evaluation; see `StopRule.decide`."""
        rewards = observed(trial)
        going_on = Decision(stop=False, predicted=float(rewards[-1]))
        if not self.floor <= len(rewards) < n_evaluations or held_out(trial):
            return going_on
        trials = finished(study)
        incumbent = best_reward(trials)
        curves = self._curves(trials)
        if sum(curve.trained for curve in curves) < self.n_startup:
            return going_on
        model = self._model(curves, n_evaluations)
        penalty = penalty_of(trial)
        seen = make_curves([log_odds(rewards + penalty)], n_evaluations)
        means, sds = model.predict_end(features_of(trial)[np.newaxis], seen)
        corrections = self._corrections(curves, model, n_evaluations)
        correction = next(each for n, each in reversed(corrections.items()) if n <= len(rewards))
        mean, spread = float(means[0]) + correction.shift + mean_gap(curves), float(sds[0]) * correction.widening
        probability = _probability(mean, spread, incumbent + penalty)
        accuracy = float(expit(mean))
        predicted, sd = accuracy - penalty, spread * accuracy * (1 - accuracy)
        left = (n_evaluations - len(rewards)) / (n_evaluations - self.floor)
        if not probability < self.delta * left:
            return Decision(False, predicted, sd, probability)
        hold_out = bool(np.random.default_rng((self.seed, trial.number)).random() < self.hold_out_share)
        return Decision(not hold_out, predicted, sd, probability, flagged=True)

    def _curves(self, trials: Sequence[FrozenTrial]) -> list[SeenCurve]:
        for trial in trials:
            if trial.number not in self._seen:
                course = log_odds(observed(trial) + penalty_of(trial))
                end = float(log_odds(final_reward(trial) + penalty_of(trial)))
                self._seen[trial.number] = SeenCurve(
                    trial.number, course, end, features_of(trial), not stopped(trial), held_out(trial)
                )
        return [curve for trial in trials if len((curve := self._seen[trial.number]).log_odds) > 0]

    def _model(self, curves: list[SeenCurve], n_evaluations: int) -> CurveModel:
        """Fitted afresh when there are so many more finished trials, from those alone: any process fits the same."""
        if not self.learn:
            return default_model(N_FEATURES, n_evaluations)
        n = self._n_fitted(len(curves))
        numbers = [curve.number for curve in curves[:n]]
        if self._fit is None or self._fit[0] != numbers:
            chosen = teachers(curves[:n])
            ends = [curve.log_odds[-1] for curve in curves[:n] if curve.trained]
            self._fit = (
                numbers,
                fit_model(
                    np.stack([curve.features for curve in chosen]),
                    make_curves([curve.log_odds for curve in chosen], n_evaluations),
                    float(np.mean(ends)),
                ),
            )
        return self._fit[1]

    def _n_fitted(self, n_curves: int) -> int:
        n = float(self.n_startup)
        while n * self.refit_growth <= n_curves:
            n *= self.refit_growth
        return int(n)

    def _corrections(self, curves: list[SeenCurve], model: CurveModel, n_evaluations: int) -> dict[int, Correction]:
        """What predictions are corrected by, from so many evaluations on."""
        if self.hold_out_share == 0:
            return {self.floor: Correction()}
        full = [curve for curve in curves if curve.trained and len(curve.log_odds) == n_evaluations]
        full = full[: len(full) // _CALIBRATE_EVERY * _CALIBRATE_EVERY]
        numbers = [curve.number for curve in full]
        if self._calibration is None or self._calibration[0] is not model or self._calibration[1] != numbers:
            hold_out = [curve for curve in full[:-_N_CALIBRATION] if curve.held_out][-_N_HOLD_OUT:]
            chosen = [*hold_out, *full[-_N_CALIBRATION:]]
            corrections = calibrate(model, chosen, self.floor, 1 / self.hold_out_share)
            self._calibration = (model, numbers, corrections)
        return self._calibration[2]


def teachers(curves: list[SeenCurve]) -> list[SeenCurve]:
    """The newest; with older ones that were trained to the end where few of the newest were."""
    older, newest = curves[:-_MAX_CURVES], curves[-_MAX_CURVES:]
    n_missing = _FEWEST_TRAINED - sum(curve.trained for curve in newest)
    return [*[curve for curve in older if curve.trained][-n_missing:], *newest] if n_missing > 0 else newest


def _probability(mean: float, spread: float, needed: float) -> float:
    """That an accuracy whose log-odds are predicted exceeds what is needed."""
    if not 0 < needed < 1:
        return float(needed <= 0)
    return float(stdtr(DEGREES_OF_FREEDOM, (mean - float(log_odds(needed))) / spread))


def calibrate(
    model: CurveModel, curves: Sequence[SeenCurve], floor: int, hold_out_weight: float = 1.0
) -> dict[int, Correction]:
    """How predicted ends erred: their mean error, and what remains of it in predicted standard deviations.

    A mean of few is drawn towards 0, the more the fewer they are; the widening is kept within 1/4 and 4. Early
    predictions err differently from late ones, so each of a few stages has its own.

    Args:
        curves: trained to the end, all of one length.
        floor: the first stage; the next ones are at 1.5, 2, 3 and 4 times as many evaluations.
        hold_out_weight: of a hold-out trial, which stands for those that were stopped in its place.

    Returns:
        By the number of evaluations from which on it holds, rising.
    """
    if not curves:
        return {floor: Correction()}
    features = np.stack([curve.features for curve in curves])
    ends = np.array([curve.end for curve in curves]) - mean_gap(curves)
    weights = np.array([hold_out_weight if curve.held_out else 1.0 for curve in curves])
    n_effective = weights.sum() ** 2 / (weights**2).sum()
    n_points = len(curves[0].log_odds)
    corrections = {}
    for n_seen in (int(floor * stage) for stage in _STAGES):
        if n_seen < n_points:
            beginnings = make_curves([curve.log_odds[:n_seen] for curve in curves], n_points)
            means, sds = model.predict_end(features, beginnings)
            shift = float(np.average(ends - means, weights=weights)) * n_effective / (n_effective + _N_DOUBT)
            error = np.sqrt(np.average(((ends - means - shift) / sds) ** 2, weights=weights))
            corrections[n_seen] = Correction(float(shift), float(np.clip(error, *_WIDENING_LIMITS)))
    return corrections


def mean_gap(curves: Sequence[SeenCurve]) -> float:
    """How much more the finished network achieves than the last evaluation saw, log-odds, over the trained curves."""
    return float(np.mean([curve.end - curve.log_odds[-1] for curve in curves if curve.trained]))


def features_of(trial: FrozenTrial) -> Floats:
    """What the mapping knows of a trial.

    Returns:
        (N_FEATURES,): log energy, log size, number of Identity and of MobileNetV2 blocks, mean log filters, log filters
        of the first block.
    """
    blocks = [str(text).split(":") for _, text in sorted(trial.params.items())]
    filters = [int(parts[2]) for parts in blocks if len(parts) == 3] or [1]
    kinds = [parts[0] for parts in blocks]
    return np.array(
        [
            np.log(max(float(trial.user_attrs.get("energy_mj", 1.0)), 1e-6)),
            np.log(max(float(trial.user_attrs.get("size_bytes", 1.0)), 1.0)),
            kinds.count(IDENTITY.type),
            kinds.count(BlockType.MOBILENET_V2),
            np.log(filters).mean(),
            np.log(filters[0]),
        ]
    )

"""Bayesian search that knows the penalty: beyond the paper.

Energy and size, and so the penalty, are known before a network is trained; only its accuracy is not. So the Gaussian
process models accuracy alone (reward + penalty), which is smoother than a reward with kinks at its limits, and the
acquisition is the expected improvement of accuracy - penalty with the exact penalty. It is maximised over random
architectures, the neighbours of the best, and by climbing from the best candidates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial  # noqa: TID253
from scipy.special import erfcx, ndtr

from search.engine.encoding import Codes, Encoding, key
from search.engine.history import History
from search.engine.hopeless import KnownPenalties, is_hopeless
from search.engine.samplers.accuracy_model import AccuracyModel, BlockAttributes, Kernel, fit_kernel
from search.engine.samplers.space_sampler import SpaceSampler

Floats = NDArray[np.float64]

_REFIT_GROWTH = 1.1
_MAX_FITTED = 300
_N_CLIMBS = 3
_MAX_STEPS = 6
_FAR_BELOW = 1e9


class KnownPenaltySampler(SpaceSampler):
    """Expected improvement of accuracy less the known penalty.

    Args:
        encoding, seed: see SpaceSampler.
        penalties: known before training.
        n_startup: first trials: each the least penalised of some random ones.
        n_random: random candidates a proposal.
        n_best: the neighbours of so many of the best trials are candidates too.
        accuracy_bound: no accuracy is above it; what cannot beat the incumbent with it is proposed only when
            there is nothing else.
    """

    def __init__(
        self,
        encoding: Encoding,
        seed: int,
        penalties: KnownPenalties,
        *,
        n_startup: int = 10,
        n_random: int = 1000,
        n_best: int = 3,
        accuracy_bound: float = 1.0,
    ) -> None:
        super().__init__(encoding, seed)
        self.penalties = penalties
        self.n_startup, self.n_random, self.n_best = n_startup, n_random, n_best
        self.accuracy_bound = accuracy_bound
        self._attributes = BlockAttributes(encoding)
        self._fitted: tuple[list[int], Kernel, float, float] | None = None

    def propose(self, study: Study, trial: FrozenTrial, history: History, rng: np.random.Generator) -> Codes:
        if len(history) < self.n_startup:
            drawn = self.encoding.random(rng, 64)
            least: Codes = drawn[np.argmin(self.penalties.of(drawn))]
            return least
        model = self._model(history)
        threshold = self._threshold(model, history)
        candidates = self._candidates(history, rng)
        scores = self._scores(candidates, model, threshold, history)
        best: Codes = candidates[0]
        best_score = -np.inf
        for start in np.argsort(-scores)[:_N_CLIMBS]:
            codes, score = self._climb(candidates[start], float(scores[start]), model, threshold, history)
            if score > best_score:
                best, best_score = codes, score
        return best

    def _candidates(self, history: History, rng: np.random.Generator) -> Codes:
        best = history.codes[np.argsort(-history.rewards)[: self.n_best]]
        around = [self.encoding.neighbours(codes) for codes in best]
        rows = np.unique(np.concatenate([self.encoding.random(rng, self.n_random), *around]), axis=0)
        free = np.array([key(row) not in history.taken for row in rows])
        untaken_rows: Codes = rows[free] if free.any() else rows
        return untaken_rows

    def _climb(
        self, codes: Codes, score: float, model: AccuracyModel, threshold: float, history: History
    ) -> tuple[Codes, float]:
        for _ in range(_MAX_STEPS):
            around = self.encoding.neighbours(codes)
            scores = self._scores(around, model, threshold, history)
            top = int(np.argmax(scores))
            if scores[top] <= score:
                break
            codes, score = around[top], float(scores[top])
        return codes, score

    def _scores(self, rows: Codes, model: AccuracyModel, threshold: float, history: History) -> Floats:
        """Logarithm of the expected improvement; far below it for what is taken, or cannot win."""
        means, sds = model.predict(self._attributes.columns(rows))
        penalties = self.penalties.of(rows)
        scores = log_expected_improvement(means - penalties, sds, threshold)
        incumbent = history.incumbent
        hopeless = [is_hopeless(each, incumbent, self.accuracy_bound) for each in penalties.tolist()]
        scores[hopeless] -= _FAR_BELOW
        scores[[key(row) in history.taken for row in rows]] = -np.inf
        return scores

    def _threshold(self, model: AccuracyModel, history: History) -> float:
        """What must be beaten: the best reward of a trial as the model sees it, without the luck of its training."""
        means, _ = model.predict(self._attributes.columns(history.codes))
        return float((means - history.penalties).max())

    def _model(self, history: History) -> AccuracyModel:
        accuracies = history.rewards + history.penalties
        kernel, centre, spread = self._kernel(history, accuracies)
        columns = self._attributes.columns(history.codes)
        model = AccuracyModel(kernel, columns, accuracies, history.predicted_sds, centre, spread)
        running = [each for each in history.unfinished if each.params.keys() == set(self.encoding.names)]
        if not running:
            return model
        # What runs elsewhere counts as seen at its mean, so that two workers do not propose the same corner.
        pending = self._attributes.columns(np.stack([self.encoding.codes(each.params) for each in running]))
        believed, _ = model.predict(pending)
        sds = np.r_[history.predicted_sds, np.zeros(len(running))]
        return AccuracyModel(kernel, np.r_[columns, pending], np.r_[accuracies, believed], sds, centre, spread)

    def _kernel(self, history: History, accuracies: Floats) -> tuple[Kernel, float, float]:
        """Fitted afresh whenever there are a tenth more trials, from those alone: any process fits the same."""
        n = _refit_size(len(history), self.n_startup)
        numbers = [trial.number for trial in history.trials[:n]]
        if self._fitted is None or self._fitted[0] != numbers:
            rows = np.unique(np.linspace(0, n - 1, min(n, _MAX_FITTED)).astype(int))
            seen = accuracies[rows]
            centre, spread = float(seen.mean()), max(float(seen.std()), 1e-6)
            columns = self._attributes.columns(history.codes[rows])
            extra = (history.predicted_sds[rows] / spread) ** 2
            kernel = fit_kernel(columns, self._attributes.group, (seen - centre) / spread, extra)
            self._fitted = (numbers, kernel, centre, spread)
        return self._fitted[1:]


def log_expected_improvement(means: Floats, sds: Floats, threshold: float) -> Floats:
    """log E[max(0, f - threshold)] for f ~ N(mean, sd^2); exact far below the threshold too.

    Ament et al. (2023), "Unexpected improvements to expected improvement", equation 9.
    """
    z = (means - threshold) / sds
    near = np.maximum(z, -1.0)
    density = np.exp(-0.5 * near**2) / np.sqrt(2 * np.pi)
    at_near = np.log(density + near * ndtr(near))
    far = np.minimum(z, -1.0)
    tail = np.log1p(far * np.sqrt(np.pi / 2) * erfcx(-far / np.sqrt(2)))
    at_far = -0.5 * far**2 - 0.5 * np.log(2 * np.pi) + tail
    logs: Floats = np.where(z > -1.0, at_near, at_far) + np.log(sds)
    return logs


def _refit_size(n: int, first: int) -> int:
    size = first
    while (larger := max(size + 2, int(size * _REFIT_GROWTH))) <= n:
        size = larger
    return size

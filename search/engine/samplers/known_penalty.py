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

from search.engine.dominated import KnownPenalties, is_dominated
from search.engine.encoding import Codes, Encoding, key
from search.engine.history import StudyHistory
from search.engine.samplers.accuracy_model import AccuracyProcess, BlockAttributes, Kernel, fit_kernel
from search.engine.samplers.space_sampler import SpaceSampler

Floats = NDArray[np.float64]

_REFIT_GROWTH = 1.1
_MAX_FITTED = 300
_N_CLIMBS = 3
_MAX_STEPS = 6
_FAR_BELOW = 1e9
_CHUNK = 64


class KnownPenaltySampler(SpaceSampler):
    """Expected improvement of accuracy less the known penalty.

    Args:
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
        self.attributes = BlockAttributes(encoding)
        self._fitted: tuple[list[int], Kernel, float, float] | None = None

    def propose(self, study: Study, trial: FrozenTrial, history: StudyHistory, rng: np.random.Generator) -> Codes:
        """Codes (n_positions,) of the architecture to try; see `SpaceSampler.propose`."""
        if len(history) < self.n_startup:
            drawn = self.encoding.random(rng, 64)
            least: Codes = drawn[np.argmin(self.penalties.of(drawn))]
            return least
        model = self._model(history)
        candidates = self._candidates(history, rng)
        acquisition = Acquisition(self, model, history)
        starts, scores = acquisition.best(candidates, _N_CLIMBS)
        climbed = [self._climb(*start, acquisition) for start in zip(starts, scores.tolist(), strict=True)]
        return max(climbed, key=lambda each: each[1])[0]

    def _candidates(self, history: StudyHistory, rng: np.random.Generator) -> Codes:
        best = history.codes[np.argsort(-history.rewards)[: self.n_best]]
        around = [self.encoding.neighbours(codes) for codes in best]
        rows = np.unique(np.concatenate([self.encoding.random(rng, self.n_random), *around]), axis=0)
        free = np.array([key(row) not in history.taken for row in rows])
        untaken_rows: Codes = rows[free] if free.any() else rows
        return untaken_rows

    def _climb(self, codes: Codes, score: float, acquisition: Acquisition) -> tuple[Codes, float]:
        for _ in range(_MAX_STEPS):
            (top,), (top_score,) = acquisition.best(self.encoding.neighbours(codes), 1, floor=score)
            if top_score <= score:
                break
            codes, score = top, float(top_score)
        return codes, score

    def _model(self, history: StudyHistory) -> AccuracyProcess:
        accuracies = history.rewards + history.penalties
        kernel, centre, spread = self._kernel(history, accuracies)
        columns = self.attributes.columns(history.codes)
        model = AccuracyProcess(kernel, columns, accuracies, history.predicted_sds, centre, spread)
        running = [each for each in history.unfinished if each.params.keys() == set(self.encoding.names)]
        if not running:
            return model
        # What runs elsewhere counts as seen at its mean, so that two workers do not propose the same corner.
        pending = self.attributes.columns(np.stack([self.encoding.codes(each.params) for each in running]))
        believed, _ = model.predict(pending)
        sds = np.r_[history.predicted_sds, np.zeros(len(running))]
        return AccuracyProcess(kernel, np.r_[columns, pending], np.r_[accuracies, believed], sds, centre, spread)

    def _kernel(self, history: StudyHistory, accuracies: Floats) -> tuple[Kernel, float, float]:
        """Fitted afresh whenever there are a tenth more trials, from those alone: any process fits the same."""
        n = _refit_size(len(history), self.n_startup)
        numbers = [trial.number for trial in history.trials[:n]]
        if self._fitted is None or self._fitted[0] != numbers:
            rows = np.unique(np.linspace(0, n - 1, min(n, _MAX_FITTED)).astype(int))
            seen = accuracies[rows]
            centre, spread = float(seen.mean()), max(float(seen.std()), 1e-6)
            columns = self.attributes.columns(history.codes[rows])
            extra = (history.predicted_sds[rows] / spread) ** 2
            kernel = fit_kernel(columns, self.attributes.group, (seen - centre) / spread, extra)
            self._fitted = (numbers, kernel, centre, spread)
        return self._fitted[1:]


class Acquisition:
    """The logarithm of the expected improvement for a state of the study.

    Since penalties are not negative, the improvement without them is an upper bound. Architectures are looked at in
    its order, and penalties asked for only as far as an architecture may still be among the best.
    """

    def __init__(self, sampler: KnownPenaltySampler, model: AccuracyProcess, history: StudyHistory) -> None:
        self._sampler, self._model, self._history = sampler, model, history
        self._incumbent = history.incumbent
        means, _ = model.predict(sampler.attributes.columns(history.codes))
        # The best reward as the model sees it: without run-to-run (seed) variance.
        self._threshold = float((means - history.penalties).max())

    def best(self, rows: Codes, n: int, floor: float = -np.inf) -> tuple[Codes, Floats]:
        """The n best of these and their scores, best first; those below the floor may be left out of account.

        What is taken has minus infinity; what cannot win, even at the accuracy bound, lies far below all else.
        """
        means, sds = self._model.predict(self._sampler.attributes.columns(rows))
        bounds = log_expected_improvement(means, sds, self._threshold)
        bounds[[key(row) in self._history.taken for row in rows]] = -np.inf
        order = np.argsort(-bounds, kind="stable")
        scores = np.full(len(rows), -np.inf)
        for start in range(0, len(rows), _CHUNK):
            chunk = order[start : start + _CHUNK]
            if bounds[chunk[0]] <= max(floor, np.partition(scores, -n)[-n]):
                break
            scores[chunk] = self._exact(rows[chunk], means[chunk], sds[chunk], bounds[chunk])
        top = np.argsort(-scores, kind="stable")[:n]
        return rows[top], scores[top]

    def _exact(self, rows: Codes, means: Floats, sds: Floats, bounds: Floats) -> Floats:
        penalties = self._sampler.penalties.of(rows)
        scores = log_expected_improvement(means - penalties, sds, self._threshold)
        bound = self._sampler.accuracy_bound
        scores[[is_dominated(each, self._incumbent, bound) for each in penalties.tolist()]] -= _FAR_BELOW
        return np.where(bounds == -np.inf, -np.inf, scores)


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

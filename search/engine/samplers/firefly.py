"""Firefly, HyperFirefly, and the hybrid that starts with a Gaussian process.

The pool is not stored: it is what the finished trials, by number, make of an empty one. The only thing a trial
keeps is whose proposal it was (`firefly:fly`), and, for people who look at the study, the window and the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial  # noqa: TID253

from search.engine.encoding import Codes, Encoding, key
from search.engine.history import StudyHistory
from search.engine.record import final_reward, set_state
from search.engine.samplers.firefly_pool import FireflyParameters, Pool
from search.engine.samplers.from_optuna import BayesianSampler
from search.engine.samplers.hyperparameters import WINDOW, HyperLevel
from search.engine.samplers.space_sampler import DominanceScreen, SpaceSampler

FLY = "firefly:fly"
WINDOW_NUMBER = "firefly:window"
PARAMETERS = "firefly:parameters"

_HYPER_STREAM = 1


class Swarm:
    """The pool, and the level above it if there is one, after some trials.

    Args:
        parameters: of the pool; of the first window when they are tuned.
        hyper_seed: None keeps the parameters as they are.
        seeded_by: trials below this number are another sampler's: the best of them are the first flies.
    """

    def __init__(self, parameters: FireflyParameters, hyper_seed: int | None, seeded_by: int) -> None:
        self.pool = Pool(parameters)
        self.hyper = None if hyper_seed is None else HyperLevel(hyper_seed, parameters)
        self.folded: list[int] = []
        self._seeded_by = seeded_by
        self._window_rewards: list[float] = []

    @property
    def window(self) -> int:
        """How many times the parameters have been changed."""
        return 0 if self.hyper is None else self.hyper.window

    def fold(self, trials: Sequence[FrozenTrial], codes: Codes) -> None:
        """Takes in finished trials, in the order of their numbers, after those it has taken in before."""
        if not self.folded:
            self._seed(trials, codes)
        for trial, row in zip(trials, codes, strict=True):
            self.folded.append(trial.number)
            if trial.number >= self._seeded_by:
                self._tell(trial, row)

    def _seed(self, trials: Sequence[FrozenTrial], codes: Codes) -> None:
        seeds = [i for i, trial in enumerate(trials) if trial.number < self._seeded_by]
        distinct: dict[tuple[int, ...], int] = {}
        for i in sorted(seeds, key=lambda i: -final_reward(trials[i])):
            distinct.setdefault(key(codes[i]), i)
        for i in sorted(list(distinct.values())[: self.pool.parameters.pool_size]):
            self.pool.born(trials[i].number, codes[i], final_reward(trials[i]))

    def _tell(self, trial: FrozenTrial, codes: Codes) -> None:
        reward = final_reward(trial)
        fly = trial.system_attrs.get(FLY)
        if fly is not None and fly in self.pool.flies:
            self.pool.tell(fly, codes, reward)
        elif not self.pool.full():
            self.pool.born(trial.number, codes, reward)
        elif fly is None or fly == trial.number:
            # Enqueued, or born by two workers at once: it belongs to the fly that is closest.
            self.pool.tell(self.pool.closest(codes), codes, reward)
        self._count(reward)

    def _count(self, reward: float) -> None:
        if self.hyper is None:
            return
        self._window_rewards.append(reward)
        if len(self._window_rewards) == WINDOW:
            self.hyper.close_window(max(self._window_rewards))
            self.pool.parameters = self.hyper.parameters
            self._window_rewards.clear()


class FireflySampler(SpaceSampler):
    """Fireflies on the blocks of a space.

    Args:
        tuned: whether a second level changes them every 50 trials (HyperFirefly).
    """

    def __init__(
        self,
        encoding: Encoding,
        seed: int,
        screen: DominanceScreen | None = None,
        *,
        parameters: FireflyParameters | None = None,
        tuned: bool = False,
        seeded_by: int = 0,
    ) -> None:
        super().__init__(encoding, seed, screen)
        self.parameters = parameters or FireflyParameters()
        self.tuned = tuned
        self.seeded_by = seeded_by
        self._swarm = self._empty()

    def propose(self, study: Study, trial: FrozenTrial, history: StudyHistory, rng: np.random.Generator) -> Codes:
        """Codes (n_positions,) of the architecture to try; see `SpaceSampler.propose`."""
        swarm = self.swarm_after(history)
        running = [each.system_attrs.get(FLY) for each in history.unfinished]
        n_unborn = sum(fly == each.number for fly, each in zip(running, history.unfinished, strict=True))
        if not swarm.pool.flies or not swarm.pool.full(n_unborn):
            fly, codes = trial.number, self.encoding.random(rng)
        else:
            fly = swarm.pool.next_after(self._last_fly(history))
            codes = swarm.pool.move_blocks(fly, self.encoding.n_options, rng)
        self._mark(study, trial, fly, swarm)
        return codes

    def swarm_after(self, history: StudyHistory) -> Swarm:
        """The swarm that the finished trials make."""
        numbers = [trial.number for trial in history.trials]
        n_folded = len(self._swarm.folded)
        if numbers[:n_folded] != self._swarm.folded:
            # Another worker finished an earlier trial later: begin again, so that the order is that of numbers.
            self._swarm, n_folded = self._empty(), 0
        self._swarm.fold(history.trials[n_folded:], history.codes[n_folded:])
        return self._swarm

    def _empty(self) -> Swarm:
        hyper_seed = int(np.random.SeedSequence((self.seed, _HYPER_STREAM)).generate_state(1)[0])
        return Swarm(self.parameters, hyper_seed if self.tuned else None, self.seeded_by)

    def _last_fly(self, history: StudyHistory) -> int | None:
        own = (each for each in (*history.trials, *history.unfinished) if FLY in each.system_attrs)
        recent = max(own, key=lambda each: each.number, default=None)
        return None if recent is None else int(recent.system_attrs[FLY])

    def _mark(self, study: Study, trial: FrozenTrial, fly: int, swarm: Swarm) -> None:
        state: dict[str, object] = {FLY: fly}
        if self.tuned:
            state |= {WINDOW_NUMBER: swarm.window, PARAMETERS: asdict(swarm.pool.parameters)}
        set_state(study, trial, state)


class HybridSampler(SpaceSampler):
    """The paper's: Bayesian for the first trials, then HyperFirefly that starts with the best distinct ones.

    Args:
        switch_at: number of the first trial that is HyperFirefly's.
        tuned: whether the fireflies are HyperFirefly's; False for plain ones.

    Raises:
        TrainingUnavailable: torch is not installed.
    """

    def __init__(
        self,
        encoding: Encoding,
        seed: int,
        screen: DominanceScreen | None = None,
        *,
        switch_at: int = 1000,
        tuned: bool = True,
    ) -> None:
        super().__init__(encoding, seed, screen)
        self.switch_at = switch_at
        self._bayesian = BayesianSampler(encoding, seed)
        self._firefly = FireflySampler(encoding, seed, tuned=tuned, seeded_by=switch_at)

    def propose(self, study: Study, trial: FrozenTrial, history: StudyHistory, rng: np.random.Generator) -> Codes:
        """Codes (n_positions,) of the architecture to try; see `SpaceSampler.propose`."""
        sampler: SpaceSampler = self._bayesian if trial.number < self.switch_at else self._firefly
        return sampler.propose(study, trial, history, rng)

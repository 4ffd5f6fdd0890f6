"""The upper level of HyperFirefly: a second, small pool of fireflies that tunes the parameters of the first.

Every window of 50 trials the lower pool gets other parameters, and the best reward of the window tells the upper
pool how good they were (Speckhard et al. 2023, section 4). The paper names neither the parameters nor their ranges:
these are the five that act on categorical spaces, on log scales around Vizier's defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from search.engine.samplers.firefly_pool import FireflyParameters, Point, Pool

WINDOW = 50
_POOL_SIZE = 5
_START_SPREAD = 0.2


@dataclass(frozen=True)
class Range:
    """A parameter's range, on a log scale."""

    low: float
    high: float

    def at(self, unit: float) -> float:
        """The value at 0..1."""
        return float(self.low * (self.high / self.low) ** unit)

    def unit(self, value: float) -> float:
        """The inverse of `at`."""
        return float(np.log(value / self.low) / np.log(self.high / self.low))


TUNED = {
    "gravity": Range(0.3, 3.0),
    "visibility": Range(0.02, 2.0),
    "resample": Range(0.02, 0.4),
    "penalize": Range(0.7, 0.97),
    "pool_size": Range(10, 45),
}


class HyperLevel:
    """Chooses the lower pool's parameters, window by window.

    The first window has the defaults, the next ones parameters around them, and from then on the upper pool's flies
    move. All follows from the seed, the defaults and the bests of the windows.

    Args:
        seed: of its random numbers.
        defaults: of the first window, and for what is not tuned.
    """

    def __init__(self, seed: int, defaults: FireflyParameters) -> None:
        self._seed = seed
        self._defaults = defaults
        self._pool = Pool(FireflyParameters(pool_size=_POOL_SIZE))
        self._fly = 0
        self._start: Point = np.clip([each.unit(getattr(defaults, name)) for name, each in TUNED.items()], 0.0, 1.0)
        self._point = self._start
        self.window = 0

    @property
    def parameters(self) -> FireflyParameters:
        """Of the window that runs."""
        if self.window == 0:
            return self._defaults
        values = {name: each.at(unit) for (name, each), unit in zip(TUNED.items(), self._point, strict=True)}
        return replace(self._defaults, **{**values, "pool_size": round(values["pool_size"])})  # type: ignore[arg-type]

    def close_window(self, best_reward: float) -> None:
        """Ends the window, whose best reward this was, and begins the next with other parameters."""
        if self._fly in self._pool.flies:
            self._pool.tell(self._fly, self._point, best_reward)
        else:
            self._pool.born(self._fly, self._point, best_reward)
        self.window += 1
        rng = np.random.default_rng((self._seed, self.window))
        if self._pool.full():
            self._fly = self._pool.next_after(self._fly)
            self._point = self._pool.move_coordinates(self._fly, rng)
        else:
            self._fly = self.window
            self._point = np.clip(self._start + rng.uniform(-_START_SPREAD, _START_SPREAD, len(TUNED)), 0.0, 1.0)

"""Proposals that cannot win are not trained: energy and size are known before, and so is the penalty.

Beyond the paper. The best possible reward of an architecture is an upper bound of accuracy less its known penalty.
The bound is 1.0 unless a user states a tighter one for the data at hand; it is never learned, so that nothing is
discarded on the word of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from search.engine.encoding import Codes, Encoding
from search.networks.architecture import Architecture

Penalties = Callable[[Sequence[Architecture]], NDArray[np.float64]]
"""The known penalties of architectures, (n,), each at least 0."""

_CACHE_LIMIT = 200_000


class KnownPenalties:
    """Penalties by codes, an architecture's not asked for again soon."""

    def __init__(self, encoding: Encoding, of_architectures: Penalties) -> None:
        self.encoding = encoding
        self.of_architectures = of_architectures
        self._cache: dict[bytes, float] = {}

    def of(self, codes: Codes) -> NDArray[np.float64]:
        """The penalties of rows of codes, (n, n_positions) -> (n,)."""
        if len(self._cache) > _CACHE_LIMIT:
            self._cache.clear()
        keys = [row.tobytes() for row in codes]
        missing = {each: row for each, row in zip(keys, codes, strict=True) if each not in self._cache}
        if missing:
            penalties = self.of_architectures([self.encoding.decoded(row) for row in missing.values()])
            self._cache.update(zip(missing, np.asarray(penalties, dtype=float).tolist(), strict=True))
        return np.array([self._cache[each] for each in keys], dtype=float)


def is_dominated(penalty: float, incumbent: float, accuracy_bound: float = 1.0) -> bool:
    """Whether even a network of the highest possible accuracy would not beat the best trained one.

    Args:
        incumbent: best reward of a trained trial; minus infinity when there is none.
        accuracy_bound: no accuracy is above it.
    """
    return accuracy_bound - penalty <= incumbent

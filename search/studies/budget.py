"""How much work goes into each trial, by name."""

from __future__ import annotations

from dataclasses import dataclass

from search.audio.synthetic_data import SyntheticSize
from search.errors import UnknownEffort
from search.training.recipe import QUICK, SMOKE, THOROUGH, Recipe


@dataclass(frozen=True)
class Effort:
    """A recipe, and the synthetic clips that go with it (AudioSet is always used whole).

    Args:
        name: what a person types.
        recipe: of every training.
        clips: of the synthetic set.
    """

    name: str
    recipe: Recipe
    clips: SyntheticSize


EFFORTS = (
    Effort("smoke", SMOKE, SyntheticSize(n_train=200, n_validation=100, n_test=100)),
    Effort("quick", QUICK, SyntheticSize(n_train=2_000, n_validation=600, n_test=1_000)),
    Effort("thorough", THOROUGH, SyntheticSize(n_train=6_000, n_validation=1_500, n_test=1_500)),
)
"""smoke only shows that everything works; quick takes about a minute a trial; thorough is for real searches."""


def effort_named(name: str) -> Effort:
    """The effort of this name.

    Raises:
        UnknownEffort: there is none.
    """
    for effort in EFFORTS:
        if effort.name == name:
            return effort
    raise UnknownEffort(f"no effort {name!r}", f"efforts: {', '.join(each.name for each in EFFORTS)}")

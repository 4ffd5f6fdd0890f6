"""How much training each trial gets, by name."""

from __future__ import annotations

from dataclasses import dataclass

from search.audio.synthetic_data import SyntheticSize
from search.errors import UnknownBudget
from search.training.recipe import QUICK, SMOKE, THOROUGH, TrainingRecipe


@dataclass(frozen=True)
class TrainingBudget:
    """A recipe, and the synthetic clips that go with it (AudioSet is always used whole).

    Attributes:
        name: what a user types.
        clips: of the synthetic set.
    """

    name: str
    recipe: TrainingRecipe
    clips: SyntheticSize


BUDGETS = (
    TrainingBudget("smoke", SMOKE, SyntheticSize(n_train=200, n_validation=100, n_test=100)),
    TrainingBudget("quick", QUICK, SyntheticSize(n_train=2_000, n_validation=600, n_test=1_000)),
    TrainingBudget("thorough", THOROUGH, SyntheticSize(n_train=6_000, n_validation=1_500, n_test=1_500)),
)
"""smoke only shows that everything works; quick takes about a minute a trial; thorough is for real searches."""


def budget_named(name: str) -> TrainingBudget:
    """The budget of this name.

    Raises:
        UnknownBudget: there is none.
    """
    for budget in BUDGETS:
        if budget.name == name:
            return budget
    raise UnknownBudget(f"no budget {name!r}", f"budgets: {', '.join(each.name for each in BUDGETS)}")

"""The rules for stopping by name.

| name | what | defaults |
|---|---|---|
| none | every trial is trained to the end | |
| median | below the median of running averages (Golovin et al. 2017) | 6 evaluations, 5 trained trials first |
| decay | predicted end by an exponential decay with default parameters | 6 evaluations, delta 1 %, 5 % hold-out |
| tsgp | predicted end by course and parameters of curves learned from finished trials | the same, refitted |
"""

from __future__ import annotations

from collections.abc import Callable

from search.engine.stopping.curve_stop import CurveStop
from search.engine.stopping.rule import MedianStop, NeverStop, StopRule
from search.errors import UnknownStopRule

DEFAULT_STOP_RULE = "tsgp"
NO_RULE = "none"

_RULES: dict[str, Callable[[int], StopRule]] = {
    NO_RULE: lambda seed: NeverStop(),
    "median": lambda seed: MedianStop(),
    "decay": lambda seed: CurveStop(seed, learn=False),
    "tsgp": CurveStop,
}

STOP_RULE_NAMES = tuple(_RULES)


def build_stop_rule(name: str, seed: int) -> StopRule:
    """The rule of this name.

    Args:
        seed: chooses the hold-out continuations.

    Raises:
        UnknownStopRule: there is none.
    """
    build = _RULES.get(name)
    if build is None:
        raise UnknownStopRule(f"no rule for stopping {name!r}", f"rules: {', '.join(STOP_RULE_NAMES)}")
    return build(seed)

"""Networks of the paper by name."""

from __future__ import annotations

from search.networks.baselines import BASELINES, Baseline


def baseline_named(name: str) -> Baseline:
    """The baseline of this name."""
    return next(each for each in BASELINES if each.name == name)

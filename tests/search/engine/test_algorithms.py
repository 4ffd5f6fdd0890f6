"""Algorithms by name."""

from __future__ import annotations

import pytest
from engine_specimens import SMALL, Formula, settings

from search.commands.run import DEFAULT_ALGORITHM
from search.engine.algorithms import ALGORITHM_NAMES, Settings, build_sampler
from search.errors import MissingPenalties, UnknownAlgorithm


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownAlgorithm) as caught:
        build_sampler("anneal", Settings(SMALL, 1))
    assert all(name in caught.value.hint for name in ALGORITHM_NAMES)


def test_every_name_builds_a_sampler() -> None:
    objective = Formula(SMALL)
    assert DEFAULT_ALGORITHM in ALGORITHM_NAMES
    kinds = {name: type(build_sampler(name, settings(SMALL, objective))).__name__ for name in ALGORITHM_NAMES}
    assert kinds["hybrid"] == "HybridSampler"
    assert kinds["firefly"] == kinds["hyperfirefly"] == "FireflySampler"


def test_what_needs_penalties_says_so_when_there_are_none() -> None:
    for wanted in (("known-penalty", False), ("random", True)):
        with pytest.raises(MissingPenalties):
            build_sampler(wanted[0], Settings(SMALL, 1, skip_dominated=wanted[1]))

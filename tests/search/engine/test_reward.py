"""The reward, against equation 1 of the paper."""

from __future__ import annotations

import pytest

from search.engine.reward import PAPER_B, PAPER_B_PRIME, REWARDS, reward_named
from search.errors import UnknownReward


def test_within_both_limits_the_reward_is_the_accuracy() -> None:
    assert PAPER_B.of(0.7078, 1.25, 60_000) == 0.7078
    assert PAPER_B.penalty(0.0, 0.0) == 0.0


def test_energy_and_size_above_their_limits_cost_what_the_paper_says() -> None:
    assert PAPER_B.penalty(1.25 + 0.75, 60_000) == pytest.approx(0.02)
    assert PAPER_B_PRIME.penalty(1.25 + 1.75, 60_000) == pytest.approx(0.02)
    assert PAPER_B.penalty(1.25, 90_000) == pytest.approx(0.02)
    assert PAPER_B.of(0.70, 2.0, 90_000) == pytest.approx(0.66)


def test_mobilenet_v2_is_ruined_by_its_size_and_energy() -> None:
    assert PAPER_B.of(0.7030, 13.90, 2_717_830) < -1


def test_presets_are_found_by_name() -> None:
    assert [reward_named(reward.name) for reward in REWARDS] == list(REWARDS)
    with pytest.raises(UnknownReward) as caught:
        reward_named("c")
    assert "b-prime" in caught.value.hint

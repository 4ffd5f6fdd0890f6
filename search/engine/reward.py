"""What a search maximises: accuracy less penalties for energy and size above their limits.

Equation 1 of Speckhard et al. (2023): R = accuracy - b max(0, E - E0) - c max(0, M - M0), with the accuracy of the
int8 .tflite file, the predicted energy of an inference and the size of the real file. Energy and size are known
before anything is trained, so the penalty is too.
"""

from __future__ import annotations

from dataclasses import dataclass

from search.errors import UnknownReward


@dataclass(frozen=True)
class Reward:
    """The limits and slopes.

    Attributes:
        name: what a user types.
        energy_limit_mj: E0; energy below it is free.
        size_limit_kb: M0, in thousands of bytes; size below it is free.
        per_mj: b; accuracy (a fraction) that a millijoule above the limit costs.
        per_kb: c; the same for a kB.
    """

    name: str
    energy_limit_mj: float
    size_limit_kb: float
    per_mj: float
    per_kb: float

    def penalty(self, energy_mj: float, size_bytes: float) -> float:
        """What energy and size take from the accuracy; 0 within both limits."""
        too_hungry = max(0.0, energy_mj - self.energy_limit_mj)
        too_large = max(0.0, size_bytes / 1e3 - self.size_limit_kb)
        return self.per_mj * too_hungry + self.per_kb * too_large

    def of(self, accuracy: float, energy_mj: float, size_bytes: float) -> float:
        """The reward of a trained network; accuracy in 0..1."""
        return accuracy - self.penalty(energy_mj, size_bytes)


PAPER_B = Reward("b", 1.25, 60.0, 0.02 / 0.75, 0.02 / 30)
"""2 % of accuracy for 0.75 mJ, and for 30 kB."""

PAPER_B_PRIME = Reward("b-prime", 1.25, 60.0, 0.02 / 1.75, 0.02 / 30)
"""The paper's b': energy costs less than half as much."""

REWARDS = (PAPER_B, PAPER_B_PRIME)


def reward_named(name: str) -> Reward:
    """The preset of this name.

    Raises:
        UnknownReward: there is none.
    """
    for reward in REWARDS:
        if reward.name == name:
            return reward
    raise UnknownReward(f"no reward {name!r}", f"rewards: {', '.join(each.name for each in REWARDS)}")

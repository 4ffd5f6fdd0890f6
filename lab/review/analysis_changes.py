"""What an analysis made again changes, beside the one of measuring: energies, and verdicts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from db.analyses import energies_beside
from db.database import Database


@dataclass(frozen=True)
class AnalysisChanges:
    """All visits that an analysis has dealt with, beside what measuring said of them.

    Attributes:
        n_same: energies of the same bits.
        shifts_frac: changes of the others, relative to the energy of measuring.
        verdicts: (then, now) of the visits whose verdict is another, and how many there are.
    """

    n_same: int
    shifts_frac: tuple[float, ...]
    verdicts: dict[tuple[str, str], int]

    def lines(self) -> list[str]:
        """For a user."""
        said = [f"{self.n_same} energies are the same bit for bit, {len(self.shifts_frac)} changed"]
        if self.shifts_frac:
            ordered = sorted(self.shifts_frac)
            middle = ordered[len(ordered) // 2]
            said.append(f"changes from {ordered[0]:+.4%} to {ordered[-1]:+.4%}, median {middle:+.4%}")
        said += [f"{n} visits were {then}, now {now}" for (then, now), n in sorted(self.verdicts.items())]
        return said

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        verdicts = [{"then": then, "now": now, "n": n} for (then, now), n in sorted(self.verdicts.items())]
        return {"n_same": self.n_same, "shifts_frac": list(self.shifts_frac), "verdicts": verdicts}


def changes_of(db: Database, version: int) -> AnalysisChanges:
    """The changes that an analysis makes."""
    n_same, shifts, verdicts = 0, list[float](), Counter[tuple[str, str]]()
    for row in energies_beside(db, version):
        if row.outcome != row.outcome_then:
            verdicts[row.outcome_then, row.outcome] += 1
        if row.energy_mj is None or row.energy_then_mj is None:
            continue
        if row.energy_mj == row.energy_then_mj:
            n_same += 1
        else:
            shifts.append(row.energy_mj / row.energy_then_mj - 1.0)
    return AnalysisChanges(n_same, tuple(shifts), dict(verdicts))

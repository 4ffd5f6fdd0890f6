"""Holds the record of a simulated campaign against what the simulated world knows to be true.

Only a simulated bench has a truth; nothing that measures may look at it.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.results import ResultRow
from lab.analysis.energy import student_t_95

# The record has the start of the tool's process, the truth the start of its measured part.
_LONGEST_START_UP_S = 12.0


@dataclass(frozen=True)
class TruthComparison:
    """One visit beside its truth.

    Attributes:
        error_frac: recorded energy over true energy, less one.
        half_width_frac: stated half width of the 95 % interval, relative.
    """

    model_sha256: str
    outcome: str
    error_frac: float
    half_width_frac: float

    @property
    def covered(self) -> bool:
        """The truth is inside the stated interval."""
        return abs(self.error_frac) <= self.half_width_frac


@dataclass(frozen=True)
class Accuracy:
    """Many comparisons in a few figures; errors are of accepted visits, absolute and relative."""

    n_visits: int
    mean_abs_error_frac: float
    worst_abs_error_frac: float
    bias_frac: float
    coverage_frac: float


class TruthMissing(Exception):
    """A visit in the record has no truth beside it."""


def read_truths(path: Path) -> list[dict[str, Any]]:
    """The truths that a simulated bench has written, a JSON line each; a line cut short by a kill is left out."""
    truths = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            truths.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return truths


def compare(rows: Iterable[ResultRow], truths: Iterable[dict[str, Any]]) -> list[TruthComparison]:
    """Each visit of the record beside the run that it recorded.

    Args:
        rows: result rows (db.results.result_rows).
        truths: of the same bench.

    Raises:
        TruthMissing: a visit without a run.
    """
    by_model: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for truth in truths:
        by_model[truth["model_sha256"]].append(truth)
    return [_beside(row, by_model[row.model_sha256]) for row in rows]


def _beside(row: ResultRow, candidates: list[dict[str, Any]]) -> TruthComparison:
    began_s = row.started_utc_s
    near = [t for t in candidates if 0.0 <= t["started_utc_s"] - began_s <= _LONGEST_START_UP_S]
    if not near:
        raise TruthMissing(f"visit {row.visit_id} of {row.model_sha256[:10]} at {began_s:.1f}")
    truth = min(near, key=lambda t: t["started_utc_s"] - began_s)
    half = student_t_95(row.n_segments - row.n_segments_trimmed - 1) * row.energy_se_mj
    return TruthComparison(
        row.model_sha256,
        row.outcome,
        row.energy_mj / truth["energy_mj"] - 1,
        half / row.energy_mj,
    )


def summarise(comparisons: Iterable[TruthComparison]) -> Accuracy:
    """The figures of the accepted visits."""
    accepted = [c for c in comparisons if c.outcome == "accepted"]
    n = len(accepted)
    if n == 0:
        return Accuracy(0, math.nan, math.nan, math.nan, math.nan)
    errors = [c.error_frac for c in accepted]
    return Accuracy(
        n_visits=n,
        mean_abs_error_frac=math.fsum(map(abs, errors)) / n,
        worst_abs_error_frac=max(map(abs, errors)),
        bias_frac=math.fsum(errors) / n,
        coverage_frac=sum(c.covered for c in accepted) / n,
    )

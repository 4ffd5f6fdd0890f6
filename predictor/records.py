"""Rows of a database as measurements: which rows may stand in one fit, and in what columns.

Rows are never mixed silently that differ in device, clock, core, tool, search space or analysis, or in
whether they are simulated. The sessions of one bench differ by a common factor (warm boards, a reseated
clip); the canaries, measured in every window, tell it, and it is taken out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from db.database import Database
from db.kinds import TaskRole
from db.results import ResultRow, result_rows
from predictor.errors import BadTable, MixedProvenance, NothingMeasured
from predictor.table import ENERGY, FeatureTable, Floats, Measurements, Target

CONDITIONS = (
    "simulated", "phone_serial", "phone_model", "phone_build", "clock_freq_khz", "core", "tool_sha256",
    "meter_kind", "meter_serial", "arch_space", "analysis_version",
)  # fmt: skip
"""What all rows of one fit have in common, unless it is said that it may differ."""

CANARY: tuple[TaskRole, ...] = ("canary",)
TARGETS = ("energy_mj", "dynamic_energy_mj", "latency_ms", "power_w")
_OF_THE_METER = ("energy_mj", "dynamic_energy_mj", "power_w")
SIZES = ("flops", "n_params", "size_bytes")
"""The columns that the paper's predictor has beside the parameters of the architecture (it has no n_params)."""


@dataclass(frozen=True)
class Selection:
    """Which rows of a database are meant.

    Attributes:
        only: for a condition, the value wanted, as text; a hash may be shortened.
        mixed: conditions that may differ; `simulated` may not be among them.
    """

    campaign: str | None = None
    only: Mapping[str, str] = field(default_factory=dict)
    mixed: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Visits:
    """What a selection holds.

    Attributes:
        rows: the measurements; features are the architecture's parameters and `SIZES`.
        texts: (n,) of the architectures.
        left_out: rows of model files that have no architecture.
        sessions: what the canaries say about each session; empty when there is one only.
    """

    rows: Measurements
    texts: tuple[str, ...]
    left_out: int
    sessions: tuple[SessionLevel, ...]


@dataclass(frozen=True)
class SessionLevel:
    """How a session of the bench differs from the mean of all sessions.

    Attributes:
        level_frac: its factor, less one; nan when no canary ties it to the others: nothing was taken out.
        se_frac: standard error of it.
    """

    session_id: int
    n_visits: int
    level_frac: float
    se_frac: float


def read_visits(db: Database, selection: Selection, target: str = ENERGY.name) -> Visits:
    """The accepted visits of a selection.

    Raises:
        NothingMeasured: there are none.
        MixedProvenance: they were not measured under the same conditions; says what to choose.
        BadTable: no such target or condition.
        DbError: no such campaign, or the database cannot be read.
    """
    if target not in TARGETS:
        raise BadTable(f"no target {target}", f"targets of a database: {', '.join(TARGETS)}")
    _check_selection(selection)
    accepted = list(result_rows(db, selection.campaign))
    rows = [row for row in accepted if row.arch_hash is not None and _chosen(row, selection)]
    if not rows:
        raise NothingMeasured(*_nothing(db, accepted, selection))
    _check_mixed(rows, selection)
    canaries = [row for row in result_rows(db, roles=CANARY) if _alike(row, rows[0], selection)]
    levels = session_levels(rows, canaries)
    values = np.array([float(getattr(row, target)) for row in rows])
    if target in _OF_THE_METER:
        known = {level.session_id: 1 + level.level_frac for level in levels if math.isfinite(level.level_frac)}
        values /= [known.get(row.session_id, 1.0) for row in rows]
    return Visits(
        _measurements(rows, values, target, selection, levels),
        tuple(row.arch_text or "" for row in rows),
        sum(row.arch_hash is None for row in accepted),
        levels,
    )


def _measurements(
    rows: Sequence[ResultRow], values: Floats, target: str, selection: Selection, levels: tuple[SessionLevel, ...]
) -> Measurements:
    names = [name for name in rows[0].params if name != "space"]
    if unlike := next((row for row in rows if set(names) != row.params.keys() - {"space"}), None):
        raise MixedProvenance(
            f"architectures have different parameters: {rows[0].arch_text} and {unlike.arch_text}",
            "choose one campaign with --campaign",
        )
    provenance: dict[str, Any] = {
        name: _as_text(getattr(rows[0], name)) for name in CONDITIONS if name not in selection.mixed
    }
    provenance |= {"campaigns": sorted({row.campaign for row in rows}), "mixed": list(selection.mixed)}
    provenance["sessions"] = [[s.session_id, s.n_visits, _or_none(s.level_frac), _or_none(s.se_frac)] for s in levels]
    return Measurements(
        features=FeatureTable.of(
            {name: [row.params[name] for row in rows] for name in names}
            | {name: [getattr(row, name) for row in rows] for name in SIZES}
        ),
        target=Target.named(target),
        values=values,
        groups=np.unique([row.arch_hash for row in rows], return_inverse=True)[1].astype(np.intp),
        row_ids=np.array([row.visit_id for row in rows], np.int64),
        latencies_ms=np.array([row.latency_ms for row in rows], np.float64),
        provenance=provenance,
        simulated=bool(rows[0].simulated),
    )


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_selection(selection: Selection) -> None:
    if unknown := [name for name in (*selection.only, *selection.mixed) if name not in CONDITIONS]:
        raise BadTable(f"no condition {', '.join(unknown)}", f"conditions: {', '.join(CONDITIONS)}")
    if "simulated" in selection.mixed:
        raise MixedProvenance(
            "simulated and measured rows are never mixed", "choose with --only simulated=true or --only simulated=false"
        )


def _chosen(row: ResultRow, selection: Selection) -> bool:
    return all(_is(name, getattr(row, name), wanted) for name, wanted in selection.only.items())


def _is(name: str, value: Any, wanted: str) -> bool:
    text = _as_text(value)
    return text == wanted or (name.endswith("_sha256") and len(wanted) >= 6 and text.startswith(wanted))


def _alike(row: ResultRow, first: ResultRow, selection: Selection) -> bool:
    return all(getattr(row, name) == getattr(first, name) for name in CONDITIONS if name not in selection.mixed)


def _nothing(db: Database, accepted: Sequence[ResultRow], selection: Selection) -> tuple[str, str]:
    if not accepted:
        whose = f"campaign {selection.campaign} of {db.shown}" if selection.campaign else db.shown
        return (
            f"there is no accepted visit in {whose}",
            "see with `lab status` what became of the visits; `lab measure` goes on",
        )
    if all(row.arch_hash is None for row in accepted):
        return (
            f"the {len(accepted):,} visits of {db.shown} are of model files without an architecture",
            "measure architectures with `lab measure --n NUMBER`, or fit a table of your own with --table",
        )
    wanted = ", ".join(f"{name}={value}" for name, value in selection.only.items())
    there = "; ".join(f"{name}: {_counted(accepted, name)}" for name in selection.only)
    return f"no accepted visit has {wanted}", f"there are {there}"


def _counted(rows: Iterable[ResultRow], name: str) -> str:
    counts = Counter(_as_text(getattr(row, name)) for row in rows)
    return ", ".join(f"{value} ({n:,} visits)" for value, n in counts.most_common())


def _check_mixed(rows: Sequence[ResultRow], selection: Selection) -> None:
    different = [
        name
        for name in CONDITIONS
        if name not in selection.mixed and len({_as_text(getattr(row, name)) for row in rows}) > 1
    ]
    if not different:
        return
    found = "; ".join(f"{name}: {_counted(rows, name)}" for name in different)
    choices = [f"--only {different[0]}={_as_text(getattr(rows[0], different[0]))}"]
    campaigns = Counter(row.campaign for row in rows)
    if len(campaigns) > 1:
        choices.insert(0, " or ".join(f"--campaign {name}" for name, _ in campaigns.most_common(4)))
    if "phone_serial" in different:
        choices.insert(0, " or ".join(f"--phone {serial}" for serial in sorted({row.phone_serial for row in rows})))
    allow = "" if "simulated" in different else f"; --mix {different[0]} allows it, on the record"
    raise MixedProvenance(f"the visits were not made under the same conditions: {found}", _joined(choices) + allow)


def _joined(choices: list[str]) -> str:
    return f"choose with {', or '.join(choices)}"


def session_levels(rows: Iterable[ResultRow], canaries: Iterable[ResultRow]) -> tuple[SessionLevel, ...]:
    """What the canaries say about the sessions of some rows; empty when they are of one session.

    Least squares of log energy = canary + session; levels are relative to the mean of the sessions that
    share a canary with another.
    """
    counts = Counter(row.session_id for row in rows)
    if len(counts) < 2:
        return ()
    watched = [row for row in canaries if row.session_id in counts and row.energy_mj > 0]
    models, sessions = _indexed(watched, "arch_hash"), _indexed(watched, "session_id")
    if len(sessions) < 2:
        return tuple(SessionLevel(session, n, math.nan, math.nan) for session, n in sorted(counts.items()))
    design = np.zeros((len(watched), len(models) + len(sessions)))
    for place, row in enumerate(watched):
        design[place, models[row.arch_hash]] = 1.0
        design[place, len(models) + sessions[row.session_id]] = 1.0
    logs = np.log([row.energy_mj for row in watched])
    solution, _, rank, _ = np.linalg.lstsq(design, logs, rcond=None)
    # One rank is lost to the common level; more are lost when sessions share no canary.
    tied = rank == design.shape[1] - 1
    free = len(watched) - int(rank)
    sd = math.sqrt(float(np.sum((logs - design @ solution) ** 2)) / free) if free > 0 else math.nan
    levels = solution[len(models) :] - solution[len(models) :].mean()
    n_seen = Counter(row.session_id for row in watched)
    return tuple(
        SessionLevel(session, n, math.expm1(levels[sessions[session]]), sd / math.sqrt(n_seen[session]))
        if tied and session in sessions
        else SessionLevel(session, n, math.nan, math.nan)
        for session, n in sorted(counts.items())
    )


def _indexed(rows: Iterable[ResultRow], name: str) -> dict[Any, int]:
    return {value: place for place, value in enumerate(sorted({getattr(row, name) for row in rows}))}

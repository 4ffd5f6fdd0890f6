"""Analyses made again from stored traces, beside the one that was made while measuring. Nothing is overwritten.

Energies and gates of method n while measuring have `analysis_version` n; those derived again by method n have
1000 n + 1, 1000 n + 2, ...: one for each way of deriving, with a row in `analysis` that says what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased

from db.campaigns import campaign_row
from db.database import Database
from db.errors import RecordRefused
from db.faults import REFUSED_HINT
from db.kinds import VisitOutcome
from db.naming import check_campaign
from db.rows import CampaignRow, EnergySpec, GateSpec, fields_of
from db.schema import (
    AnalysisTable,
    BenchSessionTable,
    CampaignTable,
    EnergyTable,
    GateResultTable,
    VerdictTable,
    VisitTable,
    WindowTable,
)

_A_METHOD = 1000


@dataclass(frozen=True, kw_only=True)
class AnalysisSpec:
    """A way of deriving energies: `method` is the code's, `settings` are what else decides, `versions` packages."""

    created_utc: datetime
    method: int
    settings: Mapping[str, Any]
    versions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class AnalysisRow(AnalysisSpec):
    """A stored analysis, and how many visits it has dealt with."""

    version: int
    n_visits: int


@dataclass(frozen=True, kw_only=True)
class StoredWindow:
    """A window whose trace is stored: `orders` are the places of its visits that the analysis has yet to deal with."""

    window_id: int
    campaign: CampaignRow
    profile_toml: str
    raw_path: str
    raw_sha256: str
    orders: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class VisitAnalysis:
    """What an analysis makes of a visit; versions in `energy` and `gates` are those of the analysis."""

    order_in_window: int
    outcome: VisitOutcome
    reason: str | None
    energy: EnergySpec | None
    gates: Sequence[GateSpec]


@dataclass(frozen=True, kw_only=True)
class EnergyBeside:
    """A visit as an analysis has it, beside how it was while measuring (`_then`); energies None where there is none."""

    visit_id: int
    outcome: str
    outcome_then: str
    energy_mj: float | None
    energy_then_mj: float | None


def open_analysis(db: Database, spec: AnalysisSpec) -> int:
    """The version of an analysis: the stored one if it was made this way before, else a new one."""
    with db.write() as tx:
        for stored in tx.scalars(select(AnalysisTable).where(AnalysisTable.method == spec.method)):
            if stored.settings == spec.settings:
                return stored.version
        first = spec.method * _A_METHOD
        mine = select(func.max(AnalysisTable.version)).where(
            AnalysisTable.version.between(first, first + _A_METHOD - 1)
        )
        version = (tx.scalar(mine) or first) + 1
        tx.add(AnalysisTable(version=version, **fields_of(spec)))
        return version


def list_analyses(db: Database) -> list[AnalysisRow]:
    """All analyses made again, oldest first."""
    counted = (
        select(func.count()).select_from(VerdictTable).where(VerdictTable.analysis_version == AnalysisTable.version)
    )
    with db.read() as tx:
        rows = tx.execute(select(AnalysisTable, counted.scalar_subquery()).order_by(AnalysisTable.version))
        return [
            AnalysisRow(
                version=a.version, n_visits=n, created_utc=a.created_utc, method=a.method, settings=a.settings,
                versions=a.versions,
            )
            for a, n in rows
        ]  # fmt: skip


def known_versions(db: Database) -> list[int]:
    """Every analysis version that any energy of the record has."""
    with db.read() as tx:
        return list(tx.scalars(select(EnergyTable.analysis_version).distinct().order_by(EnergyTable.analysis_version)))


def windows_to_analyse(db: Database, version: int, campaign: str | None = None) -> list[StoredWindow]:
    """The windows that are done and hold visits which the analysis has not dealt with, in order of measurement.

    Quarantined and failed windows are left out: what they held was measured again.

    Raises:
        CampaignUnknown: no campaign of that name.
    """
    if campaign is not None:
        check_campaign(db, campaign)
    dealt_with = exists().where(VerdictTable.visit_id == VisitTable.id, VerdictTable.analysis_version == version)
    statement = (
        select(WindowTable, BenchSessionTable.profile_toml, CampaignTable, VisitTable.order_in_window)
        .join(BenchSessionTable, BenchSessionTable.id == WindowTable.session_id)
        .join(CampaignTable, CampaignTable.id == BenchSessionTable.campaign_id)
        .join(VisitTable, VisitTable.window_id == WindowTable.id)
        .where(WindowTable.state == "done", WindowTable.raw_path.is_not(None), ~dealt_with)
        .order_by(WindowTable.id, VisitTable.order_in_window)
    )
    with db.read() as tx:
        if campaign is not None:
            statement = statement.where(CampaignTable.name == campaign)
        found = dict[int, StoredWindow]()
        for window, profile_toml, stored, order in tx.execute(statement):
            assert window.raw_path is not None
            assert window.raw_sha256 is not None
            orders = found[window.id].orders if window.id in found else ()
            found[window.id] = StoredWindow(
                window_id=window.id, campaign=campaign_row(stored), profile_toml=profile_toml,
                raw_path=window.raw_path, raw_sha256=window.raw_sha256, orders=(*orders, order),
            )  # fmt: skip
        return list(found.values())


def add_analysis(db: Database, window_id: int, version: int, results: Sequence[VisitAnalysis]) -> None:
    """Put what an analysis made of a window beside what is there. ONE transaction.

    Raises:
        RecordRefused: no such visit, or the analysis has dealt with it before; nothing is then written.
    """
    with db.write() as tx:
        here = select(VisitTable.order_in_window, VisitTable.id).where(VisitTable.window_id == window_id)
        visit_ids = {row[0]: row[1] for row in tx.execute(here)}
        for result in results:
            if result.order_in_window not in visit_ids:
                raise RecordRefused(f"window {window_id} has no visit {result.order_in_window}", REFUSED_HINT)
            visit_id = visit_ids[result.order_in_window]
            tx.add(
                VerdictTable(visit_id=visit_id, analysis_version=version, outcome=result.outcome, reason=result.reason)
            )
            if result.energy is not None:
                tx.add(EnergyTable(visit_id=visit_id, **fields_of(result.energy)))
            tx.add_all(GateResultTable(visit_id=visit_id, **fields_of(gate)) for gate in result.gates)


def energies_beside(db: Database, version: int) -> list[EnergyBeside]:
    """Every visit that an analysis has dealt with, beside what was recorded while measuring."""
    now, then = aliased(EnergyTable), aliased(EnergyTable)
    measured = (EnergyTable.visit_id == VisitTable.id) & (EnergyTable.analysis_version < _A_METHOD)
    first = select(func.min(EnergyTable.analysis_version)).where(measured).correlate(VisitTable)
    statement = (
        select(VisitTable.id, VerdictTable.outcome, VisitTable.outcome, now.energy_mj, then.energy_mj)
        .select_from(VerdictTable)
        .join(VisitTable, VisitTable.id == VerdictTable.visit_id)
        .outerjoin(now, (now.visit_id == VisitTable.id) & (now.analysis_version == version))
        .outerjoin(then, (then.visit_id == VisitTable.id) & (then.analysis_version == first.scalar_subquery()))
        .where(VerdictTable.analysis_version == version)
        .order_by(VisitTable.id)
    )
    with db.read() as tx:
        return [
            EnergyBeside(
                visit_id=visit_id, outcome=outcome, outcome_then=outcome_then, energy_mj=energy_mj,
                energy_then_mj=energy_then_mj,
            )
            for visit_id, outcome, outcome_then, energy_mj, energy_then_mj in tx.execute(statement)
        ]  # fmt: skip

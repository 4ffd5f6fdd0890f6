"""Derives energies again from stored raw traces, as an analysis beside the one of measuring.

For a better method, or for other limits of the gates, without measuring again. What is there stays as it is; each
window is one transaction, so a run that is killed goes on where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from db.analyses import AnalysisSpec, StoredWindow, VisitAnalysis, add_analysis, open_analysis, windows_to_analyse
from db.database import Database
from db.errors import TraceDamaged, TraceMissing
from db.naming import check_campaign
from db.traces import load_trace
from lab.analysis.energy import ANALYSIS_VERSION
from lab.analysis.raw_window import NotARawWindow, RawWindow, unpack
from lab.analysis.window import WindowUnusable, analyse
from lab.campaign.provenance import this_process
from lab.profile.profile import BenchProfile, parse_profile

log = logging.getLogger(__name__)

_OF_THE_SESSION = "of the session"


@dataclass(frozen=True)
class WindowReanalysis:
    """What became of a window.

    Attributes:
        problem: why nothing could be derived from it; None if something was.
        n_visits, n_energies: that were dealt with, and that got an energy.
    """

    window_id: int
    campaign: str
    simulated: bool
    n_visits: int
    n_energies: int
    problem: str | None


def analysis_of(profile: BenchProfile | None, now_utc: datetime) -> AnalysisSpec:
    """The way of deriving: today's method, with the gates of a profile, or with those of each session's own."""
    gates = _OF_THE_SESSION if profile is None else profile.gates.model_dump(mode="json")
    versions = this_process().versions
    return AnalysisSpec(created_utc=now_utc, method=ANALYSIS_VERSION, settings={"gates": gates}, versions=versions)


def reanalyse(
    db: Database,
    spec: AnalysisSpec,
    profile: BenchProfile | None,
    campaign: str | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[WindowReanalysis]:
    """Derive what this analysis has not derived yet, window by window.

    Args:
        spec: see `analysis_of`.
        profile: whose gates judge; None: each session's own.
        campaign: name of the only campaign wanted.

    Raises:
        ProfileError: the profile of a session is not one that this release takes.
        DbError: no such campaign, or the record cannot be used.
    """
    if campaign is not None:
        # Before the first write: a name that is not there leaves no analysis behind.
        check_campaign(db, campaign)
    version = open_analysis(db, spec)
    for window in windows_to_analyse(db, version, campaign):
        if should_stop():
            return
        yield _one_window(db, window, version, profile)


def _one_window(db: Database, window: StoredWindow, version: int, profile: BenchProfile | None) -> WindowReanalysis:
    judged_by = parse_profile(window.profile_toml, f"of window {window.window_id}")
    if profile is not None:
        judged_by = replace(judged_by, gates=profile.gates)
    name, simulated = window.campaign.name, window.campaign.simulated
    try:
        raw = unpack(load_trace(db.files_dir / window.raw_path, window.raw_sha256))
    except (TraceMissing, TraceDamaged, NotARawWindow) as error:
        log.warning("window %d: %s", window.window_id, error)
        return WindowReanalysis(window.window_id, name, simulated, 0, 0, str(error))
    results = [result for result in _results(raw, judged_by, version) if result.order_in_window in window.orders]
    add_analysis(db, window.window_id, version, results)
    n_energies = sum(result.energy is not None for result in results)
    return WindowReanalysis(window.window_id, name, simulated, len(results), n_energies, None)


def _results(raw: RawWindow, profile: BenchProfile, version: int) -> list[VisitAnalysis]:
    """What today's analysis makes of each visit; of an unusable window, that all are rejected."""
    try:
        visits = analyse(raw, profile, analysis_version=version).visits
    except WindowUnusable as error:
        return [
            VisitAnalysis(order_in_window=order, outcome="rejected", reason=f"window: {error}", energy=None, gates=())
            for order in range(len(raw.model_sha256))
        ]
    return [
        VisitAnalysis(
            order_in_window=visit.order_in_window,
            outcome=visit.outcome,
            reason=visit.reason,
            energy=visit.energy,
            gates=visit.gates,
        )
        for visit in visits
    ]

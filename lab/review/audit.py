"""An independent check of a campaign: everything that its results rest on is looked at again, from the record alone.

In the spirit of MLPerf's compliance checker: what the campaign says of itself is held against its traces, hashes, gates
and profiles. Energies are not derived again: `lab reanalyse` does that. `lab audit` prints what this returns.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from db.database import Database
from db.errors import DbError
from db.evidence import (
    GateEvidence,
    SessionEvidence,
    TaskEvidence,
    VisitEvidence,
    WindowEvidence,
    sessions_of,
    tasks_of,
    visits_of,
    windows_of,
)
from db.kinds import TRUSTED_OUTCOMES, IncidentKind, SessionEnd
from db.queries import ModelWithoutResult, canary_points, incidents, without_result
from db.rows import CampaignRow, IncidentRow
from db.traces import load_trace
from lab.analysis.control_charts import CanaryCharts, CanaryVisit
from lab.analysis.gates import GATES_AT_LEAST, GATES_AT_MOST
from lab.analysis.raw_window import NotARawWindow, unpack
from lab.campaign.status import shortened
from lab.doctor.check import Check, attempt
from lab.errors import ProfileError
from lab.profile.profile import BenchProfile, parse_profile

_SHOWN = 3
_SAME_FRAC = 1e-9
_SIMULATED_SERIALS = {"98SIM4XL01"}


@dataclass(frozen=True)
class Evidence:
    """All that the record holds of a campaign."""

    campaign: CampaignRow
    sessions: Sequence[SessionEvidence]
    windows: Sequence[WindowEvidence]
    tasks: Sequence[TaskEvidence]
    visits: Mapping[int, Sequence[VisitEvidence]]
    incidents: Sequence[IncidentRow]
    without_result: Sequence[ModelWithoutResult] = ()

    @property
    def all_visits(self) -> Iterator[VisitEvidence]:
        """Every visit of every window."""
        for visits in self.visits.values():
            yield from visits

    @property
    def trusted(self) -> Iterator[VisitEvidence]:
        """Visits that count as results."""
        return (visit for visit in self.all_visits if visit.outcome in TRUSTED_OUTCOMES)


def audit(db: Database, campaign: CampaignRow) -> list[Check]:
    """Look at a campaign again.

    Returns:
        One finding a check; "fail" where the results cannot be relied on as they stand.
    """
    windows = windows_of(db, campaign.campaign_id)
    evidence = Evidence(
        campaign,
        sessions_of(db, campaign.campaign_id),
        windows,
        tasks_of(db, campaign.campaign_id),
        {window.window_id: visits_of(db, window.window_id) for window in windows},
        incidents(db, campaign.campaign_id),
        without_result(db, campaign.campaign_id),
    )
    checks: dict[str, Callable[[Evidence], Check]] = {
        "complete": _complete,
        "one row each": _once,
        "simulated": _simulated,
        "tool": _tool,
        "profile": _profile,
        "settings": _settings,
        "gates": _gates,
        "energies": _energies,
        "traces": partial(_traces, db),
        "models": partial(_models, db),
        "canaries": partial(_canaries, db),
    }
    return [attempt(name, partial(look, evidence)) for name, look in checks.items()]


def _finding(name: str, problems: Sequence[str], fine: str, fix: str) -> Check:
    if not problems:
        return Check(name, "ok", fine)
    more = f", and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return Check(name, "fail", "; ".join(problems[:_SHOWN]) + more, fix)


def _complete(evidence: Evidence) -> Check:
    """Every task is settled, nothing runs or hangs."""
    states = Counter(task.state for task in evidence.tasks if task.role == "architecture")
    problems = [f"{states[state]} models are {state}" for state in ("pending", "claimed") if states[state]]
    problems += [f"window {w.window_id} has no end" for w in evidence.windows if w.state == "running"]
    problems += [f"session {s.session_id} has no end" for s in evidence.sessions if s.end_kind is None]
    counted = Counter(visit.task_id for visit in evidence.trusted)
    problems += [
        f"task {task.task_id} is done without a result"
        for task in evidence.tasks
        if task.role == "architecture" and task.state == "done" and not counted[task.task_id]
    ]
    fine = f"{states['done']:,} models measured, {states['failed']:,} failed with a reason"
    if evidence.without_result:
        named = [f"{shortened(one.name)}: {one.reason}" for one in evidence.without_result[:_SHOWN]]
        n_more = len(evidence.without_result) - _SHOWN
        fine += " (" + "; ".join(named) + (f"; and {n_more:,} more, lab status --failed" if n_more > 0 else "") + ")"
    return _finding("complete", problems, fine, "Run the same `lab measure` again: it goes on where it stopped.")


def _once(evidence: Evidence) -> Check:
    """No run of the phone is in the record twice."""
    places = Counter((visit.window_id, visit.order_in_window) for visit in evidence.all_visits)
    problems = [
        f"place {order} of window {window} is there {n} times" for (window, order), n in places.items() if n > 1
    ]
    untrusted = {w.window_id for w in evidence.windows if w.state != "done"}
    problems += [
        f"visit {visit.visit_id} counts, but its window {visit.window_id} is not one that is done"
        for visit in evidence.trusted
        if visit.window_id in untrusted
    ]
    fine = f"{len(places):,} visits, each at a place of its own"
    return _finding("one row each", problems, fine, "Do not use the visits that are named.")


def _simulated(evidence: Evidence) -> Check:
    """Nothing simulated among what was measured, and the other way round."""
    wanted = evidence.campaign.simulated
    problems = []
    for session in evidence.sessions:
        marks = (session.simulated, session.meter_simulated, session.phone_simulated)
        if any(mark != wanted for mark in marks):
            problems.append(f"session {session.session_id} is not marked as its campaign is")
        if not wanted and session.phone_serial in _SIMULATED_SERIALS:
            problems.append(f"session {session.session_id} has the simulated phone {session.phone_serial}")
        parsed = _parsed(session)
        if parsed is not None and (parsed.simulated is not None) != wanted:
            problems.append(f"the profile of session {session.session_id} says otherwise than its mark")
    fine = "everything is SIMULATED, and marked so" if wanted else "nothing is simulated"
    return _finding("simulated", problems, fine, "Export by campaign, and leave this one out of every fit.")


def _parsed(session: SessionEvidence) -> BenchProfile | None:
    try:
        return parse_profile(session.profile_toml, session.profile_name)
    except ProfileError:
        return None


def _tool(evidence: Evidence) -> Check:
    """One build of the benchmark tool, one meter, one phone."""
    problems = [
        f"{len(found)} different {what}: {', '.join(sorted(found))}"
        for what, found in (
            ("benchmark tools", {s.tool_sha256[:12] for s in evidence.sessions}),
            ("meters", {s.meter_serial for s in evidence.sessions}),
            ("phones", {s.phone_serial for s in evidence.sessions}),
        )
        if len(found) > 1
    ]
    tool = evidence.sessions[0].tool_sha256[:12] if evidence.sessions else "none yet"
    fine = f"one build, sha256 {tool}..., in all {len(evidence.sessions)} starts"
    return _finding("tool", problems, fine, "Measurements with different equipment are not comparable.")


def _profile(evidence: Evidence) -> Check:
    """Profiles are what their hash says, and their conditions are the campaign's."""
    problems, conditions = [], evidence.campaign.config.get("conditions", {})
    for session in evidence.sessions:
        if hashlib.sha256(session.profile_toml.encode()).hexdigest() != session.profile_sha256:
            problems.append(f"the profile of session {session.session_id} is not that of its hash")
        try:
            profile = parse_profile(session.profile_toml, session.profile_name)
        except ProfileError as error:
            problems.append(f"session {session.session_id}: {error}")
            continue
        differing = [name for name, value in profile.conditions().items() if conditions.get(name, value) != value]
        problems += [f"session {session.session_id} has another {name}" for name in differing]
        if profile.lock.freq_khz != session.clock_freq_khz:
            problems.append(f"session {session.session_id} was locked at {session.clock_freq_khz:,} kHz")
    n_profiles = len({session.profile_sha256 for session in evidence.sessions})
    fine = f"{n_profiles} text{'s' if n_profiles != 1 else ''}, hashes right, conditions the same"
    return _finding("profile", problems, fine, "Do not compare these sessions' results.")


def _settings(evidence: Evidence) -> Check:
    """The phone was given back: by the session itself, or by a later one that found what was left."""
    given_back = [i.session_id for i in evidence.incidents if i.kind is IncidentKind.LEFTOVERS]
    kept = {i.session_id for i in evidence.incidents if i.kind is IncidentKind.SETTINGS_KEPT}
    kept |= {s.session_id for s in evidence.sessions if s.end_kind is SessionEnd.LOST}
    # A start that finds nothing left has proved it too: its own note would otherwise be written over.
    later = {s: any(other.session_id > s for other in evidence.sessions) for s in kept}
    open_ones = sorted(s for s in kept if not later[s] and not any(g > s for g in given_back))
    problems = [f"session {session} ended without giving the phone's settings back" for session in open_ones]
    if not problems and kept:
        return Check("settings", "ok", f"given back; after {len(kept)} starts only by the one that followed")
    fine = f"given back by each of {len(evidence.sessions)} starts"
    return _finding("settings", problems, fine, "`lab measure` gives them back first; or reboot the phone.")


def _gates(evidence: Evidence) -> Check:
    """Every result has every gate, and every gate says what its value and limit say."""
    names, problems, n = {*GATES_AT_MOST, *GATES_AT_LEAST}, [], 0
    for visit in evidence.trusted:
        n += 1
        there = {gate.gate for gate in visit.gates}
        if names - there:
            problems.append(f"visit {visit.visit_id} lacks {', '.join(sorted(names - there))}")
        problems += [
            f"visit {visit.visit_id} counts with {gate.gate} {gate.value} against {gate.limit_value}"
            for gate in visit.gates
            if gate.outcome == "reject" or (gate.outcome == "pass" and not _holds(gate))
        ]
    return _finding("gates", problems, f"all {len(names)} gates of {n:,} visits hold", "Do not use these visits.")


def _holds(gate: GateEvidence) -> bool:
    if gate.value is None or not math.isfinite(gate.value):
        return False
    return gate.value >= gate.limit_value if gate.gate in GATES_AT_LEAST else gate.value <= gate.limit_value


def _energies(evidence: Evidence) -> Check:
    """Energy is power times latency, positive and finite."""
    problems, n = [], 0
    for visit in evidence.trusted:
        n += 1
        if visit.energy_mj is None or visit.power_w is None or visit.latency_ms is None:
            problems.append(f"visit {visit.visit_id} counts without an energy")
            continue
        product = visit.power_w * visit.latency_ms
        if not 0 < visit.energy_mj < math.inf or abs(visit.energy_mj - product) > _SAME_FRAC * product:
            problems.append(f"visit {visit.visit_id}: {visit.energy_mj:.6g} mJ is not {product:.6g}")
    return _finding("energies", problems, f"{n:,} energies are power times latency", "Somebody has changed the record.")


def _traces(db: Database, evidence: Evidence) -> Check:
    """The raw trace of every window that counts is there, is that of its hash, and lists the models of the visits."""
    problems, n = [], 0
    for window in evidence.windows:
        if window.state != "done":
            continue
        n += 1
        if window.raw_path is None or window.raw_sha256 is None:
            problems.append(f"window {window.window_id} has no trace")
            continue
        path = (db.files_dir / window.raw_path).resolve()
        if not path.is_relative_to(db.files_dir.resolve()):
            problems.append(f"window {window.window_id}: its trace is outside the folder of the record")
            continue
        try:
            raw = unpack(load_trace(path, window.raw_sha256))
        except (DbError, NotARawWindow) as error:
            problems.append(f"window {window.window_id}: {error}")
            continue
        visited = tuple(visit.model_sha256 for visit in evidence.visits[window.window_id])
        if raw.model_sha256 != visited:
            problems.append(f"window {window.window_id}: the trace is of other models than the visits")
    return _finding("traces", problems, f"{n:,} traces are what their hashes say", "Restore them from a copy.")


def _models(db: Database, evidence: Evidence) -> Check:
    """Every result is of its task's model, and the files that are kept are what their names say."""
    of_task = {task.task_id: task.model_sha256 for task in evidence.tasks}
    problems = [
        f"visit {visit.visit_id} is of another model than its task"
        for visit in evidence.trusted
        if visit.model_sha256 != of_task[visit.task_id]
    ]
    n_kept, wanted = 0, {visit.model_sha256 for visit in evidence.trusted}
    for sha256 in sorted(wanted):
        path = db.files_dir / "models" / f"{sha256}.tflite"
        if re.fullmatch("[0-9a-f]{64}", sha256) is None:
            problems.append("a model has a hash that is none")
        elif path.exists():
            n_kept += 1
            if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                problems.append(f"{path} is not what its name says")
    fine = f"{len(wanted):,} models, {n_kept:,} of their files kept here and whole"
    return _finding("models", problems, fine, "Remove the files that are named: they are built anew.")


def _canaries(db: Database, evidence: Evidence) -> Check:
    """The control charts, drawn anew from the record, raise no alarm in a window that counts."""
    points = canary_points(db, evidence.campaign.campaign_id)
    charts: dict[int, CanaryCharts] = {}
    latencies_ms = defaultdict[int, list[float]](list)
    profiles = {session.session_id: _parsed(session) for session in evidence.sessions}
    by_window = defaultdict[int, list[CanaryVisit]](list)
    problems, n = [], 0
    for point in points:
        if point.window_state == "done" and point.outcome in TRUSTED_OUTCOMES:
            by_window[point.window_id].append(CanaryVisit(point.ordinal, point.energy_mj, point.latency_ms))
    for window in evidence.windows:
        profile, visits = profiles[window.session_id], by_window[window.window_id]
        if profile is None or not visits:
            continue
        n += len(visits)
        if window.session_id not in charts:
            limits = profile.precision
            charts[window.session_id] = CanaryCharts(
                limits.prior_visit_sd_frac, limits.canary_limit_frac, limits.latency_canary_limit_frac, latencies_ms
            )
        alarm = charts[window.session_id].take(visits)
        if alarm is not None:
            problems.append(f"window {window.window_id}: {alarm.text}")
        for visit in visits:
            latencies_ms[visit.canary].append(visit.latency_ms)
    n_quarantined = sum(window.state == "quarantined" for window in evidence.windows)
    fine = f"{n:,} visits of canaries in control, {n_quarantined} windows quarantined"
    if not n and not problems:
        return Check("canaries", "warn", "no canary was measured", "Set precision.n_canaries in the profile.")
    return _finding("canaries", problems, fine, "Look at these windows; measure them again in another campaign.")

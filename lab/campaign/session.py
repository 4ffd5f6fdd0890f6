"""One start of the bench: prepares the phone, runs windows until nothing is pending, gives the phone back.

Each window is run (`lab.bench.procedure`), judged (`judgement`) and recorded (`window_record`), in that order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from db.campaigns import set_models
from db.database import Database
from db.errors import DbError
from db.kinds import IncidentKind, SessionEnd
from db.rows import CampaignRow, IncidentSpec, TaskRow
from db.sessions import end_session, record_incident, start_session
from db.traces import StoredTrace
from hardware.bench import Bench
from hardware.errors import HardwareError
from hardware.phone import QueuedModel
from lab.analysis.control_charts import CanaryAlarm
from lab.analysis.window import WindowUnusable
from lab.bench.procedure import WindowRun, run_window
from lab.bench.recovery import make_ready, stops_for_user
from lab.campaign.crash_attribution import died_under
from lab.campaign.equipment import check_equipment, session_spec, tool_content
from lab.campaign.judgement import BenchSuspected, WindowJudge
from lab.campaign.model_files import ReadyModel
from lab.campaign.provenance import Provenance
from lab.campaign.recording import window_note
from lab.campaign.rows import incident_kind, incident_of
from lab.campaign.state import CampaignState
from lab.campaign.steps import CampaignStep, Observer, Phase, step_of
from lab.campaign.task_queue import Work
from lab.campaign.window_record import WindowRecord
from lab.errors import CampaignStopped
from lab.profile.profile import BenchProfile

log = logging.getLogger(__name__)

_ALARMS_IN_A_ROW = 2


def _keep_nothing(name: str, content: Mapping[str, Any]) -> None:
    """What a session notes where nothing is recorded."""


@dataclass(frozen=True, kw_only=True)
class SessionSetup:
    """What one start of the bench is made of.

    Attributes:
        open_work: makes the source of its windows, when the session stands in the record.
        state: what earlier starts of the campaign left to know.
        observe: told where the campaign is.
        should_stop: asked between two windows.
        note: told, under a name, what a recording of the session must know besides the wire.
    """

    db: Database
    profile: BenchProfile
    campaign: CampaignRow
    bench: Bench
    provenance: Provenance
    state: CampaignState
    open_work: Callable[[], Work]
    observe: Observer = lambda step: None
    should_stop: Callable[[], bool] = lambda: False
    note: Callable[[str, Mapping[str, Any]], None] = _keep_nothing


def run_session(setup: SessionSetup) -> None:
    """Windows until nothing is pending, or `should_stop` says so.

    Raises:
        HardwareError, DbError, LabError: with what to do; what was measured is in the record.
    """
    bench, profile = setup.bench, setup.profile
    # What is refused is refused before anything on the phone is changed; only of a tool that the profile names no file
    # of the build is known later, after what an earlier start left there was given back.
    content = tool_content(profile.tool)
    check_equipment(setup.db, setup.campaign, bench, None if content is None else sha256(content).hexdigest())
    leftovers = bench.phone.give_back_leftovers()
    if content is not None:
        bench.phone.put_tool(content, profile.tool.path)
    # Asked for in every start, also in one with nothing to compare with: a replay stands alone.
    tool_sha256 = bench.phone.tool_sha256(profile.tool.path)
    check_equipment(setup.db, setup.campaign, bench, tool_sha256)
    session = None
    try:
        with bench.phone.prepared(profile.lock) as before:
            boot_id = bench.phone.boot_id()
            spec = session_spec(bench, profile, setup.campaign, setup.provenance, tool_sha256, before)
            first_step = step_of(setup.db, setup.campaign, Phase.OPENING, 0.0)
            session = MeasuringSession(setup, start_session(setup.db, spec), boot_id, first_step)
            session.run(leftovers)
    finally:
        if session is not None:
            session.note_leftovers()


class MeasuringSession:
    """A session that stands in the record, on a phone that is prepared.

    Args:
        session_id: in the record.
        boot_id: of the phone's kernel.
        first_step: where the campaign is as the session begins.
    """

    def __init__(self, setup: SessionSetup, session_id: int, boot_id: str, first_step: CampaignStep) -> None:
        self._setup, self._session_id, self._boot_id = setup, session_id, boot_id
        self._db, self._profile, self._bench = setup.db, setup.profile, setup.bench
        self._judge = WindowJudge(setup.db, setup.profile, setup.campaign, setup.state)
        self._record = WindowRecord(setup.db, setup.profile, setup.campaign, setup.bench, setup.state, session_id)
        self._failures_in_a_row = 0
        self._alarms_in_a_row = 0
        self._is_ready = True
        self._last_step = first_step

    def run(self, leftovers: Sequence[str]) -> None:
        """All windows; the session's end is recorded with its reason.

        Args:
            leftovers: settings of an earlier start that were given back before this one.
        """
        self._setup.note("session", {"session_id": self._session_id})
        if leftovers:
            detail = f"settings of an earlier start: {', '.join(leftovers)}"
            self._incident(IncidentKind.LEFTOVERS, detail, "given back")
        work = self._setup.open_work()
        kind, reason = SessionEnd.ERROR, "error"
        try:
            self._windows(work)
            kind, reason = SessionEnd.DONE, "done"
        except KeyboardInterrupt:
            kind, reason = SessionEnd.INTERRUPTED, "interrupted"
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            work.close()
            end_session(self._db, self._session_id, kind, reason, self._bench.clock.utc())

    def note_leftovers(self) -> None:
        """Record it if the phone was not given back: `lab audit` asks for it."""
        try:
            if not self._bench.phone.has_leftovers():
                return
            detail = "the phone still has the settings for measuring"
        except HardwareError as error:
            detail = f"whether the phone was given back is not known: {error}"
        try:
            self._incident(IncidentKind.SETTINGS_KEPT, detail, "the next start gives them back first")
        except DbError as error:
            log.error("it could not be recorded that the phone was not given back: %s", error)

    def _windows(self, work: Work) -> None:
        while not self._setup.should_stop():
            self._make_ready()
            tasks = work.next_window(self._session_id)
            if not tasks:
                return
            self._one_window(tasks, work)

    def _make_ready(self) -> None:
        """After a window in which something was wrong, climb the recovery ladder; each step is an incident."""
        if self._is_ready:
            return
        self._show(Phase.RECOVERING)
        bench = self._bench
        try:
            for recovery in make_ready(bench, self._profile):
                record_incident(self._db, self._session_id, incident_of(recovery, bench.clock.utc()))
            self._boot_id = bench.phone.boot_id()
        except HardwareError as error:
            self._incident(incident_kind(error), str(error), stops_for_user(error))
            raise
        self._is_ready = True

    def _one_window(self, tasks: Sequence[TaskRow], work: Work) -> None:
        """The life of a result: models are built, run on the phone, judged and recorded; a quarantine follows."""
        self._show(Phase.BUILDING)
        models = list[ReadyModel]()
        for task in tasks:
            if self._setup.should_stop():
                # Nothing of the window is under way: the session's end gives the tasks back.
                return
            models.append(work.model(task))
        set_models(self._db, {t.task_id: m.spec for t, m in zip(tasks, models, strict=True) if t.model is None})
        self._setup.note("window", window_note(tasks, [model.spec for model in models]))
        window_id = self._record.begin()
        self._show(Phase.PUSHING)
        queue = [QueuedModel(model.spec.sha256, model.path) for model in models]
        try:
            run = run_window(self._bench, queue, self._profile, lambda s: self._show(Phase.MEASURING, s))
        except BaseException as error:
            self._record.cut_off(window_id, error)
            raise
        self._show(Phase.ANALYSING)
        stored = self._record.keep_trace(run)
        if run.raw is None:
            self._failed(window_id, run, run.failure, stored)
            return
        try:
            judged = self._judge.judge(run.raw, run.trace, tasks)
        except WindowUnusable as error:
            self._failed(window_id, run, error, stored, tasks)
            return
        self._record.finish(window_id, tasks, run, judged, stored)
        self._failures_in_a_row = 0
        self._is_ready = judged.flawless
        self._count_alarms(judged.alarm)
        self._show(Phase.WINDOW_DONE)

    def _failed(
        self,
        window_id: int,
        run: WindowRun,
        error: Exception | None,
        stored: StoredTrace | None,
        tasks: Sequence[TaskRow] = (),
    ) -> None:
        """Record a window that brought nothing, and stop after too many in a row.

        Args:
            tasks: of the window, if the phone came back from it: one of them may have taken it down.

        Raises:
            CampaignStopped: as many windows failed in a row as the profile allows.
        """
        assert error is not None
        self._is_ready = False
        self._failures_in_a_row += 1
        limit = self._profile.window.attempts
        action = "measured again" if self._failures_in_a_row < limit else "stopped"
        suspect = analysed = None
        if isinstance(error, WindowUnusable):
            suspect = died_under(self._bench.phone, self._boot_id, tasks, error)
        if isinstance(error, BenchSuspected):
            analysed = error.analysed
        attribution = self._record.fail(window_id, run, error, action, stored, analysed, suspect)
        if attribution is not None and attribution.update is not None:
            # It explains the windows that failed: they say nothing of the bench.
            self._failures_in_a_row = 0
        if self._failures_in_a_row >= limit:
            hint = getattr(error, "hint", "Run `lab doctor`.")
            raise CampaignStopped(f"{limit} windows failed in a row, the last because of: {error}", hint) from error

    def _count_alarms(self, alarm: CanaryAlarm | None) -> None:
        if alarm is None:
            self._alarms_in_a_row = 0
            return
        self._alarms_in_a_row += 1
        if self._alarms_in_a_row >= _ALARMS_IN_A_ROW:
            raise CampaignStopped(
                f"The canaries are out of control twice in a row: {alarm.text}.",
                "Look at the bench (leads, fan, what runs on the phone); then the same command continues.",
            )

    def _incident(self, kind: IncidentKind, detail: str, action: str) -> None:
        spec = IncidentSpec(at_utc=self._bench.clock.utc(), kind=kind, detail=detail, action=action)
        record_incident(self._db, self._session_id, spec)

    def _show(self, phase: Phase, window_s: float = 0.0) -> None:
        if phase is not Phase.MEASURING:
            self._last_step = step_of(self._db, self._setup.campaign, phase, 0.0)
        last = self._last_step
        self._setup.observe(replace(last, phase=phase, bench_s=last.bench_s + window_s, window_s=window_s))

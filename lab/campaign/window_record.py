"""Puts windows into the record: one that brought results, one that failed, one that was cut off."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from db.database import Database
from db.queries import crashed_models
from db.rows import CampaignRow, IncidentSpec, TaskRow, TaskUpdate, VisitSpec, WindowResult, WindowSpec
from db.traces import StoredTrace, store_trace
from db.windows import fail_window, finish_window, quarantine_window, start_window
from hardware.bench import Bench
from hardware.errors import HardwareError
from lab.analysis.raw_window import pack, pack_failed
from lab.analysis.window import AnalysedWindow
from lab.bench.procedure import WindowRun
from lab.bench.recovery import stops_for_user
from lab.campaign.crash_attribution import CrashAttribution, attribute_crash
from lab.campaign.judgement import JudgedWindow
from lab.campaign.rows import flaws, incident_kind, incident_of, window_measures
from lab.campaign.state import CampaignState
from lab.profile.profile import BenchProfile

log = logging.getLogger(__name__)


class WindowRecord:
    """The windows of one session in the record.

    Args:
        state: what earlier starts of the campaign left to know.
        session_id: of the session in the record.
    """

    def __init__(
        self,
        db: Database,
        profile: BenchProfile,
        campaign: CampaignRow,
        bench: Bench,
        state: CampaignState,
        session_id: int,
    ) -> None:
        self._db, self._profile, self._campaign, self._bench = db, profile, campaign, bench
        self._state, self._session_id = state, session_id

    def begin(self) -> int:
        """A window that runs from now on; its id."""
        clock = self._bench.clock
        spec = WindowSpec(session_id=self._session_id, started_utc=clock.utc(), started_s=clock.now_s())
        return start_window(self._db, spec)

    def cut_off(self, window_id: int, error: BaseException) -> None:
        """A window that an error ended which no later window can mend, or Ctrl-C."""
        now = self._bench.clock.utc()
        if not isinstance(error, HardwareError):
            fail_window(self._db, window_id, "lost", f"{type(error).__name__}: {error}", now)
            return
        incident = IncidentSpec(at_utc=now, kind=incident_kind(error), detail=str(error), action=stops_for_user(error))
        fail_window(self._db, window_id, "failed", str(error), now, incidents=[incident])

    def keep_trace(self, run: WindowRun) -> StoredTrace | None:
        """Store what the meter sent: whole, or up to where the window failed; None if it sent nothing."""
        if run.raw is not None:
            return store_trace(self._db.files_dir, pack(run.raw))
        if not run.packets:
            return None
        meter, supply_v = self._bench.meter.info, self._profile.supply.voltage_v
        return store_trace(self._db.files_dir, pack_failed(meter.kind, meter.calibration, supply_v, run.packets))

    def finish(
        self, window_id: int, tasks: Sequence[TaskRow], run: WindowRun, judged: JudgedWindow, stored: StoredTrace | None
    ) -> None:
        """A window that was judged; where its canaries are out of control it is quarantined at once."""
        analysed = judged.analysed
        result = WindowResult(
            ended_utc=self._bench.clock.utc(),
            measures=window_measures(run, analysed, stored),
            task_ids=[task.task_id for task in tasks],
            visits=[_kept(visit) for visit in analysed.visits],
            task_updates=judged.task_updates,
            incidents=self._incidents(run, analysed.usb_max_v),
        )
        finish_window(self._db, window_id, result)
        if judged.alarm is not None:
            quarantine_window(self._db, window_id, judged.alarm.text, self._bench.clock.utc())

    def fail(
        self,
        window_id: int,
        run: WindowRun,
        error: Exception,
        action: str,
        stored: StoredTrace | None,
        analysed: AnalysedWindow | None = None,
        suspect: TaskRow | None = None,
    ) -> CrashAttribution | None:
        """A window that brought nothing.

        Args:
            window_id: of the window.
            run: as far as it went.
            error: why it is of no use.
            action: what is done about it, as a phrase.
            stored: its trace.
            analysed: what is known of it, if it could be analysed.
            suspect: the task whose model ran as the phone restarted.

        Returns:
            What becomes of the suspect; None without one.
        """
        incident = IncidentSpec(
            at_utc=self._bench.clock.utc(),
            kind=incident_kind(error),
            detail=str(error),
            action=action,
            lost_s=run.times.duration_s,
        )
        attribution = None
        updates = dict[int, TaskUpdate]()
        if suspect is not None:
            crashed = crashed_models(self._db, self._campaign.campaign_id)
            attribution = attribute_crash(suspect, incident, {*self._state.crashed_models, *crashed})
            incident = attribution.incident
            if attribution.update is not None:
                updates[suspect.task_id] = attribution.update
        fail_window(
            self._db,
            window_id,
            "failed",
            str(error),
            self._bench.clock.utc(),
            measures=window_measures(run, analysed, stored),
            incidents=[*self._incidents(run, 0.0), incident],
            crashed_task_ids=[] if suspect is None else [suspect.task_id],
            task_updates=updates,
        )
        return attribution

    def _incidents(self, run: WindowRun, usb_max_v: float) -> list[IncidentSpec]:
        now = self._bench.clock.utc()
        recoveries = [incident_of(recovery, now) for recovery in run.recoveries]
        return [*recoveries, *flaws(run, usb_max_v, self._profile.gates.max_usb_v, now)]


def _kept(visit: VisitSpec) -> VisitSpec:
    """A visit as it is stored: of the tool's words only what somebody will look at again."""
    return replace(visit, tool_output="") if visit.outcome == "accepted" else visit

"""One start of the bench by this process: windows until nothing of the campaign is pending.

One transaction a window puts visits, energies, gates, task states and incidents into the record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from db.campaigns import set_models
from db.database import Database
from db.errors import DbError
from db.queries import energies_of, incidents, visit_noise
from db.rows import (
    CampaignRow,
    IncidentSpec,
    TaskRow,
    TaskUpdate,
    WindowMeasures,
    WindowResult,
    WindowSpec,
)
from db.sessions import end_session, record_incident, start_session
from db.traces import store_trace
from db.windows import fail_window, finish_window, quarantine_window, start_window
from hardware.bench import Bench
from hardware.errors import HardwareError
from hardware.phone import QueuedModel
from lab.analysis.control_charts import CanaryAlarm, CanaryCharts, CanaryVisit
from lab.analysis.energy import ANALYSIS_VERSION
from lab.analysis.raw_window import pack, pack_failed
from lab.analysis.window import AnalysedWindow, WindowUnusable, analyse, bench_trouble, distrusted
from lab.bench.procedure import WindowRun, run_window
from lab.bench.recovery import make_ready, stops_for_user
from lab.campaign.crash_attribution import PHONE_DIED, attribute_crash, died_under
from lab.campaign.equipment import check_equipment, put_tool, session_spec
from lab.campaign.provenance import Provenance
from lab.campaign.recording import window_note
from lab.campaign.rows import energy_row, flaws, incident_of, visit_spec, window_measures
from lab.campaign.state import CampaignState
from lab.campaign.steps import CampaignStep, Observer, step_of
from lab.campaign.task_queue import Work
from lab.campaign.tasks import VisitNoiseEstimate, decide, noise_estimate
from lab.errors import CampaignStopped
from lab.profile.profile import BenchProfile

log = logging.getLogger(__name__)

_ALARMS_IN_A_ROW = 2


Note = Callable[[str, Mapping[str, Any]], None]
"""Keeps something in a recording, under a name."""


class MeasuringSession:
    """One start of the bench by this process.

    Args:
        open_work: makes the source of its windows, when the session stands in the record.
        history: what earlier starts of the campaign left to know.
        note: told what a recording of the session must know besides the wire.
    """

    def __init__(
        self,
        db: Database,
        profile: BenchProfile,
        campaign: CampaignRow,
        bench: Bench,
        open_work: Callable[[], Work],
        observe: Observer,
        should_stop: Callable[[], bool],
        provenance: Provenance,
        history: CampaignState,
        note: Note = lambda name, content: None,
    ) -> None:
        self._db, self._profile, self._campaign = db, profile, campaign
        self._bench, self._open_work, self._observe, self._should_stop = bench, open_work, observe, should_stop
        self._provenance, self._history, self._note = provenance, history, note
        precision = profile.precision
        self._charts = CanaryCharts(
            precision.prior_visit_sd_frac,
            precision.canary_limit_frac,
            precision.latency_canary_limit_frac,
            history.canary_latencies_ms,
        )
        self._session_id: int | None = None
        self._boot_id = ""
        self._failures_in_a_row = 0
        self._alarms_in_a_row = 0
        self._is_ready = True
        self._last_step = step_of(db, campaign, "", 0.0)

    def run(self) -> None:
        """Windows until nothing is pending."""
        bench, profile = self._bench, self._profile
        leftovers = bench.phone.give_back_leftovers()
        put_tool(bench.phone, profile.tool)
        # Asked for in every start, also in one with nothing to compare with: a replay stands alone.
        tool_sha256 = bench.phone.tool_sha256(profile.tool.path)
        check_equipment(self._db, self._campaign, bench, tool_sha256)
        try:
            with bench.phone.prepared(profile.lock) as before:
                self._boot_id = bench.phone.boot_id()
                spec = session_spec(bench, profile, self._campaign, self._provenance, tool_sha256, before)
                self._session_id = start_session(self._db, spec)
                self._note("session", {"session_id": self._session_id})
                if leftovers:
                    self._incident("leftovers", f"settings of an earlier start: {', '.join(leftovers)}", "given back")
                self._until_done()
        finally:
            self._note_leftovers()

    def _until_done(self) -> None:
        """All windows; the session's end is recorded with its reason."""
        assert self._session_id is not None
        work = self._open_work()
        reason = "error"
        try:
            self._windows(work)
            reason = "done"
        except KeyboardInterrupt:
            reason = "interrupted"
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            work.close()
            end_session(self._db, self._session_id, reason, self._bench.clock.utc())

    def _note_leftovers(self) -> None:
        """Record it if the phone was not given back: `lab audit` asks for it."""
        if self._session_id is None:
            return
        try:
            if not self._bench.phone.has_leftovers():
                return
            detail = "the phone still has the settings for measuring"
        except HardwareError as error:
            detail = f"whether the phone was given back is not known: {error}"
        try:
            self._incident("settings_kept", detail, "the next start gives them back first")
        except DbError as error:
            log.error("it could not be recorded that the phone was not given back: %s", error)

    def _windows(self, work: Work) -> None:
        assert self._session_id is not None
        while not self._should_stop():
            self._make_ready()
            tasks = work.next_window(self._session_id)
            if not tasks:
                return
            self._one_window(tasks, work)

    def _make_ready(self) -> None:
        """After a window in which something was wrong, climb the recovery ladder; each step is an incident."""
        if self._is_ready:
            return
        self._show("recovering")
        bench = self._bench
        try:
            for recovery in make_ready(bench, self._profile):
                self._incident(recovery.kind, recovery.detail, recovery.action, recovery.lost_s)
            self._boot_id = bench.phone.boot_id()
        except HardwareError as error:
            self._incident(type(error).__name__, str(error), stops_for_user(error))
            raise
        self._is_ready = True

    def _one_window(self, tasks: list[TaskRow], work: Work) -> None:
        self._show("building models")
        models = [work.model(task) for task in tasks]
        set_models(self._db, {t.task_id: m.spec for t, m in zip(tasks, models, strict=True) if t.model is None})
        self._note("window", window_note(tasks, [model.spec for model in models]))
        clock = self._bench.clock
        assert self._session_id is not None
        window_id = start_window(
            self._db,
            WindowSpec(session_id=self._session_id, started_utc=clock.utc(), started_s=clock.now_s()),
        )
        self._show("pushing models")
        queue = [QueuedModel(model.spec.sha256, model.path) for model in models]
        try:
            run = run_window(self._bench, queue, self._profile, lambda s: self._show("measuring", s))
        except HardwareError as error:
            incident = IncidentSpec(
                at_utc=clock.utc(), kind=type(error).__name__, detail=str(error), action=stops_for_user(error)
            )
            fail_window(self._db, window_id, "failed", str(error), clock.utc(), incidents=[incident])
            raise
        except BaseException as error:
            fail_window(self._db, window_id, "lost", f"{type(error).__name__}: {error}", clock.utc())
            raise
        self._show("analysing")
        self._settle(window_id, tasks, run)

    def _settle(self, window_id: int, tasks: list[TaskRow], run: WindowRun) -> None:
        """Put a window into the record, whatever became of it."""
        if run.raw is None:
            self._note_failed(window_id, run, run.failure)
            return
        stored = store_trace(self._db.files_dir, pack(run.raw))
        try:
            analysed = analyse(run.raw, self._profile, run.trace)
        except WindowUnusable as error:
            measures = window_measures(run, None, stored)
            self._note_failed(
                window_id, run, error, measures, died_under(self._bench.phone, self._boot_id, tasks, error)
            )
            return
        by_order = dict(enumerate(tasks))
        trouble = bench_trouble(analysed.visits, {o for o, task in by_order.items() if task.role == "canary"})
        if trouble is not None:
            self._note_failed(window_id, run, WindowUnusable(trouble), window_measures(run, analysed, stored))
            return
        self._failures_in_a_row = 0
        self._is_ready = all(visit.outcome in ("accepted", "marginal") for visit in analysed.visits)
        alarm = self._judge_canaries(by_order, analysed)
        if alarm is not None:
            analysed = distrusted(analysed, alarm.text)
        visits = [visit_spec(by_order[visit.order].task_id, visit, self._profile) for visit in analysed.visits]
        finish_window(
            self._db,
            window_id,
            WindowResult(
                ended_utc=self._bench.clock.utc(),
                measures=window_measures(run, analysed, stored),
                visits=visits,
                task_updates=self._updates(by_order, analysed),
                incidents=[
                    *(incident_of(recovery, self._bench.clock.utc()) for recovery in run.recoveries),
                    *self._flaws(run, analysed.usb_max_v),
                ],
            ),
        )
        self._act_on(alarm, window_id)
        self._show("window done")

    def _updates(self, by_order: Mapping[int, TaskRow], analysed: AnalysedWindow) -> dict[int, TaskUpdate]:
        precision = self._profile.precision
        noise = self._noise()
        known = energies_of(self._db, [t.task_id for t in by_order.values()], ANALYSIS_VERSION)
        updates = dict[int, TaskUpdate]()
        for visit in analysed.visits:
            task = by_order[visit.order]
            if task.role == "canary":
                continue
            energies = list(known[task.task_id])
            if visit.outcome in ("accepted", "marginal"):
                energies.append(energy_row(task.task_id, visit))
            failure = visit.reason if visit.outcome == "model_failed" else None
            updates[task.task_id] = decide(task, energies, noise, precision, failure)
        return updates

    def _noise(self) -> VisitNoiseEstimate:
        measured = visit_noise(self._db, self._campaign.campaign_id)
        return noise_estimate(measured.sd_frac, measured.n_pairs, self._profile.precision)

    def _judge_canaries(self, by_order: Mapping[int, TaskRow], analysed: AnalysedWindow) -> CanaryAlarm | None:
        seen = [
            CanaryVisit(by_order[v.order].ordinal, v.energy.energy_mj, v.energy.latency_ms)
            for v in analysed.visits
            if by_order[v.order].role == "canary" and v.energy is not None and v.outcome in ("accepted", "marginal")
        ]
        if not seen and any(task.role == "canary" for task in by_order.values()):
            # Without them nobody knows what the clock was: sysfs itself may lie.
            return CanaryAlarm("no canary of the window can be trusted")
        return self._charts.take(seen)

    def _act_on(self, alarm: CanaryAlarm | None, window_id: int) -> None:
        """Quarantine a window whose canaries are out of control; its visits are in the record as rejected already."""
        if alarm is None:
            self._alarms_in_a_row = 0
            return
        self._alarms_in_a_row += 1
        self._is_ready = False
        quarantine_window(self._db, window_id, alarm.text, self._bench.clock.utc())
        if self._alarms_in_a_row >= _ALARMS_IN_A_ROW:
            raise CampaignStopped(
                f"The canaries are out of control twice in a row: {alarm.text}.",
                "Look at the bench (leads, fan, what runs on the phone); then the same command continues.",
            )

    def _note_failed(
        self,
        window_id: int,
        run: WindowRun,
        error: Exception | None,
        measures: WindowMeasures | None = None,
        suspect: TaskRow | None = None,
    ) -> None:
        self._is_ready = False
        self._failures_in_a_row += 1
        limit = self._profile.window.attempts
        action = "measured again" if self._failures_in_a_row < limit else "stopped"
        incident = IncidentSpec(
            at_utc=self._bench.clock.utc(),
            kind=type(error).__name__,
            detail=str(error),
            action=action,
            lost_s=run.times.duration_s,
        )
        blamed = None
        if suspect is not None:
            known = [i.detail for i in incidents(self._db, self._campaign.campaign_id) if i.kind == PHONE_DIED]
            blamed = attribute_crash(suspect, incident, [*self._history.deaths, *known])
            incident = blamed.incident
            if blamed.update is not None:
                # It explains the windows that failed: they say nothing of the bench.
                self._failures_in_a_row = 0
        if measures is None:
            stored = store_trace(self._db.files_dir, self._failed_trace(run.packets)) if run.packets else None
            measures = window_measures(run, None, stored)
        fail_window(
            self._db,
            window_id,
            "failed",
            str(error),
            self._bench.clock.utc(),
            measures=measures,
            incidents=[
                *(incident_of(recovery, self._bench.clock.utc()) for recovery in run.recoveries),
                *self._flaws(run, 0.0),
                incident,
            ],
            blamed_task_ids=[blamed.task.task_id] if blamed else [],
            task_updates={blamed.task.task_id: blamed.update} if blamed and blamed.update else {},
        )
        if self._failures_in_a_row >= limit:
            hint = getattr(error, "hint", "Run `lab doctor`.")
            raise CampaignStopped(f"{limit} windows failed in a row, the last because of: {error}", hint) from error

    def _failed_trace(self, packets: bytes) -> list[bytes]:
        meter = self._bench.meter.info
        return pack_failed(meter.kind, meter.calibration, self._profile.supply.voltage_v, packets)

    def _flaws(self, run: WindowRun, usb_max_v: float) -> list[IncidentSpec]:
        return flaws(run, usb_max_v, self._profile.gates.max_usb_v, self._bench.clock.utc())

    def _incident(self, kind: str, detail: str, action: str, lost_s: float = 0.0) -> None:
        assert self._session_id is not None
        spec = IncidentSpec(at_utc=self._bench.clock.utc(), kind=kind, detail=detail, action=action, lost_s=lost_s)
        record_incident(self._db, self._session_id, spec)

    def _show(self, doing: str, window_s: float = 0.0) -> None:
        if doing != "measuring":
            self._last_step = step_of(self._db, self._campaign, doing, 0.0)
        last = self._last_step
        self._observe(
            CampaignStep(
                doing,
                last.n_done,
                last.n_failed,
                last.n_tasks,
                last.bench_s + window_s,
                last.useful_s,
                window_s,
                last.simulated,
            )
        )

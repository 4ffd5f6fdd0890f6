"""One start of the bench by this process: windows until nothing of the campaign is pending.

One transaction a window puts visits, energies, gates, task states and incidents into the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from db.campaigns import set_models
from db.database import Database
from db.queries import energies_of, equipment_of, visit_noise
from db.rows import (
    CampaignRow,
    IncidentSpec,
    MeterSpec,
    PhoneSpec,
    SessionSpec,
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
from lab.analysis import AnalysedWindow, WindowUnusable, analyse, bench_trouble, distrusted
from lab.canary import CanaryAlarm, CanaryCharts, CanaryVisit
from lab.energy import ANALYSIS_VERSION
from lab.errors import CampaignStopped, MixedConditions
from lab.plan import VisitNoiseEstimate, decide, noise_estimate
from lab.profile import BenchProfile
from lab.provenance import Provenance
from lab.raw_window import pack, pack_failed
from lab.records import energy_row, visit_spec, window_measures
from lab.session_tape import window_note
from lab.steps import Observer, Step, step_of
from lab.window import WindowRun, run_window
from lab.work import Work

_ALARMS_IN_A_ROW = 2


Note = Callable[[str, Mapping[str, Any]], None]
"""Keeps something in a recording, under a name."""


class BenchSession:
    """One start of the bench by this process.

    Args:
        open_work: makes the source of its windows, when the session stands in the record.
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
        note: Note = lambda name, content: None,
    ) -> None:
        self._db, self._profile, self._campaign = db, profile, campaign
        self._bench, self._open_work, self._observe, self._should_stop = bench, open_work, observe, should_stop
        self._provenance, self._note = provenance, note
        precision = profile.precision
        self._charts = CanaryCharts(
            precision.prior_visit_sd_frac, precision.canary_limit_frac, precision.latency_canary_limit_frac
        )
        self._failures_in_a_row = 0
        self._alarms_in_a_row = 0
        self._last_step = step_of(db, campaign, "", 0.0)

    def run(self) -> None:
        """Windows until nothing is pending."""
        bench, profile = self._bench, self._profile
        leftovers = bench.phone.give_back_leftovers()
        self._put_tool()
        self._check_equipment()
        with bench.phone.prepared(profile.lock) as before:
            self._session_id = start_session(self._db, self._session_spec(before))
            self._note("session", {"session_id": self._session_id})
            if leftovers:
                self._incident("leftovers", f"settings of an earlier start: {', '.join(leftovers)}", "given back")
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
                end_session(self._db, self._session_id, reason, bench.clock.utc())

    def _check_equipment(self) -> None:
        """Refuse another phone, meter or build of the tool than the campaign's first session had."""
        before = equipment_of(self._db, self._campaign.campaign_id)
        if before is None:
            return
        phone, meter = self._bench.phone.info, self._bench.meter.info
        tool_sha256 = self._bench.phone.tool_sha256(self._profile.tool.path)
        for what, then, now in (
            ("phone", before.phone_serial, phone.serial),
            ("phone's build", before.build_fingerprint, phone.build_fingerprint),
            ("meter", before.meter_serial, meter.serial),
            ("benchmark tool", before.tool_sha256, tool_sha256),
        ):
            if then != now:
                raise MixedConditions(
                    f"Campaign {self._campaign.name} was measured with {what} {then}; this is {now}.",
                    "Measurements with different equipment are never mixed: give another name with --campaign.",
                )

    def _put_tool(self) -> None:
        tool = self._profile.tool
        if tool.host_path is None:
            return
        try:
            content = Path(tool.host_path).read_bytes()
        except OSError as error:
            raise CampaignStopped(
                f"The benchmark tool {tool.host_path} cannot be read: {error.strerror}.",
                "Correct tool.host_path in the bench profile.",
            ) from error
        self._bench.phone.put_tool(content, tool.path)

    def _session_spec(self, before: Mapping[str, str]) -> SessionSpec:
        bench, profile = self._bench, self._profile
        meter, phone = bench.meter.info, bench.phone.info
        return SessionSpec(
            campaign_id=self._campaign.campaign_id,
            meter=MeterSpec(kind=meter.kind, serial=meter.serial, firmware=str(meter.firmware)),
            phone=PhoneSpec(serial=phone.serial, model=phone.model, build_fingerprint=phone.build_fingerprint),
            simulated=bench.simulated,
            started_utc=bench.clock.utc(),
            host=self._provenance.host,
            pid=self._provenance.pid,
            profile_name=profile.name,
            profile_toml=profile.text,
            tool_sha256=bench.phone.tool_sha256(profile.tool.path),
            tool_banner="",
            versions=self._provenance.versions,
            calibration=meter.calibration,
            settings=dict(before),
            seed=self._campaign.seed,
            clock_freq_khz=profile.lock.freq_khz,
            core=profile.lock.core,
        )

    def _windows(self, work: Work) -> None:
        while not self._should_stop():
            tasks = work.next_window(self._session_id)
            if not tasks:
                return
            self._one_window(tasks, work)

    def _one_window(self, tasks: list[TaskRow], work: Work) -> None:
        self._show("building models")
        models = [work.model(task) for task in tasks]
        set_models(self._db, {t.task_id: m.spec for t, m in zip(tasks, models, strict=True) if t.model is None})
        self._note("window", window_note(tasks, [model.spec for model in models]))
        clock = self._bench.clock
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
                at_utc=clock.utc(), kind=type(error).__name__, detail=str(error), action="stopped for a person"
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
            self._note_failed(window_id, run, error, measures)
            return
        by_order = dict(enumerate(tasks))
        trouble = bench_trouble(analysed.visits, {o for o, task in by_order.items() if task.role == "canary"})
        if trouble is not None:
            self._note_failed(window_id, run, WindowUnusable(trouble), window_measures(run, analysed, stored))
            return
        self._failures_in_a_row = 0
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
        return self._charts.take(seen)

    def _act_on(self, alarm: CanaryAlarm | None, window_id: int) -> None:
        """Quarantine a window whose canaries are out of control; its visits are in the record as rejected already."""
        if alarm is None:
            self._alarms_in_a_row = 0
            return
        self._alarms_in_a_row += 1
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
    ) -> None:
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
            incidents=[incident],
        )
        if self._failures_in_a_row >= limit:
            hint = getattr(error, "hint", "Run `lab doctor`.")
            raise CampaignStopped(f"{limit} windows failed in a row, the last because of: {error}", hint) from error

    def _failed_trace(self, packets: bytes) -> list[bytes]:
        meter = self._bench.meter.info
        return pack_failed(meter.kind, meter.calibration, self._profile.supply.voltage_v, packets)

    def _incident(self, kind: str, detail: str, action: str) -> None:
        spec = IncidentSpec(at_utc=self._bench.clock.utc(), kind=kind, detail=detail, action=action)
        record_incident(self._db, self._session_id, spec)

    def _show(self, doing: str, window_s: float = 0.0) -> None:
        if doing != "measuring":
            self._last_step = step_of(self._db, self._campaign, doing, 0.0)
        last = self._last_step
        self._observe(
            Step(
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

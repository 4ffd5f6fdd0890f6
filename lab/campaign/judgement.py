"""What a window is worth: energies analysed, canaries charted, what becomes of its tasks. Reads the record only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.database import Database
from db.kinds import TRUSTED_OUTCOMES
from db.queries import energies_of, visit_noise
from db.rows import CampaignRow, EnergySpec, TaskRow, TaskUpdate, VisitSpec
from hardware.meter import Trace
from lab.analysis.control_charts import CanaryAlarm, CanaryCharts, CanaryVisit
from lab.analysis.energy import ANALYSIS_VERSION
from lab.analysis.raw_window import RawWindow
from lab.analysis.window import AnalysedWindow, WindowUnusable, analyse, bench_trouble, distrusted
from lab.campaign.state import CampaignState
from lab.campaign.tasks import decide, noise_estimate
from lab.profile.profile import BenchProfile


@dataclass(frozen=True)
class JudgedWindow:
    """A window that brought results, or none that can be trusted.

    Attributes:
        task_updates: what becomes of its tasks, by task id.
        alarm: canaries out of control: its results are rejected already.
    """

    analysed: AnalysedWindow
    task_updates: Mapping[int, TaskUpdate]
    alarm: CanaryAlarm | None

    @property
    def flawless(self) -> bool:
        """Whether every visit counts: nothing has to be looked at before the next window."""
        return self.alarm is None and all(visit.outcome in TRUSTED_OUTCOMES for visit in self.analysed.visits)


class BenchSuspected(WindowUnusable):
    """A window was analysed, and says something of the bench and nothing of its models.

    Attributes:
        analysed: what is known of the window itself.
    """

    def __init__(self, reason: str, analysed: AnalysedWindow) -> None:
        super().__init__(reason)
        self.analysed = analysed


class WindowJudge:
    """Judges the windows of one session.

    Args:
        state: what earlier starts of the campaign left to know.
    """

    def __init__(self, db: Database, profile: BenchProfile, campaign: CampaignRow, state: CampaignState) -> None:
        self._db, self._profile, self._campaign = db, profile, campaign
        precision = profile.precision
        self._charts = CanaryCharts(
            precision.prior_visit_sd_frac,
            precision.canary_limit_frac,
            precision.latency_canary_limit_frac,
            state.canary_latencies_ms,
        )

    def judge(self, raw: RawWindow, trace: Trace | None, tasks: Sequence[TaskRow]) -> JudgedWindow:
        """Judge a window.

        Args:
            raw: as it was recorded.
            trace: its samples, if they are decoded already.
            tasks: in the order of its queue.

        Raises:
            WindowUnusable: nothing in it can be trusted; BenchSuspected where it could be analysed.
        """
        analysed = analyse(raw, self._profile, trace)
        canaries = {order for order, task in enumerate(tasks) if task.role == "canary"}
        trouble = bench_trouble(analysed.visits, canaries)
        if trouble is not None:
            raise BenchSuspected(trouble, analysed)
        alarm = self._chart(tasks, analysed.visits)
        if alarm is not None:
            analysed = distrusted(analysed, alarm.text)
        return JudgedWindow(analysed, self._updates(tasks, analysed.visits), alarm)

    def _chart(self, tasks: Sequence[TaskRow], visits: Sequence[VisitSpec]) -> CanaryAlarm | None:
        seen = [
            CanaryVisit(tasks[visit.order_in_window].ordinal, visit.energy.energy_mj, visit.energy.latency_ms)
            for visit in visits
            if tasks[visit.order_in_window].role == "canary"
            and visit.energy is not None
            and visit.outcome in TRUSTED_OUTCOMES
        ]
        if not seen and any(task.role == "canary" for task in tasks):
            # Without them nobody knows what the clock was: sysfs itself may lie.
            return CanaryAlarm("no canary of the window can be trusted")
        return self._charts.take(seen)

    def _updates(self, tasks: Sequence[TaskRow], visits: Sequence[VisitSpec]) -> dict[int, TaskUpdate]:
        precision = self._profile.precision
        measured = visit_noise(self._db, self._campaign.campaign_id)
        noise = noise_estimate(measured.sd_frac, measured.degrees_of_freedom, precision)
        known = energies_of(self._db, [task.task_id for task in tasks], ANALYSIS_VERSION)
        updates = dict[int, TaskUpdate]()
        for visit in visits:
            task = tasks[visit.order_in_window]
            if task.role == "canary":
                continue
            energies: list[EnergySpec] = list(known[task.task_id])
            if visit.outcome in TRUSTED_OUTCOMES and visit.energy is not None:
                energies.append(visit.energy)
            failure = visit.reason if visit.outcome == "model_failed" else None
            rejected = visit.reason if visit.outcome == "rejected" else None
            updates[task.task_id] = decide(task, energies, noise, precision, failure, rejected)
        return updates

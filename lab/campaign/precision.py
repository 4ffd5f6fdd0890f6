"""Which models of a campaign are known less precisely than is asked for."""

from __future__ import annotations

from db.database import Database
from db.queries import energies_of, visit_noise
from db.rows import TaskRow
from db.tasks import done_tasks
from lab.analysis.energy import ANALYSIS_VERSION
from lab.campaign.tasks import half_width_frac, noise_estimate
from lab.profile.sections import PrecisionSection


def imprecise_tasks(db: Database, campaign_id: int, precision: PrecisionSection) -> list[TaskRow]:
    """Tasks that are done although their interval is wider than the target, by ordinal."""
    measured = visit_noise(db, campaign_id)
    noise = noise_estimate(measured.sd_frac, measured.degrees_of_freedom, precision)
    tasks = done_tasks(db, campaign_id)
    known = energies_of(db, [task.task_id for task in tasks], ANALYSIS_VERSION)
    target = precision.target_half_width_frac
    return [task for task in tasks if half_width_frac(known[task.task_id], noise) > target]

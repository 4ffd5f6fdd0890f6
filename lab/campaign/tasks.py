"""What to measure: the tasks of a campaign, the order inside a window, and when a task has enough visits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from db.rows import EnergySpec, TaskRow, TaskSpec, TaskUpdate
from lab.campaign.model_files import ReadyModel
from lab.profile.sections import PrecisionSection
from search.networks.architecture import Architecture
from search.networks.architecture_spec import architecture_spec
from search.networks.space import Space
from search.networks.spaces import AUDIO_2D, TABLE_2

T = TypeVar("T")
_Z_95 = 1.959964
_PAIRS_FOR_NOISE = 100
_REPEAT_STREAM, _ORDER_STREAM = 7, 11
_CANARY_DRAWS = 64


def sampled_tasks(n: int, seed: int, repeat_frac: float, space: Space = AUDIO_2D) -> list[TaskSpec]:
    """Tasks for n architectures drawn uniformly; the first k are the same for every n, so a campaign can grow.

    Args:
        repeat_frac: share that is visited twice from the start, to learn the noise between visits.
    """
    return architecture_tasks(space.sample_unique(n, seed), seed, repeat_frac)


def architecture_tasks(architectures: Sequence[Architecture], seed: int, repeat_frac: float) -> list[TaskSpec]:
    """Tasks for architectures in the order given; a list that grows at its end keeps its first tasks."""
    twice = _repeated(len(architectures), seed, repeat_frac)
    return [
        TaskSpec(
            role="architecture",
            ordinal=i,
            n_wanted=2 if twice[i] else 1,
            architecture=architecture_spec(architecture),
        )
        for i, architecture in enumerate(architectures)
    ]


def model_tasks(models: Sequence[ReadyModel], seed: int, repeat_frac: float) -> list[TaskSpec]:
    """Tasks for a user's own files, in the order given."""
    twice = _repeated(len(models), seed, repeat_frac)
    return [
        TaskSpec(role="architecture", ordinal=i, n_wanted=2 if twice[i] else 1, model=model.spec)
        for i, model in enumerate(models)
    ]


def canary_tasks(n: int) -> list[TaskSpec]:
    """The canaries: the paper's network, then the largest and the smallest of a fixed draw."""
    drawn = sorted(AUDIO_2D.sample_unique(_CANARY_DRAWS, seed=0), key=lambda a: architecture_spec(a).flops)
    chosen = [TABLE_2, drawn[-1], drawn[0]][:n]
    return [
        TaskSpec(role="canary", ordinal=i, n_wanted=1, architecture=architecture_spec(a)) for i, a in enumerate(chosen)
    ]


def _repeated(n: int, seed: int, share: float) -> list[bool]:
    return list(np.random.default_rng([seed, _REPEAT_STREAM]).random(n) < share)


def arrange(tasks: Sequence[T], canaries: Sequence[T], seed: int, window: int) -> list[T]:
    """The order inside a window: tasks at random, the canaries somewhere in equal parts of it.

    Random order keeps drift of the bench from being confounded with the order of sampling.
    """
    rng = np.random.default_rng([seed, _ORDER_STREAM, window])
    order = [tasks[i] for i in rng.permutation(len(tasks))]
    part = max(1, len(order) // max(1, len(canaries)))
    for i, canary in enumerate(canaries):
        low = min(i * part + i, len(order))
        order.insert(min(low + int(rng.integers(0, part + 1)), len(order)), canary)
    return order


@dataclass(frozen=True)
class VisitNoiseEstimate:
    """Relative standard deviation between visits of one model; a prior until 100 pairs are measured."""

    sd_frac: float
    measured: bool


def noise_estimate(sd_frac: float, degrees_of_freedom: int, precision: PrecisionSection) -> VisitNoiseEstimate:
    """The noise to plan with."""
    if degrees_of_freedom >= _PAIRS_FOR_NOISE and math.isfinite(sd_frac):
        return VisitNoiseEstimate(sd_frac, True)
    return VisitNoiseEstimate(precision.prior_visit_sd_frac, False)


def half_width_frac(energies: Sequence[EnergySpec], noise: VisitNoiseEstimate) -> float:
    """Relative half width of the 95 % interval of a model's energy: noise between and within visits.

    It holds within one session of the bench: what all visits of a session share is not in it.
    """
    if not energies:
        return math.inf
    within = [(row.energy_se_mj / row.energy_mj) ** 2 for row in energies]
    n = len(energies)
    return _Z_95 * math.sqrt((noise.sd_frac**2 + math.fsum(within) / n) / n)


def visits_needed(noise: VisitNoiseEstimate, precision: PrecisionSection) -> int:
    """Visits of one model until its interval is as narrow as asked, as far as the profile allows."""
    wanted = math.ceil((_Z_95 * noise.sd_frac / precision.target_half_width_frac) ** 2)
    return max(1, min(wanted, precision.max_visits))


def decide(
    task: TaskRow,
    energies: Sequence[EnergySpec],
    noise: VisitNoiseEstimate,
    precision: PrecisionSection,
    failure: str | None,
    rejected: str | None = None,
) -> TaskUpdate:
    """What becomes of a task after a window.

    Args:
        task: as it was claimed; this window is its attempt number n_attempts + 1.
        energies: of its accepted and marginal visits, this window's included.
        failure: what the tool said if it failed on the model in this window, else None.
        rejected: why this window's visit does not count, if it was rejected.
    """
    attempts = task.n_attempts + 1
    if failure is not None and not energies and attempts >= min(2, precision.max_visits):
        return TaskUpdate(state="failed", n_wanted=task.n_wanted, failure=failure)
    enough = len(energies) >= task.n_wanted
    if enough and half_width_frac(energies, noise) <= precision.target_half_width_frac:
        return TaskUpdate(state="done", n_wanted=task.n_wanted)
    if attempts >= precision.max_visits:
        if energies:
            return TaskUpdate(state="done", n_wanted=task.n_wanted)
        last = f", the last for {rejected}" if rejected else ""
        why = failure or f"all {attempts} visits were rejected{last}"
        return TaskUpdate(state="failed", n_wanted=task.n_wanted, failure=why)
    return TaskUpdate(state="pending", n_wanted=max(task.n_wanted, len(energies) + int(enough)))

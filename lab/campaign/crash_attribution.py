"""Singles out a model that takes the whole phone down: the window it was in says nothing of the bench.

The phone's journal tells in which run it ends, the kernel's boot id that the phone has restarted by itself. Once may
be chance; a model under which it happens twice is left out of the campaign.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from db.rows import IncidentSpec, TaskRow, TaskUpdate
from hardware.errors import HardwareError
from hardware.phone import Phone
from lab.analysis.window import WindowUnusable

PHONE_DIED = "phone_died"
"""Kind of the incidents."""


@dataclass(frozen=True)
class CrashAttribution:
    """What becomes of a model under which the phone died.

    Attributes:
        task: it; the window counts as an attempt of it.
        incident: what the record says.
        update: what becomes of the task; None if it is tried once more.
    """

    task: TaskRow
    incident: IncidentSpec
    update: TaskUpdate | None


def died_under(phone: Phone, boot_id: str, tasks: Sequence[TaskRow], error: WindowUnusable) -> TaskRow | None:
    """The model that ran as the phone restarted; None if it did not restart, or if a canary ran.

    Args:
        boot_id: of the phone before the window.
        tasks: of the window, in the order of its queue.
        error: why the window is of no use.
    """
    if error.unfinished is None or not 0 <= error.unfinished < len(tasks):
        return None
    task = tasks[error.unfinished]
    try:
        restarted = phone.boot_id() != boot_id
    except HardwareError:
        return None
    return task if restarted and task.role != "canary" else None


def attribute_crash(task: TaskRow, incident: IncidentSpec, deaths: Iterable[str]) -> CrashAttribution:
    """Blame a model.

    Args:
        incident: of the window, as for any other reason.
        deaths: details of the campaign's incidents of this kind so far.
    """
    detail = f"the phone restarted while it ran model {task.ordinal + 1} of the campaign"
    incident = replace(incident, kind=PHONE_DIED, detail=detail)
    if detail not in deaths:
        return CrashAttribution(task, incident, None)
    failure = "it restarts the phone: twice the phone died while it ran"
    update = TaskUpdate(state="failed", n_wanted=task.n_wanted, failure=failure)
    return CrashAttribution(task, replace(incident, action="the model is left out"), update)

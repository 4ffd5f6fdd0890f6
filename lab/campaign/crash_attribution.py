"""Singles out a model that takes the whole phone down: the window it was in says nothing of the bench.

The phone's journal tells in which run it ends, the kernel's boot id that the phone has restarted by itself. Once may
be chance; a model under which it happens twice is left out of the campaign.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from db.kinds import IncidentKind
from db.rows import IncidentSpec, TaskRow, TaskUpdate
from hardware.errors import HardwareError
from hardware.phone import Phone
from lab.analysis.window import WindowUnusable


@dataclass(frozen=True)
class CrashAttribution:
    """What becomes of a model under which the phone died.

    Attributes:
        task: of the model; the window counts as an attempt of it.
        incident: what the record says of the crash; it names the task.
        update: what becomes of the task; None if it is tried once more.
    """

    task: TaskRow
    incident: IncidentSpec
    update: TaskUpdate | None


def died_under(phone: Phone, boot_id: str, tasks: Sequence[TaskRow], error: WindowUnusable) -> TaskRow | None:
    """The model that ran as the phone restarted; None if it did not restart, or if a canary ran.

    Args:
        phone: back on adb.
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


def attribute_crash(task: TaskRow, incident: IncidentSpec, crashed: Collection[int]) -> CrashAttribution:
    """Hold a model responsible for a crash of the phone.

    Args:
        task: of the model.
        incident: of the window, as for any other reason.
        crashed: ordinals of the campaign's models under which the phone died before.
    """
    detail = f"the phone restarted while it ran model {task.ordinal + 1} of the campaign"
    incident = replace(incident, kind=IncidentKind.PHONE_DIED, detail=detail, task_id=task.task_id)
    if task.ordinal not in crashed:
        return CrashAttribution(task, incident, None)
    failure = "it restarts the phone: twice the phone died while it ran"
    update = TaskUpdate(state="failed", n_wanted=task.n_wanted, failure=failure)
    return CrashAttribution(task, replace(incident, action="the model is left out"), update)

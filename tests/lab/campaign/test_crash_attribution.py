"""Which model is held responsible when the phone restarts in a window, and what becomes of it the second time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from db.kinds import IncidentKind, TaskRole
from db.rows import IncidentSpec, TaskRow
from hardware.errors import AdbLost
from lab.analysis.window import WindowUnusable
from lab.campaign.crash_attribution import attribute_crash, died_under

BEFORE, AFTER = "boot 1", "boot 2"
INCIDENT = IncidentSpec(
    at_utc=datetime(2026, 6, 1, tzinfo=UTC),
    kind=IncidentKind.WINDOW_UNUSABLE,
    detail="no last code",
    action="measured again",
    lost_s=90.0,
)


class Phone:
    """A phone of which only its boot id is asked."""

    def __init__(self, boot_id: str | None) -> None:
        self._boot_id = boot_id

    def boot_id(self) -> str:
        if self._boot_id is None:
            raise AdbLost("phone 98AY", "boot id", "it is away", "Look at the cable.")
        return self._boot_id


def task(ordinal: int, role: TaskRole = "architecture") -> TaskRow:
    return TaskRow(
        role=role, ordinal=ordinal, n_wanted=2, task_id=10 + ordinal, state="claimed", n_attempts=0, failure=None
    )


TASKS = [task(4), task(0, "canary"), task(7)]


def suspect(unfinished: int | None, boot_id: str | None = AFTER) -> TaskRow | None:
    error = WindowUnusable("the phone did not get to its last sync code")
    error.unfinished = unfinished
    phone: Any = Phone(boot_id)
    return died_under(phone, BEFORE, TASKS, error)


@pytest.mark.parametrize(("unfinished", "ordinal"), [(0, 4), (2, 7)])
def test_the_model_in_whose_run_the_journal_ends_is_suspected_if_the_phone_has_restarted(
    unfinished: int, ordinal: int
) -> None:
    found = suspect(unfinished)
    assert found is not None
    assert found.ordinal == ordinal


def test_a_phone_that_has_not_restarted_accuses_nobody() -> None:
    assert suspect(0, BEFORE) is None


def test_a_phone_that_cannot_be_asked_accuses_nobody() -> None:
    assert suspect(0, None) is None


def test_a_canary_is_never_suspected() -> None:
    assert suspect(1) is None


@pytest.mark.parametrize("unfinished", [None, 3, -1])
def test_a_journal_that_ends_in_no_run_of_the_window_accuses_nobody(unfinished: int | None) -> None:
    assert suspect(unfinished) is None


def test_the_first_death_is_an_incident_of_its_own_kind_and_the_model_is_tried_again() -> None:
    found = attribute_crash(TASKS[0], INCIDENT, [])
    assert found.task == TASKS[0]
    assert found.update is None
    assert (found.incident.kind, found.incident.task_id) == (IncidentKind.PHONE_DIED, TASKS[0].task_id)
    assert "model 5 of the campaign" in found.incident.detail
    assert (found.incident.at_utc, found.incident.action, found.incident.lost_s) == (
        INCIDENT.at_utc,
        INCIDENT.action,
        INCIDENT.lost_s,
    )


def test_the_second_death_under_a_model_leaves_it_out() -> None:
    first, second = (attribute_crash(TASKS[0], INCIDENT, crashed) for crashed in ([], [7, 4]))
    assert second.update is not None
    assert (second.update.state, second.update.n_wanted) == ("failed", 2)
    assert second.update.failure
    assert second.incident == replace(first.incident, action=second.incident.action)
    assert second.incident.action != INCIDENT.action


def test_deaths_under_another_model_are_not_its_own() -> None:
    assert attribute_crash(TASKS[0], INCIDENT, [7, 7, 5, 3]).update is None

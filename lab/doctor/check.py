"""One finding of `lab doctor`, and the rule that a check which breaks is a finding too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from db.errors import DbError
from hardware.errors import HardwareError
from lab.errors import LabError

Outcome = Literal["ok", "warn", "fail", "skipped"]


@dataclass(frozen=True)
class Check:
    """What came out of one check; `fix` says what to do about anything but ok."""

    name: str
    outcome: Outcome
    why: str
    fix: str = ""


def attempt(name: str, look: Callable[[], Check]) -> Check:
    """Make one check; whatever it raises is its failure, so that the others are made all the same."""
    try:
        return look()
    except (LabError, HardwareError, DbError) as error:
        return Check(name, "fail", str(error), error.hint)
    except Exception as error:  # noqa: BLE001 (one check that breaks must not hide the others)
        return Check(name, "fail", f"{type(error).__name__}: {error}", "Run with -vv and report what it prints.")

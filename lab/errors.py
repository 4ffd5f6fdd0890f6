"""Errors of the bench controller, and the exit codes of the `lab` command.

LabError
├── ProfileError      a bench profile is wrong; every problem is listed
├── ModelsError       a model file or a folder of them cannot be used
├── CampaignStopped   the campaign cannot go on; running the same command again continues it
├── BenchLocked       another campaign uses this meter or phone
├── UsageError        options that do not go together, or a file of a user that cannot be used
├── MixedConditions   the campaign was measured under other conditions, which are never mixed
└── NotEnoughSpace    the disk would not hold the campaign's traces
"""

from __future__ import annotations

OK = 0
SOME_FAILED = 1
USAGE = 2
BENCH_UNAVAILABLE = 3
STOPPED = 4
RECORD_UNAVAILABLE = 5
DEFECT = 70
INTERRUPTED = 130


class LabError(Exception):
    """Something that a user has to put right.

    Args:
        hint: what to do next; the last line a user reads.
    """

    exit_code = STOPPED

    def __init__(self, message: str, hint: str) -> None:
        self.hint = hint
        super().__init__(message)


class ProfileError(LabError):
    """A bench profile is wrong."""

    exit_code = USAGE


class ModelsError(LabError):
    """A model file, or a folder of them, cannot be used."""

    exit_code = USAGE


class CampaignStopped(LabError):
    """The campaign cannot go on now; the same command continues it."""

    exit_code = STOPPED


class UsageError(LabError):
    """Options that do not go together, or a file that a user gave and that cannot be used."""

    exit_code = USAGE


class MixedConditions(LabError):
    """The campaign was measured under other conditions, which are never mixed."""

    exit_code = USAGE


class BenchLocked(LabError):
    """Another process uses this meter or this phone."""

    exit_code = BENCH_UNAVAILABLE


class NotEnoughSpace(LabError):
    """The disk would not hold the campaign's traces."""

    exit_code = USAGE

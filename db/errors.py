"""Every error that the record can cause.

    DbError
    ├── TransientDbError   another try may help
    │   └── Locked             another process held the database for too long
    └── StableDbError      stop and tell the user
        ├── Unreachable        the file, folder or server is missing, not permitted or not answering
        ├── ForeignFile        another program's database, no database at all, or a damaged one
        ├── NewerSchema        a newer version of the project has migrated it
        ├── DiskFull           no room for the database or a trace
        ├── NamedWrongly       wrong usage: the record is sound, but not what the user takes it for
        │   ├── CampaignMismatch   a campaign of that name exists and is another one
        │   ├── CampaignUnknown    no campaign of that name
        │   ├── StudyMismatch      a study of that name exists and has other settings
        │   └── StudyUnknown       no study of that name
        ├── RecordRefused      unknown id, wrong state, broken constraint
        └── TraceMissing, TraceDamaged

`hint` is the last line a user reads.
"""

from __future__ import annotations


class DbError(Exception):
    """The record could not do what was asked.

    Args:
        what: what happened, with the target or id concerned.
        hint: what the user can do next.
    """

    def __init__(self, what: str, hint: str) -> None:
        self.what = what
        self.hint = hint
        super().__init__(what)


class TransientDbError(DbError):
    """Another try may help."""


class StableDbError(DbError):
    """Another try will not help."""


class DatabaseLocked(TransientDbError):
    """Another process held the database for longer than the busy timeout."""


class Unreachable(StableDbError):
    """The file, folder or server of the database is missing, not permitted or not answering."""


class ForeignFile(StableDbError):
    """The target is not a database of this project: another program's, no database at all, or damaged."""


class NewerSchema(StableDbError):
    """A newer version of this project has migrated the database beyond what this one knows."""


class DiskFull(StableDbError):
    """No room for the database or for a trace. What was committed before is safe."""


class NamedWrongly(StableDbError):
    """What was named is not there, or is another one: the user names something else."""


class CampaignMismatch(NamedWrongly):
    """A campaign of this name exists and is a different one (seed, source, simulated, or its tasks)."""


class CampaignUnknown(NamedWrongly):
    """The record has no campaign of this name."""


class StudyMismatch(NamedWrongly):
    """A study of this name exists and was started with other settings: its rewards are not comparable."""


class StudyUnknown(NamedWrongly):
    """The record has no study of this name."""


class RecordRefused(StableDbError):
    """A verb was asked for what the record does not allow: unknown id, wrong state, broken constraint."""


class TraceMissing(StableDbError):
    """No trace file at the path that the record names."""


class TraceDamaged(StableDbError):
    """A trace file that cannot be decompressed or whose bytes no longer have the recorded hash."""

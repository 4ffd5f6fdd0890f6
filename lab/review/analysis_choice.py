"""Which analysis a command reads energies with, as a user names it."""

from __future__ import annotations

from db.analyses import known_versions
from db.database import Database
from lab.errors import UsageError


def seen_by_analysis(db: Database, version: int | None) -> Database:
    """The database with the energies of one analysis; None: the newest of each visit.

    Raises:
        UsageError: no energy is of that analysis.
    """
    if version is None:
        return db
    known = known_versions(db)
    if version not in known:
        listed = ", ".join(map(str, known)) or "none yet"
        raise UsageError(
            f"{db.shown} has no energies of analysis {version}; it has {listed}.",
            "See with `lab reanalyse --list` what there is; `lab reanalyse` derives them again.",
        )
    return db.seen_by(version)

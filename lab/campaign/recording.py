"""The recording of a session as the lab sees it: what it must know besides the wire, on the way in and out.

The first record holds profile, campaign, provenance and the state of the campaign; a note before each window its tasks,
in order; a note at the end all rows that the session brought, so that the file alone says what a replay must reproduce.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from db.database import Database
from db.kinds import CampaignSource, is_source_of
from db.older_records import campaign_source, crashed_model, session_rows_of_today
from db.record_faults import RECORD_FAULTS
from db.rows import ArchitectureSpec, CampaignRow, CampaignSpec, ModelSpec, TaskRow, TaskSpec, fields_of
from db.session_rows import KEYS, SessionRows, session_rows
from hardware.tape.errors import RecordingDamaged
from hardware.tape.recorder import Recorder
from lab.campaign.provenance import Provenance
from lab.campaign.state import CampaignState
from lab.errors import UsageError
from lab.profile.profile import BenchProfile, parse_profile

_HINT = "Copy the file again from where it was recorded, or record the session again."


@dataclass
class SessionTape:
    """A recording that is being made.

    Attributes:
        session_id: of the session in the record; None before it has begun.
    """

    recorder: Recorder
    session_id: int | None = None

    def note(self, name: str, content: Mapping[str, Any]) -> None:
        """Keep something besides the wire."""
        if name == "session":
            self.session_id = content["session_id"]
        else:
            self.recorder.note(name, json.dumps(content).encode())


def check_recordable(profile: BenchProfile) -> None:
    """Refuse faults that hit the record itself: no replay could have them again, they are not on the wire.

    Raises:
        UsageError: the profile has one.
    """
    mine = [name for name in RECORD_FAULTS if profile.simulated is not None and name in profile.simulated.faults]
    if mine:
        raise UsageError(
            f"A session with {', '.join(mine)} cannot be recorded: that hits this computer, not the wire.",
            "Leave out --record, or this fault.",
        )


@contextmanager
def recorded_session(
    path: Path,
    db: Database,
    profile: BenchProfile,
    campaign: CampaignRow,
    provenance: Provenance,
    state: CampaignState,
) -> Iterator[SessionTape]:
    """Record what happens in the block; the file is in its place at the end, also of a session that failed.

    Where no session has begun nothing is left.

    Raises:
        RecordingInTheWay: there is a file already, or it cannot be written.
    """
    tape = SessionTape(Recorder(path, _first_record(profile, campaign, provenance, state)))
    try:
        yield tape
    finally:
        try:
            if tape.session_id is not None:
                tape.note("rows", session_rows(db, tape.session_id))
        finally:
            tape.recorder.close(keep=tape.session_id is not None)


def _first_record(
    profile: BenchProfile, campaign: CampaignRow, provenance: Provenance, state: CampaignState
) -> dict[str, Any]:
    spec = fields_of(campaign, "campaign_id") | {"created_utc": campaign.created_utc.isoformat()}
    return {
        "simulated": campaign.simulated,
        "made_by": dict(provenance.versions),
        "provenance": asdict(provenance),
        "profile": profile.text,
        "target_half_width_frac": profile.precision.target_half_width_frac,
        "campaign": spec,
        "history": {
            "canary_latencies_ms": {str(n): list(known) for n, known in state.canary_latencies_ms.items()},
            "crashed_models": list(state.crashed_models),
        },
    }


def window_note(tasks: Sequence[TaskRow], models: Sequence[ModelSpec]) -> dict[str, Any]:
    """What a recording must know of a window: its queue."""
    return {
        "tasks": [
            {
                "role": task.role,
                "ordinal": task.ordinal,
                "n_wanted": task.n_wanted,
                "architecture": None if task.architecture is None else fields_of(task.architecture),
                "model": fields_of(model),
            }
            for task, model in zip(tasks, models, strict=True)
        ]
    }


@dataclass(frozen=True)
class RecordedSession:
    """What a recording says of its session.

    Attributes:
        windows: the tasks of each, in order.
        rows: what the session brought.
    """

    profile: BenchProfile
    campaign: CampaignSpec
    provenance: Provenance
    state: CampaignState
    windows: tuple[tuple[TaskSpec, ...], ...]
    rows: SessionRows

    @property
    def started_utc(self) -> datetime:
        """When the session began, by the bench's clock: what names it in a database."""
        return datetime.fromisoformat(self.rows["session"][0]["started_utc"])


def read_session(first: Mapping[str, Any], notes: Sequence[tuple[str, bytes]]) -> RecordedSession:
    """The session of a recording.

    Args:
        first: head of the first record.

    Raises:
        RecordingDamaged: it does not say what a recording says.
        ProfileError: its profile is not one that this release takes.
    """
    try:
        profile = parse_profile(str(first["profile"]), "of the recording")
        half_width_frac = float(first["target_half_width_frac"])
        campaign = _campaign(first["campaign"])
        contents = [(name, json.loads(content)) for name, content in notes]
        windows = tuple(tuple(_task(t) for t in content["tasks"]) for name, content in contents if name == "window")
        rows = _checked_rows(next(content for name, content in contents if name == "rows"))
        made = first["provenance"]
        versions = {str(name): str(version) for name, version in made["versions"].items()}
        provenance = Provenance(str(made["host"]), int(made["pid"]), versions)
        state = _state(first["history"])
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration, ArithmeticError, RecursionError) as error:
        raise RecordingDamaged(f"The recording does not say what it is of: {error!r:.120}.", _HINT) from error
    precision = profile.precision.model_copy(update={"target_half_width_frac": half_width_frac})
    return RecordedSession(replace(profile, precision=precision), campaign, provenance, state, windows, rows)


def _campaign(found: Mapping[str, Any]) -> CampaignSpec:
    spec = dict(found) | {"created_utc": datetime.fromisoformat(found["created_utc"])}
    if "source_detail" in spec:
        # Release 0.1 wrote a sentence.
        spec["source"], spec["source_of"] = campaign_source(spec["source"], spec.pop("source_detail"))
    source = CampaignSource(spec["source"])
    if not is_source_of(source, spec["source_of"]):
        raise ValueError(f"its campaign has a source that is none: {source}")
    return CampaignSpec(**spec | {"source": source})


def _state(found: Mapping[str, Any]) -> CampaignState:
    latencies_ms = {
        int(n): tuple(float(known_ms) for known_ms in known) for n, known in found["canary_latencies_ms"].items()
    }
    if not all(known_ms > 0 and math.isfinite(known_ms) for known in latencies_ms.values() for known_ms in known):
        raise ValueError("a canary's latency is none")
    if "deaths" in found:
        crashed = [crashed_model(str(detail)) for detail in found["deaths"]]
    else:
        crashed = [int(ordinal) for ordinal in found["crashed_models"]]
    return CampaignState(latencies_ms, tuple(ordinal for ordinal in crashed if ordinal is not None))


def _checked_rows(rows: Any) -> SessionRows:
    """Rows as `db.session_rows` gives them."""
    if set(rows) != set(KEYS) or len(rows["session"]) != 1:
        raise ValueError("its rows are not those of a session")
    for table, keys in KEYS.items():
        for row in rows[table]:
            _ = [row[key] for key in keys]
    if datetime.fromisoformat(rows["session"][0]["started_utc"]).tzinfo is None:
        raise ValueError("its session began at no moment")
    return dict(rows) if "end_kind" in rows["session"][0] else session_rows_of_today(rows)


def _task(found: Mapping[str, Any]) -> TaskSpec:
    architecture = found["architecture"]
    return TaskSpec(
        role=found["role"],
        ordinal=int(found["ordinal"]),
        n_wanted=int(found["n_wanted"]),
        architecture=None if architecture is None else ArchitectureSpec(**architecture),
        model=ModelSpec(**found["model"]),
    )

"""Runs a recorded session again: drivers, procedure and analysis as they are now, on the devices' words of then.

Nothing reaches a device: the player takes the place of USB, serial line and adb server, and a bench that is replayed
has nothing behind it that a voltage could be set on. What the replay brings goes into a database of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from db.campaigns import add_tasks, ensure_campaign
from db.database import Database, open_database
from db.rows import CampaignRow, TaskRow, TaskSpec
from db.session_rows import SessionRows, find_session, session_rows
from db.tasks import tasks_by_place
from hardware.bench import open_bench
from hardware.clock import Clock, RealClock
from hardware.errors import HardwareError
from hardware.tape.errors import RecordingDamaged, ReplayDiverged
from hardware.tape.player import Player, open_player
from hardware.tape.pushed import pushed_files, pushed_models
from lab.campaign.model_files import ReadyModel
from lab.campaign.recording import RecordedSession, read_session
from lab.campaign.session import SessionSetup, run_session
from lab.errors import LabError, UsageError
from lab.profile.profile import BenchProfile


@dataclass(frozen=True)
class WindowPace:
    """How long a window took then, on the bench's clock, and how long its replay took by the computer's."""

    recorded_s: float
    replayed_s: float

    @property
    def ratio(self) -> float:
        """Seconds of the replay for each recorded second."""
        return self.replayed_s / self.recorded_s if self.recorded_s > 0 else 0.0


@dataclass(frozen=True)
class ReplayResult:
    """What a replay brought.

    Attributes:
        recorded: what the recording says of itself, its rows among it.
        rows: those of the replay.
    """

    recorded: RecordedSession
    rows: SessionRows
    paces: tuple[WindowPace, ...]


class RecordedWork:
    """The windows of a recording, with the models that it pushed."""

    def __init__(
        self, windows: Sequence[Sequence[TaskSpec]], tasks: dict[tuple[str, int], TaskRow], models: dict[str, Path]
    ) -> None:
        self._windows, self._tasks, self._models = windows, tasks, models
        self._clock: Clock = RealClock()
        self._specs = {(t.role, t.ordinal): t for tasks in windows for t in tasks}
        self.moments_s: list[float] = []

    def next_window(self, session_id: int) -> list[TaskRow]:
        """The tasks of the next window that was recorded."""
        self.moments_s.append(self._clock.now_s())
        number = len(self.moments_s) - 1
        if number >= len(self._windows):
            return []
        self._specs.update({(task.role, task.ordinal): task for task in self._windows[number]})
        return [self._tasks[task.role, task.ordinal] for task in self._windows[number]]

    def model(self, task: TaskRow) -> ReadyModel:
        """The file that was pushed for a task.

        Raises:
            RecordingDamaged: it was not.
        """
        spec = self._specs[task.role, task.ordinal].model
        if spec is None or spec.sha256 not in self._models:
            raise RecordingDamaged(
                f"The model of {task.role} {task.ordinal} was not pushed in the recording.",
                "Its queue ended before it was on the phone: there is nothing to replay of it.",
            )
        return ReadyModel(spec, self._models[spec.sha256])

    def close(self) -> None:
        """Ends it; harmless when done twice."""
        self.moments_s.append(self._clock.now_s())


def replay(path: Path, db: Database, expected_profile: BenchProfile | None = None) -> ReplayResult:
    """Replay a file into a database.

    Args:
        expected_profile: what it must have been recorded with, if a user named one.

    Raises:
        TapeError: it cannot be read, or the replay is not what was recorded.
        UsageError: it was recorded with another profile.
        LabError, DbError: its profile or its rows cannot be used.
    """
    player = open_player(path)
    session = read_session(player.session, player.notes)
    _check_profile(path, session, expected_profile)
    folder = db.files_dir / "replayed"
    folder.mkdir(parents=True, exist_ok=True)
    campaign = ensure_campaign(db, session.campaign)
    work = _work(db, campaign, session, player, folder)
    _run(db, _with_tool(session.profile, player, folder), campaign, session, player, work)
    started_utc = session.started_utc
    session_id = find_session(db, campaign.name, started_utc)
    if session_id is None:
        raise ReplayDiverged(f"The replay began no session at {started_utc}.", "See with -v what happened.")
    rows = session_rows(db, session_id)
    return ReplayResult(session, rows, _paces(work, rows))


def _check_profile(path: Path, session: RecordedSession, expected: BenchProfile | None) -> None:
    if expected is not None and expected.text.strip() not in session.profile.text:
        raise UsageError(
            f"{path} was recorded with another profile, {session.profile.name} ({session.profile.sha256[:12]}), "
            f"than {expected.name} ({expected.sha256[:12]}).",
            "Leave --bench out: a recording is replayed with its own profile.",
        )


def _work(db: Database, campaign: CampaignRow, session: RecordedSession, player: Player, folder: Path) -> RecordedWork:
    specs = {(task.role, task.ordinal): task for tasks in session.windows for task in tasks}
    add_tasks(db, campaign.campaign_id, [specs[place] for place in sorted(specs)])
    models = dict[str, Path]()
    for sha256, content in pushed_models(player.main).items():
        models[sha256] = folder / f"{sha256}.tflite"
        models[sha256].write_bytes(content)
    return RecordedWork(session.windows, dict(tasks_by_place(db, campaign.campaign_id)), models)


def _with_tool(profile: BenchProfile, player: Player, folder: Path) -> BenchProfile:
    """A benchmark tool that was put onto the phone comes from the recording, not from a path of another computer."""
    if profile.tool.host_path is None:
        return profile
    pushed = dict(pushed_files(player.main))
    tool = folder / "benchmark_model"
    tool.write_bytes(pushed.get(profile.tool.path, b""))
    return replace(profile, tool=profile.tool.model_copy(update={"host_path": tool}))


def _run(
    db: Database,
    profile: BenchProfile,
    campaign: CampaignRow,
    session: RecordedSession,
    player: Player,
    work: RecordedWork,
) -> None:
    """The session as it was, whatever it ended with; only that it is another one is an error."""
    try:
        with open_bench(profile.bench_settings(session=0), player) as bench:
            setup = SessionSetup(
                db=db,
                profile=profile,
                campaign=campaign,
                bench=bench,
                provenance=session.provenance,
                state=session.state,
                open_work=lambda: work,
            )
            run_session(setup)
    except (HardwareError, LabError, KeyboardInterrupt) as ending:
        # The session's own end: it is among the rows that are compared. A user's Ctrl-C is none.
        if isinstance(ending, KeyboardInterrupt) and not player.interrupted:
            raise
    player.finish()


def _paces(work: RecordedWork, rows: SessionRows) -> tuple[WindowPace, ...]:
    moments = work.moments_s
    took = [after - before for before, after in pairwise(moments)]
    recorded = [float(window["duration_s"] or 0.0) for window in rows["window"]]
    return tuple(WindowPace(then_s, now_s) for then_s, now_s in zip(recorded, took, strict=False))


def rows_of(db: Database, session: RecordedSession) -> SessionRows:
    """The rows of a recorded session in a database that should have them.

    Raises:
        UsageError: it does not have the session.
    """
    session_id = find_session(db, session.campaign.name, session.started_utc)
    if session_id is None:
        raise UsageError(
            f"{db.shown} has no session of campaign {session.campaign.name} that began at {session.started_utc}.",
            "Give the database that was measured into with --db, or leave it out: the recording has its rows too.",
        )
    return session_rows(db, session_id)


@contextmanager
def replay_database(out: Path | None, scratch: Path) -> Iterator[Database]:
    """A new database: at `out`, put there when the block has ended well, or in a scratch folder.

    Raises:
        UsageError: there is a file already.
    """
    if out is not None and out.exists():
        raise UsageError(f"There is a file {out} already.", "Name a new database with --out: nothing is overwritten.")
    with open_database(scratch / "replay.db" if out is None else out) as db:
        yield db

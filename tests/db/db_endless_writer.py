"""Run as a process by test_sudden_death: writes window after window until it is killed.

Prints `started ID` and `finished ID` after each commit.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from db_specimens import a_moment, a_result, a_session, a_visit

from db.database import open_database
from db.rows import TaskUpdate, WindowSpec
from db.sessions import start_session
from db.tasks import canaries, claim
from db.traces import store_trace
from db.windows import finish_window, start_window

VISITS_A_WINDOW = 20


def write_windows(path: str, campaign_id: int) -> None:
    with open_database(path) as db:
        session_id = start_session(db, a_session(campaign_id, pid=os.getpid()))
        canary = canaries(db, campaign_id)[0]
        while True:
            tasks = claim(db, campaign_id, session_id, VISITS_A_WINDOW - 1, max_attempts=10**6)
            spec = WindowSpec(session_id=session_id, started_utc=a_moment(), started_s=0.0)
            window_id = start_window(db, spec)
            print("started", window_id, flush=True)
            trace = store_trace(db.files_dir, [b"%d" % window_id] * 1000)
            visits = [a_visit(task, order) for order, task in enumerate([*tasks, canary])]
            result = a_result([*tasks, canary], visits)
            measures = replace(
                result.measures, raw_path=trace.raw_path, raw_sha256=trace.sha256, raw_bytes=trace.raw_bytes
            )
            updates = {task.task_id: TaskUpdate(state="pending", n_wanted=99) for task in tasks}
            finish_window(db, window_id, replace(result, measures=measures, task_updates=updates))
            print("finished", window_id, flush=True)


if __name__ == "__main__":
    write_windows(sys.argv[1], int(sys.argv[2]))

"""`kill -9` at random moments, then the same command again: complete, nothing twice, nothing wrong."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable

import pytest
from lab_command import Bench, environment
from sqlalchemy import func, select
from truth_comparison import compare, read_truths, summarise

from db.database import open_database
from db.queries import incidents, list_campaigns, progress
from db.results import result_rows
from db.schema import VisitTable, WindowTable


def kill_at_random(bench: Bench, n: int, n_kills: int, seed: int, latest_s: float) -> int:
    """Start the campaign and kill it, again and again; how often it was killed before it was done."""
    rng, killed = random.Random(seed), 0
    for _ in range(n_kills):
        process = subprocess.Popen(
            bench.measure(n),
            cwd=bench.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
        time.sleep(rng.uniform(0.3, latest_s))  # noqa: TID251
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    return killed


def check(bench: Bench, n: int) -> str:
    """Everything that must hold afterwards; returns a line of figures."""
    with open_database(bench.db, create=False) as db:
        campaign = list_campaigns(db)[0]
        now = progress(db, campaign.campaign_id)
        rows = list(result_rows(db))
        happened = Counter(incident.kind for incident in incidents(db, campaign.campaign_id))
        with db.read() as tx:
            running = tx.scalar(select(func.count()).select_from(WindowTable).where(WindowTable.state == "running"))
            places = list(tx.execute(select(VisitTable.window_id, VisitTable.order_in_window)))
    assert dict(now.n_tasks) == {"done": n}
    assert running == 0
    assert len(places) == len(set(places))
    assert len({row.arch_hash for row in rows}) == n
    visits = Counter(row.task_id for row in rows)
    assert max(visits.values()) <= 5
    figures = summarise(compare(rows, read_truths(bench.truth)))
    assert figures.worst_abs_error_frac < 0.015
    assert figures.mean_abs_error_frac < 0.005
    lost = now.n_windows.get("lost", 0)
    return (
        f"{n} architectures complete, {len(rows)} visits, {lost} windows lost, incidents {dict(happened)}, "
        f"mean error {figures.mean_abs_error_frac:.3%}, worst {figures.worst_abs_error_frac:.3%}"
    )


@pytest.mark.timeout(600)
def test_a_campaign_survives_being_killed(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(n_models=12)
    killed = kill_at_random(bench, 40, n_kills=4, seed=1, latest_s=7.0)
    done = bench.finish(bench.measure(40))
    assert done.returncode == 0, done.stderr
    assert killed >= 2
    check(bench, 40)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thirty_kills_of_three_hundred_architectures(
    make_bench: Callable[..., Bench], capsys: pytest.CaptureFixture[str]
) -> None:
    bench = make_bench(n_models=50)
    killed = kill_at_random(bench, 300, n_kills=30, seed=2, latest_s=12.0)
    done = bench.finish(bench.measure(300), timeout_s=600)
    assert done.returncode == 0, done.stderr
    with capsys.disabled():
        print(f"\n{killed} kills of 30 found it running: {check(bench, 300)}")

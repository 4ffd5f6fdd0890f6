"""Workers on one PostgreSQL server: none trains what another trains, and one that is killed loses nothing.

Debian's PostgreSQL is started here, on a socket in a folder of its own; without it, or as a user that it refuses to
run as, these tests are skipped.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from study_rig import save_predictor
from surrogate_specimens import made_up_table

from db.database import open_database
from db.studies import find_study, list_trials
from search import cli
from search.commands import exits
from search.networks.spaces import AUDIO_2D
from search.studies.storage import close_study, load_study

pytest.importorskip("psycopg", reason="needs the extra `postgres`")
N_TRIALS = 30

# A worker whose trainings take a while, so that it can be killed in the middle of one.
SLOW_WORKER = """
import sys, time
from pathlib import Path
from search.surrogate import trained_surrogate as trained
quick = trained.TrainedSurrogate.trainer
def slow(self):
    train = quick(self)
    def patient(architecture, seed, watch):
        def seen(evaluation):
            time.sleep(0.05)
            return watch(evaluation)
        return train(architecture, seed, seen)
    return patient
trained.TrainedSurrogate.trainer = slow
from search.cli import main
main()
"""


@pytest.fixture
def study(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options of every worker of a study that `search init` has made."""
    monkeypatch.chdir(tmp_path)
    save_predictor(tmp_path / "energy-model", AUDIO_2D)
    table = made_up_table(tmp_path / "trainings.csv", 60)
    monkeypatch.setattr(sys, "argv", [
        "search", "init", "--study", tmp_path.name, "--storage", server, "--surrogate", str(table),
        "--algorithm", "random", "--stopping", "none",
    ])  # fmt: skip
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    return ["--study", tmp_path.name, "--storage", server, "--surrogate", str(table), "--trials", str(N_TRIALS)]


def start_worker(options: list[str], db: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLOW_WORKER, "worker", *options, "--db", db]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def trials_of(server: str, name: str) -> list[Any]:
    study = load_study(server, name)
    try:
        found: list[Any] = study.trials
        return found
    finally:
        close_study(study)


def wait_for_trials(server: str, name: str, n: int) -> None:
    end = time.monotonic() + 120
    while len(trials_of(server, name)) < n:
        assert time.monotonic() < end, "no trial in two minutes"
        time.sleep(0.1)  # noqa: TID251


def test_two_workers_share_a_study_and_the_death_of_one_loses_no_trial_and_doubles_none(
    server: str, study: list[str], tmp_path: Path
) -> None:
    first, second = start_worker(study, "one.db"), start_worker(study, "two.db")
    try:
        wait_for_trials(server, tmp_path.name, 8)
        first.send_signal(signal.SIGKILL)
        first.wait(30)
        assert second.wait(200) == 0, second.stderr and second.stderr.read()
        # The second may have seen all trials given out while the dead one's was still open.
        third = start_worker(study, "two.db")
        assert third.wait(200) == 0
        third.communicate()
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()
    trials = trials_of(server, tmp_path.name)
    assert [trial.number for trial in trials] == list(range(N_TRIALS))
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    hashes = Counter(trial.user_attrs["architecture_hash"] for trial in trials)
    assert max(hashes.values()) == 1
    with open_database("two.db") as db:
        recorded = list_trials(db, find_study(db, tmp_path.name).study_id)
    assert [trial.number for trial in recorded] == list(range(N_TRIALS))


def test_a_server_that_vanishes_in_a_search_is_said_and_the_search_goes_on_when_it_is_back(
    server: str, study: list[str], tmp_path: Path
) -> None:
    worker = start_worker(study, "lab.db")
    wait_for_trials(server, tmp_path.name, 3)
    _break_connections(server)
    _, said = worker.communicate(timeout=200)
    assert worker.returncode == exits.STORAGE_UNUSABLE, said
    assert "Traceback" not in said
    assert "hint: " in said
    again = start_worker(study, "lab.db")
    _, said = again.communicate(timeout=200)
    assert again.returncode == 0, said
    trials = trials_of(server, tmp_path.name)
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert len(trials) == N_TRIALS


def _break_connections(server: str) -> None:
    """As a server that is shut down does it: ends every session, and lets nobody in for a while."""
    import psycopg

    address = server.replace("+psycopg", "").replace("/trials", "/postgres")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ALTER DATABASE trials ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'trials'")
        time.sleep(3)  # noqa: TID251
        connection.execute("ALTER DATABASE trials ALLOW_CONNECTIONS true")

"""`lab measure --record` and `lab replay`, as a user runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_command import Bench

DATA = Path(__file__).resolve().parent.parent / "data" / "recordings"


def test_a_session_is_recorded_and_replayed(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(n_models=3, more="[tool]\nmin_secs = 1.2\nwarmup_secs = 0.2\n[precision]\nn_canaries = 0")
    measured = bench.finish(bench.measure(2, "--record", "a.labrec"))
    assert measured.returncode == 0, measured.stderr
    replayed = bench.run("replay", "a.labrec", "--db", str(bench.db), "--out", "again.db")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "SIMULATED" in replayed.stdout
    assert "Every row is equal." in replayed.stdout
    exported = [bench.run("export", "--db", db, "--out", "-").stdout for db in (str(bench.db), "again.db")]
    assert exported[0] == exported[1]
    again = bench.finish(bench.measure(3, "--record", "a.labrec"))
    assert again.returncode == 2
    assert "nothing is overwritten" in again.stderr
    nothing = bench.finish(bench.measure(2, "--record", "b.labrec"))
    assert nothing.returncode == 0
    assert "b.labrec was not written" in nothing.stderr
    assert not [path.name for path in bench.folder.iterdir() if path.name.startswith("b.labrec")]


def test_a_replayed_window_takes_a_tenth_of_its_recorded_time_at_most_and_says_so(
    make_bench: Callable[..., Bench],
) -> None:
    done = make_bench().run("replay", str(DATA / "hvpm.labrec"), "--json")
    found = json.loads(done.stdout)
    assert found["equal"] is True
    assert found["simulated"] is True
    # How long it took is printed, not judged: this computer may be busy.
    assert all(window["recorded_s"] > 20 and window["ratio"] > 0 for window in found["windows"])


def test_todays_analysis_is_shown_beside_what_was_recorded(make_bench: Callable[..., Bench]) -> None:
    done = make_bench().run("replay", str(DATA / "lvpm.labrec"), "--analysis")
    assert done.returncode == 0
    assert "mJ ->" in done.stdout
    assert "largest change 0.0000%" in done.stdout


def test_a_fault_of_the_computer_itself_cannot_be_recorded(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    done = bench.finish(bench.measure(2, "--record", "a.labrec", "--fault", "adb_late,disk_full"))
    assert done.returncode == 2
    assert "A session with disk_full cannot be recorded" in done.stderr
    assert not (bench.folder / "a.labrec").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none.labrec"], 2, "No such file"),
        (["text.labrec"], 2, "is not a recording"),
        (["short.labrec"], 2, "cut short"),
        ([str(DATA / "hvpm.labrec"), "--bench", "simulated"], 2, "another profile"),
        ([str(DATA / "hvpm.labrec"), "--out", "text.labrec"], 2, "already"),
        ([str(DATA / "hvpm.labrec"), "--db", "none.db"], 5, "no database"),
    ],
)
def test_what_cannot_be_replayed_is_said_with_what_to_do(
    arguments: list[str], code: int, said: str, make_bench: Callable[..., Bench]
) -> None:
    bench = make_bench()
    (bench.folder / "text.labrec").write_text("not a recording")
    (bench.folder / "short.labrec").write_bytes((DATA / "hvpm.labrec").read_bytes()[:100_000])
    done = bench.run("replay", *arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr

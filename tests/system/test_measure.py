"""`lab measure` from the command line to the record, on the simulated bench."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_command import Bench, environment
from truth_comparison import compare, read_truths, summarise

from db.database import open_database
from db.queries import list_campaigns, progress
from db.results import ResultRow, result_rows


def rows_of(bench: Bench) -> list[ResultRow]:
    with open_database(bench.db, create=False) as db:
        return list(result_rows(db))


def state_of(bench: Bench) -> dict[str, int]:
    with open_database(bench.db, create=False) as db:
        return dict(progress(db, list_campaigns(db)[0].campaign_id).n_tasks)


def test_energies_are_those_of_the_simulated_world(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(n_models=24)
    done = bench.finish(bench.measure(40))
    assert done.returncode == 0, done.stderr
    figures = summarise(compare(rows_of(bench), read_truths(bench.truth)))
    assert figures.n_visits >= 40
    assert figures.mean_abs_error_frac < 0.005
    assert figures.worst_abs_error_frac < 0.015
    assert state_of(bench) == {"done": 40}
    assert "SIMULATED" in done.stdout
    assert "Next: lab fit-rf" in done.stdout


def test_running_the_command_again_measures_nothing_again(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    assert bench.finish(bench.measure(8)).returncode == 0
    before = rows_of(bench)
    assert bench.finish(bench.measure(8)).returncode == 0
    assert rows_of(bench) == before


def test_a_larger_number_extends_the_campaign(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    assert bench.finish(bench.measure(6)).returncode == 0
    first = {row.arch_text for row in rows_of(bench)}
    assert bench.finish(bench.measure(12)).returncode == 0
    both = {row.arch_text for row in rows_of(bench)}
    assert first < both
    assert state_of(bench) == {"done": 12}


def test_the_same_seed_gives_the_same_energies(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    bench = make_bench()
    energies = []
    for name in ("one.db", "two.db"):
        command = [*bench.measure(6)[:-1], str(tmp_path / name)]
        assert bench.finish(command).returncode == 0
        with open_database(tmp_path / name, create=False) as db:
            energies.append([row.energy_mj for row in result_rows(db)])
    assert energies[0] == energies[1]


def test_a_dry_run_says_what_it_would_cost_and_does_nothing(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    done = bench.finish(bench.measure(15_000, "--dry-run", "--json"))
    assert done.returncode == 0, done.stderr
    estimate = json.loads(done.stdout)
    assert estimate["n_tasks"] == 15_000
    assert 5 < estimate["bench_hours"] < 100
    assert not bench.db.exists()


def test_progress_and_result_can_be_read_by_a_machine(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    done = bench.finish(bench.measure(5, "--json"))
    result = json.loads(done.stdout)
    assert (result["n_done"], result["simulated"]) == (5, True)
    steps = [json.loads(line) for line in done.stderr.splitlines()]
    assert steps[-1]["n_done"] == 5


def test_ctrl_c_ends_after_the_window_and_loses_nothing(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(n_models=20)
    with subprocess.Popen(
        bench.measure(400, "--json"),
        cwd=bench.folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if '"phase": "window_done"' in line:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Ending after this window" in errors
    state = state_of(bench)
    assert state.get("done", 0) >= 15
    assert "claimed" not in state


def test_ctrl_c_twice_stops_at_once_and_the_phone_is_given_back(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(n_models=60)
    with subprocess.Popen(
        ["lab", "-v", *bench.measure(60)[1:]],
        executable=bench.command()[0],
        cwd=bench.folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        deadline = time.monotonic() + 60
        while not bench.truth.exists() or bench.truth.stat().st_size < 500:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)  # noqa: TID251
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)  # noqa: TID251
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "The same command goes on from here" in errors
    assert "claimed" not in state_of(bench)


def test_architectures_of_another_space_are_measured_and_the_status_says_how_to_go_on(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    done = bench.finish(bench.measure(4, "--space", "audio1d"))
    assert done.returncode == 0, done.stderr
    assert {row.arch_space for row in rows_of(bench)} == {"audio1d"}
    known = json.loads(bench.run("status", "--db", str(bench.db), "--json").stdout)
    assert "audio1d" in json.dumps(known)
    killed = bench.finish(bench.measure(3, "--space", "audio9d"))
    assert killed.returncode == 2
    assert "audio1d" in killed.stderr


def test_a_persons_own_models_are_measured(make_bench: Callable[..., Bench]) -> None:
    from search.networks.spaces import AUDIO_2D
    from search.tflite.writer import write_tflite

    bench = make_bench()
    folder = bench.folder / "models"
    folder.mkdir()
    for i, architecture in enumerate(AUDIO_2D.sample_unique(3, 9)):
        (folder / f"net{i}.tflite").write_bytes(write_tflite(architecture, i))
    command = bench.command("measure", "--models", str(folder), "--bench", str(bench.profile), "--db", str(bench.db))
    done = bench.finish(command)
    assert done.returncode == 0, done.stderr
    assert {row.model_name for row in rows_of(bench)} == {"net0.tflite", "net1.tflite", "net2.tflite"}


def test_a_model_that_the_tool_rejects_is_a_row_and_the_others_are_measured(make_bench: Callable[..., Bench]) -> None:
    from search.networks.spaces import TABLE_2
    from search.tflite.writer import write_tflite

    bench = make_bench()
    folder = bench.folder / "models"
    folder.mkdir()
    whole = write_tflite(TABLE_2, 0)
    (folder / "good.tflite").write_bytes(whole)
    (folder / "torn.tflite").write_bytes(whole[:200])
    command = bench.command("measure", "--models", str(folder), "--bench", str(bench.profile), "--db", str(bench.db))
    done = bench.finish(command)
    assert done.returncode == 1, done.stderr
    assert {row.model_name for row in rows_of(bench)} == {"good.tflite"}
    assert state_of(bench) == {"done": 1, "failed": 1}


@pytest.mark.parametrize("dialect", ["tf1", "tf23", "tf"])
def test_every_dialect_of_the_tool_is_understood(make_bench: Callable[..., Bench], dialect: str) -> None:
    bench = make_bench()
    text = bench.profile.read_text().replace("[simulated]", f'[simulated]\ntool_dialect = "{dialect}"')
    bench.profile.write_text(text)
    done = bench.finish(bench.measure(4))
    assert done.returncode == 0, done.stderr
    assert summarise(compare(rows_of(bench), read_truths(bench.truth))).worst_abs_error_frac < 0.015

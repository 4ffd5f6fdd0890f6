"""`search run` and its kin as a user types them: what is wrong is said, with what to do, and nothing is begun."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from search_command import search
from study_rig import a_worker, save_predictor, settings
from surrogate_specimens import made_up_table

from predictor.artefact import load
from search.commands import exits
from search.networks.spaces import AUDIO_1D, AUDIO_2D
from search.studies.storage import close_study, load_study


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--predictor", "nowhere"], "lab fit-rf"),
        (["--space", "audio3d"], "audio1d"),
        (["--algorithm", "luck"], "known-penalty"),
        (["--stopping", "never"], "tsgp"),
        (["--reward", "c"], "b-prime"),
        (["--budget", "much"], "thorough"),
        (["--audioset", "nowhere"], "audioset"),
        (["--trials", "0"], "trials"),
    ],
)
def test_bad_input_ends_with_code_2_and_begins_nothing(
    arguments: list[str],
    word: str,
    predictor: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [] if "--predictor" in arguments else ["--predictor", str(predictor)]
    assert search(monkeypatch, "run", *given, *arguments) == exits.BAD_INPUT
    assert word in capsys.readouterr().err
    assert not list(tmp_path.glob("lab*"))


def test_a_predictor_of_another_space_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_predictor(tmp_path / "model", AUDIO_1D)
    assert search(monkeypatch, "run", "--predictor", "model", "--space", "audio2d") == exits.BAD_INPUT
    assert "fitted for audio1d" in capsys.readouterr().err


def test_a_study_made_by_init_goes_on_only_with_its_own_settings(
    predictor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--predictor", str(predictor), "--budget", "smoke", "--algorithm", "random"]
    assert search(monkeypatch, "init", *common) == 0
    assert "search worker --study search --storage sqlite:///" in capsys.readouterr().out
    assert search(monkeypatch, "run", *common, "--reward", "b-prime") == exits.BAD_INPUT
    assert "another name" in capsys.readouterr().err
    assert search(monkeypatch, "best") == 0
    assert "Best of 0 networks trained to the end" in capsys.readouterr().out


def test_trials_that_outlive_their_record_go_on_only_with_their_own_settings(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = made_up_table(tmp_path / "trainings.csv")
    asked = ["--predictor", str(predictor), "--surrogate", str(table), "--algorithm", "random", "--trials", "3"]
    assert search(monkeypatch, "run", *asked) == 0
    for path in tmp_path.glob("lab.db*"):
        if path.is_file():
            path.unlink()
    capsys.readouterr()
    assert search(monkeypatch, "run", *asked, "--reward", "b-prime") == exits.BAD_INPUT
    assert "has reward b, not b-prime" in capsys.readouterr().err
    assert search(monkeypatch, "run", *asked) == 0
    assert "Best of 3 networks" in capsys.readouterr().out


def test_another_predictor_from_the_same_rows_is_another_predictor(tmp_path: Path, predictor: Path) -> None:
    own = load(predictor)
    other = replace(own, manifest={**own.manifest, "recipe": "random-forest"})
    assert own.sha256 == load(predictor).sha256 != other.sha256


def test_what_is_refused_makes_nothing(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(made_up_table(tmp_path / "trainings.csv"))
    common = ["--predictor", str(predictor)]
    (tmp_path / "cache").mkdir()
    before = set(tmp_path.iterdir())
    for code, *arguments in (
        (2, "trainings", "--db", "typo.db", "--study", "s"),
        (5, "retrain", "--db", "typo.db", "--study", "s"),
        (5, "best", "--study", "s"),
        (2, "init", *common, "--surrogate", table, "--replicate", "nowhere", "--seed", "4"),
        (2, "run", *common, "--surrogate", table, "--budget", "much"),
        (2, "run", *common, "--surrogate", table, "--audioset", "nowhere"),
        (2, "run", *common, "--surrogate", table, "--study", " "),
        (2, "trainings", "--table", table, "--out", "no/folder/t.csv"),
        (2, "trainings", "--table", table, "--out", "."),
    ):
        assert search(monkeypatch, *arguments) == code, arguments
        said = capsys.readouterr().err
        assert "hint: " in said or "Usage" in said
        assert set(tmp_path.iterdir()) == before, arguments
    assert search(monkeypatch, "run", *common, "--surrogate", table, "--storage", "redis://nowhere") == 5
    assert "hint: " in capsys.readouterr().err
    with a_worker(tmp_path, predictor, settings()):
        pass
    assert search(monkeypatch, "best", "--study", "other") == exits.BAD_INPUT
    assert "it has: s" in capsys.readouterr().err


def test_settings_that_this_version_cannot_read_are_said(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_worker(tmp_path, predictor, settings()) as worker:
        plain = worker.study.user_attrs["settings"]
        worker.study.set_user_attr("settings", {**plain, "recipe": {"n_moons": 3}})
    assert search(monkeypatch, "worker", "--study", "s", "--predictor", str(predictor)) == exits.BAD_INPUT
    assert "n_moons" in capsys.readouterr().err


def test_a_study_of_a_version_that_knew_no_surrogates_goes_on(
    predictor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--predictor", str(predictor), "--budget", "smoke", "--algorithm", "random"]
    assert search(monkeypatch, "init", *asked) == 0
    with closing(sqlite3.connect("lab.db")) as record, record:
        record.execute("UPDATE study SET settings_json = json_remove(settings_json, '$.surrogate')")
    assert search(monkeypatch, "init", *asked) == 0
    assert search(monkeypatch, "init", *asked, "--seed", "9") == exits.BAD_INPUT
    assert "has seed 1, not 9" in capsys.readouterr().err


def test_a_worker_needs_a_study_and_a_storage_that_answers(
    predictor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["worker", "--study", "s", "--predictor", str(predictor)]
    assert search(monkeypatch, *common, "--storage", "sqlite:///empty.db") == exits.BAD_INPUT
    assert "search init" in capsys.readouterr().err
    unusable = "sqlite:////nonexistent/folder/trials.db"
    assert search(monkeypatch, *common, "--storage", unusable) == exits.STORAGE_UNUSABLE
    assert search(monkeypatch, *common, "--storage", "nonsense") == exits.STORAGE_UNUSABLE
    assert "hint: " in capsys.readouterr().err


def test_a_trial_is_shown_and_exported_with_its_card(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_worker(tmp_path, predictor, settings()) as worker:
        replace(worker, files_dir=worker.db.files_dir / "networks").run(2, lambda: False)
    assert search(monkeypatch, "show", "2", "--study", "s") == 0
    shown = capsys.readouterr().out
    assert "SIMULATED" in shown
    assert "SYNTHETIC" in shown
    assert search(monkeypatch, "export", "2", "--study", "s", "--out", "net.tflite", "--keras", "net.keras") == 0
    assert Path("net.keras").stat().st_size > 10_000
    assert Path("net.tflite").read_bytes()[4:8] == b"TFL3"
    assert "SIMULATED" in Path("net.tflite.md").read_text()
    assert search(monkeypatch, "show", "3", "--study", "s") == exits.BAD_INPUT
    assert "it has 1 to 2" in capsys.readouterr().err
    Path("notes.md").write_text("mine")
    for out in ("no/folder/net.tflite", "notes.md", "net", ".", ""):
        assert search(monkeypatch, "export", "1", "--study", "s", "--out", out) == exits.BAD_INPUT
        assert "hint: " in capsys.readouterr().err
    assert search(monkeypatch, "export", "1", "--study", "s", "--out", "notes.tflite") == 0
    assert Path("notes.md").read_text() == "mine"
    for path in (tmp_path / "lab.db.files" / "networks").iterdir():
        path.write_bytes(b"damaged")
    assert search(monkeypatch, "export", "1", "--study", "s", "--out", "net1.tflite") == exits.BAD_INPUT
    assert not Path("net1.tflite").exists()


def test_a_search_on_a_surrogate_trains_nothing_goes_on_and_exports_nothing(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = made_up_table(tmp_path / "trainings.csv")
    common = [
        "--predictor",
        str(predictor),
        "--algorithm",
        "evolution",
        "--surrogate",
        str(table),
        "--stopping",
        "none",
    ]
    assert search(monkeypatch, "run", "--trials", "4", *common) == 0
    assert "nothing is trained: SURROGATE of 80 trainings" in capsys.readouterr().err
    assert search(monkeypatch, "run", "--resume", "--trials", "6", *common) == 0
    assert "Best of 6 networks trained to the end" in capsys.readouterr().out
    assert search(monkeypatch, "export", "1", "--out", "n.tflite") == exits.BAD_INPUT
    assert "was not trained" in capsys.readouterr().err
    assert search(monkeypatch, "worker", "--predictor", str(predictor)) == exits.BAD_INPUT
    assert "--surrogate" in capsys.readouterr().err
    assert search(monkeypatch, "trainings", "--study", "search") == exits.BAD_INPUT
    assert "trained nothing" in capsys.readouterr().err


def test_workers_share_a_study_and_end_with_the_process_that_began_them(predictor: Path, tmp_path: Path) -> None:
    table = made_up_table(tmp_path / "trainings.csv")
    common = ["--predictor", str(predictor), "--algorithm", "random", "--surrogate", str(table), "--workers", "2"]
    command = [sys.executable, "-m", "search", "run", *common, "--trials"]
    done = subprocess.run([*command, "12"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Best of 12 networks trained to the end" in done.stdout
    assert done.stdout.count("Next: ") == 1
    assert sorted(re.findall(r"(\d+)/12 ", done.stderr), key=int) == [str(n) for n in range(1, 13)]
    with subprocess.Popen([*command, "100000"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        while b"/100000" not in process.stderr.readline():
            pass
        process.kill()
        # The companion holds the other end of this pipe, so it ends when the companion has.
        process.communicate(timeout=60)


def workers_of(trials: Path) -> set[int]:
    """The processes that have signed a trial."""
    with closing(sqlite3.connect(trials)) as storage, storage:
        signatures = storage.execute("SELECT value_json FROM trial_user_attributes WHERE key = 'worker'")
        return {json.loads(value)["pid"] for (value,) in signatures}


def test_ctrl_c_lets_every_worker_end_its_trial_before_the_best_are_shown(predictor: Path, tmp_path: Path) -> None:
    table = made_up_table(tmp_path / "trainings.csv")
    common = ["--predictor", str(predictor), "--algorithm", "random", "--surrogate", str(table), "--workers", "2"]
    command = [sys.executable, "-m", "search", "run", *common, "--trials", "100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        seen = ""
        while "/100000 " not in seen or len(workers_of(tmp_path / "lab.trials.db")) < 2:
            seen += process.stderr.readline()
        process.send_signal(signal.SIGINT)
        shown, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest.count("Ending after this trial") == 1
    assert "trials that other workers are at" not in rest
    n_told = len(re.findall(r"/100000 ", seen + rest))
    assert re.findall(r"Best of (\d+) networks", shown) == [str(n_told)]


def test_going_on_with_a_study_that_is_not_there_is_refused(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(monkeypatch, "run", "--resume", "--predictor", str(predictor)) == exits.BAD_INPUT
    assert "no study search" in capsys.readouterr().err
    assert not list(tmp_path.glob("lab.db"))


def test_a_search_for_the_front_has_three_objectives_and_draws_it(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = made_up_table(tmp_path / "trainings.csv")
    common = ["--predictor", str(predictor), "--algorithm", "pareto", "--surrogate", str(table)]
    assert search(monkeypatch, "run", "--trials", "5", *common, "--stopping", "tsgp") == exits.BAD_INPUT
    assert "leave --stopping out" in capsys.readouterr().err
    assert search(monkeypatch, "run", "--trials", "5", *common) == 0
    assert search(monkeypatch, "run", "--trials", "9", *common) == 0
    assert "Best of 9 networks trained to the end" in capsys.readouterr().out
    assert search(monkeypatch, "best", "--front", "--plot", "front.png") == 0
    assert "Pareto front of 9 networks trained to the end" in capsys.readouterr().out
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    study = load_study("sqlite:///lab.trials.db", "search")
    try:
        assert len(study.directions) == 3
        assert all(len(trial.values) == 3 for trial in study.trials)
    finally:
        close_study(study)


def test_the_dashboard_needs_trials_and_a_free_port(
    predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(monkeypatch, "dashboard") == exits.STORAGE_UNUSABLE
    assert "no trials" in capsys.readouterr().err
    with a_worker(tmp_path, predictor, settings()) as worker:
        worker.run(1, lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert search(monkeypatch, "dashboard", "--port", str(port)) == exits.STORAGE_UNUSABLE
    assert "--port" in capsys.readouterr().err


def test_the_dashboard_shows_the_study(predictor: Path, tmp_path: Path) -> None:
    with a_worker(tmp_path, predictor, settings()) as worker:
        worker.run(2, lambda: False)
    command = [sys.executable, "-m", "search", "dashboard", "--port", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        with urllib.request.urlopen(f"{address}/api/studies", timeout=60) as answer:
            assert '"study_name": "s"' in answer.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_a_study_goes_on_with_its_own_predictor_when_another_was_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--surrogate", str(made_up_table(tmp_path / "trainings.csv")), "--algorithm", "random"]
    save_predictor(tmp_path / "energy-model", AUDIO_2D, without="Identity")
    assert search(monkeypatch, "run", *asked, "--trials", "2") == 0
    said = capsys.readouterr().err
    assert said.count("has never seen") == 1
    assert "lab measure --n 100" in said
    save_predictor(tmp_path / "energy-model", AUDIO_2D, seed=12)
    assert search(monkeypatch, "run", *asked, "--trials", "3") == 0
    said = capsys.readouterr()
    assert "its own copy of the energy predictor" in said.err
    assert "Best of 3 networks" in said.out
    shutil.rmtree(tmp_path / "energy-model")
    assert search(monkeypatch, "worker", *asked[:2], "--trials", "4") == 0
    assert "its own copy" in capsys.readouterr().err


def test_a_worker_elsewhere_needs_the_predictor_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = ["--surrogate", str(made_up_table(tmp_path / "trainings.csv"))]
    save_predictor(tmp_path / "energy-model", AUDIO_2D)
    assert search(monkeypatch, "init", *table) == 0
    save_predictor(tmp_path / "other", AUDIO_2D, seed=12)
    elsewhere = [*table, "--db", str(tmp_path / "elsewhere.db"), "--storage", f"sqlite:///{tmp_path}/lab.trials.db"]
    assert search(monkeypatch, "worker", *elsewhere, "--predictor", "other") == exits.BAD_INPUT
    assert "made with another predictor" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere.db").exists()
    assert search(monkeypatch, "worker", *elsewhere, "--trials", "1") == 0


def test_an_option_works_under_its_old_name_for_one_release_with_a_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(monkeypatch, "run", "--effort", "much") == exits.BAD_INPUT
    said = capsys.readouterr().err
    assert "note: --effort is called --budget" in said
    assert "no budget 'much'" in said


def test_an_option_under_both_of_its_names_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(monkeypatch, "run", "--budget", "thorough", "--effort", "smoke") == exits.BAD_INPUT
    assert "--effort is the old name of --budget" in capsys.readouterr().err

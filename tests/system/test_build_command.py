"""`lab build` as a user types it."""

import csv
import signal
import subprocess
import time
from pathlib import Path

import pytest
from lab_command import LAB, environment

from search.networks.spaces import TABLE_2
from search.tflite.writer import write_tflite


def build(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [LAB, "build", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, env=environment(), check=False
    )


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for name, workers in (("a", "0"), ("b", "2")):
        done = build(tmp_path, "--n", "20", "--out", name, "--seed", "3", "--workers", workers)
        assert done.returncode == 0, done.stderr
        assert f"next: lab measure {name}" in done.stderr
    indexes = [(tmp_path / name / "index.csv").read_bytes() for name in ("a", "b")]
    assert indexes[0] == indexes[1]
    with (tmp_path / "a" / "index.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 20
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"index.csv", *(row["file"] for row in rows)}


def test_a_list_of_networks_is_written_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("table2\ntc_resnet_8\n")
    done = build(tmp_path, "--networks", "list.txt", "--out", "models", "--seed", "5")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "models" / "index.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["text"] for row in rows] == [TABLE_2.text, "tc_resnet_8"]
    assert (tmp_path / "models" / rows[0]["file"]).read_bytes() == write_tflite(TABLE_2, seed=5)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--out", "x"], "--baselines"),
        (["--out", "x", "--n", "3", "--baselines"], "exclude"),
        (["--out", "x", "--n", "3", "--space", "audio3d"], "audio1d"),
        (["--out", "x", "--n", "3", "--option", "dw_stride=late"], "next_block"),
        (["--out", "x", "--n", "3", "--option", "colour=red"], "dw_stride"),
        (["--out", "x", "--networks", "missing.txt"], "missing.txt"),
        (["--out", "x", "--baselines", "--option", "pool_merge=add"], "--baselines"),
        (["--out", "x", "--baselines", "--space", "audio1d"], "--baselines"),
        (["--out", "/proc/x", "--n", "3"], "folder"),
    ],
)
def test_bad_input_is_a_usage_error_that_writes_nothing(tmp_path: Path, arguments: list[str], word: str) -> None:
    done = build(tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert word in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_interruption_leaves_whole_files_and_the_same_command_goes_on(tmp_path: Path) -> None:
    command = [LAB, "build", "--n", "3000", "--out", "models"]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    ) as process:
        deadline_s = time.monotonic() + 60
        while len(list((tmp_path / "models").glob("*.tflite"))) < 5:
            assert time.monotonic() < deadline_s
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "same command goes on" in said
    files = list((tmp_path / "models").iterdir())
    assert 5 <= len(files) < 3000
    assert all(path.suffix == ".tflite" and path.read_bytes()[4:8] == b"TFL3" for path in files)

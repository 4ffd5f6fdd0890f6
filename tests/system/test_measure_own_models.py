"""A user's own models, measured as a user does it: names, twins, renames, refusals with their reason everywhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from lab_command import Bench

OWN = Path(__file__).parents[1] / "data" / "own_models"


def test_models_of_every_kind_are_measured_or_refused_with_the_reason(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    folder = bench.folder / "models"
    shutil.copytree(OWN, folder)
    (folder / "Sub").mkdir()
    shutil.copy(OWN / "int8.tflite", folder / "Sub" / "COPY.TFLITE")
    where = ("--db", str(bench.db))
    done = bench.run("measure", str(folder), "--bench", str(bench.profile), *where)
    assert done.returncode == 1, done.stderr
    assert "under 2 names, measured once: Sub/COPY.TFLITE, int8.tflite" in done.stderr
    assert "make.py" in done.stderr
    reasons = {"custom.tflite": "unresolved custom op", "flex.tflite": "Flex delegate", "while.tflite": "SIMULATED"}
    for command in (["status"], ["status", "--failed"], ["incidents"], ["audit"], ["incidents", "--json"]):
        said = bench.run(*command, *where).stdout
        for name, reason in reasons.items():
            assert name in said, (command, said)
            assert reason in " ".join(said.split()), (command, said)
    exported = bench.run("export", "--out", "rows.csv", *where)
    assert all(name in exported.stderr for name in reasons)
    rows = (bench.folder / "rows.csv").read_text()
    for measured in ("float32", "float16", "dynamic", "Sub/COPY", "lstm", "scalar", "two_inputs"):
        assert measured in rows
    # The arithmetic has its price on the simulated phone.
    energies = {
        kind: json.loads(bench.run("show", f"{kind}.tflite", "--json", *where).stdout)["models"][0]["visits"][0]
        for kind in ("float32", "dynamic")
    }
    assert energies["dynamic"]["energy_mj"] < energies["float32"]["energy_mj"]


def test_files_are_known_by_their_content_whatever_they_are_called(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    folder = bench.folder / "models"
    folder.mkdir()
    for name in ("int8", "lstm"):
        shutil.copy(OWN / f"{name}.tflite", folder)
    common = ("--bench", str(bench.profile), "--db", str(bench.db))
    assert bench.run("measure", str(folder), *common).returncode == 0
    shutil.copy(OWN / "dynamic.tflite", folder / "a_new_one.tflite")
    (folder / "lstm.tflite").rename(folder / "recurrent.tflite")
    again = bench.run("measure", str(folder), *common, "--json")
    assert again.returncode == 0, again.stderr
    assert "lstm.tflite is now recurrent.tflite" in again.stderr
    summary = json.loads(again.stdout)
    assert (summary["n_done"], summary["visits"]["accepted"] + summary["visits"].get("marginal", 0)) == (3, 3)
    # What `lab status` says to type goes on with the same files.
    (folder / "int8.tflite").unlink()
    gone = bench.run("measure", str(folder), *common)
    assert gone.returncode == 0
    assert "their results are kept: int8.tflite" in gone.stderr


def test_one_file_is_enough(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    shutil.copy(OWN / "int8.tflite", bench.folder / "net.lite")
    common = ("--bench", str(bench.profile), "--db", str(bench.db))
    done = bench.run("measure", "net.lite", *common)
    assert done.returncode == 0, done.stderr
    assert "1.70" in done.stdout
    missing = bench.run("measure", "nte.lite", *common)
    assert missing.returncode == 2
    assert "nte.lite is not there" in missing.stderr

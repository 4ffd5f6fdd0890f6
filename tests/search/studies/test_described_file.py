"""An exported network and the program beside it give on sound files what training saw, to the last digit."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from network_specimens import baseline_named
from sound_specimens import tone, write_split_sounds

from search.audio.examples import SoundData
from search.audio.log_mel import FRONT_END
from search.audio.recordings import RecordingRule
from search.audio.sound_folder import load_sounds
from search.networks.layers import Graph
from search.networks.network import graph_of
from search.networks.spaces import AUDIO_1D, TABLE_2
from search.studies.described_file import PROGRAM, described, facts_of, write_described
from search.tflite.metadata import DESCRIPTION, read_metadata
from search.tflite.random_constants import draw_constants
from search.tflite.reader import read_network
from search.tflite.recognise import recognise
from search.tflite.strip import strip
from search.tflite.writer import serialize
from search.training.int8_accuracy import int8_accuracy, int8_classes
from search.training.recipe import TrainingRecipe
from search.training.trainer import train

NETWORKS = (baseline_named("tc_resnet_8"), TABLE_2, AUDIO_1D.sample_unique(1, 3)[0])


def classify(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Types it in a folder, with nothing of this project to import."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    typed = [sys.executable, "-I", PROGRAM, *arguments]
    return subprocess.run(typed, cwd=folder, env=clean, capture_output=True, text=True, timeout=300, check=False)


def files_of_test(folder: Path) -> list[str]:
    return [str(path) for path in sorted((folder / "test").rglob("*.*"))]


@pytest.fixture(scope="module", params=[8_000, 16_000, 44_100])
def sounds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds") / f"at{request.param}"
    write_split_sounds(folder, rate_hz=request.param)
    long = np.concatenate([0.05 * tone(300, 8, 4.0, request.param), tone(2400, 9, 3.3, request.param)])
    soundfile.write(folder / "test" / "high" / "stereo.flac", np.stack([long, 0.5 * long], axis=1), request.param)
    return folder


@pytest.fixture(scope="module")
def data(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> SoundData:
    return load_sounds(sounds, RecordingRule(), tmp_path_factory.mktemp("cache"))[0]


def write_random(graph: Graph, data: SoundData, path: Path, seed: int = 0) -> bytes:
    tflite = serialize(draw_constants(graph, np.random.default_rng(seed)))
    write_described(tflite, graph, data.description, path, pytest.fail)
    return tflite


def test_the_program_gives_the_accuracy_of_the_training_on_the_files_of_the_test(
    sounds: Path, data: SoundData, tmp_path: Path
) -> None:
    pytest.importorskip("tensorflow")
    graph = graph_of(NETWORKS[0], data.n_classes)
    recipe = TrainingRecipe(n_float_epochs=12, n_int8_epochs=4, batch_size=10, n_evaluations=1)
    trained = train(graph, data, recipe, seed=1)
    write_described(trained.tflite, graph, data.description, tmp_path / "net.tflite", pytest.fail)
    done = classify(tmp_path, "net.tflite", *files_of_test(sounds), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    hits = [Path(each["file"]).parent.name == each["class"] for each in found]
    accuracy = int8_accuracy(trained.tflite, data.test)
    assert sum(hits) / len(hits) == accuracy
    assert accuracy > 0.8


@pytest.mark.parametrize("network", NETWORKS, ids=["tc_resnet_8", "2d", "1d"])
def test_every_class_of_every_clip_is_that_of_the_training_whatever_rate_format_and_space(
    network: object, sounds: Path, data: SoundData, tmp_path: Path
) -> None:
    graph = graph_of(network, data.n_classes)  # type: ignore[arg-type]
    tflite = write_random(graph, data, tmp_path / "net.tflite")
    done = classify(tmp_path, "net.tflite", *files_of_test(sounds), "--json")
    found = json.loads(done.stdout)
    wanted = int8_classes(tflite, data.test.spectrograms)
    assert [data.class_names.index(each["class"]) for each in found] == wanted.tolist()
    for each in found:
        assert sum(each["probabilities"].values()) == pytest.approx(1, abs=0.02)
        assert each["probability"] == max(each["probabilities"].values())


@pytest.mark.parametrize("network", NETWORKS, ids=["tc_resnet_8", "2d", "1d"])
def test_the_description_changes_no_bit_of_what_the_network_computes(
    network: object, data: SoundData, tmp_path: Path
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    graph = graph_of(network, data.n_classes)  # type: ignore[arg-type]
    tflite = write_random(graph, data, tmp_path / "net.tflite")
    dressed = (tmp_path / "net.tflite").read_bytes()
    levels = np.random.default_rng(1).integers(-128, 128, (20, 1, *graph.input_shape)).astype(np.int8)
    outputs = []
    for content in (tflite, dressed):
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        for level in levels:
            interpreter.set_tensor(source["index"], level)
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(result["index"]).copy())
    assert np.array_equal(outputs[:20], outputs[20:])
    assert serialize(read_network(dressed, graph)) == tflite
    assert recognise(dressed) == recognise(tflite)
    description = json.loads(read_metadata(dressed, DESCRIPTION) or b"")
    assert description["network_sha256"] == hashlib.sha256(tflite).hexdigest()
    assert read_metadata(tflite, DESCRIPTION) is read_metadata(strip(dressed), DESCRIPTION) is None


def test_the_file_and_the_card_say_everything_that_it_takes(data: SoundData) -> None:
    graph = graph_of(TABLE_2, data.n_classes)
    _, description = described(serialize(draw_constants(graph, np.random.default_rng(0))), graph, data.description)
    assert description["class_names"] == ["high", "low"]
    assert description["deviation"] == data.description.deviation
    assert description["limit"] == 4.0
    for name, value in dataclasses.asdict(FRONT_END).items():
        assert description["front_end"][name] == value
    assert len(description["front_end"]["edges_hz"]) == 42
    card = str(facts_of(description))
    for value in ("high, low", "16000 Hz", "800", "160", "1024", "7600", "1e-06", repr(data.description.deviation)):
        assert value in card


def test_the_program_needs_numpy_soundfile_and_litert_alone(data: SoundData, tmp_path: Path) -> None:
    write_random(graph_of(TABLE_2, 2), data, tmp_path / "net.tflite")
    tree = ast.parse((tmp_path / PROGRAM).read_text())
    plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    parts = [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported = {name.split(".")[0] for name in (*plain, *parts)}
    assert imported - set(sys.stdlib_module_names) == {"numpy", "soundfile", "ai_edge_litert"}


def test_what_cannot_be_run_is_said_and_the_rest_is_done(sounds: Path, data: SoundData, tmp_path: Path) -> None:
    tflite = write_random(graph_of(TABLE_2, 2), data, tmp_path / "net.tflite")
    (tmp_path / "notes.wav").write_text("no sound")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    good = files_of_test(sounds)[0]
    done = classify(tmp_path, "net.tflite", "notes.wav", good, "nowhere.wav", "empty.wav")
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 3
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith(f"{good}: ")
    (tmp_path / "plain.tflite").write_bytes(tflite)
    (tmp_path / "half.tflite").write_bytes((tmp_path / "net.tflite").read_bytes()[:3000])
    for network in ("plain.tflite", "half.tflite", "notes.wav", "nowhere.tflite"):
        refused = classify(tmp_path, network, good)
        assert refused.returncode == 1, network
        assert "Traceback" not in refused.stderr
        assert "error: " in refused.stderr
    assert "search export" in classify(tmp_path, "plain.tflite", good).stderr


@pytest.mark.parametrize(
    ("there", "damaged"),
    [
        (b'"class_names"', b'"class_namez"'),
        (b'"front_end"', b'"front_enx"'),
        (b'["high", "low"]', b'["high"       ]'),
        (b'["high", "low"]', b'["h","i", "lo"]'),
        (b'"shape": [1, ', b'"shape": [2, '),
    ],
)
def test_a_description_that_does_not_fit_its_network_is_said_of_the_network(
    sounds: Path, data: SoundData, tmp_path: Path, there: bytes, damaged: bytes
) -> None:
    path = tmp_path / "net.tflite"
    write_random(graph_of(TABLE_2, 2), data, path)
    assert there in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(there, damaged))
    refused = classify(tmp_path, path.name, files_of_test(sounds)[0])
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "error: net.tflite cannot be run" in refused.stderr


def test_a_sound_whose_name_is_no_text_is_classified(sounds: Path, data: SoundData, tmp_path: Path) -> None:
    write_random(graph_of(TABLE_2, 2), data, tmp_path / "net.tflite")
    shutil.copy(files_of_test(sounds)[0], os.fsencode(tmp_path) + b"/\xff.wav")
    done = classify(tmp_path, "net.tflite", os.fsdecode(b"\xff.wav"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("\\udcff.wav: ")


def test_a_program_that_a_user_has_changed_stays(data: SoundData, tmp_path: Path) -> None:
    graph = graph_of(TABLE_2, 2)
    tflite = write_random(graph, data, tmp_path / "net.tflite")
    (tmp_path / PROGRAM).write_text("mine")
    said: list[str] = []
    write_described(tflite, graph, data.description, tmp_path / "other.tflite", said.append)
    assert "stays" in said[0]
    assert (tmp_path / PROGRAM).read_text() == "mine"
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(("where", "code"), [("| head -c1", 0), (">&-", 0), ("> /dev/full", 74)])
def test_a_stdout_that_is_gone_or_full_ends_without_a_traceback(
    where: str, code: int, data: SoundData, sounds: Path, tmp_path: Path
) -> None:
    write_random(graph_of(NETWORKS[0], data.n_classes), data, tmp_path / "net.tflite")
    files = " ".join(map(shlex.quote, files_of_test(sounds)))
    typed = f"set -o pipefail; {sys.executable} -I {PROGRAM} net.tflite {files} {files} {where}"
    done = subprocess.run(["bash", "-c", typed], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr

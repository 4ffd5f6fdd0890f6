"""A predictor on disk: read back as it was, refitted under other versions, and never a way to run someone's code."""

import json
import pickle
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_rows import made_rows

from predictor import artefact, trusted_types
from predictor.artefact import MANIFEST, MODEL, ROWS, check_output, load, read_rows, save
from predictor.errors import DamagedModel, ForeignModel, OutputRefused
from predictor.evaluation import evaluate, fit_predictor
from predictor.models import RECIPES
from predictor.predictor import Predictor
from predictor.table import ENERGY, Measurements
from predictor.two_stage import MeasurementBudget, evaluate_two_stage, fit_two_stage_predictor

ROWS_OF_100 = made_rows(100, simulated=True)


def fitted(recipe: str = "random-forest") -> Predictor:
    return fit_predictor(evaluate(recipe, ROWS_OF_100, seed=4), ROWS_OF_100, seed=4)


def saved(folder: Path, recipe: str = "random-forest", rows: Measurements = ROWS_OF_100) -> Predictor:
    predictor = fitted(recipe)
    save(folder, predictor, rows, {"seed": 4}, {"card.md": b"# Card\n"})
    return predictor


def values(predictor: Predictor) -> Any:
    return predictor.predict(ROWS_OF_100.features).values


@pytest.mark.parametrize("recipe", [recipe.name for recipe in RECIPES])
def test_a_predictor_is_read_back_bit_for_bit(tmp_path: Path, recipe: str) -> None:
    written = saved(tmp_path / "model", recipe)
    again = load(tmp_path / "model")
    assert not again.refitted
    assert np.array_equal(values(again.predictor), values(written))
    assert again.predictor.band == written.band
    assert again.predictor.simulated


@pytest.mark.parametrize("recipe", [recipe.name for recipe in RECIPES])
def test_under_another_scikit_learn_the_model_is_fitted_again_to_the_same_values(
    tmp_path: Path, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = saved(tmp_path / "model", recipe)
    (tmp_path / "model" / MODEL).write_bytes(b"what an old version wrote")
    content = json.loads((tmp_path / "model" / MANIFEST).read_text())
    content["files"][MODEL] = artefact._hash(tmp_path / "model" / MODEL)
    content["versions"]["scikit-learn"] = "0.23.1"
    (tmp_path / "model" / MANIFEST).write_text(json.dumps(content))
    again = load(tmp_path / "model")
    assert "scikit-learn 0.23.1, here " + metadata.version("scikit-learn") in again.refitted
    assert np.allclose(values(again.predictor), values(written), rtol=1e-6)


def test_energy_from_latency_is_read_and_refitted_too(tmp_path: Path) -> None:
    budget = MeasurementBudget(60, 20)
    evaluation = evaluate_two_stage("gradient-boosting", ROWS_OF_100, budget, seed=4)
    written, used = fit_two_stage_predictor(evaluation, ROWS_OF_100, budget, seed=4)
    save(tmp_path / "model", written, used, {"seed": 4}, {})
    assert np.array_equal(values(load(tmp_path / "model").predictor), values(written))
    manifest = tmp_path / "model" / MANIFEST
    manifest.write_text(manifest.read_text().replace(metadata.version("skops"), "0.0.1"))
    again = load(tmp_path / "model")
    assert again.refitted
    assert np.allclose(values(again.predictor), values(written), rtol=1e-6)


def test_the_manifest_says_where_the_model_comes_from(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / MANIFEST).read_text())
    assert manifest["data_sha256"] == ROWS_OF_100.sha256
    assert manifest["row_ids"] == ROWS_OF_100.row_ids.tolist()
    assert manifest["provenance"] == {"phone_serial": "98AY"}
    assert (manifest["seed"], manifest["simulated"]) == (4, True)
    assert [column["name"] for column in manifest["schema"]] == ["kind", "width", "depth", "flops"]
    assert read_rows(tmp_path / "model", ENERGY, manifest).sha256 == ROWS_OF_100.sha256


def test_a_predictor_takes_the_place_of_an_older_one_and_nothing_else_stays(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    saved(tmp_path / "model", "ridge")
    assert load(tmp_path / "model").predictor.recipe == "ridge"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(OutputRefused, match="is there and is no predictor"):
        saved(tmp_path)
    with pytest.raises(OutputRefused):
        check_output(tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_when_writing_fails_the_older_predictor_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = saved(tmp_path / "model")

    def full(path: Path, rows: Measurements) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artefact, "_write_rows", full)
    with pytest.raises(OutputRefused, match="No space left"):
        saved(tmp_path / "model", "ridge")
    assert np.array_equal(values(load(tmp_path / "model").predictor), values(written))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


class Malicious:
    """Writes a file when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        return Path.touch, (self.proof,)  # type: ignore[return-value]


def replace_model(folder: Path, content: bytes) -> None:
    """Puts another model file in a predictor and makes its manifest agree, as its maker could."""
    (folder / MODEL).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][MODEL] = artefact._hash(folder / MODEL)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_a_pickle_in_the_place_of_the_model_is_never_run(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    payload = pickle.dumps(Malicious(tmp_path / "proof"))
    pickle.loads(payload)
    assert (tmp_path / "proof").exists()
    (tmp_path / "proof").unlink()
    replace_model(tmp_path / "model", payload)
    with pytest.raises(ForeignModel, match="nothing in it was run"):
        load(tmp_path / "model")
    assert not (tmp_path / "proof").exists()


def test_a_pickle_given_as_the_predictor_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Malicious(tmp_path / "proof")))
    with pytest.raises(ForeignModel, match="it is a file"):
        load(tmp_path / "model.pkl")
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize(
    "node",
    [
        {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": "system"},
        {"__class__": "partial", "__module__": "functools", "__loader__": "PartialNode", "content": {}},
        {"__class__": "Popen", "__module__": "subprocess", "__loader__": "ObjectNode", "content": {}},
        {"__class__": "Pipeline", "__module__": "sklearn.pipeline", "__loader__": "MethodNode", "content": {}},
        {"__class__": "methodcaller", "__module__": "operator", "__loader__": "OperatorFuncNode", "attrs": {}},
    ],
)
def test_a_skops_file_that_asks_for_more_than_a_predictor_needs_is_refused(
    tmp_path: Path, node: dict[str, Any]
) -> None:
    saved(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model" / MODEL) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    tree = json.loads(parts["schema.json"])
    tree["content"]["content"]["hidden"] = node
    parts["schema.json"] = json.dumps(tree).encode()
    with zipfile.ZipFile(tmp_path / "made.skops", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    replace_model(tmp_path / "model", (tmp_path / "made.skops").read_bytes())
    with pytest.raises(ForeignModel, match=node["__class__"]):
        load(tmp_path / "model")


@pytest.mark.parametrize("name", [MODEL, ROWS])
def test_a_file_that_was_changed_is_refused(tmp_path: Path, name: str) -> None:
    saved(tmp_path / "model")
    path = tmp_path / "model" / name
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DamagedModel, match=name):
        load(tmp_path / "model")
    path.unlink()
    with pytest.raises(DamagedModel, match="missing"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    "manifest", ["", "not json", "[]", '{"format": "another"}', '{"format": "energy-lab predictor 1"}']
)
def test_a_folder_without_a_manifest_of_ours_is_no_predictor(tmp_path: Path, manifest: str) -> None:
    (tmp_path / MANIFEST).write_text(manifest)
    with pytest.raises(ForeignModel):
        load(tmp_path)


def test_a_predictor_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ForeignModel, match="there is no predictor") as caught:
        load(tmp_path / "nowhere")
    assert "lab fit-rf" in caught.value.hint


def ended_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_predictor_that_a_killed_process_had_set_aside_gets_its_name_back(tmp_path: Path) -> None:
    written = saved(tmp_path / "model", "ridge")
    (tmp_path / "model").rename(tmp_path / f".model.{ended_pid()}.old")
    (tmp_path / f".model.{ended_pid()}.part").mkdir()
    assert np.array_equal(values(load(tmp_path / "model").predictor), values(written))
    check_output(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("name", ["seed", "provenance", "schema", "band", "target", "data_sha256"])
def test_a_manifest_that_lacks_something_is_refused(tmp_path: Path, name: str) -> None:
    saved(tmp_path / "model", "ridge")
    path = tmp_path / "model" / MANIFEST
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, name: None}))
    with pytest.raises(ForeignModel, match=name):
        load(tmp_path / "model")


def test_a_model_that_unpacks_without_end_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusted_types, "_MOST_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "bomb.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 200_000)
    with pytest.raises(ForeignModel):
        trusted_types.check_types(tmp_path / "bomb.skops")

"""`lab fit-rf`, `lab predict`, `lab suggest-next`: what a user types, sees and gets wrong."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recorded_campaign import measure_window, record_campaign

from db.database import open_database
from lab.cli import main
from search.networks.features import feature_columns
from search.networks.spaces import AUDIO_1D, AUDIO_2D
from search.tflite.writer import write_tflite

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `lab` in an empty folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            main(list(arguments))
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def refused(done: tuple[int, str, str], code: int, *words: str) -> None:
    assert done[0] == code, done
    assert "Traceback" not in done[2]
    for word in words:
        assert word in done[2]


def write_table(path: Path, n: int = 150, *, simulated: bool = False) -> Path:
    """Energies of the paper's space by a formula in FLOPs, with noise of 2 %; a tenth is visited twice."""
    drawn = AUDIO_2D.sample_unique(n, 5)
    columns = feature_columns(drawn)
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "b01_filters", "flops", "size_bytes", "latency_ms", "energy_mj", "simulated"])
        for i in [*range(n), *range(n // 10)]:
            latency_ms = 0.2 + columns["flops"][i] / 15e6  # type: ignore[operator]
            energy_mj = 1.3 * latency_ms * (1 + 0.02 * rng.normal())
            sizes = (columns["b01_filters"][i], columns["flops"][i], columns["size_bytes"][i])
            writer.writerow([drawn[i].text, *sizes, latency_ms, energy_mj, str(simulated).lower()])
    return path


FEATURES = ("--features", "b01_filters,flops,size_bytes", "--target", "energy_mj", "--group", "text")


@pytest.fixture(scope="module")
def fitted_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and a ridge that was fitted to it."""
    folder = tmp_path_factory.mktemp("fitted")
    path = write_table(folder / "table.csv")
    out = str(folder / "energy-model")
    with contextlib.suppress(SystemExit):
        main(["fit-rf", "--table", str(path), *FEATURES, "--model", "ridge", "--out", out, "--json"])
    return folder


@pytest.fixture
def fitted(fitted_once: Path, tmp_path: Path) -> Path:
    """The same in the test's own folder."""
    shutil.copytree(fitted_once, tmp_path, dirs_exist_ok=True)
    return tmp_path


def fit(run: Run, folder: Path, *more: str) -> tuple[int, str, str]:
    path = write_table(folder / "table.csv")
    return run("fit-rf", "--table", str(path), *FEATURES, *more)


def test_a_table_is_fitted_and_what_to_type_next_works(run: Run, tmp_path: Path) -> None:
    code, out, _ = fit(run, tmp_path)
    assert code == 0
    for word in ("R²", "RMSE, mJ", "times the noise", "90% interval", "Next: lab predict"):
        assert word in out
    assert "SIMULATED" not in out
    written = {path.name for path in (tmp_path / "energy-model").iterdir()}
    assert {"manifest.json", "model.skops", "rows.parquet", "card.md", "learning-curve.png"} <= written
    card = (tmp_path / "energy-model" / "card.md").read_text()
    assert "Kendall" in card
    for line in card.splitlines():
        if line.startswith("!["):
            assert line.split("(")[1].rstrip(")") in written
    code, out, _ = run("predict", "table.csv")
    assert code == 0
    assert "90% interval" in out


def test_figures_come_as_json_without_nan(run: Run, tmp_path: Path) -> None:
    code, out, _ = fit(run, tmp_path, "--json", "--model", "ridge")
    figures = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert code == 0
    assert figures["recipe"] == "ridge"
    assert figures["test"]["r2"] > 0.9
    assert 0 < figures["noise"]["ceiling_r2"] <= 1
    assert figures["simulated"] is False


def test_all_models_are_compared_on_the_same_rows(run: Run, tmp_path: Path) -> None:
    code, out, _ = fit(run, tmp_path, "--compare")
    assert code == 0
    for name in ("random-forest", "ridge", "gaussian-process", "gradient-boosting", "Best by the folds"):
        assert name in out


def test_energy_from_latency_is_set_beside_the_forest(run: Run, tmp_path: Path) -> None:
    code, out, _ = fit(
        run, tmp_path, "--latency", "latency_ms", "--energy-from-latency", "--n-energies", "20", "--model", "ridge"
    )
    assert code == 0
    assert "20 energies" in out
    assert "that of the forest on all energies" in out


def test_simulated_rows_say_so_everywhere(run: Run, tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.csv", simulated=True)
    _, out, _ = run("fit-rf", "--table", str(path), *FEATURES)
    assert "SIMULATED" in out
    assert "(SIMULATED)" in (tmp_path / "energy-model" / "card.md").read_text().splitlines()[0]
    assert json.loads((tmp_path / "energy-model" / "manifest.json").read_text())["simulated"] is True
    assert "SIMULATED" in run("predict", "table.csv")[1]
    assert json.loads(run("predict", "table.csv", "--json")[1])["simulated"] is True


def test_predictions_are_written_for_every_row(run: Run, fitted: Path) -> None:
    assert run("predict", "table.csv", "--out", "all.csv")[0] == 0
    with (fitted / "all.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 165
    assert all(float(r["low_energy_mj"]) < float(r["energy_mj"]) < float(r["high_energy_mj"]) for r in rows)


def test_an_architecture_a_list_and_a_table_of_texts_give_the_same(run: Run, fitted: Path) -> None:
    text = AUDIO_2D.sample_unique(1, 77)[0].text
    (fitted / "list.txt").write_text(f"{text}\n")
    (fitted / "list.csv").write_text(f'text\n"{text}"\n')
    found = [json.loads(run("predict", what, "--json")[1])["rows"] for what in (text, "list.txt", "list.csv")]
    assert found[0] == found[1] == found[2]
    assert found[0][0]["row"] == text


def test_a_tflite_file_is_predicted_as_its_architecture(run: Run, fitted: Path) -> None:
    architecture = AUDIO_2D.sample_unique(1, 78)[0]
    (fitted / "net.tflite").write_bytes(write_tflite(architecture, 5))
    (fitted / "torn.tflite").write_bytes(b"    TFL3 and nothing else")
    of_file, of_text = (
        json.loads(run("predict", what, "--json")[1])["rows"][0] for what in ("net.tflite", architecture.text)
    )
    assert of_file["row"] == "net.tflite"
    assert of_file["energy_mj"] == pytest.approx(of_text["energy_mj"], rel=0.005)
    refused(run("predict", "torn.tflite"), 2)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("audio2d,nonsense", "nonsense"),
        ("mobilenet_v1", "baseline"),
        ("none.csv", "none.csv"),
        ("none.tflite", "none.tflite"),
        ("none.txt", "none.txt"),
    ],
)
def test_what_cannot_be_predicted_is_said(run: Run, fitted: Path, what: str, words: str) -> None:
    refused(run("predict", what), 2, words)


def test_a_table_that_lacks_a_column_names_it(run: Run, fitted: Path) -> None:
    (fitted / "few.csv").write_text("flops\n1\n")
    refused(run("predict", "few.csv"), 2, "b01_filters")


def test_a_missing_or_foreign_predictor_is_refused(run: Run, tmp_path: Path) -> None:
    refused(run("predict", "table2"), 2, "no predictor", "lab fit-rf")
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04.")
    refused(run("predict", "table2", "--model", "model.pkl"), 2, "nothing in it was run")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "perceptron"), ("perceptron", "random-forest")),
        (("--n-energies", "20"), ("--energy-from-latency",)),
        (("--energy-from-latency",), ("--latency COLUMN",)),
        (("--energy-from-latency", "--compare", "--latency", "latency_ms"), ("exclude each other",)),
        (("--campaign", "x"), ("about a database",)),
        (("--categorical", "nope"), ("no column nope",)),
    ],
)
def test_options_that_do_not_fit_are_refused(run: Run, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    refused(fit(run, tmp_path, *options), 2, *words)
    assert not (tmp_path / "energy-model").exists()


def test_options_of_a_table_need_one(run: Run, tmp_path: Path) -> None:
    refused(run("fit-rf", "--features", "a"), 2, "--table")
    refused(run("fit-rf", "--table", "x.csv"), 2, "--features", "--target")
    refused(run("fit-rf", "--feature-set", "best"), 2, "graph, paper")
    refused(run("fit-rf", "--only", "core"), 2, "NAME=VALUE")


def test_bad_rows_are_refused_and_the_older_predictor_stays(run: Run, fitted: Path) -> None:
    before = (fitted / "energy-model" / "manifest.json").read_bytes()
    (fitted / "bad.csv").write_text("a,energy_mj\n" + "".join(f"{i},{1 + i / 9}\n" for i in range(40)) + ",3\n")
    table = ("fit-rf", "--table", "bad.csv", "--features", "a", "--target", "energy_mj")
    refused(run(*table), 2, "numbers are missing: a in line 42")
    (fitted / "bad.csv").write_text("a,energy_mj\n1,2\n2,3\n")
    refused(run(*table), 2, "2 architectures; a fit needs at least 30")
    (fitted / "bad.csv").write_text("a,energy_mj\n" + "1,2\n" * 50)
    refused(run(*table), 2, "one architecture")
    assert (fitted / "energy-model" / "manifest.json").read_bytes() == before


def test_a_place_that_holds_something_else_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("precious")
    refused(fit(run, tmp_path, "--out", "thesis"), 2, "is no predictor")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter1.tex"]


def test_a_database_that_is_missing_or_empty_is_said(run: Run, tmp_path: Path) -> None:
    refused(run("fit-rf", "--db", "none.db"), 5, "none.db")
    with open_database(str(tmp_path / "lab.db")) as db:
        campaign_id, session_id = record_campaign(db)
        measure_window(db, campaign_id, session_id, [None] * 4)
    refused(run("fit-rf"), 2, "no accepted visit", "lab status")


def test_simulated_and_measured_campaigns_are_not_fitted_together(run: Run, tmp_path: Path) -> None:
    with open_database(str(tmp_path / "lab.db")) as db:
        for name, simulated in (("first", True), ("real", False)):
            campaign_id, session_id = record_campaign(db, name, simulated=simulated)
            measure_window(db, campaign_id, session_id, [1.0] * 4)
    refused(run("fit-rf"), 2, "simulated: true (4 visits), false (4 visits)", "--campaign first or --campaign real")
    refused(run("fit-rf", "--campaign", "nope"), 2, "nope", "first, real")


def test_architectures_of_another_release_ask_for_the_papers_columns(run: Run, tmp_path: Path) -> None:
    with open_database(str(tmp_path / "lab.db")) as db:
        params = [{"b01_type": "KxK", "b01_filters": n} for n in range(60)]
        campaign_id, session_id = record_campaign(db, params=params)
        measure_window(db, campaign_id, session_id, [1.0 + n / 50 for n in range(60)])
    refused(run("fit-rf"), 2, "--feature-set paper")
    code, out, _ = run("fit-rf", "--feature-set", "paper")
    assert code == 0
    assert "SIMULATED" in out


def test_suggestions_are_a_list_that_can_be_measured(run: Run, tmp_path: Path) -> None:
    with open_database(str(tmp_path / "lab.db")):
        pass
    code, out, err = run("suggest-next", "--n", "12", "--pool", "300")
    assert code == 0
    assert "space-filling" in err
    texts = out.splitlines()
    assert len(set(texts)) == 12
    assert run("suggest-next", "--n", "12", "--pool", "300", "--out", "next.txt")[0] == 0
    assert (tmp_path / "next.txt").read_text().splitlines() == texts
    code, out, _ = run("measure", "--architectures", "next.txt", "--dry-run", "--bench", "simulated", "--json")
    assert code == 0
    assert json.loads(out) | {"n_tasks": 12, "campaign": "simulated-next"} == json.loads(out)


def test_suggestions_need_a_database_and_a_space(run: Run, tmp_path: Path) -> None:
    refused(run("suggest-next", "--n", "3", "--db", "none.db"), 5, "none.db")
    with open_database(str(tmp_path / "lab.db")):
        pass
    refused(run("suggest-next", "--n", "3", "--space", "video"), 2, "video", "audio2d")
    refused(run("suggest-next", "--n", "3", "--pool", "100", "--out", "no/such/next.txt"), 2, "no/such/next.txt")


def test_a_list_with_a_wrong_line_is_refused_with_its_number(run: Run, tmp_path: Path) -> None:
    (tmp_path / "next.txt").write_text(f"{AUDIO_2D.sample_unique(1, 1)[0].text}\n- nonsense\n")
    refused(run("measure", "--architectures", "next.txt", "--dry-run"), 2, "line 2")
    (tmp_path / "next.txt").write_text("mobilenet_v1\n")
    refused(run("measure", "--architectures", "next.txt", "--dry-run"), 2, "mobilenet_v1", "lab build")
    refused(run("measure", "--architectures", "none.txt", "--dry-run"), 2, "none.txt")
    refused(run("measure", "--architectures", "next.txt", "--n", "3"), 2, "exclude each other")


def test_onnx_gives_what_the_forest_gives(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx", reason="the extra `onnx` is not installed")
    code, out, _ = fit(run, tmp_path, "--onnx", "--json")
    assert code == 0
    assert json.loads(out)["onnx_difference"] < 1e-5
    assert (tmp_path / "energy-model" / "model.onnx").stat().st_size > 1000


def test_an_architecture_longer_than_a_file_name_is_predicted(run: Run, fitted: Path) -> None:
    text = max((a.text for a in AUDIO_2D.sample_unique(300, 2)), key=len)
    assert len(text) > 255
    code, out, err = run("predict", text, "--model", str(fitted / "energy-model"), "--json")
    assert code == 0, err
    assert json.loads(out)["rows"][0]["row"] == text


def test_architectures_of_another_space_than_the_model_has_seen_are_refused(run: Run, fitted: Path) -> None:
    folder = fitted / "energy-model"
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"provenance": {"arch_space": "audio2d"}}))
    assert run("predict", "table2", "--model", str(folder))[0] == 0
    refused(run("predict", AUDIO_1D.sample_unique(1, 1)[0].text, "--model", str(folder)), 2, "audio2d", "audio1d")


def test_names_with_brackets_and_dollars_are_shown_as_they_are(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with (tmp_path / "t.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["a [/x]", "flops", "cost/$[mJ]$", "$\\$"])
        for a, b in rng.uniform(1, 2, (60, 2)):
            writer.writerow([a, b, a + b, b])
    names = ("--features", "a [/x],flops,$\\$", "--target", "cost/$[mJ]$", "--unit", "[mJ]")
    code, out, err = run("fit-rf", "--table", "t.csv", *names, "--model", "ridge", "--out", "m[a]")
    assert code == 0, err
    assert "cost/$[mJ]$ ([mJ])" in out
    assert "a [/x]" in out
    assert "Written to m[a]" in out
    assert (tmp_path / "m[a]" / "cost-mJ-against-flops.png").is_file()
    code, out, err = run("predict", "t.csv", "--model", "m[a]")
    assert code == 0, err
    assert "cost/$[mJ]$ of 60 rows" in out


def test_predictions_from_simulated_rows_say_so_in_their_file(run: Run, tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.csv", simulated=True)
    run("fit-rf", "--table", str(path), *FEATURES, "--model", "ridge")
    assert run("predict", "table.csv", "--out", "p.csv")[0] == 0
    with (tmp_path / "p.csv").open(newline="") as stream:
        assert {row["simulated"] for row in csv.DictReader(stream)} == {"true"}


def test_predictions_do_not_overwrite_what_was_asked(run: Run, fitted: Path) -> None:
    table = str(fitted / "table.csv")
    before = Path(table).read_bytes()
    refused(run("predict", table, "--model", str(fitted / "energy-model"), "--out", table), 2, "left alone")
    assert Path(table).read_bytes() == before

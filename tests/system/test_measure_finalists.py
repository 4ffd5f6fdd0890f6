"""The best networks of a search go to the bench."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lab_command import LAB, Bench

from db.database import open_database
from db.results import result_rows
from db.rows import ModelSpec, StudySpec, TrialSpec
from db.studies import ensure_study, record_trial
from search.audio.classes import CLASS_NAMES
from search.audio.front_end import DataDescription
from search.audio.log_mel import FRONT_END
from search.networks.architecture_spec import architecture_spec
from search.networks.spaces import AUDIO_2D
from search.studies.settings import StudySettings
from search.tflite.writer import write_tflite
from search.training.recipe import TrainingRecipe

NOW = datetime(2026, 5, 4, tzinfo=UTC)
SETTINGS = StudySettings(
    space="audio2d", options=AUDIO_2D.default_options, algorithm="evolution", stopping="none", reward="b", seed=3,
    data="none", data_sha256="", budget="quick", recipe=TrainingRecipe(), predictor_sha256="",
    predictor_simulated=True, data_synthetic=True, data_description=DataDescription(CLASS_NAMES, FRONT_END, 1.7, 4.0),
)  # fmt: skip


def record_study(path: Path, n: int) -> list[str]:
    """A study of n trained networks, the later the better; the files' hashes, the best first."""
    hashes = []
    with open_database(path) as db:
        spec = StudySpec(name="s", created_utc=NOW, settings=SETTINGS.to_plain(), simulated=True, synthetic=True)
        study_id = ensure_study(db, spec).study_id
        folder = db.files_dir / "networks"
        folder.mkdir(parents=True)
        for number, architecture in enumerate(AUDIO_2D.sample_unique(n, 4)):
            data = write_tflite(architecture, number)
            sha256 = hashlib.sha256(data).hexdigest()
            (folder / f"{sha256}.tflite").write_bytes(data)
            hashes.append(sha256)
            trial = TrialSpec(
                number=number, state="trained", architecture=architecture_spec(architecture),
                reward=0.5 + 0.1 * number, penalty=0.0, energy_mj=1.2, energy_low_mj=1.1, energy_high_mj=1.3,
                accuracy=0.5 + 0.1 * number, float_accuracy=0.6, n_evaluations=8, duration_s=60.0, seed=1,
                model=ModelSpec(sha256=sha256, size_bytes=len(data), name=f"{sha256}.tflite"), finished_utc=NOW,
            )  # fmt: skip
            record_trial(db, study_id, trial)
    return hashes[::-1]


def test_the_best_of_a_study_are_measured_as_often_as_asked(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    hashes = record_study(bench.db, 4)
    command = ["measure", "--study", "s", "--top", "2", "--repeats", "3"]
    done = bench.run(*command, "--bench", str(bench.profile), "--db", str(bench.db))
    assert done.returncode == 0, done.stderr
    with open_database(bench.db, create=False) as db:
        rows = list(result_rows(db))
    visits = [row.model_sha256 for row in rows]
    assert {sha256: visits.count(sha256) for sha256 in set(visits)} == dict.fromkeys(hashes[:2], 3)
    known = json.loads(bench.run("status", "--db", str(bench.db), "--json").stdout)
    assert "s-top2" in json.dumps(known)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--study", "t"], "it has: s"),
        (["--study", "s", "--n", "3"], "exclude"),
        (["--study", "s", "--repeats", "60"], "max_visits"),
    ],
)
def test_a_study_that_cannot_be_measured_is_said(
    make_bench: Callable[..., Bench], arguments: list[str], word: str
) -> None:
    bench = make_bench()
    record_study(bench.db, 1)
    done = bench.run("measure", *arguments, "--bench", str(bench.profile), "--db", str(bench.db))
    assert done.returncode in (2, 5), done.stderr
    assert "Traceback" not in done.stderr
    assert word in done.stderr


def test_a_damaged_file_is_said(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    (sha256,) = record_study(bench.db, 1)
    path = bench.db.with_name(bench.db.name + ".files") / "networks" / f"{sha256}.tflite"
    path.write_bytes(path.read_bytes() + b"x")
    done = bench.run("measure", "--study", "s", "--bench", str(bench.profile), "--db", str(bench.db))
    assert done.returncode == 2, done.stderr
    assert "damaged" in done.stderr


def test_a_trial_whose_exported_file_was_measured_knows_its_energy_and_no_other_trial_does(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    record_study(bench.db, 2)
    where, common = ("--study", "s", "--db", str(bench.db)), ("--bench", str(bench.profile), "--db", str(bench.db))
    search = str(Path(LAB).with_name("search"))
    assert bench.finish([search, "export", "2", "--out", "mine.tflite", *where]).returncode == 0
    (bench.folder / "mine.tflite").rename(bench.folder / "s-trial1.tflite")
    done = bench.run("measure", "s-trial1.tflite", "--repeats", "2", *common)
    assert done.returncode == 0, done.stderr
    first, second = (
        json.loads(bench.finish([search, "show", number, *where, "--json"]).stdout)["trials"][0]
        for number in ("1", "2")
    )
    assert (first["n_measured_visits"], first["measured_energy_mj"]) == (0, None)
    assert second["n_measured_visits"] == 2
    assert "mean of 2 visits, SIMULATED bench" in bench.finish([search, "show", "2", *where]).stdout
    assert "not yet" in bench.finish([search, "show", "1", *where]).stdout
    assert "measured" in bench.finish([search, "best", *where]).stdout

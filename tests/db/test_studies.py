"""Searches in the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from db.database import Database, open_database
from db.errors import CampaignMismatch, DbError, RecordRefused, StudyMismatch, StudyUnknown
from db.migrate import bring_up_to_date
from db.rows import ArchitectureSpec, ModelSpec, StudySpec, TrialSpec
from db.studies import best_trials, check_same_settings, ensure_study, find_study, list_trials, record_trial

NOW = datetime(2026, 5, 4, tzinfo=UTC)
STUDY = StudySpec(name="s", created_utc=NOW, settings={"reward": "b", "seed": 1}, simulated=True, synthetic=True)


def a_trial(number: int, *, trained: bool = True) -> TrialSpec:
    digest = f"{number:064x}"
    return TrialSpec(
        number=number,
        state="trained" if trained else "stopped",
        architecture=ArchitectureSpec(
            hash=digest, space="audio2d", text=f"audio2d,{number}", params={"b01_kernel": 3}, flops=10, n_params=5
        ),
        reward=0.7,
        penalty=0.01,
        energy_mj=1.3,
        energy_low_mj=1.1,
        energy_high_mj=1.5,
        accuracy=0.71 if trained else None,
        float_accuracy=0.72 if trained else None,
        n_evaluations=9,
        duration_s=55.5,
        seed=3,
        model=ModelSpec(sha256=digest, size_bytes=52_000, name=f"{digest}.tflite") if trained else None,
        finished_utc=NOW,
    )


def test_a_trial_comes_back_as_it_was_stored(db: Database) -> None:
    study = ensure_study(db, STUDY)
    trials = [a_trial(0), a_trial(1, trained=False), a_trial(2)]
    for trial in reversed(trials):
        record_trial(db, study.study_id, trial)
    assert list_trials(db, study.study_id) == trials
    assert find_study(db, "s") == study


def test_the_best_are_trained_and_the_older_of_equals_comes_first(db: Database) -> None:
    study = ensure_study(db, STUDY)
    rewards = {0: 0.2, 1: 0.8, 2: 0.5, 3: 0.8, 4: 0.9}
    for number, reward in rewards.items():
        record_trial(db, study.study_id, replace(a_trial(number, trained=number != 4), reward=reward))
    assert [trial.number for trial in best_trials(db, study.study_id, 3)] == [1, 3, 2]
    assert best_trials(db, study.study_id + 1, 3) == []


def test_a_study_is_marked_with_all_that_is_not_real() -> None:
    assert STUDY.marks == ("SIMULATED", "SYNTHETIC")
    answered = replace(STUDY, simulated=False, settings={"surrogate": True})
    assert answered.marks == ("SYNTHETIC", "SURROGATE")
    assert replace(STUDY, simulated=False, synthetic=False).marks == ()


def test_recording_twice_is_recording_once(db: Database) -> None:
    study = ensure_study(db, STUDY)
    record_trial(db, study.study_id, a_trial(0))
    record_trial(db, study.study_id, replace(a_trial(0), reward=0.1))
    assert list_trials(db, study.study_id) == [a_trial(0)]


def test_another_architecture_under_the_same_number_is_refused(db: Database) -> None:
    study = ensure_study(db, STUDY)
    record_trial(db, study.study_id, a_trial(0))
    with pytest.raises(RecordRefused):
        record_trial(db, study.study_id, replace(a_trial(1), number=0))


@pytest.mark.parametrize("change", [{"accuracy": 1.5}, {"accuracy": None}, {"model": None}, {"penalty": -1.0}])
def test_a_trial_that_makes_no_sense_is_refused(db: Database, change: dict[str, object]) -> None:
    study = ensure_study(db, STUDY)
    with pytest.raises(RecordRefused):
        record_trial(db, study.study_id, replace(a_trial(0), **change))  # type: ignore[arg-type]
    assert list_trials(db, study.study_id) == []


def test_a_study_goes_on_only_with_its_own_settings(db: Database) -> None:
    first = ensure_study(db, STUDY)
    assert ensure_study(db, replace(STUDY, created_utc=datetime(2027, 1, 1, tzinfo=UTC))) == first
    with pytest.raises(StudyMismatch, match="reward b, not b-prime") as caught:
        ensure_study(db, replace(STUDY, settings={"reward": "b-prime", "seed": 1}))
    assert "another name" in caught.value.hint
    assert isinstance(caught.value, DbError)
    assert not isinstance(caught.value, CampaignMismatch)


def test_an_unknown_study_is_answered_with_the_known_ones(db: Database) -> None:
    ensure_study(db, STUDY)
    with pytest.raises(StudyUnknown) as caught:
        find_study(db, "t")
    assert "it has: s" in caught.value.hint


def test_a_database_of_the_first_schema_is_migrated_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as tx:
        bring_up_to_date(tx, "0001")
        tx.execute(sa.text("INSERT INTO meter VALUES (1, 'HVPM', '1', '36', 1)"))
    engine.dispose()
    with open_database(path) as database:
        record_trial(database, ensure_study(database, STUDY).study_id, a_trial(0))
        with database.read() as tx:
            assert tx.scalar(sa.text("SELECT serial FROM meter")) == "1"


def test_data_are_the_same_by_their_hash_whatever_sentence_names_them() -> None:
    stored = {"data": "SURROGATE, luck of a training 0.34", "data_sha256": "ab", "seed": 1}
    check_same_settings("s", stored, stored | {"data": "SURROGATE, run-to-run (seed) sd 0.34"})
    with pytest.raises(StudyMismatch, match="data"):
        check_same_settings("s", stored, stored | {"data": "others", "data_sha256": "cd"})
    with pytest.raises(StudyMismatch, match="data"):
        check_same_settings("s", stored | {"data_sha256": ""}, {"data": "others", "data_sha256": "", "seed": 1})

"""The ontology: which labels make which class, by id and by display name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from audioset_specimens import PETS, POLICE, SPEECH, label, write_ontology

from search.audio.audioset_ontology import read_ontology
from search.audio.classes import CLASS_NAMES
from search.errors import DataBroken, DataMissing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_ontology(tmp_path)
    return tmp_path / "ontology.json"


def test_what_is_below_alarm_is_not_an_alarm(path: Path) -> None:
    class_of = read_ontology(path).class_of
    assert CLASS_NAMES[class_of[label("Alarm")]] == "alarm"
    assert CLASS_NAMES[class_of[label("Siren")]] == "siren"
    assert CLASS_NAMES[class_of[POLICE]] == "siren"
    assert CLASS_NAMES[class_of[label("Telephone")]] == "phone_ringing"
    assert SPEECH not in class_of


def test_an_ontology_in_a_circle_has_an_end(path: Path) -> None:
    nodes = json.loads(path.read_text())
    for node in nodes:
        node["child_ids"] = [*node["child_ids"], label("Siren")] if node["id"] == POLICE else node["child_ids"]
    path.write_text(json.dumps(nodes))
    assert CLASS_NAMES[read_ontology(path).class_of[POLICE]] == "siren"


@pytest.mark.parametrize(
    ("written", "known", "unknown"),
    [
        ("Domestic animals, pets", [PETS], []),
        ("Domestic animals,  pets ,Speech", [PETS, SPEECH], []),
        ("Speech,Domestic animals", [SPEECH], ["Domestic animals"]),
        ("Baby cry, infant cry,/m/speech", [label("Baby cry, infant cry"), SPEECH], []),
        ("", [], [""]),
    ],
)
def test_display_names_with_commas_are_told_apart(
    path: Path, written: str, known: list[str], unknown: list[str]
) -> None:
    assert read_ontology(path).label_ids(written)[:2] == (known, unknown)


def test_an_ontology_of_another_kind_or_none_is_said(path: Path) -> None:
    nodes = json.loads(path.read_text())
    path.write_text(json.dumps([node for node in nodes if node["name"] != "Bark"]))
    with pytest.raises(DataBroken, match="Bark"):
        read_ontology(path)
    for content in ('{"a": 1}', "[]", "no json", '[{"id": 1}]'):
        path.write_text(content)
        with pytest.raises(DataBroken, match="ontology"):
            read_ontology(path)
    path.unlink()
    with pytest.raises(DataMissing, match="not there"):
        read_ontology(path)

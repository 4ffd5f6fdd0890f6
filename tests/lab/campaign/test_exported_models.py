"""Files that `search export` wrote are known for the trial's network by their numbers, never by what they say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from lab.campaign.own_models import described, model_of
from search.audio.classes import CLASS_NAMES
from search.audio.front_end import DataDescription
from search.audio.log_mel import FRONT_END
from search.networks.network import Network, graph_of, read_network_name
from search.networks.spaces import AUDIO_1D, AUDIO_2D, TABLE_2
from search.studies import described_file
from search.tflite.metadata import DESCRIPTION
from search.tflite.reader import read_network
from search.tflite.strip import strip
from search.tflite.writer import serialize, write_tflite

DATA = DataDescription(CLASS_NAMES, FRONT_END, 1.7, 4.0)
NETWORKS = (TABLE_2, AUDIO_2D.sample_unique(1, 5)[0], AUDIO_1D.sample_unique(1, 3)[0], read_network_name("tc_resnet_8"))


def exported(network: Network, data: DataDescription = DATA) -> tuple[bytes, bytes]:
    """A trial's file and what is exported of it."""
    plain = write_tflite(network, 4, len(data.class_names))
    return plain, described_file.described(plain, graph_of(network, len(data.class_names)), data)[0]


def network_sha256(folder: Path, content: bytes, name: str = "mine.tflite") -> str | None:
    (folder / name).write_bytes(content)
    return described(model_of(folder / name))[0].spec.network_sha256


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("network", NETWORKS, ids=["table2", "2d", "1d", "baseline"])
def test_an_exported_file_is_known_for_the_network_that_was_trained(network: Network, tmp_path: Path) -> None:
    plain, file = exported(network)
    assert sha256(file) != sha256(plain)
    assert network_sha256(tmp_path, file) == sha256(plain)


def test_a_number_of_classes_other_than_the_papers_changes_nothing(tmp_path: Path) -> None:
    plain, file = exported(TABLE_2, DataDescription(("cat", "dog"), FRONT_END, 1.7, 4.0))
    assert network_sha256(tmp_path, file) == sha256(plain)


def test_a_trials_own_file_needs_no_other_hash(tmp_path: Path) -> None:
    assert network_sha256(tmp_path, exported(TABLE_2)[0]) is None


def test_the_hash_that_a_description_claims_is_not_believed(tmp_path: Path) -> None:
    plain, _ = exported(TABLE_2)
    other, _ = exported(NETWORKS[1])
    claimed = json.dumps({"format": 1, "network_sha256": sha256(other)}).encode()
    file = serialize(read_network(plain, graph_of(TABLE_2)), {DESCRIPTION: claimed})
    assert network_sha256(tmp_path, file) == sha256(plain)


def test_a_file_whose_weights_were_changed_is_another_network(tmp_path: Path) -> None:
    plain, file = exported(TABLE_2)
    network = read_network(plain, graph_of(TABLE_2))
    weights = network.constants[min(network.constants)].weights.tobytes()[:64]
    at = file.index(weights)
    changed = file[:at] + bytes(each ^ 1 for each in weights) + file[at + 64 :]
    assert network_sha256(tmp_path, changed) not in (None, sha256(plain))


def test_a_file_that_another_tool_has_written_anew_is_a_file_of_its_own(tmp_path: Path) -> None:
    _, file = exported(TABLE_2)
    assert network_sha256(tmp_path, strip(file)) is None
    assert network_sha256(tmp_path, file + bytes(16)) is None

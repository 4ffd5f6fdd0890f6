"""Lists of networks in files."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from search.errors import BadList, BuildFailed, WrongHash
from search.networks.baselines import BASELINES
from search.networks.network import Network
from search.networks.spaces import AUDIO_1D, AUDIO_2D, TABLE_2
from search.tflite.build import build_files
from search.tflite.network_list import read_network_list, write_index


def written(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_a_text_file_has_a_network_a_line_and_comments(tmp_path: Path) -> None:
    path = written(tmp_path / "list.txt", f"# mine\n\ntable2\n  tc_resnet_8\n{TABLE_2.text}\n")
    assert [network.text for network in read_network_list(path)] == [TABLE_2.text, "tc_resnet_8"]


def test_the_index_of_a_folder_is_a_list(tmp_path: Path) -> None:
    networks: list[Network] = [*AUDIO_2D.sample_unique(3, 1), *AUDIO_1D.sample_unique(2, 1), BASELINES[2]]
    files = list(build_files(networks, 0, tmp_path, 0))
    path = write_index(tmp_path, zip(networks, files, strict=True))
    assert read_network_list(path) == networks
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == [file.path.name for file in files]
    assert [int(row["size_bytes"]) for row in rows] == [(tmp_path / row["file"]).stat().st_size for row in rows]
    assert int(rows[-1]["n_params"]) == 66_415


@pytest.mark.parametrize(
    ("name", "content", "seen"),
    [
        ("a.txt", "", "names no network"),
        ("a.txt", "# only a comment\n", "names no network"),
        ("a.txt", "table2\naudio2d,KxK:9:9\n", "line 2"),
        ("a.txt", "audio9d,KxK:3:8\n", "audio9d"),
        ("a.csv", "name\ntable2\n", "no column `text`"),
        ("a.csv", "text\nnothing\n", "line 2"),
    ],
)
def test_what_is_no_list_is_refused_with_its_place(tmp_path: Path, name: str, content: str, seen: str) -> None:
    with pytest.raises(BadList) as caught:
        read_network_list(written(tmp_path / name, content))
    assert seen in caught.value.problem


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(bytes(range(128, 256)))
    for path in (tmp_path / "none.txt", tmp_path / "binary.txt", tmp_path):
        with pytest.raises(BadList, match="cannot read"):
            read_network_list(path)


def test_a_hash_of_another_network_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"architecture_hash,text\n{'0' * 64},{BASELINES[0].text}\n")
    with pytest.raises(WrongHash) as caught:
        read_network_list(path)
    assert "line 2" in caught.value.problem


def test_an_index_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    files = list(build_files([TABLE_2], 0, tmp_path, 0))
    (tmp_path / "index.csv").mkdir()
    with pytest.raises(BuildFailed):
        write_index(tmp_path, zip([TABLE_2], files, strict=True))
    assert {path.name for path in tmp_path.iterdir()} == {files[0].path.name, "index.csv"}


@pytest.mark.parametrize(("name", "content"), [("a.txt", "table2\r\n"), ("a.csv", 'text\r\n"table2"\r\n')])
def test_a_list_from_a_spreadsheet_may_begin_with_a_byte_order_mark(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content.encode())
    assert read_network_list(tmp_path / name) == [TABLE_2]


def test_a_cell_that_csv_cannot_hold_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadList, match="field larger"):
        read_network_list(written(tmp_path / "a.csv", f"text\n{'x' * 200_000}\n"))


def test_an_index_keeps_what_is_still_there(tmp_path: Path) -> None:
    first, second = AUDIO_2D.sample_unique(3, 1), AUDIO_2D.sample_unique(2, 2)
    old = list(build_files(first, 0, tmp_path, 0))
    write_index(tmp_path, zip(first, old, strict=True))
    old[1].path.unlink()
    path = write_index(tmp_path, zip(second, build_files(second, 0, tmp_path, 0), strict=True))
    assert read_network_list(path) == [first[0], first[2], *second]

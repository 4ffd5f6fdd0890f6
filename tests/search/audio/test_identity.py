"""Data are the same wherever they are read, and others when anything that they were made of is."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.audio.front_end import DataDescription
from search.audio.identity import ClipSource, identity_of, sha256_of_clips, sha256_of_file
from search.audio.log_mel import FRONT_END
from search.audio.synthetic_data import SyntheticSize, load_synthetic

_HERE = """
import sys; from pathlib import Path
from search.audio.synthetic_data import SyntheticSize, load_synthetic
print(load_synthetic(SyntheticSize(20, 10, 10, seed=5), Path(sys.argv[1]), 0).sha256)
"""


@pytest.mark.parametrize("kernels", ["Prescott", "Haswell"])
def test_the_same_clips_are_the_same_data_under_other_matrix_products(kernels: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HERE, str(tmp_path / "there")],
        env=os.environ | {"OPENBLAS_CORETYPE": kernels}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    here = load_synthetic(SyntheticSize(20, 10, 10, seed=5), tmp_path / "here", 0)
    assert done.stdout.strip() == here.sha256


def test_a_file_is_known_by_its_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    for name, content in (("a.wav", b"sound"), ("b.wav", b"sound"), ("c.wav", b"sounds")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (sha256_of_file(tmp_path / name) for name in ("a.wav", "b.wav", "c.wav"))
    assert a == b != c


CLIPS = (ClipSource("train", 0, "ab", "whole"), ClipSource("test", 1, "cd", "whole"))


@pytest.mark.parametrize(
    "changed",
    [
        CLIPS[::-1],
        CLIPS[:1],
        (dataclasses.replace(CLIPS[0], split="validation"), CLIPS[1]),
        (dataclasses.replace(CLIPS[0], class_index=1), CLIPS[1]),
        (dataclasses.replace(CLIPS[0], file_sha256="ac"), CLIPS[1]),
        (dataclasses.replace(CLIPS[0], segment="first 2 s"), CLIPS[1]),
    ],
)
def test_another_split_label_file_segment_or_order_is_other_data(changed: tuple[ClipSource, ...]) -> None:
    assert sha256_of_clips(changed) != sha256_of_clips(CLIPS)


def test_another_front_end_class_limit_or_source_is_other_data() -> None:
    whole = ({"kind": "files"}, ("a", "b"), FRONT_END, 4.0)
    others = [
        ({"kind": "others"}, *whole[1:]),
        (whole[0], ("b", "a"), *whole[2:]),
        (*whole[:2], dataclasses.replace(FRONT_END, hop=161), 4.0),
        (*whole[:3], 5.0),
    ]
    assert len({identity_of(*whole), *(identity_of(*other) for other in others)}) == 5


def test_a_description_comes_back_from_json_to_the_last_digit() -> None:
    description = DataDescription(("up", "down"), FRONT_END, 1.7173210987654321, 4.0)
    assert DataDescription.from_plain(description.to_plain()) == description
    edges = FRONT_END.edges_hz
    assert len(edges) == 42
    assert edges[0] == pytest.approx(60)
    assert edges[-1] == pytest.approx(7600)

"""The store of raw traces: what goes in comes out, whole or not at all."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from db_specimens import sha256_of
from hypothesis import given
from hypothesis import strategies as st

from db.errors import DiskFull, TraceDamaged, TraceMissing, Unreachable
from db.traces import load_trace, store_trace

NOISE = random.Random(1)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@given(chunks=st.lists(st.binary(max_size=300), max_size=6))
def test_a_stored_trace_comes_back_byte_for_byte(chunks: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    files_dir = tmp_path_factory.mktemp("files")
    stored = store_trace(files_dir, chunks)
    assert load_trace(stored.path, stored.sha256) == b"".join(chunks)
    assert stored.raw_bytes == sum(map(len, chunks))
    assert stored.stored_bytes == stored.path.stat().st_size


def test_the_recorded_path_is_relative_and_leads_to_the_file(tmp_path: Path) -> None:
    stored = store_trace(tmp_path, [b"abc"])
    assert tmp_path / stored.raw_path == stored.path
    assert stored.sha256 == sha256_of("abc")


def test_the_same_bytes_in_other_chunks_are_one_file(tmp_path: Path) -> None:
    first = store_trace(tmp_path, [b"abc", b"def"])
    second = store_trace(tmp_path, [b"abcdef"])
    assert first == second
    assert files_in(tmp_path) == [first.path]


@pytest.mark.parametrize("damage", ["flip", "cut", "other"])
def test_a_damaged_file_is_detected(damage: str, tmp_path: Path) -> None:
    stored = store_trace(tmp_path, [NOISE.randbytes(50_000)])
    whole = stored.path.read_bytes()
    middle = len(whole) // 2
    damaged = {
        "flip": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "cut": whole[:middle],
        "other": store_trace(tmp_path, [b"another trace"]).path.read_bytes(),
    }
    stored.path.write_bytes(damaged[damage])
    with pytest.raises(TraceDamaged):
        load_trace(stored.path, stored.sha256)


def test_storing_again_repairs_a_damaged_file(tmp_path: Path) -> None:
    stored = store_trace(tmp_path, [b"abc"])
    stored.path.write_bytes(b"")
    store_trace(tmp_path, [b"abc"])
    assert load_trace(stored.path, stored.sha256) == b"abc"


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(TraceMissing):
        load_trace(tmp_path / "traces" / "ab" / "ab.zst", "ab")


def test_a_source_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield NOISE.randbytes(500_000)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_trace(tmp_path, chunks())
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, DiskFull), (errno.EIO, Unreachable)])
def test_a_disk_that_fails_leaves_no_file_and_a_clear_error(
    code: int, kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(kind):
        store_trace(tmp_path, [b"abc"])
    assert files_in(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file where the folder should be")
    with pytest.raises(Unreachable):
        store_trace(tmp_path / "files", [b"abc"])

"""Model files on disk: order, names, idempotence and failure."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest

from search.errors import BuildFailed, OutsideSpace, TransientSearchError, WorkerLost
from search.networks.architecture import Architecture
from search.networks.spaces import AUDIO_2D, TABLE_2
from search.tflite.build import BuiltFile, build_files

# Writes files for ever, says so after the first, and tells the pids of its workers.
ENDLESS = """
import itertools, multiprocessing, sys
from pathlib import Path
from search.tflite.build import build_files
from search.networks.spaces import AUDIO_2D
if __name__ == "__main__":
    for built in build_files(itertools.cycle(AUDIO_2D.sample_unique(200, 3)), 0, Path(sys.argv[1]), 2):
        print(len(multiprocessing.active_children()), flush=True)
"""
# Has a limit of 20 kB a file, so that writing a model fails half-way.
LIMITED = """
import resource, sys
from pathlib import Path
from search.tflite.build import build_files
from search.errors import BuildFailed
from search.networks.spaces import TABLE_2
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    list(build_files([TABLE_2], 0, Path(sys.argv[1]), 0))
except BuildFailed as error:
    sys.stdout.write(error.hint)
"""


def sampled(n: int) -> list[Architecture]:
    return AUDIO_2D.sample_unique(n, seed=11)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_whole(path: Path) -> None:
    assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()


def test_files_come_in_order_and_are_named_by_their_content(tmp_path: Path) -> None:
    architectures = sampled(3)
    built = list(build_files(architectures, 0, tmp_path / "models", 0))
    assert [file.architecture_hash for file in built] == [a.architecture_hash for a in architectures]
    for file in built:
        assert file.path == tmp_path / "models" / f"{file.sha256}.tflite"
        assert file.size_bytes == file.path.stat().st_size
        assert_whole(file.path)
    assert names_in(tmp_path / "models") == {file.path.name for file in built}


def test_workers_write_the_same_files_in_the_same_order(tmp_path: Path) -> None:
    def key(file: BuiltFile) -> tuple[str, str, int]:
        return file.architecture_hash, file.sha256, file.size_bytes

    architectures = sampled(20)
    serial = list(build_files(architectures, 5, tmp_path / "serial", 0))
    parallel = list(build_files(architectures, 5, tmp_path / "parallel", 2))
    assert [key(file) for file in parallel] == [key(file) for file in serial]
    assert names_in(tmp_path / "parallel") == names_in(tmp_path / "serial")


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (first,) = build_files([TABLE_2], 0, tmp_path, 0)
    os.utime(first.path, (1, 1))
    (second,) = build_files([TABLE_2], 0, tmp_path, 0)
    assert second == first
    assert first.path.stat().st_mtime == 1


def test_a_damaged_file_is_written_again(tmp_path: Path) -> None:
    (first,) = build_files([TABLE_2], 0, tmp_path, 0)
    first.path.write_bytes(b"")
    list(build_files([TABLE_2], 0, tmp_path, 0))
    assert_whole(first.path)


def test_an_iterator_left_early_ends_its_workers_and_leaves_whole_files(tmp_path: Path) -> None:
    files = build_files(sampled(64), 0, tmp_path, 1)
    first = next(files)
    files.close()  # type: ignore[attr-defined]
    assert first.path.is_file()
    for path in tmp_path.iterdir():
        assert_whole(path)


def test_a_write_that_fails_half_way_leaves_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "ulimit" in result.stdout
    assert names_in(tmp_path) == set()


def test_a_full_disk_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(BuildFailed) as caught:
        list(build_files([TABLE_2], 0, tmp_path, 0))
    assert "disk is full" in caught.value.hint
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("inside", ["", "models"])
def test_a_file_in_place_of_the_folder_is_refused_at_once(tmp_path: Path, inside: str) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(BuildFailed) as caught:
        build_files([TABLE_2], 0, tmp_path / "taken" / inside, 0)
    assert "folder" in caught.value.hint


def test_an_error_in_a_worker_arrives_with_its_hint(tmp_path: Path) -> None:
    outside = Architecture("audio2d", TABLE_2.blocks[::-1], TABLE_2.options)
    with pytest.raises(OutsideSpace) as caught:
        list(build_files([TABLE_2, outside], 0, tmp_path, 1))
    assert "types KxK" in caught.value.hint


def test_a_killed_worker_is_an_error_that_a_retry_can_heal(tmp_path: Path) -> None:
    files = build_files(itertools.cycle(sampled(40)), 0, tmp_path, 1)
    first = next(files)
    for worker in multiprocessing.active_children():
        worker.kill()
    with pytest.raises(WorkerLost) as caught:
        deque(files, maxlen=0)
    assert isinstance(caught.value, TransientSearchError)
    assert list(build_files(sampled(1), 0, tmp_path, 0)) == [first]


def test_killing_the_process_ends_its_workers_and_leaves_no_broken_file(tmp_path: Path) -> None:
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    models = tmp_path / "models"
    with subprocess.Popen([sys.executable, str(script), str(models)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) >= 1
        process.send_signal(signal.SIGKILL)
        # The workers hold the other end of this pipe, so it ends when the last of them has.
        process.communicate(timeout=60)
    written = list(models.glob("*.tflite"))
    assert written
    for path in written:
        assert_whole(path)


def test_halves_of_files_that_a_killed_writer_left_are_removed_and_those_of_a_living_one_are_not(
    tmp_path: Path,
) -> None:
    dead, living = tmp_path / f".{'a' * 64}.tflite.99999999.part", tmp_path / f".b.tflite.{os.getpid()}.part"
    dead.write_bytes(b"x")
    living.write_bytes(b"x")
    list(build_files(sampled(1), 0, tmp_path, 0))
    assert not dead.exists()
    assert living.exists()

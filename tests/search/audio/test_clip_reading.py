"""Many files at once: in order, apart from what is of no use, and interrupted without loss."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from audioset_specimens import tone

from search.audio.clip_files import ClipFile, Unusable, UnusableFile
from search.audio.clip_reading import MOST_UNUSABLE_FRAC, by_reason, check_unusable, read_clips, write_unusable
from search.audio.feature_cache import FeatureCache
from search.audio.identity import sha256_of_file
from search.errors import DataBroken

BAD = UnusableFile(Unusable.EMPTY, "0 bytes")


def write_many(folder: Path, n: int, length_s: float = 1.0) -> list[ClipFile]:
    folder.mkdir()
    for number in range(n):
        soundfile.write(folder / f"{number:03d}.wav", tone(200 + number, length_s), 16_000)
    return [ClipFile(path) for path in sorted(folder.glob("*.wav"))]


@pytest.mark.parametrize("n_threads", [1, 3])
def test_clips_come_in_the_order_asked_with_the_hash_of_their_bytes(tmp_path: Path, n_threads: int) -> None:
    files = write_many(tmp_path / "s", 70)
    files[5].path.write_bytes(b"")
    read = read_clips(files, FeatureCache(tmp_path / "c"), n_threads)
    hashes = [clip.sha256 if clip else None for clip in read.clips]
    assert hashes == [None if i == 5 else sha256_of_file(file.path) for i, file in enumerate(files)]
    assert [path for path, _ in read.unusable] == [files[5].path]


def test_progress_is_told_from_the_beginning_to_the_end(tmp_path: Path) -> None:
    files, told = write_many(tmp_path / "s", 40), list[tuple[int, int]]()
    cache = FeatureCache(tmp_path / "c")
    read_clips(files[:10], cache, 2)
    read_clips(files, cache, 2, lambda done, n: told.append((done, n)))
    assert told[0] == (10, 40)
    assert told[-1] == (40, 40)
    assert told == sorted(told)


def test_no_file_at_all_is_nothing(tmp_path: Path) -> None:
    read = read_clips([], FeatureCache(tmp_path / "c"), 2)
    assert (read.clips, read.unusable) == ((), ())


_READ = """
import sys; from pathlib import Path
from search.audio.clip_files import ClipFile
from search.audio.clip_reading import read_clips
from search.audio.feature_cache import FeatureCache
files = [ClipFile(path) for path in sorted(Path(sys.argv[1]).glob("*.wav"))]
try:
    read_clips(files, FeatureCache(Path(sys.argv[2])), 2, lambda done, n: print(done, flush=True))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_keeps_what_is_done_and_a_new_start_reads_the_rest(tmp_path: Path) -> None:
    files = write_many(tmp_path / "s", 300, 5.0)
    command = [sys.executable, "-c", _READ, str(tmp_path / "s"), str(tmp_path / "c")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    finished = int(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0].split()
    assert rest[-1] == "interrupted"
    assert process.returncode == 0
    assert 0 < read_clips(files, FeatureCache(tmp_path / "c"), 2).n_read <= 300 - finished


def test_a_tenth_of_no_use_passes_and_more_does_not(tmp_path: Path) -> None:
    bad = [(tmp_path / f"{i}.wav", BAD) for i in range(11)]
    check_unusable(bad[:10], 100, None)
    assert MOST_UNUSABLE_FRAC == 0.1
    with pytest.raises(DataBroken, match=r"11 of 100 files cannot be used, more than 10%") as caught:
        check_unusable(bad, 100, tmp_path / "unusable.tsv")
    assert "11 empty: 0.wav" in caught.value.problem
    assert "unusable.tsv" in caught.value.problem
    with pytest.raises(DataBroken, match=r"4\.wav: empty, 0 bytes"):
        check_unusable(bad, 100, None)


def test_reasons_are_counted_the_most_frequent_first_in_80_columns(tmp_path: Path) -> None:
    silent = UnusableFile(Unusable.SILENT, "x" * 300)
    lines = by_reason([(tmp_path / "a", BAD), (tmp_path / "b", silent), (tmp_path / "c", silent)]).splitlines()
    assert lines[0].startswith("  2 silent: b, xxx")
    assert lines[1] == "  1 empty: a, 0 bytes"
    assert max(map(len, lines)) <= 80


def test_all_files_of_no_use_are_named_in_a_table_that_goes_when_they_are_mended(tmp_path: Path) -> None:
    folder, cache = tmp_path / "as", tmp_path / "c"
    bad = [(folder / f"{i}.wav", BAD) for i in range(700)]
    path = write_unusable(bad, cache, folder)
    assert path is not None
    lines = path.read_text().splitlines()
    assert lines[0] == "path\treason\tdetail"
    assert lines[1:] == [f"{folder}/{i}.wav\tempty\t0 bytes" for i in range(700)]
    assert write_unusable(bad, cache, tmp_path / "b" / "as") != path
    assert write_unusable([], cache, folder) is None
    assert not path.exists()


def test_a_table_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert write_unusable([(tmp_path / "a", BAD)], tmp_path / "file" / "c", tmp_path) is None

"""The cache of features: whole after kill -9, for several processes, and never in the way."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audioset_specimens import tone

from search.audio.clip_files import ClipFile, read_file
from search.audio.clip_reading import read_clips
from search.audio.feature_cache import FILE_NAME, FeatureCache, StoredClip
from search.errors import DataBroken

_READ = """
import sys; from pathlib import Path
from search.audio.clip_files import ClipFile
from search.audio.clip_reading import read_clips
from search.audio.feature_cache import FeatureCache
files = [ClipFile(path) for path in sorted(Path(sys.argv[1]).glob("*.wav"))]
read = read_clips(files, FeatureCache(Path(sys.argv[2])), 2, lambda done, n: print(done, flush=True))
"""


@pytest.fixture
def sounds(tmp_path: Path) -> list[ClipFile]:
    (tmp_path / "sounds").mkdir()
    files = []
    for number in range(60):
        path = tmp_path / "sounds" / f"{number:03d}.wav"
        soundfile.write(path, tone(200 + 10 * number, 1), 16_000)
        files.append(ClipFile(path))
    return files


def fresh(files: list[ClipFile]) -> np.ndarray:
    return np.array([read_file(file).outcome.spectrogram for file in files])  # type: ignore[union-attr]


def kept(cache: FeatureCache, files: list[ClipFile]) -> np.ndarray:
    rows = [clip.row for clip in read_clips(files, cache, 2).clips if clip]
    return cache.spectrograms(rows)


def test_features_come_back_to_the_last_bit_and_files_are_read_once(sounds: list[ClipFile], tmp_path: Path) -> None:
    assert read_clips(sounds, FeatureCache(tmp_path / "c"), 2).n_read == 60
    again = FeatureCache(tmp_path / "c")
    assert read_clips(sounds, again, 2).n_read == 0
    assert np.array_equal(kept(again, sounds), fresh(sounds))


def test_a_file_with_other_bytes_is_read_again(sounds: list[ClipFile], tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "c")
    before = read_clips(sounds, cache, 2)
    soundfile.write(sounds[7].path, tone(3000, 2), 16_000)
    after = read_clips(sounds, cache, 2)
    assert after.n_read == 1
    assert [i for i in range(60) if before.clips[i] != after.clips[i]] == [7]
    assert np.array_equal(kept(cache, sounds), fresh(sounds))


@pytest.mark.parametrize("suffix", [".m4a", ".raw", ".npy"])
def test_a_file_that_was_of_no_use_by_its_suffix_is_read_and_kept_once_it_is_renamed(
    sounds: list[ClipFile], tmp_path: Path, suffix: str
) -> None:
    wrong = ClipFile(sounds[0].path.rename(sounds[0].path.with_suffix(suffix)))
    assert read_clips([wrong], FeatureCache(tmp_path / "c"), 1).clips == (None,)
    wrong.path.rename(sounds[0].path)
    for n_read in (1, 0):
        read = read_clips(sounds[:1], FeatureCache(tmp_path / "c"), 1)
        assert (read.unusable, read.n_read) == ((), n_read)


def test_a_file_of_the_same_size_and_another_time_is_read_again(sounds: list[ClipFile], tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "c")
    read_clips(sounds, cache, 2)
    os.utime(sounds[3].path, ns=(0, 1))
    assert read_clips(sounds, cache, 2).n_read == 1


def test_a_moved_file_keeps_its_hash(sounds: list[ClipFile], tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "c")
    before = read_clips(sounds, cache, 2)
    (tmp_path / "sounds").rename(tmp_path / "elsewhere")
    after = read_clips([ClipFile(tmp_path / "elsewhere" / file.path.name) for file in sounds], cache, 2)
    assert after.clips == before.clips


def test_a_file_of_no_use_is_known_to_be_and_one_that_was_gone_is_looked_for(
    sounds: list[ClipFile], tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path / "c")
    sounds[0].path.write_bytes(b"")
    gone = ClipFile(tmp_path / "gone.wav")
    assert [file.reason for _, file in read_clips([sounds[0], gone], cache, 2).unusable] == [
        "empty",
        "cannot be opened",
    ]
    assert read_clips([sounds[0], gone], cache, 2).n_read == 1
    soundfile.write(gone.path, tone(220, 1), 16_000)
    assert read_clips([sounds[0], gone], cache, 2).clips[1] is not None


def test_names_that_are_no_utf_8_are_kept_too(sounds: list[ClipFile], tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    sounds[0].path.rename(path)
    cache = FeatureCache(tmp_path / "c")
    assert read_clips([ClipFile(path)], cache, 1).n_read == 1
    assert read_clips([ClipFile(path)], cache, 1).n_read == 0


def test_a_process_that_is_killed_while_it_writes_leaves_what_it_finished(
    sounds: list[ClipFile], tmp_path: Path
) -> None:
    folder = str(tmp_path / "sounds")
    process = subprocess.Popen([sys.executable, "-c", _READ, folder, str(tmp_path / "c")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    lines = [process.stdout.readline(), process.stdout.readline()]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    finished = int(lines[1])
    assert finished > 0
    cache = FeatureCache(tmp_path / "c")
    assert read_clips(sounds, cache, 2).n_read <= 60 - finished
    assert np.array_equal(kept(cache, sounds), fresh(sounds))


def test_two_processes_at_once_give_the_same_features(sounds: list[ClipFile], tmp_path: Path) -> None:
    command = [sys.executable, "-c", _READ, str(tmp_path / "sounds"), str(tmp_path / "c")]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(process.communicate()[1], process.returncode) for process in both] == [(b"", 0), (b"", 0)]
    cache = FeatureCache(tmp_path / "c")
    assert read_clips(sounds, cache, 2).n_read == 0
    assert np.array_equal(kept(cache, sounds), fresh(sounds))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100_000])


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database" * 9_000)


def scramble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:4_000] = b"\xff" * 3_900
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, overwrite, scramble])
def test_a_damaged_cache_is_said_and_made_anew_or_done_without(  # type: ignore[no-untyped-def]
    sounds: list[ClipFile], tmp_path: Path, damage, caplog: pytest.LogCaptureFixture
) -> None:
    cache = FeatureCache(tmp_path / "c")
    read_clips(sounds, cache, 2)
    cache.close()
    damage(tmp_path / "c" / FILE_NAME)
    with caplog.at_level(logging.WARNING):
        again = FeatureCache(tmp_path / "c")
        assert np.array_equal(kept(again, sounds), fresh(sounds))
    assert FILE_NAME in caplog.text


def test_a_folder_that_cannot_be_made_is_said_and_done_without(
    sounds: list[ClipFile], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    cache = FeatureCache(tmp_path / "file" / "c")
    assert "not kept" in caplog.text
    assert np.array_equal(kept(cache, sounds), fresh(sounds))


def test_a_cache_that_can_only_be_read_is_read(sounds: list[ClipFile], tmp_path: Path) -> None:
    read_clips(sounds[:40], FeatureCache(tmp_path / "c"), 2)
    # A database whose head says so is not written to by anyone, root included.
    path = tmp_path / "c" / FILE_NAME
    content = bytearray(path.read_bytes())
    content[18] = 3
    path.write_bytes(content)
    cache = FeatureCache(tmp_path / "c")
    read = read_clips(sounds, cache, 2)
    assert read.n_read == 20
    assert np.array_equal(cache.spectrograms([clip.row for clip in read.clips if clip]), fresh(sounds))


_FULL = """
import resource, sys; from pathlib import Path
import numpy as np
from search.audio.clip_files import ClipFile, read_file
from search.audio.clip_reading import read_clips
from search.audio.feature_cache import FeatureCache
cache = FeatureCache(Path(sys.argv[2]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
files = [ClipFile(path) for path in sorted(Path(sys.argv[1]).glob("*.wav"))][:40]
read = read_clips(files, cache, 2)
found = cache.spectrograms([clip.row for clip in read.clips])
print(all(np.array_equal(a, read_file(file).outcome.spectrogram) for a, file in zip(found, files)))
"""


def test_a_full_disk_is_said_once_and_the_reading_goes_on(sounds: list[ClipFile], tmp_path: Path) -> None:
    command = [sys.executable, "-c", _FULL, str(tmp_path / "sounds"), str(tmp_path / "c")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
    assert done.stderr.count("not kept") == 1
    # Where there was room before, it is read on.
    assert np.array_equal(kept(FeatureCache(tmp_path / "c"), sounds), fresh(sounds))


def test_features_that_vanish_meanwhile_are_an_error_that_says_what_to_do(
    sounds: list[ClipFile], tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path / "c")
    clips = read_clips(sounds, cache, 2).clips
    with closing(sqlite3.connect(cache.path)) as other, other:
        other.execute("DELETE FROM features WHERE id = 5")
    assert all(isinstance(clip, StoredClip) for clip in clips)
    with pytest.raises(DataBroken, match="lost features") as caught:
        cache.spectrograms([5])
    assert "remove" in caught.value.hint


def test_a_cache_that_turns_out_damaged_while_it_is_asked_still_gives_what_it_told_before(
    sounds: list[ClipFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_clips(sounds, FeatureCache(tmp_path / "c"), 2)
    monkeypatch.setattr("search.audio.feature_cache._BATCH", 40)
    with closing(sqlite3.connect(tmp_path / "c" / FILE_NAME)) as connection, connection:
        last = read_file(sounds[-1]).sha256
        assert last is not None
        connection.execute(
            "UPDATE clips SET detail = CAST(x'ff' AS TEXT), reason = 'damaged' WHERE sha256 = ?", (bytes.fromhex(last),)
        )
    cache = FeatureCache(tmp_path / "c")
    read = read_clips(sounds, cache, 2)
    assert read.n_read == 20
    assert None not in read.clips
    assert np.array_equal(cache.spectrograms([clip.row for clip in read.clips if clip]), fresh(sounds))


@pytest.mark.parametrize("damage", [cut, overwrite, scramble])
def test_a_process_that_comes_late_does_not_take_away_what_another_has_made_anew(  # type: ignore[no-untyped-def]
    sounds: list[ClipFile], tmp_path: Path, damage, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, path = tmp_path / "c", tmp_path / "c" / FILE_NAME
    first = FeatureCache(folder)
    read_clips(sounds, first, 2)
    first.close()
    damage(path)
    made_anew, others = FeatureCache._made_anew, list[FeatureCache]()

    def after_another(self: FeatureCache) -> sqlite3.Connection | None:
        if not others:
            others.append(self)
            others.append(FeatureCache(folder))
            read_clips(sounds, others[1], 2)
        return made_anew(self)

    monkeypatch.setattr(FeatureCache, "_made_anew", after_another)
    late = FeatureCache(folder)
    if not others:
        pytest.skip("this damage does not show when the file is opened")
    file = path.stat().st_ino
    assert read_clips(sounds, late, 2).n_read == 0
    assert np.array_equal(kept(late, sounds), fresh(sounds))
    assert np.array_equal(kept(others[1], sounds), fresh(sounds))
    assert path.stat().st_ino == file

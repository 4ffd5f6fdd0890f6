"""Files are found by the names that downloaders give."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.audio.audioset_files import find_files
from search.audio.audioset_lists import Clip

CLIP = Clip("-T_1-xAb_30", 30.0, 40.0, 0)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def found(folder: Path, *clips: Clip) -> dict[Clip, str]:
    return {clip: str(Path(path).relative_to(folder)) for clip, path in find_files(folder, clips)[0].items()}


@pytest.mark.parametrize(
    "name",
    [
        "{v}_30.wav",
        "{v}_30.000.wav",
        "{v}_30.0.wav",
        "{v}_000030.wav",
        "{v}_30000.wav",
        "{v}_30_40.wav",
        "{v}_30.0-40.0.ogg",
        "{v}_30.000_40.000.wav",
        "{v}_30000_40000.flac",
        "{v}-30-40.wav",
        "Y{v}.wav",
        "Y{v}_30.000_40.000.wav",
        "Y{v}_30.wav",
        "{v}.wav",
        "{v}_30.WAV",
        "{v}_30.Flac",
        "{v}_30.mp3",
        "{v}_30.opus",
        "{v}_30.m4a",
        "A title [of it] [{v}].opus",
        "[{v}]-[30-40].wav",
        "eval_segments/audio/{v}_30000_40000.flac",
        "audio/Bark/{v}_30.0-40.0.wav",
        "a/b/c/d/{v}.wav",
    ],
)
def test_the_names_of_downloaders_are_found_anywhere_below_the_folder(tmp_path: Path, name: str) -> None:
    put(tmp_path, name.format(v=CLIP.video))
    assert found(tmp_path, CLIP) == {CLIP: name.format(v=CLIP.video)}


@pytest.mark.parametrize(
    "name",
    [
        "{v}_31.wav",
        "{v}_30_41.wav",
        "{v}_30_40000.wav",
        "{v}_20.wav",
        "YY{v}.wav",
        "x{v}.wav",
        "{v}_30.txt",
        "{v}_30.wav.part",
        ".{v}_30.wav",
        "._{v}_30.wav",
        ".trash/{v}_30.wav",
        "{v}_30.npy",
    ],
)
def test_other_names_are_no_files_of_the_clip(tmp_path: Path, name: str) -> None:
    put(tmp_path, name.format(v=CLIP.video))
    assert found(tmp_path, CLIP) == {}


def test_lower_case_is_another_video(tmp_path: Path) -> None:
    put(tmp_path, f"{CLIP.video.lower()}_30.wav")
    assert found(tmp_path, CLIP) == {}


def test_two_segments_of_a_video_have_their_files_by_time_or_one_of_the_whole_video(tmp_path: Path) -> None:
    other = Clip(CLIP.video, 0.0, 10.0, 1)
    put(tmp_path, f"{CLIP.video}_0.wav", f"{CLIP.video}.wav")
    assert found(tmp_path, CLIP, other) == {CLIP: f"{CLIP.video}.wav", other: f"{CLIP.video}_0.wav"}


def test_a_whole_second_is_not_taken_for_the_half_second_that_is_listed_beside_it(tmp_path: Path) -> None:
    half = Clip(CLIP.video, 30.5, 40.5, 1)
    put(tmp_path, f"{CLIP.video}_30.wav", f"{CLIP.video}_30.500.flac")
    assert found(tmp_path, CLIP, half) == {CLIP: f"{CLIP.video}_30.wav", half: f"{CLIP.video}_30.500.flac"}


@pytest.mark.parametrize("start_s", [30.5, 30.49, 30.999])
def test_times_between_seconds_are_found_cut_off_rounded_and_in_full(tmp_path: Path, start_s: float) -> None:
    clip = Clip(CLIP.video, start_s, start_s + 10, 0)
    for name in (f"{int(start_s)}", f"{round(start_s)}", f"{start_s:.3f}", f"{round(start_s * 1000)}"):
        put(tmp_path / name, f"{CLIP.video}_{name}.wav")
        assert found(tmp_path / name, clip), name


def test_an_id_that_begins_with_y_is_told_from_one_with_y_before_it(tmp_path: Path) -> None:
    with_y, without = Clip("Yabcdefghij", 30.0, 40.0, 0), Clip("abcdefghijk", 30.0, 40.0, 0)
    put(tmp_path, "Yabcdefghij.wav", "Yabcdefghijk.wav")
    assert found(tmp_path, with_y, without) == {with_y: "Yabcdefghij.wav", without: "Yabcdefghijk.wav"}


def test_of_several_files_times_come_first_then_spectrograms_then_the_suffix_then_the_path(tmp_path: Path) -> None:
    video = CLIP.video
    in_order = [f"log_mel/{video}_30.npy", f"a/{video}_30.wav", f"b/{video}_30.wav", f"a/{video}_30.mp3"]
    in_order += [f"a/{video}_30.m4a", f"log_mel/{video}.npy", f"{video}.wav"]
    put(tmp_path, *in_order)
    for name in in_order:
        assert found(tmp_path, CLIP) == {CLIP: name}
        (tmp_path / name).unlink()


def test_folders_by_link_are_entered_once(tmp_path: Path) -> None:
    put(tmp_path, f"real/{CLIP.video}_30.wav")
    (tmp_path / "as").mkdir()
    (tmp_path / "as" / "audio").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "back").symlink_to(tmp_path / "as")
    assert found(tmp_path / "as", CLIP) == {CLIP: f"audio/{CLIP.video}_30.wav"}


def test_names_that_no_clip_has_are_shown(tmp_path: Path) -> None:
    put(tmp_path, "audio/clip_1.wav", f"audio/{CLIP.video}_30.wav")
    assert find_files(tmp_path, [CLIP])[1] == ["audio/clip_1.wav"]

"""A file of sound becomes features, or a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from audioset_specimens import tone
from numpy.typing import NDArray
from scipy.signal import resample_poly

from search.audio.clip_files import LOUDEST, ClipFeatures, ClipFile, Segment, Unusable, UnusableFile, loudest, read_file
from search.audio.log_mel import N_SAMPLES, RATE_HZ, log_mel

SEGMENT = Segment(30.0, 40.0)


def as_release_0_2_read(path: Path) -> NDArray[np.float32]:
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate_hz != RATE_HZ:
        divisor = int(np.gcd(rate_hz, RATE_HZ))
        mono = resample_poly(mono, RATE_HZ // divisor, rate_hz // divisor)
    return log_mel(loudest(np.asarray(mono, np.float32)))


def features(path: Path, segment: Segment | None = SEGMENT) -> ClipFeatures:
    outcome = read_file(ClipFile(path, segment)).outcome
    assert isinstance(outcome, ClipFeatures), outcome
    return outcome


def reason(path: Path, segment: Segment | None = SEGMENT) -> UnusableFile:
    outcome = read_file(ClipFile(path, segment)).outcome
    assert isinstance(outcome, UnusableFile)
    return outcome


def strongest_hz(found: ClipFeatures) -> int:
    return int(found.spectrogram.mean(axis=0).argmax())


@pytest.mark.parametrize("n_channels", [1, 2, 3])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 8_000])
@pytest.mark.parametrize("length_s", [0.7, 2.0, 9.98, 10.02])
def test_numbers_are_those_of_release_0_2_to_the_last_bit(
    tmp_path: Path, n_channels: int, rate_hz: int, length_s: float
) -> None:
    path = tmp_path / "a.wav"
    rng = np.random.default_rng(1)
    soundfile.write(path, rng.normal(0, 0.1, (round(length_s * rate_hz), n_channels)), rate_hz)
    assert np.array_equal(features(path).spectrogram, as_release_0_2_read(path))
    assert features(path).part == LOUDEST


@pytest.mark.parametrize("suffix", ["wav", "WAV", "flac", "ogg", "oga", "opus", "mp3", "aiff", "aif"])
def test_every_suffix_that_is_said_to_be_read_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    kind = {"oga": "OGG", "opus": "OGG", "aif": "AIFF"}.get(suffix.lower(), suffix.upper())
    soundfile.write(path, tone(880, 3), 16_000, format=kind, subtype="OPUS" if suffix == "opus" else None)
    expected = log_mel(loudest(tone(880, 3).astype(np.float32)))
    assert features(path).spectrogram.mean(axis=0).argmax() == expected.mean(axis=0).argmax()


def whole_video(path: Path, length_s: float) -> Path:
    """Loud and low everywhere, but for a quiet 3 kHz from 30 to 40 s."""
    samples = tone(220, length_s)
    samples[30 * RATE_HZ : 40 * RATE_HZ] = 0.1 * tone(3000, 10)[: max(0, len(samples) - 30 * RATE_HZ)]
    soundfile.write(path, samples, RATE_HZ)
    return path


@pytest.mark.parametrize("length_s", [39.7, 40.0, 41.0, 120.0])
def test_a_whole_video_is_cut_at_the_times_of_its_segment(tmp_path: Path, length_s: float) -> None:
    found = features(whole_video(tmp_path / "a.wav", length_s))
    assert strongest_hz(found) == log_mel(tone(3000, 2).astype(np.float32)).mean(axis=0).argmax()
    assert found.part == f"{LOUDEST} of 30.000-40.000 s"


@pytest.mark.parametrize("length_s", [10.6, 20.0, 30.0, 39.4])
def test_a_file_that_is_neither_segment_nor_video_is_of_the_wrong_length(tmp_path: Path, length_s: float) -> None:
    soundfile.write(tmp_path / "a.wav", tone(220, length_s), RATE_HZ)
    found = reason(tmp_path / "a.wav")
    assert found.reason is Unusable.WRONG_LENGTH
    assert f"{length_s:.2f} s" in found.detail


def test_a_segment_at_the_beginning_is_the_same_in_a_video(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.concatenate([tone(3000, 10) / 10, tone(220, 20)]), RATE_HZ)
    assert strongest_hz(features(tmp_path / "a.wav", Segment(0.0, 10.0))) > 20


def test_a_file_that_is_the_clip_may_have_any_length(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(220, 25), RATE_HZ)
    assert features(tmp_path / "a.wav", None).part == LOUDEST


def stereo(path: Path, left: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    soundfile.write(path, np.stack([left, right], axis=1), RATE_HZ, subtype="FLOAT")


def write_empty(path: Path) -> None:
    path.write_bytes(b"")


def write_head(path: Path) -> None:
    soundfile.write(path, np.zeros(0), RATE_HZ)


def write_damaged(path: Path) -> None:
    path.write_bytes(b"RIFF\x00\x00")


def write_page(path: Path) -> None:
    path.write_text("<html>Video unavailable</html>")


def write_cut_flac(path: Path) -> None:
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 160_000), RATE_HZ, format="FLAC")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_short(path: Path) -> None:
    soundfile.write(path, tone(220, 0.4), RATE_HZ)


def write_silence(path: Path) -> None:
    soundfile.write(path, np.zeros(160_000), RATE_HZ)


def write_near_silence(path: Path) -> None:
    soundfile.write(path, tone(220, 10) * 1e-4, RATE_HZ, subtype="FLOAT")


def write_nan(path: Path) -> None:
    soundfile.write(path, np.r_[tone(220, 3), np.nan], RATE_HZ, subtype="FLOAT")


def write_infinity(path: Path) -> None:
    stereo(path, np.r_[tone(220, 3), np.inf], np.r_[tone(220, 3), -np.inf])


def write_huge(path: Path) -> None:
    soundfile.write(path, tone(220, 3) * 1e37, RATE_HZ, subtype="FLOAT")


def write_out_of_phase(path: Path) -> None:
    stereo(path, tone(220, 3), -tone(220, 3))


def write_nearly_out_of_phase(path: Path) -> None:
    stereo(path, tone(220, 3), -0.95 * tone(220, 3))


def write_three_that_cancel(path: Path) -> None:
    channels = np.stack([tone(220, 3), tone(220, 3), -2 * tone(220, 3)], axis=1)
    soundfile.write(path, channels / 2, RATE_HZ, subtype="FLOAT")


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (write_empty, Unusable.EMPTY),
        (write_head, Unusable.EMPTY),
        (write_damaged, Unusable.DAMAGED),
        (write_page, Unusable.DAMAGED),
        (write_cut_flac, Unusable.DAMAGED),
        (write_short, Unusable.TOO_SHORT),
        (write_silence, Unusable.SILENT),
        (write_near_silence, Unusable.SILENT),
        (write_nan, Unusable.NOT_FINITE),
        (write_infinity, Unusable.NOT_FINITE),
        (write_huge, Unusable.NOT_FINITE),
        (write_out_of_phase, Unusable.CANCELLED),
        (write_nearly_out_of_phase, Unusable.CANCELLED),
        (write_three_that_cancel, Unusable.CANCELLED),
    ],
)
def test_a_file_of_no_use_says_why_and_never_its_path(tmp_path: Path, write, expected: Unusable) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path / "a.wav")
    found = reason(tmp_path / "a.wav")
    assert found.reason is expected
    assert found.detail
    assert str(tmp_path) not in found.detail


@pytest.mark.parametrize("side", [0, 1])
def test_a_sound_in_one_channel_alone_is_of_use(tmp_path: Path, side: int) -> None:
    channels = [np.zeros(48_000), tone(880, 3)]
    stereo(tmp_path / "a.wav", channels[side], channels[1 - side])
    assert isinstance(features(tmp_path / "a.wav"), ClipFeatures)


@pytest.mark.parametrize("suffix", [".m4a", ".webm", ".MP4"])
def test_a_format_that_is_not_read_says_how_to_convert_it(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"ftyp")
    found = reason(tmp_path / f"a{suffix}")
    assert found.reason is Unusable.NOT_READ
    assert "ffmpeg" in found.detail


def test_a_file_that_is_not_there_may_be_there_tomorrow(tmp_path: Path) -> None:
    assert not reason(tmp_path / "none.wav").lasting
    (tmp_path / "folder.wav").mkdir()
    assert not reason(tmp_path / "folder.wav").lasting


def test_the_loudest_two_seconds_are_taken() -> None:
    clip = np.full(10 * RATE_HZ, 0.01, np.float32)
    clip[5 * RATE_HZ : 7 * RATE_HZ] = 0.5
    assert np.all(loudest(clip) == 0.5)
    assert len(loudest(clip[: RATE_HZ // 2])) == N_SAMPLES


@pytest.mark.parametrize("rate_hz", [100, 3_999, 44_100 + 2**24])
def test_a_rate_that_no_recorder_has_is_damage_and_takes_no_memory(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(20_000, 0.5, np.float32), rate_hz, format="WAV")
    found = reason(path, None)
    assert found.reason is Unusable.DAMAGED
    assert "samples a second" in str(found)

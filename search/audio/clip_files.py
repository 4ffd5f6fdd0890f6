"""One file of sound, or one spectrogram, becomes the features of one clip, or a reason why it is of no use.

Below the loaders of data sets, which know classes and splits; `clip_reading` reads many, in parallel and through a
cache.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.audio.identity import sha256_of_file
from search.audio.log_mel import N_BANDS, N_FRAMES, N_SAMPLES, RATE_HZ, Spectrogram, Waveform, log_mel
from search.audio.long_sounds import STEP, loudest_of, resampled

READ_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
"""Files of sound that are read, in any case of letters; of several for one clip the first kind is taken."""
UNREAD_SUFFIXES = (".m4a", ".aac", ".mp4", ".webm", ".mkv", ".mka", ".wma", ".3gp")
"""What downloaders leave too, and libsndfile cannot read."""
LOUDEST = "loudest 2 s in steps of 0.5 s"
"""The rule by which two seconds of a longer sound are chosen."""
RULES_VERSION = 1
"""To be raised when the same bytes would give other features, or be of no use for another reason."""

_LONGEST_WHOLE_S = 60
_SHORTEST_S = 0.5
_TOLERANCE_S = 0.5
# A float32 spectrogram of less is the floor under the logarithm and nothing else.
_SILENT_PEAK = 1e-4
_CANCELLED_FRAC = 0.01
_COMPLETE_FRAC = 0.95
_LARGEST = 1e3
_SLOWEST_HZ, _FASTEST_HZ = 4_000, 768_000


class Unusable(StrEnum):
    """Why a file is of no use: what a user reads."""

    EMPTY = "empty"
    DAMAGED = "damaged"
    NOT_READ = "format that is not read"
    TOO_SHORT = "shorter than 0.5 s"
    WRONG_LENGTH = "wrong length"
    SILENT = "silent"
    CANCELLED = "channels cancel each other"
    NOT_FINITE = "samples that are no numbers"
    UNREADABLE = "cannot be opened"


class UnusableFile(Exception):
    """A file is of no use.

    Args:
        reason: the kind.
        detail: what was seen.
        lasting: whether it follows from the bytes: the same bytes need not be read again.
    """

    def __init__(self, reason: Unusable, detail: str, lasting: bool = True) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class Segment:
    """Where in its video a clip lies."""

    start_s: float
    end_s: float

    @property
    def text(self) -> str:
        """As lists write it."""
        return f"{self.start_s:.3f}-{self.end_s:.3f} s"


@dataclass(frozen=True, slots=True)
class ClipFile:
    """What is asked for.

    Attributes:
        segment: the file holds this segment of a video, or the video from its beginning; None: the file is the clip.
        shortest_s: what is shorter is of no use.
    """

    path: Path
    segment: Segment | None = None
    shortest_s: float = _SHORTEST_S

    @property
    def asked(self) -> str:
        """What is asked of the file's bytes, in words: with them it decides the features.

        The suffix is of it, where it says more than the bytes: a file may be renamed.
        """
        part = "whole" if self.segment is None else self.segment.text
        length = "" if self.shortest_s == _SHORTEST_S else f", from {self.shortest_s:g} s on"
        suffix = self.path.suffix.lower()
        return f"{part}{length}" if suffix in READ_SUFFIXES else f"{part}{length}, as {suffix or 'no suffix'}"


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells that a file is as it was, without reading it."""

    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> FileStamp:
        """As it is now; OSError when it is gone."""
        found = os.stat(path)
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """What a file gave.

    Attributes:
        part: which part of the file was used, and by which rule.
    """

    spectrogram: Spectrogram
    part: str


@dataclass(frozen=True, eq=False)
class FileReading:
    """A file's bytes and what they gave.

    Attributes:
        stamp: of the file that was read; None where it could not be opened.
        sha256: of its bytes; None where they could not be read.
    """

    stamp: FileStamp | None
    sha256: str | None
    outcome: ClipFeatures | UnusableFile


def read_file(clip: ClipFile) -> FileReading:
    """Hash and features of one file; never raises for what the file is."""
    try:
        stamp = FileStamp.of(clip.path)
        sha256 = sha256_of_file(clip.path)
    except OSError as error:
        return FileReading(None, None, UnusableFile(Unusable.UNREADABLE, error.strerror or str(error), lasting=False))
    outcome = read_features(clip)
    try:
        changed = FileStamp.of(clip.path) != stamp
    except OSError:
        changed = True
    if changed:
        return FileReading(None, None, UnusableFile(Unusable.UNREADABLE, "changed while it was read", lasting=False))
    return FileReading(stamp, sha256, outcome)


def read_features(clip: ClipFile) -> ClipFeatures | UnusableFile:
    """The features of one file's clip, or why there are none."""
    suffix = clip.path.suffix.lower()
    try:
        if os.path.getsize(clip.path) == 0:
            raise UnusableFile(Unusable.EMPTY, "0 bytes")
        if suffix in UNREAD_SUFFIXES:
            raise UnusableFile(Unusable.NOT_READ, f"{suffix}: convert it, as by ffmpeg -i FILE{suffix} FILE.flac")
        if suffix == ".npy":
            return ClipFeatures(_stored_spectrogram(clip.path), LOUDEST)
        with np.errstate(over="ignore", invalid="ignore"):
            waveform, part = _read_sound(clip)
            spectrogram = log_mel(loudest(waveform))
        if not np.all(np.isfinite(spectrogram)):
            raise UnusableFile(Unusable.NOT_FINITE, "samples too large for a spectrogram")
        return ClipFeatures(spectrogram, part)
    except UnusableFile as unusable:
        return unusable
    except OSError as error:
        return UnusableFile(Unusable.UNREADABLE, error.strerror or str(error), lasting=False)
    except (ValueError, TypeError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile) as error:
        # soundfile's errors are RuntimeErrors; a damaged head of an array can ask for any memory.
        return UnusableFile(Unusable.DAMAGED, _one_line(error), lasting=not isinstance(error, MemoryError))


def loudest(waveform: Waveform) -> Waveform:
    """The two loudest seconds in a row; silence is added at the end of shorter sounds."""
    if len(waveform) <= N_SAMPLES:
        return np.pad(waveform, (0, N_SAMPLES - len(waveform)))
    energy = np.concatenate(([0.0], np.cumsum(waveform.astype(np.float64) ** 2)))
    starts = np.arange(0, len(waveform) - N_SAMPLES + 1, STEP)
    best = int(starts[np.argmax(energy[starts + N_SAMPLES] - energy[starts])])
    return waveform[best : best + N_SAMPLES]


def _stored_spectrogram(path: Path) -> Spectrogram:
    stored: Any = np.load(path, allow_pickle=False)
    if not isinstance(stored, np.ndarray) or stored.shape != (N_FRAMES, N_BANDS):
        raise ValueError(f"holds {getattr(stored, 'shape', 'several arrays')}, not {N_FRAMES} x {N_BANDS} numbers")
    if not np.all(np.isfinite(stored)):
        raise UnusableFile(Unusable.NOT_FINITE, "numbers that are none")
    if not np.all(np.abs(stored) < _LARGEST):
        raise ValueError("holds what is no logarithm of a power")
    return stored.astype(np.float32)


def _read_sound(clip: ClipFile) -> tuple[Waveform, str]:
    """One channel at RATE_HZ: the segment, as far as the file holds it; and which part of the file that is."""
    import soundfile
    from scipy.signal import resample_poly

    # As bytes: soundfile encodes names itself, and takes no name that is no UTF-8.
    with soundfile.SoundFile(os.fsencode(clip.path)) as stream:
        rate_hz = stream.samplerate
        if not _SLOWEST_HZ <= rate_hz <= _FASTEST_HZ:
            # A damaged head: to bring such a rate to ours would take gigabytes.
            raise ValueError(f"says that it has {rate_hz:,} samples a second")
        first, n_frames, part = _part_of(clip, stream.frames / rate_hz, stream.frames, rate_hz)
        if first:
            stream.seek(first)
        if n_frames > _LONGEST_WHOLE_S * rate_hz:
            return _loudest_of_long(stream, n_frames), part
        samples: NDArray[np.float32] = stream.read(n_frames, dtype="float32", always_2d=True)
    _check_complete(len(samples), n_frames, rate_hz)
    mono = _mixed(samples)
    if rate_hz != RATE_HZ:
        divisor = int(np.gcd(rate_hz, RATE_HZ))
        mono = resample_poly(mono, RATE_HZ // divisor, rate_hz // divisor)
    return np.asarray(mono, np.float32), part


def _loudest_of_long(stream: Any, n_frames: int) -> Waveform:
    """What is used of a sound that may be hours long, without holding it; refuses what a short one is refused for."""
    found = _Levels()
    waveform = loudest_of(resampled(_mono_blocks(stream, n_frames, found), stream.samplerate))
    _check_complete(found.n_frames, n_frames, stream.samplerate)
    found.check()
    return waveform


def _mono_blocks(stream: Any, n_frames: int, found: _Levels) -> Iterator[Waveform]:
    while found.n_frames < n_frames:
        n_wanted = min(n_frames - found.n_frames, stream.samplerate)
        samples: NDArray[np.float32] = stream.read(n_wanted, dtype="float32", always_2d=True)
        if not len(samples):
            return
        yield found.mixed(samples)


def _check_complete(n_read: int, n_frames: int, rate_hz: int) -> None:
    if n_read < n_frames * _COMPLETE_FRAC:
        raise ValueError(f"cut short: {n_read / rate_hz:.2f} of {n_frames / rate_hz:.2f} s can be read")


def _part_of(clip: ClipFile, length_s: float, n_frames: int, rate_hz: int) -> tuple[int, int, str]:
    """First frame, frames and name of the part of a file that is the clip."""
    segment = clip.segment
    if n_frames == 0:
        raise UnusableFile(Unusable.EMPTY, "no samples")
    if length_s < clip.shortest_s:
        raise UnusableFile(Unusable.TOO_SHORT, f"{length_s:.2f} s")
    # A download may have ended early: what there is of a segment is used, from its beginning.
    if segment is None or length_s <= segment.end_s - segment.start_s + _TOLERANCE_S:
        return 0, n_frames, LOUDEST
    if length_s < segment.end_s - _TOLERANCE_S:
        detail = f"{length_s:.2f} s: neither the segment {segment.text} nor the video up to its end"
        raise UnusableFile(Unusable.WRONG_LENGTH, detail)
    first, end = round(segment.start_s * rate_hz), min(n_frames, round(segment.end_s * rate_hz))
    return first, end - first, f"{LOUDEST} of {segment.text}"


def _mixed(samples: NDArray[np.float32]) -> Waveform:
    """The mean of all channels."""
    found = _Levels()
    mono = found.mixed(samples)
    found.check()
    return mono


@dataclass
class _Levels:
    """What is seen of a sound while its channels are mixed, block by block.

    Attributes:
        before, after: sums of squares, by channel: of the channels, and of their mean.
    """

    n_frames: int = 0
    n_channels: int = 1
    peak: float = 0.0
    before: float = 0.0
    after: float = 0.0

    def mixed(self, samples: NDArray[np.float32]) -> Waveform:
        """The mean of all channels."""
        if not np.all(np.isfinite(samples)):
            raise UnusableFile(Unusable.NOT_FINITE, "a sample is not a number, or infinite")
        self.n_frames += len(samples)
        self.peak = max(self.peak, float(np.abs(samples).max(initial=0.0)))
        self.n_channels = samples.shape[1]
        if self.n_channels == 1:
            return samples[:, 0]
        # As samples.mean(axis=1) to the last bit, in a tenth of the time.
        two = self.n_channels == 2
        mono: Waveform = (samples[:, 0] + samples[:, 1]) / np.float32(2) if two else samples.mean(axis=1)
        self.before += float(np.vdot(samples, samples)) / self.n_channels
        self.after += float(np.vdot(mono, mono))
        return mono

    def check(self) -> None:
        """Returns when there is something to hear."""
        if self.peak < _SILENT_PEAK:
            raise UnusableFile(Unusable.SILENT, f"no sample reaches {_SILENT_PEAK:g} of full scale")
        if self.n_channels > 1 and self.after < _CANCELLED_FRAC / self.n_channels * self.before:
            detail = f"{self.after / self.before:.1e} of their power is left when they are mixed"
            raise UnusableFile(Unusable.CANCELLED, detail)


def _one_line(error: BaseException) -> str:
    # soundfile puts the path before what libsndfile said.
    said = getattr(error, "error_string", None) or str(error)
    return " ".join(str(said).split()) or type(error).__name__

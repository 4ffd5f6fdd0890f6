"""One clip from a file of any format that soundfile reads: mono, 16 kHz, two seconds."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search.audio.clip_files import loudest
from search.audio.log_mel import FRONT_END, RATE_HZ, Spectrogram, Waveform, log_mel

SEGMENT = "the loudest 2 s in steps of 0.5 s; silence is added at the end of shorter ones"
LONGEST_S = 600
_ONE_STEP = 2.0**-15
"""Of 16 bits."""


class UnusableSound(Exception):
    """A file that gives no clip: the reason, as it is printed beside its name."""


@dataclass(frozen=True, eq=False)
class SoundFile:
    """What a file gives.

    Attributes:
        spectrogram: of its clip, see `log_mel`.
        file_sha256: of its bytes.
        sound_sha256: of its samples at 16 kHz: equal for one sound in two formats without loss.
    """

    spectrogram: Spectrogram
    file_sha256: str
    sound_sha256: str


def read_sound(path: Path) -> SoundFile:
    """Reads a file: channels are averaged, the sound is resampled (scipy's polyphase filter), SEGMENT is taken.

    Raises:
        UnusableSound: it cannot be read, is no sound, empty, silent, or too short or long for a clip.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnusableSound(f"cannot be read: {error.strerror}") from error
    mono = _mono(content)
    if len(mono) < FRONT_END.window:
        raise UnusableSound(f"only {len(mono) / RATE_HZ:.3f} s of sound, {FRONT_END.window / RATE_HZ} are needed")
    if not np.all(np.isfinite(mono)):
        raise UnusableSound("damaged: samples that are no numbers")
    if np.abs(mono - mono.mean()).max() < _ONE_STEP:
        raise UnusableSound("silent")
    sound_sha256 = hashlib.sha256(mono.tobytes()).hexdigest()
    return SoundFile(log_mel(loudest(mono)), hashlib.sha256(content).hexdigest(), sound_sha256)


def _mono(content: bytes) -> Waveform:
    import soundfile
    from scipy.signal import resample_poly

    if not content:
        raise UnusableSound("empty")
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as opened:
            rate_hz, n_frames = opened.samplerate, opened.frames
            if n_frames > LONGEST_S * rate_hz:
                raise UnusableSound(f"longer than {LONGEST_S} s: cut it into clips")
            samples = opened.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError, OSError, EOFError, MemoryError) as error:
        raise UnusableSound("not audio, or damaged") from error
    if not len(samples):
        raise UnusableSound("empty")
    if 0 <= len(samples) < n_frames:
        raise UnusableSound(f"cut off: {len(samples)} of {n_frames} samples")
    mono = samples.mean(axis=1)
    if rate_hz != RATE_HZ:
        divisor = int(np.gcd(rate_hz, RATE_HZ))
        mono = resample_poly(mono, RATE_HZ // divisor, rate_hz // divisor)
    return np.asarray(mono, np.float32)

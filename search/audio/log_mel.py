"""Waveform to log-mel spectrogram: 196 frames x 40 bands of two seconds at 16 kHz.

The shape is the paper's; window and hop are ours: 50 ms every 10 ms give exactly 196 frames of two seconds.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from search.audio.front_end import FrontEnd

FRONT_END = FrontEnd(
    rate_hz=16_000,
    n_samples=32_000,
    window=800,
    hop=160,
    n_fft=1024,
    n_bands=40,
    low_hz=60.0,
    high_hz=7_600.0,
    mel_factor=2595.0,
    mel_break_hz=700.0,
    log_base="e",
    floor=1e-6,
)
RATE_HZ = FRONT_END.rate_hz
N_SAMPLES = FRONT_END.n_samples
N_FRAMES = FRONT_END.n_frames
N_BANDS = FRONT_END.n_bands

Waveform = NDArray[np.float32]
Spectrogram = NDArray[np.float32]


def log_mel(waveform: Waveform) -> Spectrogram:
    """Natural logarithm of the mel-band power.

    Args:
        waveform: N_SAMPLES samples in -1..1.

    Returns:
        float32 of shape (N_FRAMES, N_BANDS).

    Raises:
        ValueError: another length.
    """
    if waveform.shape != (N_SAMPLES,):
        raise ValueError(f"{waveform.shape} samples, not {N_SAMPLES}")
    frames = np.lib.stride_tricks.sliding_window_view(waveform, FRONT_END.window)[:: FRONT_END.hop]
    spectrum = np.fft.rfft(frames * _hann(), n=FRONT_END.n_fft)
    power = (spectrum.real**2 + spectrum.imag**2) / FRONT_END.window
    return np.log(power @ _mel_filters() + FRONT_END.floor).astype(np.float32)


@cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(FRONT_END.window + 1)[:-1].astype(np.float32)


@cache
def _mel_filters() -> NDArray[np.float32]:
    """Triangles between equal steps of the mel scale, (bins, bands); O'Shaughnessy (1987)."""
    edges = FRONT_END.edges_mel
    bins = FRONT_END.to_mel(np.fft.rfftfreq(FRONT_END.n_fft, 1 / RATE_HZ))[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)

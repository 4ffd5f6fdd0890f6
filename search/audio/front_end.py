"""How a waveform becomes what a network sees, as numbers: enough to build the same elsewhere.

A study keeps this from its beginning and an exported file carries it, so neither needs the data again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FrontEnd:
    """A log-mel front-end: periodic Hann window, power spectrum, triangles on the mel scale, logarithm.

    Attributes:
        n_samples: of a clip at `rate_hz`.
        window, hop, n_fft: samples; the power is |FFT|^2 / window.
        n_bands: triangles between n_bands + 2 edges, equal steps of the mel scale from `low_hz` to `high_hz`.
        mel_factor, mel_break_hz: mel = mel_factor * log10(1 + f / mel_break_hz); O'Shaughnessy (1987).
        log_base: `e`.
        floor: added to the power of a band before the logarithm.
    """

    rate_hz: int
    n_samples: int
    window: int
    hop: int
    n_fft: int
    n_bands: int
    low_hz: float
    high_hz: float
    mel_factor: float
    mel_break_hz: float
    log_base: str
    floor: float

    @property
    def n_frames(self) -> int:
        """Whole windows in a clip."""
        return (self.n_samples - self.window) // self.hop + 1

    @property
    def edges_mel(self) -> NDArray[np.float64]:
        """Of the bands, (n_bands + 2,): a band rises from its edge to the next and falls to the one after."""
        return np.linspace(self.to_mel(self.low_hz), self.to_mel(self.high_hz), self.n_bands + 2)

    @property
    def edges_hz(self) -> tuple[float, ...]:
        """The same in Hz."""
        return tuple((self.mel_break_hz * (10.0 ** (self.edges_mel / self.mel_factor) - 1.0)).tolist())

    def to_mel(self, freq_hz: float | NDArray[np.floating]) -> NDArray[np.float64]:
        """The mel scale."""
        return self.mel_factor * np.log10(1.0 + np.asarray(freq_hz) / self.mel_break_hz)


@dataclass(frozen=True)
class DataDescription:
    """What a network of these data is given and what its outputs mean.

    Attributes:
        class_names: in the order of the outputs.
        deviation: what a spectrogram, less its own mean, is divided by.
        limit: then it is cut off at +-limit.
    """

    class_names: tuple[str, ...]
    front_end: FrontEnd
    deviation: float
    limit: float

    def to_plain(self) -> dict[str, Any]:
        """As JSON takes it; numbers come back to the last digit."""
        plain = dataclasses.asdict(self)
        return {**plain, "class_names": list(self.class_names)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> DataDescription:
        """What `to_plain` gave; KeyError, TypeError or ValueError for anything else."""
        return cls(
            class_names=tuple(str(name) for name in plain["class_names"]),
            front_end=FrontEnd(**plain["front_end"]),
            deviation=float(plain["deviation"]),
            limit=float(plain["limit"]),
        )

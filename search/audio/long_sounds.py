"""The loudest two seconds of a sound of any length, in the memory of some seconds of it.

Gives what the whole would, to the last bit: each sample of the polyphase filter depends on few neighbours, which a
block is given beside its own samples, and energies are summed in the order of time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from scipy.signal import resample_poly

from search.audio.log_mel import N_SAMPLES, RATE_HZ, Waveform

STEP = RATE_HZ // 2
"""Between the beginnings of the parts that are compared, in samples."""

_CHUNKS = N_SAMPLES // STEP
_BLOCK_S = 10
# scipy's filter reaches so many samples of the slower of the two rates to either side.
_REACH = 10


def loudest_of(blocks: Iterable[Waveform]) -> Waveform:
    """The two loudest seconds in a row, in steps of half a second; of several, the first.

    Args:
        blocks: a sound at RATE_HZ of two seconds or more, in pieces of any length.
    """
    chunks = deque[Waveform](maxlen=_CHUNKS)
    sums = deque[float]([0.0], maxlen=_CHUNKS + 1)
    loudest, most = np.zeros(N_SAMPLES, np.float32), -np.inf
    for chunk in _of_length(blocks, STEP):
        chunks.append(chunk)
        sums.append(float(np.cumsum(np.concatenate(([sums[-1]], chunk.astype(np.float64) ** 2)))[-1]))
        if len(chunks) == _CHUNKS and sums[-1] - sums[0] > most:
            loudest, most = np.concatenate(chunks), sums[-1] - sums[0]
    return loudest


def resampled(blocks: Iterable[Waveform], rate_hz: int) -> Iterator[Waveform]:
    """A sound in pieces of any length, brought to RATE_HZ."""
    divisor = int(np.gcd(rate_hz, RATE_HZ))
    up, down = RATE_HZ // divisor, rate_hz // divisor
    if up == down:
        yield from blocks
        return
    length = down * max(1, _BLOCK_S * rate_hz // down)
    # What a block is given of its neighbours begins where a sample of the result does.
    context = down * (-(-_REACH * max(up, down) // (up * down)) + 1)
    before, own = np.zeros(0, np.float32), np.zeros(0, np.float32)
    for block in _of_length(blocks, length, with_rest=True):
        if len(own):
            yield _without_context(before, own, block[:context], up, down)
        before, own = own[-context:], block
    if len(own):
        yield _without_context(before, own, own[:0], up, down)


def _without_context(before: Waveform, own: Waveform, after: Waveform, up: int, down: int) -> Waveform:
    made = np.asarray(resample_poly(np.concatenate((before, own, after)), up, down), np.float32)
    first = len(before) * up // down
    return made[first : first - (-len(own) * up // down)]


def _of_length(blocks: Iterable[Waveform], length: int, with_rest: bool = False) -> Iterator[Waveform]:
    """The same samples in pieces of one length; what is left at the end only if asked for."""
    rest = np.zeros(0, np.float32)
    for block in blocks:
        rest = np.concatenate((rest, block))
        n_whole = len(rest) // length
        for k in range(n_whole):
            yield rest[k * length : (k + 1) * length]
        rest = rest[n_whole * length :]
    if with_rest and len(rest):
        yield rest

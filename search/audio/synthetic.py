"""Synthesised sound events of the nine classes, for machines without AudioSet. SYNTHETIC: no recording is in it.

Every clip is two seconds: an event (or none) over a background, through a simulated room, at a random level. The
negatives resemble the events on purpose: chirps and sweeps that do not repeat as sirens do, steps and clicks
beside knocks, voices beside cries and barks, plucked strings and piano tones beside bells, rain and wind beside
running water. To tell them apart a network must look at how a sound goes on, not at one frame; small
networks differ in that. All numbers come from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from search.audio.classes import CLASS_NAMES, NEGATIVE_INDEX
from search.audio.log_mel import N_SAMPLES, RATE_HZ, Waveform

Rng = np.random.Generator
Signal = NDArray[np.float64]
_TIME_S = np.arange(N_SAMPLES) / RATE_HZ
_DURATION_S = N_SAMPLES / RATE_HZ


def synthesise(class_index: int, rng: Rng) -> Waveform:
    """A clip of a class.

    Args:
        rng: every property of the clip comes from here.

    Returns:
        N_SAMPLES samples in -1..1.
    """
    if class_index == NEGATIVE_INDEX:
        event = _NEGATIVES[int(rng.integers(len(_NEGATIVES)))](rng)
    else:
        event = _EVENTS[class_index](rng)
    background = _background(rng)
    # Some events are hardly above what is around them, as in recordings.
    signal_to_noise_db = rng.uniform(0.0, 24.0)
    mixed = _normalised(_in_room(event, rng)) + _normalised(background) * 10 ** (-signal_to_noise_db / 20)
    level = 10 ** (rng.uniform(-30.0, -3.0) / 20)
    clip: Waveform = (level * mixed / (np.abs(mixed).max() + 1e-9)).astype(np.float32)
    return clip


def _normalised(signal: Signal) -> Signal:
    normalised: Signal = signal / (np.sqrt(np.mean(signal**2)) + 1e-9)
    return normalised


def _in_room(signal: Signal, rng: Rng) -> Signal:
    """A few echoes and a colour: what a room and a microphone do."""
    wet = signal.copy()
    for _ in range(int(rng.integers(0, 5))):
        delay = int(rng.uniform(0.005, 0.09) * RATE_HZ)
        wet[delay:] += rng.uniform(-0.45, 0.45) * signal[:-delay]
    tilt = rng.uniform(-0.6, 0.6)
    coloured: Signal = lfilter([1.0, tilt], [1.0], wet)
    return coloured


def _background(rng: Rng) -> Signal:
    """Coloured noise, with hum, hiss or babble in some."""
    noise = _coloured(rng, rng.uniform(0.0, 0.97))
    if rng.random() < 0.3:
        hum_hz = rng.choice([50.0, 60.0, 100.0, 120.0])
        noise = _normalised(noise) + rng.uniform(0.1, 0.8) * np.sin(2 * np.pi * hum_hz * _TIME_S)
    if rng.random() < 0.3:
        noise = _normalised(noise) + rng.uniform(0.1, 0.5) * _normalised(_voice(rng))
    return noise


def _coloured(rng: Rng, pole: float) -> Signal:
    noise: Signal = lfilter([1.0], [1.0, -pole], rng.standard_normal(N_SAMPLES))
    return noise


def _tone(freq_hz: Signal | float, harmonics: Signal | list[float], phase: float = 0.0) -> Signal:
    """Harmonics of a frequency that may change; those above the Nyquist limit are left out."""
    freq = np.broadcast_to(np.asarray(freq_hz, np.float64), (N_SAMPLES,))
    angle = 2 * np.pi * np.cumsum(freq) / RATE_HZ + phase
    top = float(freq.max())
    total = np.zeros(N_SAMPLES)
    # sin((n + 1) a) = 2 cos(a) sin(n a) - sin((n - 1) a): one sine and one cosine for all harmonics.
    before, wave, twice_cosine = np.zeros(N_SAMPLES), np.sin(angle), 2 * np.cos(angle)
    for order, weight in enumerate(harmonics, start=1):
        if order * top >= RATE_HZ / 2:
            break
        total += weight * wave
        before, wave = wave, twice_cosine * wave - before
    return total


def _decay(start_s: float, decay_s: float, attack_s: float = 0.003) -> Signal:
    """An envelope that rises at `start_s` and dies away."""
    since = _TIME_S - start_s
    rise = np.clip(since / attack_s, 0.0, 1.0)
    return np.where(since >= 0, rise * np.exp(-np.maximum(since, 0.0) / decay_s), 0.0)


def _burst(start_s: float, length_s: float, edge_s: float = 0.01) -> Signal:
    """An envelope that is 1 for a while, with soft edges."""
    since, left = _TIME_S - start_s, start_s + length_s - _TIME_S
    return np.clip(since / edge_s, 0.0, 1.0) * np.clip(left / edge_s, 0.0, 1.0)


def _resonance(source: Signal, freq_hz: float, width_hz: float) -> Signal:
    radius = np.exp(-np.pi * width_hz / RATE_HZ)
    angle = 2 * np.pi * freq_hz / RATE_HZ
    ringing: Signal = lfilter([1.0 - radius], [1.0, -2 * radius * np.cos(angle), radius**2], source)
    return ringing


# --- events ---------------------------------------------------------------------------------------------------


def _alarm(rng: Rng) -> Signal:
    """Beeps of one or two constant pitches, at a constant beat."""
    pitch_hz = rng.uniform(700, 3600)
    period_s, duty = rng.uniform(0.12, 0.9), rng.uniform(0.3, 0.7)
    phase = (_TIME_S / period_s + rng.random()) % 1.0
    gate = np.clip((duty - phase) * 40, 0.0, 1.0) * np.clip(phase * 80, 0.0, 1.0)
    if rng.random() < 0.35:
        other_hz = pitch_hz * rng.uniform(1.12, 1.5)
        freq = np.where(((_TIME_S / period_s + rng.random()) % 2.0) < 1.0, pitch_hz, other_hz)
        return _tone(freq, [1.0, 0.3 * rng.random(), 0.3 * rng.random()]) * np.maximum(gate, 0.4 * rng.random())
    return _tone(pitch_hz, [1.0, 0.5 * rng.random(), 0.5 * rng.random()]) * gate


def _baby_crying(rng: Rng) -> Signal:
    """Wails: high voices that rise and fall, with breaths between."""
    start_s, total = rng.uniform(-0.4, 0.3), np.zeros(N_SAMPLES)
    base_hz = rng.uniform(330, 580)
    while start_s < _DURATION_S:
        length_s = rng.uniform(0.45, 1.1)
        place = np.clip((_TIME_S - start_s) / length_s, 0.0, 1.0)
        freq = base_hz * (1 + rng.uniform(0.12, 0.4) * np.sin(np.pi * place) - 0.15 * place)
        freq = freq * (1 + 0.02 * np.sin(2 * np.pi * rng.uniform(5, 9) * _TIME_S))
        voice = _tone(freq, [1.0, 0.9, 0.8, 0.6, 0.5, 0.3, 0.2]) + 0.2 * rng.standard_normal(N_SAMPLES)
        voice = _resonance(voice, rng.uniform(950, 1300), 300) + _resonance(voice, rng.uniform(2800, 3800), 500)
        total += voice * _burst(start_s, length_s, 0.06)
        start_s += length_s + rng.uniform(0.12, 0.45)
    return total


def _dog_barking(rng: Rng) -> Signal:
    """Short harsh calls whose pitch falls, alone or in quick rows."""
    total, start_s = np.zeros(N_SAMPLES), rng.uniform(0.0, 0.6)
    base_hz, gap_s = rng.uniform(220, 900), rng.uniform(0.22, 0.7)
    throat_hz = rng.uniform(600, 1800)
    for _ in range(int(rng.integers(1, 6))):
        length_s = rng.uniform(0.07, 0.2)
        since = np.clip((_TIME_S - start_s) / length_s, 0.0, 1.0)
        call = _tone(base_hz * (1.25 - 0.6 * since), [1.0, 0.8, 0.6, 0.5, 0.3])
        call = call + rng.uniform(0.8, 2.0) * rng.standard_normal(N_SAMPLES)
        total += _resonance(call, throat_hz, 400) * _decay(start_s, length_s / 2, 0.012)
        start_s += gap_s * rng.uniform(0.75, 1.3)
    return total


def _door_knocking(rng: Rng) -> Signal:
    """Three to eight dull strokes at an even beat."""
    total, start_s = np.zeros(N_SAMPLES), rng.uniform(0.0, 0.5)
    period_s, panel_hz = rng.uniform(0.12, 0.34), rng.uniform(90, 420)
    for _ in range(int(rng.integers(3, 9))):
        stroke = rng.standard_normal(N_SAMPLES) * _decay(start_s, rng.uniform(0.008, 0.03), 0.001)
        total += rng.uniform(0.7, 1.0) * (
            _resonance(stroke, panel_hz, 60) + 0.25 * _resonance(stroke, panel_hz * 2.7, 200)
        )
        start_s += period_s * rng.uniform(0.93, 1.07)
    return total


def _doorbell(rng: Rng) -> Signal:
    """Two struck chimes, the second lower, or one buzzing press."""
    start_s, first_hz = rng.uniform(0.0, 0.7), rng.uniform(480, 1400)
    if rng.random() < 0.2:
        return _tone(rng.uniform(90, 140), [1.0] * 12) * _burst(start_s, rng.uniform(0.4, 1.0))
    ratio = rng.choice([0.667, 0.749, 0.794, 0.841])
    partials = ((1.0, 1.0, 0.9), (2.0, 0.35, 0.5), (2.76, 0.4, 0.35), (5.4, 0.2, 0.15))
    total, gap_s = np.zeros(N_SAMPLES), rng.uniform(0.28, 0.75)
    for i in range(2):
        for multiple, weight, decay in partials:
            freq_hz = first_hz * multiple * (ratio if i else 1.0)
            total += weight * _tone(freq_hz, [1.0]) * _decay(start_s + i * gap_s, decay * rng.uniform(0.4, 0.9))
    return total


def _phone_ringing(rng: Rng) -> Signal:
    """A warbling bell in bursts, or a short melody that comes again."""
    if rng.random() < 0.55:
        low_hz, rate_hz = rng.uniform(700, 1500), rng.uniform(13, 28)
        warble = np.where((_TIME_S * rate_hz) % 1.0 < 0.5, low_hz, low_hz * rng.uniform(1.15, 1.35))
        on_s, off_s = rng.uniform(0.4, 1.2), rng.uniform(0.2, 0.8)
        gate = ((_TIME_S + rng.uniform(0, 2)) % (on_s + off_s)) < on_s
        return _tone(warble, [1.0, 0.5, 0.3, 0.2]) * gate
    notes_hz = rng.uniform(600, 1100) * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 12], size=int(rng.integers(3, 6))) / 12)
    note_s, total = rng.uniform(0.09, 0.2), np.zeros(N_SAMPLES)
    for i in range(int(_DURATION_S / note_s) + 1):
        total += _tone(float(notes_hz[i % len(notes_hz)]), [1.0, 0.4, 0.2]) * _decay(i * note_s, note_s * 0.8)
    return total


def _siren(rng: Rng) -> Signal:
    """A loud tone that sweeps up and down without end: wail, yelp or two tones."""
    low_hz, high_hz = rng.uniform(350, 750), rng.uniform(950, 1700)
    kind = rng.random()
    if kind < 0.4:
        sweep = 0.5 - 0.5 * np.cos(2 * np.pi * (_TIME_S * rng.uniform(0.2, 0.6) + rng.random()))
    elif kind < 0.75:
        sweep = (_TIME_S * rng.uniform(1.8, 4.5) + rng.random()) % 1.0
    else:
        low_hz, high_hz = rng.uniform(400, 500), rng.uniform(540, 700)
        sweep = ((_TIME_S * rng.uniform(0.7, 1.4) + rng.random()) % 1.0 < 0.5).astype(np.float64)
    return _tone(low_hz + (high_hz - low_hz) * sweep, [1.0, 0.5, 0.4, 0.25, 0.15])


def _water_running(rng: Rng) -> Signal:
    """Filtered noise with bubbles: bright, steady, a little uneven."""
    stream = _resonance(rng.standard_normal(N_SAMPLES), rng.uniform(1500, 4500), rng.uniform(1500, 4000))
    flutter = _normalised(lfilter([1.0], [1.0, -0.998], rng.standard_normal(N_SAMPLES)))
    total = _normalised(stream) * (1 + 0.15 * flutter)
    for _ in range(int(rng.integers(10, 60))):
        start_s, pitch_hz = rng.uniform(0, _DURATION_S), rng.uniform(500, 2200)
        first = int(start_s * RATE_HZ)
        since = np.arange(min(900, N_SAMPLES - first)) / RATE_HZ
        blip = np.sin(2 * np.pi * pitch_hz * since * (1 + 6 * since)) * np.exp(-since / rng.uniform(0.004, 0.02))
        total[first : first + len(since)] += rng.uniform(0.3, 1.6) * blip
    return total


# --- what resembles them --------------------------------------------------------------------------------------


def _voice(rng: Rng) -> Signal:
    """Syllables of speech-like sound."""
    base_hz, total, start_s = rng.uniform(90, 260), np.zeros(N_SAMPLES), rng.uniform(-0.2, 0.3)
    while start_s < _DURATION_S:
        length_s = rng.uniform(0.08, 0.3)
        freq = base_hz * (1 + rng.uniform(-0.2, 0.2) * np.clip((_TIME_S - start_s) / length_s, 0, 1))
        source = _tone(freq, [1.0, 0.8, 0.7, 0.6, 0.5, 0.5, 0.4, 0.4, 0.3, 0.3]) + 0.1 * rng.standard_normal(N_SAMPLES)
        vowel = _resonance(source, rng.uniform(300, 900), 120) + 0.6 * _resonance(source, rng.uniform(900, 2400), 180)
        total += vowel * _burst(start_s, length_s, 0.03)
        start_s += length_s + rng.uniform(0.02, 0.3)
    return total


def _steps(rng: Rng) -> Signal:
    """Footsteps: slower than knocks, softer, uneven."""
    total, start_s = np.zeros(N_SAMPLES), rng.uniform(0.0, 0.4)
    while start_s < _DURATION_S:
        stroke = rng.standard_normal(N_SAMPLES) * _decay(start_s, rng.uniform(0.02, 0.07), 0.006)
        total += rng.uniform(0.4, 1.0) * _resonance(stroke, rng.uniform(80, 500), 150)
        start_s += rng.uniform(0.28, 0.75)
    return total


def _clicks(rng: Rng) -> Signal:
    """Typing, dishes: short bright strokes without a beat."""
    total = np.zeros(N_SAMPLES)
    for start_s in rng.uniform(0, _DURATION_S, int(rng.integers(3, 18))):
        stroke = rng.standard_normal(N_SAMPLES) * _decay(float(start_s), rng.uniform(0.003, 0.02), 0.0005)
        total += rng.uniform(0.3, 1.0) * _resonance(stroke, rng.uniform(500, 5000), 400)
    return total


def _birds(rng: Rng) -> Signal:
    """Chirps: fast sweeps that never come twice alike."""
    total = np.zeros(N_SAMPLES)
    for start_s in rng.uniform(0, _DURATION_S, int(rng.integers(2, 12))):
        length_s = rng.uniform(0.04, 0.25)
        place = np.clip((_TIME_S - start_s) / length_s, 0.0, 1.0)
        freq = rng.uniform(1400, 4500) * (1 + rng.uniform(-0.5, 0.5) * place)
        total += _tone(freq, [1.0, 0.2]) * _burst(float(start_s), length_s)
    return total


def _strings(rng: Rng) -> Signal:
    """Plucked or struck notes of a tune, several at a time."""
    total, root_hz = np.zeros(N_SAMPLES), rng.uniform(130, 520)
    for start_s in np.sort(rng.uniform(0, _DURATION_S, int(rng.integers(2, 10)))):
        freq_hz = root_hz * 2 ** (int(rng.choice([0, 3, 4, 5, 7, 10, 12, 16])) / 12)
        total += _tone(freq_hz, [1.0, 0.6, 0.4, 0.3, 0.2]) * _decay(float(start_s), rng.uniform(0.1, 0.7))
    return total


def _engine(rng: Rng) -> Signal:
    """A motor that speeds up or slows down: sweeps, but low and rough."""
    freq = rng.uniform(35, 140) * (1 + rng.uniform(-0.4, 0.9) * _TIME_S / _DURATION_S)
    return _tone(freq, [1.0, 0.9, 0.7, 0.8, 0.5, 0.6, 0.4, 0.3, 0.2]) + rng.uniform(0.2, 1.0) * _coloured(rng, 0.9)


def _rain(rng: Rng) -> Signal:
    """Wind or rain: noise without bubbles, duller or grainier than running water."""
    noise = _coloured(rng, rng.uniform(-0.3, 0.9))
    gusts = np.abs(_normalised(lfilter([1.0], [1.0, -0.9998], rng.standard_normal(N_SAMPLES))))
    return noise * (0.4 + gusts)


def _whoop(rng: Rng) -> Signal:
    """A whistle or a machine that sweeps once, or holds a tone."""
    start_s, length_s = rng.uniform(0.0, 0.8), rng.uniform(0.4, 1.6)
    place = np.clip((_TIME_S - start_s) / length_s, 0.0, 1.0)
    freq = rng.uniform(300, 1500) * (1 + rng.choice([0.0, 0.5, 1.0, -0.4]) * place)
    return _tone(freq, [1.0, 0.4, 0.2]) * _burst(start_s, length_s, 0.05)


def _nothing(rng: Rng) -> Signal:
    return 0.3 * _coloured(rng, rng.uniform(0.3, 0.97))


_EVENTS: tuple[Callable[[Rng], Signal], ...] = (
    _alarm,
    _baby_crying,
    _dog_barking,
    _door_knocking,
    _doorbell,
    _phone_ringing,
    _siren,
    _water_running,
)
_NEGATIVES: tuple[Callable[[Rng], Signal], ...] = (
    _voice,
    _steps,
    _clicks,
    _birds,
    _strings,
    _engine,
    _rain,
    _whoop,
    _nothing,
)
assert len(_EVENTS) == len(CLASS_NAMES) - 1

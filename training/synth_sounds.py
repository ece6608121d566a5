"""Synthesised sounds that General MIDI lacks: drum machines and analogue synthesisers, in numpy.

Everything is mono float32 at :data:`RATE`. Oscillators are band-limited with PolyBLEP (Välimäki & Huovilainen 2007).
A voice's filter envelope is a cross-fade between a bright and a dark copy, which needs two fixed filters only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

RATE = 32_000  # Hz
Samples = NDArray[Any]


def _seconds(count: float) -> Samples:
    return (np.arange(int(count * RATE)) / RATE).astype(np.float32)


def _noise(count: float, seed: int) -> Samples:
    return np.random.default_rng(seed).standard_normal(int(count * RATE)).astype(np.float32)


@lru_cache(maxsize=256)
def _filter(kind: Literal["lowpass", "highpass"], hertz: int) -> Samples:
    return butter(2, min(hertz, RATE * 0.45), kind, fs=RATE, output="sos")


def filtered(audio: Samples, kind: Literal["lowpass", "highpass"], hertz: float) -> Samples:
    """Audio at :data:`RATE` through a second-order Butterworth filter with its corner at ``hertz``."""
    return sosfilt(_filter(kind, int(hertz)), audio).astype(np.float32)


# --- drums -----------------------------------------------------------------------------------------------------------


def _kick(start_hz: float, end_hz: float, sweep: float, decay: float, click: float) -> Samples:
    t = _seconds(decay * 4)
    phase = 2 * np.pi * (end_hz * t + (start_hz - end_hz) * sweep * (1 - np.exp(-t / sweep)))
    body = np.sin(phase) * np.exp(-t / decay)
    body[: int(0.004 * RATE)] += click * _noise(0.004, 1)
    return np.tanh(1.6 * body).astype(np.float32)


def _snare(tone_hz: float, tone: float, decay: float, gated: bool = False) -> Samples:
    t = _seconds(0.4)
    envelope = np.where(t < 0.22, 0.6, 0.0) * np.exp(-t / 0.4) if gated else np.exp(-t / decay)
    rattle = filtered(_noise(0.4, 2), "highpass", 1200) * envelope
    drum = np.sin(2 * np.pi * (tone_hz * t + 30 * 0.02 * (1 - np.exp(-t / 0.02)))) * np.exp(-t / 0.07)
    return (0.6 * rattle + tone * drum).astype(np.float32)


def _clap() -> Samples:
    t = _seconds(0.35)
    bursts = sum(np.where(t >= at, np.exp(-(t - at) / 0.007), 0.0) for at in (0.0, 0.011, 0.022))
    tail = np.where(t >= 0.03, np.exp(-(t - 0.03) / 0.075), 0.0)
    return filtered(filtered(_noise(0.35, 3), "highpass", 800) * (bursts + 0.8 * tail), "lowpass", 6000) * 0.7


def _metal(decay: float, low_hz: float, seconds: float) -> Samples:
    t = _seconds(seconds)
    ring = sum(np.sign(np.sin(2 * np.pi * f * t)) for f in (2053, 3044, 3697, 5227, 5401, 7999))
    hiss = filtered((ring * 0.12 + 0.5 * _noise(seconds, 4)).astype(np.float32), "highpass", low_hz)
    return (hiss * np.exp(-t / decay) * 0.6).astype(np.float32)


def _tuned(hertz: float, decay: float, noise: float = 0.0) -> Samples:
    t = _seconds(decay * 5)
    return ((np.sin(2 * np.pi * hertz * t) + noise * _noise(decay * 5, 5)[: len(t)]) * np.exp(-t / decay) * 0.6).astype(
        np.float32
    )


DRUM_SYNTHS: dict[str, Callable[[], Samples]] = {
    "kick 909": lambda: _kick(220, 48, 0.03, 0.13, 0.25),
    "kick 808": lambda: _kick(120, 44, 0.04, 0.26, 0.1),
    "kick electro": lambda: _kick(260, 60, 0.02, 0.1, 0.35),
    "snare 909": lambda: _snare(190, 0.7, 0.09),
    "snare 808": lambda: _snare(175, 0.9, 0.06),
    "snare gated": lambda: _snare(170, 0.9, 0.1, gated=True),
    "clap": _clap,
    "hat": lambda: _metal(0.025, 6500, 0.12),
    "hat open": lambda: _metal(0.13, 6000, 0.45),
    "ride 909": lambda: _metal(0.22, 5000, 0.7),
    "rim 808": lambda: _tuned(1700, 0.008, 0.4),
    "tom 909": lambda: _kick(190, 90, 0.05, 0.13, 0.05),
    "cowbell 808": lambda: _tuned(587, 0.05) + 0.7 * _tuned(845, 0.05),
}


@dataclass(frozen=True)
class Kit:
    """A drum kit: a General MIDI drum preset, some of its drums replaced by :data:`DRUM_SYNTHS`, and effects."""

    preset: int
    synths: dict[str, str]
    lowpass_hz: float = 0.0
    drive: float = 0.0
    pitch: float = 1.0
    gain_db: float = 0.0


# Keys of the General MIDI drum map.
GM_DRUMS = {
    "kick": 36,
    "snare": 38,
    "ghost": 38,
    "clap": 39,
    "rim": 37,
    "hat": 42,
    "pedal": 44,
    "openhat": 46,
    "ride": 51,
    "crash": 49,
    "shaker": 70,
    "tambourine": 54,
    "conga": 63,
    "cowbell": 56,
    "tom": 45,
}

_MACHINE = {"hat": "hat", "openhat": "hat open", "clap": "clap"}
KITS: dict[str, Kit] = {
    "909": Kit(
        24,
        {**_MACHINE, "kick": "kick 909", "snare": "snare 909", "ride": "ride 909", "tom": "tom 909", "rim": "rim 808"},
    ),
    "808": Kit(25, {**_MACHINE, "kick": "kick 808", "snare": "snare 808", "rim": "rim 808", "cowbell": "cowbell 808"}),
    "electro": Kit(24, {**_MACHINE, "kick": "kick electro", "snare": "snare gated"}),
    "break": Kit(8, {}, drive=0.5, pitch=1.18, gain_db=2),
    "dusty": Kit(0, {}, lowpass_hz=3600, drive=0.4, pitch=0.9, gain_db=1),
    "standard": Kit(0, {}),
    "rock": Kit(16, {}, drive=0.3, gain_db=2),
    "jazz": Kit(32, {}, gain_db=-2),
    "brush": Kit(40, {}, gain_db=-2),
    "soft": Kit(0, {}, lowpass_hz=7000, gain_db=-4),
}


# --- synthesiser voices ----------------------------------------------------------------------------------------------


def _blep(t: Samples, dt: float) -> Samples:
    out = np.zeros_like(t)
    rising = t < dt
    x = t[rising] / dt
    out[rising] = x + x - x * x - 1
    falling = t > 1 - dt
    x = (t[falling] - 1) / dt
    out[falling] = x * x + x + x + 1
    return out


def _saw(hertz: float, count: int, phase: float = 0.0) -> Samples:
    t = (phase + hertz / RATE * np.arange(count)) % 1.0
    return 2 * t - 1 - _blep(t, hertz / RATE)


def _square(hertz: float, count: int, width: float = 0.5) -> Samples:
    return 0.5 * (_saw(hertz, count) - _saw(hertz, count, width))


def _sine(hertz: float, count: int) -> Samples:
    return np.sin(2 * np.pi * hertz / RATE * np.arange(count))


def _supersaw(hertz: float, count: int, cents: float) -> Samples:
    voices = (_saw(hertz * 2 ** (shift * cents / 1200), count, 0.37 * shift % 1) for shift in (-1, 0, 1))
    return sum(voices, np.zeros(count)) / 2


@dataclass(frozen=True)
class Voice:
    """Oscillator, filter envelope (from bright to dark in ``fall`` seconds) and loudness envelope (seconds)."""

    oscillator: Callable[[float, int], Samples]
    bright_hz: float
    dark_hz: float
    fall: float
    attack: float = 0.004
    decay: float = 0.0
    release: float = 0.05
    drive: float = 0.0


VOICES: dict[str, Voice] = {
    "saw bass": Voice(lambda f, n: 0.6 * _saw(f, n) + 0.5 * _square(f, n), 1800, 350, 0.12),
    "acid": Voice(_saw, 3800, 420, 0.07, drive=1.2),
    "reese": Voice(lambda f, n: _supersaw(f, n, 28), 1100, 900, 0.5, drive=0.8),
    "sub": Voice(lambda f, n: _sine(f, n) + 0.15 * _sine(2 * f, n), 900, 400, 0.2, attack=0.008),
    "808": Voice(lambda f, n: _sine(f, n) + 0.1 * _sine(2 * f, n), 2500, 600, 0.08, decay=0.7, drive=1.0),
    "saw lead": Voice(lambda f, n: _supersaw(f, n, 10), 5500, 2600, 0.3, attack=0.01, release=0.09),
    "square lead": Voice(lambda f, n: _square(f, n, 0.35), 4500, 2200, 0.25, attack=0.008, release=0.08),
    "pluck": Voice(lambda f, n: 0.5 * _saw(f, n) + 0.5 * _square(f, n), 5000, 600, 0.09, decay=0.18),
    "stab": Voice(lambda f, n: _supersaw(f, n, 14), 4200, 900, 0.12, decay=0.22),
    "pad": Voice(lambda f, n: _supersaw(f, n, 9), 1400, 2000, 1.5, attack=0.18, release=0.4),
}


@lru_cache(maxsize=768)
def _voice(name: str, pitch: int, length_ms: int) -> Samples:
    voice = VOICES[name]
    hertz = 440.0 * 2 ** ((pitch - 69) / 12)
    held, count = length_ms / 1000, int((length_ms / 1000 + voice.release * 3) * RATE)
    t = np.arange(count) / RATE
    raw = voice.oscillator(hertz, count).astype(np.float32)
    opening = np.exp(-t / voice.fall).astype(np.float32)
    audio = filtered(raw, "lowpass", voice.bright_hz) * opening + filtered(raw, "lowpass", voice.dark_hz) * (
        1 - opening
    )
    if voice.drive:
        audio = np.tanh((1 + 2 * voice.drive) * audio) / (1 + 0.5 * voice.drive)
    loudness = np.minimum(1.0, t / voice.attack) * np.where(t > held, np.exp(-(t - held) / voice.release), 1.0)
    if voice.decay:
        loudness = loudness * np.exp(-t / voice.decay)
    return (0.35 * audio * loudness).astype(np.float32)


def voice(name: str, pitch: int, seconds: float) -> Samples:
    """One note of a synthesised voice at a MIDI pitch; lengths are rounded to 20 ms, so that notes can be cached."""
    return _voice(name, pitch, max(20, round(seconds * 50) * 20))

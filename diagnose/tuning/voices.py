"""Sounds that stimuli are made of: notes of a few instruments, three drums, noise, reverberation. Mono, (samples,)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """An instrument.

    Attributes:
        partials: strengths; ``ratios``, their frequencies over the first, 1, 2, 3, … if absent.
        attack: seconds until a note is there; ``half_life``, until it is half as strong, 0 where it is held.
        vibrato: cents; ``breath``, the share of noise; ``lower``, octaves; ``detune``, cents of a second reed.
    """

    partials: tuple[float, ...]
    ratios: tuple[float, ...] = ()
    attack: float = 0.01
    half_life: float = 0.0
    vibrato: float = 0.0
    breath: float = 0.0
    lower: int = 0
    detune: float = 0.0


def hertz(note: float) -> float:
    """The frequency of a MIDI note."""
    return float(440.0 * 2 ** ((note - 69) / 12))


def play(voice: Voice, note: float, seconds: float, rate: int, random: np.random.Generator) -> Sound:
    """One note, as long as that. Partials above what the rate holds are left out."""
    time = np.arange(round(seconds * rate)) / rate
    wobble = 2 ** (voice.vibrato / 1200 * np.sin(2 * np.pi * 5.5 * time + random.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(hertz(note - 12 * voice.lower) * wobble) / rate
    highest = 0.45 * rate / max(hertz(note - 12 * voice.lower), 1e-9)
    ratios = voice.ratios or tuple(range(1, len(voice.partials) + 1))
    sound = np.zeros_like(time)
    for strength, ratio in zip(voice.partials, ratios, strict=True):
        if ratio < highest:
            sound += strength * np.sin(ratio * phase + random.uniform(0, 2 * np.pi))
            if voice.detune:
                sound += strength * np.sin(ratio * phase * 2 ** (voice.detune / 1200))
    if voice.breath:
        sound += voice.breath * len(voice.partials) * random.normal(size=len(time))
    envelope = np.minimum(1.0, time / max(voice.attack, 1e-4)) * np.minimum(1.0, (seconds - time) / 0.02)
    if voice.half_life:
        envelope = envelope * 0.5 ** (time / voice.half_life)
    return sound * envelope.clip(0)


def kick(rate: int, random: np.random.Generator) -> Sound:
    """A tone that falls from some 150 Hz to 50."""
    time = np.arange(round(0.3 * rate)) / rate
    pitch = random.uniform(45, 60) + random.uniform(80, 130) * np.exp(-time / 0.03)
    return np.sin(2 * np.pi * np.cumsum(pitch) / rate) * np.exp(-time / random.uniform(0.08, 0.14))


def snare(rate: int, random: np.random.Generator) -> Sound:
    """Noise with a short tone near 190 Hz."""
    time = np.arange(round(0.25 * rate)) / rate
    noise = banded(random.normal(size=len(time)), rate, 500, 0.45 * rate)
    tone = np.sin(2 * np.pi * random.uniform(170, 210) * time) * np.exp(-time / 0.05)
    return 0.6 * noise * np.exp(-time / random.uniform(0.06, 0.1)) + 0.5 * tone


def hat(rate: int, random: np.random.Generator) -> Sound:
    """A short hiss, as high as the rate holds."""
    time = np.arange(round(0.12 * rate)) / rate
    low = min(6000.0, 0.3 * rate)
    return banded(random.normal(size=len(time)), rate, low, 0.48 * rate) * np.exp(-time / random.uniform(0.02, 0.05))


DRUMS = {"kick": kick, "snare": snare, "hat": hat}


def banded(sound: Sound, rate: int, low: float, high: float) -> Sound:
    """What lies between two frequencies in Hz."""
    spectrum = np.fft.rfft(sound)
    at = np.fft.rfftfreq(len(sound), 1 / rate)
    return np.fft.irfft(spectrum * ((at >= low) & (at <= high)), len(sound))


def darkened(sound: Sound, rate: int, cutoff: float) -> Sound:
    """Falling by 24 dB an octave above the cutoff in Hz."""
    at = np.fft.rfftfreq(len(sound), 1 / rate)
    return np.fft.irfft(np.fft.rfft(sound) / np.sqrt(1 + (at / cutoff) ** 8), len(sound))


def reverberated(sound: Sound, rate: int, seconds: float, random: np.random.Generator) -> Sound:
    """As in a room whose sound falls by 60 dB in so many seconds; as it is for 0."""
    if seconds <= 0:
        return sound
    time = np.arange(round(min(seconds, 4.0) * rate)) / rate
    room = random.normal(size=len(time)) * 10 ** (-3 * time / seconds)
    room = np.concatenate([[1.0], 0.6 * room / max(float(np.sqrt((room**2).sum())), 1e-9)])
    size = len(sound) + len(room) - 1
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(room, size), size)[: len(sound)]


def put(track: Sound, sound: Sound, second: float, rate: int, strength: float = 1.0) -> None:
    """Add a sound to a track from a second on, as far as there is track."""
    start = round(second * rate)
    if 0 <= start < len(track):
        part = sound[: len(track) - start]
        track[start : start + len(part)] += strength * part


def at_level(sound: Sound, db: float) -> Sound:
    """With a root mean square of so many dB relative to full scale; silence stays silent. Peaks stay within ±1."""
    power = float(np.sqrt((sound**2).mean()))
    if power < 1e-9:
        return sound
    louder = sound * (10 ** (db / 20) / power)
    return np.asarray(np.tanh(louder) if float(np.abs(louder).max()) > 1 else louder, np.float64)

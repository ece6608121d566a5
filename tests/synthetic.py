"""Sounds whose tempo, key and repetition are known, for tests of what is measured in recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 22_050
Sound = NDArray[np.float64]


def tone(frequency: float, seconds: float, rate: int = RATE) -> Sound:
    """A note with a few overtones, and a soft beginning and end."""
    time = np.arange(int(seconds * rate)) / rate
    sound = sum((0.5**n) * np.sin(2 * np.pi * frequency * n * time) for n in range(1, 5))
    return 0.2 * np.asarray(sound) * np.minimum(1.0, np.minimum(time, time[::-1]) * 50)


def note(number: int) -> float:
    """Hertz of a MIDI note."""
    return float(440 * 2 ** ((number - 69) / 12))


def chords(tonic: int, minor: bool, seconds: float = 8.0, rate: int = RATE) -> Sound:
    """I–IV–V–I of a key, over and over; ``tonic`` is 0 for C."""
    third = 3 if minor else 4
    steps = [(0, third), (5, third), (7, 4 if not minor else 3), (0, third)]
    parts: list[Sound] = []
    while len(parts) * 0.5 < seconds:
        root, above = steps[len(parts) % 4]
        base = 60 + tonic + root
        parts.append(np.sum([tone(note(base + interval), 0.5, rate) for interval in (-12, 0, above, 7)], 0))
    return 0.5 * np.concatenate(parts)[: int(seconds * rate)]


def clicks(bpm: float, seconds: float = 8.0, rate: int = RATE, seed: int = 0) -> Sound:
    """Short bursts of noise, one a beat, the first of four louder."""
    random, sound = np.random.default_rng(seed), np.zeros(int(seconds * rate))
    length = int(0.03 * rate)
    envelope = np.exp(-np.arange(length) / (0.006 * rate))
    beat = 0
    while (start := round(beat * 60 / bpm * rate)) + length < len(sound):
        sound[start : start + length] += random.standard_normal(length) * envelope * (0.5 if beat % 4 == 0 else 0.3)
        beat += 1
    return sound


def noise(seconds: float = 2.0, rate: int = RATE, seed: int = 0) -> Sound:
    """White noise."""
    return np.random.default_rng(seed).standard_normal(int(seconds * rate)) * 0.1


def write(path: Path, sound: Sound, rate: int = RATE, **how: Any) -> Path:
    """As a file of the format that its ending names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, **how)
    return path

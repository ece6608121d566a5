"""Pieces whose tempo or key is known, or that have no beat: what the estimators are measured on."""

from __future__ import annotations

import numpy as np

from tests.synthetic import RATE, Sound, clicks, note, tone

TEMPOS = tuple(range(60, 191, 10))  # beats a minute
SWING = 2 / 3  # where in a beat its second half begins
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))  # major, minor
PROGRESSIONS = ((0, 3, 4, 0), (0, 5, 3, 4), (0, 3, 0, 4), (0, 4, 5, 3))  # roots as degrees of the scale
STEPS = ((0, 4), (5, 4), (7, 4), (0, 4))  # I–IV–V–I: root and third in semitones


def _placed(events: list[tuple[float, Sound]], seconds: float) -> Sound:
    sound = np.zeros(int(seconds * RATE))
    for start, part in events:
        at = round(start * RATE)
        part = part[: max(0, len(sound) - at)]
        sound[at : at + len(part)] += part
    return sound


def _hit(strength: float, frequency: float, seconds: float, noisy: float, random: np.random.Generator) -> Sound:
    """A drum: a falling tone and noise, dying away."""
    time = np.arange(int(seconds * RATE)) / RATE
    falling = np.sin(2 * np.pi * frequency * (time + 0.02 * np.exp(-time * 40)))
    mixed = (1 - noisy) * falling + noisy * random.standard_normal(len(time))
    return np.asarray(strength * mixed * np.exp(-time * 5 / seconds))


def chords_on_beats(bpm: float, seconds: float = 12.0) -> Sound:
    """A chord a beat, without drums."""
    beat, events = 60 / bpm, []
    for at in range(int(seconds / beat)):
        root, third = STEPS[at % 4]
        parts = [tone(note(60 + root + interval), 0.95 * beat) for interval in (-12, 0, third, 7)]
        events.append((at * beat, 0.5 * np.sum(parts, 0)))
    return _placed(events, seconds)


def rock(bpm: float, seconds: float = 12.0, swing: float = 0.5, *, bass: bool = True, seed: int = 0) -> Sound:
    """Kick, snare, cymbal in eighths, and a bass; ``swing`` is where in a beat its second half begins."""
    random, beat, events = np.random.default_rng(seed), 60 / bpm, []
    kick, snare = _hit(0.6, 55, 0.2, 0.02, random), _hit(0.4, 180, 0.15, 0.7, random)
    for at in range(int(seconds / beat)):
        events.append((at * beat, kick if at % 2 == 0 else snare))
        for half, strength in ((0.0, 0.12), (swing, 0.08)):
            events.append(((at + half) * beat, _hit(strength, 8000, 0.05, 1.0, random)))
        if bass:
            events.append((at * beat, 0.6 * tone(note(36 + STEPS[at // 4 % 4][0]), 0.9 * beat)))
    return _placed(events, seconds)


def jazz(bpm: float, seconds: float = 12.0) -> Sound:
    """A ride cymbal in swing (one, two-and, three, four-and) over a walking bass; no kick, no snare."""
    random, beat, events = np.random.default_rng(3), 60 / bpm, []
    for at in range(int(seconds / beat)):
        events.append((at * beat, _hit(0.15, 6000, 0.2, 1.0, random)))
        if at % 2:
            events.append(((at + SWING) * beat, _hit(0.1, 6000, 0.1, 1.0, random)))
        events.append((at * beat, 0.5 * tone(note(40 + int(random.integers(0, 12))), 0.9 * beat)))
    return _placed(events, seconds)


def song(tonic: int, minor: bool, seed: int, cents: float = 0.0, seconds: float = 8.0) -> Sound:
    """Bass, chords and a melody in a key, with drums, at 120 BPM; the notes are ``cents`` away from concert pitch."""
    random, scale, roots = np.random.default_rng(seed), SCALES[minor], PROGRESSIONS[seed % len(PROGRESSIONS)]
    events = []
    for at in range(int(seconds * 2)):
        root = roots[at // 2 % len(roots)]
        degrees = [root, root + 2, root + 4]  # of the chord
        heard = [(degrees[0], 36, 0.5)] if at % 2 == 0 else []
        heard += [(degree, 60, 0.3) for degree in degrees]
        heard.append((int(random.choice(degrees)) if at % 2 == 0 else int(random.integers(0, 8)), 72, 0.4))
        for degree, lowest, strength in heard:
            number = lowest + tonic + 12 * (degree // 7) + scale[degree % 7] + cents / 100
            events.append((at * 0.5, strength * tone(440 * 2 ** ((number - 69) / 12), 0.5)))
    return _placed(events, seconds) + 0.5 * rock(120, seconds, seed=seed, bass=False)


def ambient(seed: int, seconds: float = 16.0) -> Sound:
    """Chords that swell and fade at random times over a hiss: nothing to count."""
    random, events = np.random.default_rng(seed), []
    start = 0.0
    while start < seconds:
        length = float(random.uniform(3.0, 7.0))
        time = np.linspace(0, np.pi, int(length * RATE))
        for number in random.choice(np.arange(45, 75), 3, replace=False):
            events.append((start, np.sin(2 * np.pi * note(int(number)) * np.arange(len(time)) / RATE) * np.sin(time)))
        start += float(random.uniform(1.0, 4.0))
    hiss = 0.01 * random.standard_normal(int(seconds * RATE))
    return 0.1 * _placed(events, seconds) + hiss


def free_time(seed: int, seconds: float = 16.0) -> Sound:
    """Notes at random times: onsets, and no beat."""
    random = np.random.default_rng(seed)
    starts = np.cumsum(random.exponential(0.4, int(seconds * 4)) + 0.05)
    events = [(float(at), tone(note(int(random.integers(50, 80))), 0.3)) for at in starts if at < seconds - 0.5]
    return _placed(events, seconds)


BEATS = {
    "clicks": lambda bpm: clicks(bpm, 12.0),
    "chords": chords_on_beats,
    "rock": rock,
    "swing": lambda bpm: rock(bpm, swing=SWING),
    "jazz": jazz,
}
BEATLESS = {"ambient": ambient, "free time": free_time}

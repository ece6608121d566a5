"""Stimuli: families as data (``stimuli.toml``), and the sound of each value.

The families follow SynTheory (Wei et al. 2024, arXiv 2410.00872) where that has them. An *instance* is one draw of
everything that a family does not vary; the same instance is made with every value, so that values are compared in
pairs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from tonescope.diagnose.tuning import voices
from tonescope.diagnose.tuning.voices import DRUMS, Sound, Voice
from tonescope.models.errors import TonescopeError

LEVEL_DB, LEVEL_SPREAD = -20.0, 3.0
CHORDS = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "augmented": (0, 4, 8),
    "suspended": (0, 5, 7),
    "dominant seventh": (0, 4, 7, 10),
    "major seventh": (0, 4, 7, 11),
    "minor seventh": (0, 3, 7, 10),
}
MODES = {
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "whole tone": (0, 2, 4, 6, 8, 10),
}

GROOVE = {"kick": 0.8, "snare": 0.6, "hat": 0.7}  # how likely each drum is to play in a stimulus of the tempo
MIX_DB = (0.0, -6.0, -9.0)  # how loud drums, line and chord are there
MOST_NOTES = 8  # of its line, before they come again
IMPOSSIBLE = {"stereo width": "what passes through codec and judge is mono, also of stereo models"}


@dataclass(frozen=True)
class Family:
    """One thing that is varied.

    Attributes:
        name, unit: what it is, and what its values are in.
        sound: the name of the function that makes it.
        scale: whether values have an order.
        values: numbers, or names.
        low, high: what people call the ends of an ordered family; ``words``, the values of another.
        repeats: by which the number of instances is multiplied, where there are few values.
        needs: ``sound`` for one that all locations can be given; ``prompt`` for one that some can.
    """

    name: str
    sound: str
    unit: str
    scale: Literal["ordered", "category"]
    values: tuple[Any, ...]
    low: tuple[str, ...] = ()
    high: tuple[str, ...] = ()
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    needs: Literal["sound", "prompt"] = "sound"
    repeats: int = 1

    def named(self, value: Any) -> str:
        """A value as people read it."""
        return str(value) if isinstance(value, str) else f"{value:g}"


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / "stimuli.toml").read_text(encoding="utf-8"))


@cache
def families() -> dict[str, Family]:
    """Every family by name."""
    found = {}
    for row in _table()["family"]:
        lists = {name: tuple(row[name]) for name in ("values", "low", "high") if name in row}
        words = {name: tuple(said) for name, said in row.get("words", {}).items()}
        found[row["name"]] = Family(**{**row, **lists, "words": words})
    return found


@cache
def instruments() -> dict[str, Voice]:
    """Every voice by name."""
    found = {}
    for name, row in _table()["voice"].items():
        given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        found[name] = Voice(**given)
    return found


def chosen_families(names: list[str]) -> list[Family]:
    """Families by name; those that are made of sound, if none is named. Raises :class:`TonescopeError` for others."""
    every = families()
    for name in names:
        if why := IMPOSSIBLE.get(name):
            raise TonescopeError(f"“{name}” is no family of stimuli: {why}; choose another.")
        if name not in every:
            raise TonescopeError(f"“{name[:60]}” is no family of stimuli; the families are {', '.join(every)}.")
    return [every[name] for name in names] or [one for one in every.values() if one.needs == "sound"]


@dataclass(frozen=True)
class Draw:
    """What one instance has to work with: how long, at what rate, and its own chance."""

    seconds: float
    rate: int
    random: np.random.Generator

    @property
    def silence(self) -> Sound:
        """(samples,) of it."""
        return np.zeros(round(self.seconds * self.rate))

    def voice(self) -> Voice:
        """An instrument by chance."""
        held = [voice for voice in instruments().values() if not voice.ratios and not voice.lower]
        return held[self.random.integers(len(held))]

    def play(self, voice: Voice, note: float, seconds: float | None = None) -> Sound:
        """A note, as long as the whole if nothing else is said."""
        return voices.play(voice, note, seconds or self.seconds, self.rate, self.random)

    def phrase(self, notes: list[float], voice: Voice, each: float) -> Sound:
        """Notes one after the other."""
        track = self.silence
        for at, note in enumerate(notes):
            voices.put(track, self.play(voice, note, each * 1.1), at * each, self.rate)
        return track


Maker = Callable[[Any, Draw], Sound]


def _beats(value: float, draw: Draw) -> Sound:
    """A groove: drums, a line that moves with the beat, a chord that is held. Which drums there are, and how often hat
    and line come in a beat, is drawn with the instance: how much goes on is then no measure of the tempo."""
    random, between = draw.random, 60 / value
    hits = {drum: one(draw.rate, random) for drum, one in DRUMS.items()}
    played = [drum for drum, likely in GROOVE.items() if random.random() < likely] or ["kick"]
    hats, beats_a_note, offset = int(random.choice((1, 2, 4))), int(random.choice((1, 2))), random.uniform(0, 0.2)
    root, chord_voice, voice = float(random.integers(48, 60)), draw.voice(), draw.voice()
    steps = [float(random.choice(MODES["pentatonic"])) for _ in range(MOST_NOTES)]
    chord = np.sum([draw.play(chord_voice, root + step) for step in CHORDS["major"]], axis=0)
    drums, line = draw.silence, draw.silence
    for beat in range(int(draw.seconds / between) + 1):
        second = offset + beat * between
        if "kick" in played:
            voices.put(drums, hits["kick"], second, draw.rate)
        if "snare" in played and beat % 2:
            voices.put(drums, hits["snare"], second, draw.rate, 0.7)
        for part in range(hats if "hat" in played else 0):
            voices.put(drums, hits["hat"], second + part * between / hats, draw.rate, 0.4)
        if beat % beats_a_note == 0:
            note = draw.play(voice, root + 12 + steps[beat // beats_a_note % MOST_NOTES], between * beats_a_note)
            voices.put(line, note, second, draw.rate)
    mixed = zip((drums, line, chord), MIX_DB, strict=True)
    return np.sum([voices.at_level(part, LEVEL_DB + louder) for part, louder in mixed], axis=0)


def _note(value: float, draw: Draw) -> Sound:
    each, bend = draw.random.uniform(0.25, 0.5), draw.random.uniform(-0.5, 0.5)
    voice = draw.voice()
    return draw.phrase([value + bend] * (int(draw.seconds / each) + 1), voice, each)


def _interval(value: float, draw: Draw) -> Sound:
    root, voice = float(draw.random.integers(48, 66)), draw.voice()
    return draw.play(voice, root) + draw.play(voice, root + value)


def _chord(value: str, draw: Draw) -> Sound:
    root, voice = float(draw.random.integers(48, 66)), draw.voice()
    return np.sum([draw.play(voice, root + step) for step in CHORDS[value]], axis=0)


def _mode(value: str, draw: Draw) -> Sound:
    root, voice, steps = float(draw.random.integers(54, 66)), draw.voice(), MODES[value]
    order = [float(draw.random.random()) for _ in range(16)]  # all steps of the mode in an order by chance, then again
    ranked = sorted(range(len(steps)), key=order.__getitem__)
    notes = [root + steps[ranked[at % len(steps)]] for at in range(int(draw.seconds / 0.2) + 1)]
    return draw.phrase(notes, voice, 0.2) + 0.6 * draw.play(instruments()["organ"], root - 12)


def _background(draw: Draw) -> Sound:
    """Some music: a bar of notes over a drum or two."""
    root, steps = float(draw.random.integers(48, 66)), MODES["pentatonic"]
    each = draw.random.uniform(0.2, 0.4)
    notes = [root + steps[draw.random.integers(len(steps))] for _ in range(int(draw.seconds / each) + 1)]
    return voices.at_level(draw.phrase(notes, draw.voice(), each), LEVEL_DB)


def _loudness(value: float, draw: Draw) -> Sound:
    return voices.at_level(_background(draw), value)


def _brightness(value: float, draw: Draw) -> Sound:
    voice = Voice(tuple(1 / at for at in range(1, 60)))
    notes = [float(draw.random.integers(40, 60)) for _ in range(4)]
    return voices.darkened(draw.phrase(notes, voice, draw.seconds / 4), draw.rate, min(value, 0.45 * draw.rate))


def _noisiness(value: float, draw: Draw) -> Sound:
    tone = voices.at_level(_background(draw), LEVEL_DB)
    noise = voices.at_level(draw.random.normal(size=len(tone)), LEVEL_DB)
    return np.sqrt(1 - value) * tone + np.sqrt(value) * noise


def _density(value: float, draw: Draw) -> Sound:
    track, voice = draw.silence, instruments()["guitar"]
    root = float(draw.random.integers(50, 66))
    for second in np.sort(draw.random.uniform(0, draw.seconds, max(1, round(value * draw.seconds)))):
        voices.put(track, draw.play(voice, root + draw.random.integers(12), 0.15), float(second), draw.rate)
    return track


def _reverberation(value: float, draw: Draw) -> Sound:
    return voices.reverberated(_density(3, draw), draw.rate, value, draw.random)


def _drum(name: str) -> Maker:
    def make(value: str, draw: Draw) -> Sound:
        track, between = draw.silence, draw.random.uniform(0.3, 0.6)
        others = {other: bool(draw.random.integers(2)) for other in DRUMS if other != name}
        hits = {drum: one(draw.rate, draw.random) for drum, one in DRUMS.items()}
        for beat in range(int(draw.seconds / between) + 1):
            played = [drum for drum, there in (others | {name: value == "present"}).items() if there]
            for drum in played:
                off = {"kick": 0.0, "snare": 0.5, "hat": 0.25}[drum]
                voices.put(track, hits[drum], (beat + off) * between, draw.rate, 0.4)
        return track + 2 * _background(draw)

    return make


def _instrument(value: str, draw: Draw) -> Sound:
    each = draw.random.uniform(0.25, 0.6)
    notes = [float(draw.random.integers(50, 76)) for _ in range(int(draw.seconds / each) + 1)]
    return draw.phrase(notes, instruments()[value], each)


MAKERS: dict[str, Maker] = {
    "beats": _beats,
    "note": _note,
    "interval": _interval,
    "chord": _chord,
    "mode": _mode,
    "loudness": _loudness,
    "brightness": _brightness,
    "noisiness": _noisiness,
    "density": _density,
    "reverberation": _reverberation,
    "instrument": _instrument,
    **{name: _drum(name) for name in DRUMS},
}


def render(family: Family, instances: int, seconds: float, rate: int, seed: int = 0) -> Tensor:
    """The sounds of a family: (values, instances, samples) within ±1. The level is drawn with the instance, unless it
    is what the family varies."""
    rows = []
    for value in family.values:
        for instance in range(instances):
            random = np.random.default_rng([seed, instance, *family.name.encode()])
            level = LEVEL_DB + random.uniform(-LEVEL_SPREAD, LEVEL_SPREAD)
            sound = MAKERS[family.sound](value, Draw(seconds, rate, random))
            rows.append(sound if family.name == "loudness" else voices.at_level(sound, level))
    return torch.from_numpy(np.stack(rows)).float().view(len(family.values), instances, -1)

"""Scales, chords and rhythm strings: the notation of the genre tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "pentatonic minor": (0, 3, 5, 7, 10),
    "pentatonic major": (0, 2, 4, 7, 9),
}

CHORDS: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7, 12),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "9": (0, 4, 10, 14),
    "m9": (0, 3, 10, 14),
    "maj9": (0, 4, 11, 14),
    "13": (0, 4, 10, 21),
    "7#9": (0, 4, 10, 15),
    "m11": (0, 3, 10, 17),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "7sus4": (0, 5, 7, 10),
    "add9": (0, 4, 7, 14),
    "madd9": (0, 3, 7, 14),
    "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
}

_NUMERALS = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
_CHORD = re.compile(r"^([b#]?)(VII|VI|IV|V|III|II|I)(.*)$")


@dataclass(frozen=True)
class Chord:
    """A chord in a piece: its root as semitones above the tonic, and intervals above that root."""

    root: int
    intervals: tuple[int, ...]
    symbol: str


@cache
def parse_chord(symbol: str) -> Chord:
    """``bVIImaj7`` → :class:`Chord`. Numerals are upper case; the suffix alone says major or minor.

    Raises:
        ValueError: the symbol is not a chord.
    """
    match = _CHORD.match(symbol)
    if not match or match.group(3) not in CHORDS:
        raise ValueError(f"not a chord: {symbol!r}")
    accidental, numeral, quality = match.groups()
    root = _NUMERALS[numeral] + {"b": -1, "#": 1, "": 0}[accidental]
    return Chord(root % 12, CHORDS[quality], symbol)


@cache
def parse_progression(text: str) -> tuple[tuple[Chord, ...], ...]:
    """``"IIm7/V7 Imaj7"`` → two bars, the first with two chords of equal length."""
    return tuple(tuple(parse_chord(symbol) for symbol in bar.split("/")) for bar in text.split())


@cache
def parse_rhythm(pattern: str) -> tuple[tuple[int, int, str], ...]:
    """A step string as (step, length in steps, symbol) hits.

    ``.`` is a rest and ``-`` holds the hit before it; every other character starts a hit and is returned as its symbol.
    """
    hits: list[tuple[int, int, str]] = []
    for step, symbol in enumerate(pattern):
        if symbol == "-" and hits:
            start, _, sounding = hits[-1]
            hits[-1] = (start, step - start + 1, sounding)
        elif symbol not in ".-":
            hits.append((step, 1, symbol))
    return tuple(hits)

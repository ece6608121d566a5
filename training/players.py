"""Ways to play: each makes the notes of a part from the chords and a random source.

Steps are sixteenth notes; a bar has ``beats_per_bar * 4`` of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.score import Note
from training.tables import Part
from training.theory import Chord, parse_rhythm

STEPS_PER_BEAT = 4


@dataclass(frozen=True)
class Ground:
    """What every player of a piece shares.

    Attributes:
        tonic: pitch class, 0 for C.
        scale: semitones above the tonic.
        bars: the chords of each bar, of equal length.
        beats_per_bar: quarter notes.
        random: the source of every choice.
    """

    tonic: int
    scale: tuple[int, ...]
    bars: tuple[tuple[Chord, ...], ...]
    beats_per_bar: int
    random: np.random.Generator

    @property
    def steps_per_bar(self) -> int:
        """Sixteenth notes in a bar."""
        return self.beats_per_bar * STEPS_PER_BEAT

    def chord(self, step: int) -> Chord:
        """The chord that sounds at a step counted from the start of the piece."""
        bar, within = divmod(step, self.steps_per_bar)
        chords = self.bars[bar % len(self.bars)]
        return chords[min(len(chords) - 1, within * len(chords) // self.steps_per_bar)]


Player = Callable[[Ground, Part], list[Note]]

# Rhythms of melodies: one-bar cells that phrases are built from.
MELODY_CELLS: dict[str, tuple[str, ...]] = {
    "sparse": (
        "x-----..x---....",
        "....x---x-......",
        "x---....x--x----",
        "................",
        "..x-x-----......",
        "x-------x-..x---",
    ),
    "legato": (
        "x-------x-------",
        "x-----x-x-------",
        "x---x---x-------",
        "x-----------x---",
        "x-x-x-----------",
        "x-------x-x-x---",
    ),
    "medium": (
        "x-x-x---x-x-....",
        "x--x--x-x---x---",
        "..x-x-x-x---....",
        "x-x-..x-x-..x-x-",
        "x---x-x-x-----..",
        "x-x-x-x-x---....",
    ),
    "busy": ("x.xxx-x-xxx-x---", "xxx-x-xxx-......", "x-xxx-xxx---x-xx", "..xxx-x-x-xxx---"),
    "bebop": ("x-x-x-x-x-x-x-x-", "..x-x-x-x-x-x-..", "x-x-x-x-x-x-..x-", "x-x-x-xxx-x-x-..", "x---..x-x-x-x-x-"),
    "virtuoso": ("xxxxxxxxxxxx....", "x-xxxxxxx-x-xxxx", "..xxxxxxxxxxx---", "x--x--x-xxxxxxxx", "xxxx..xxxx..xxxx"),
    "ragtime": ("xx-xx-x-xx-xx-x-", "x-xx-xx-xx-x----", "x-xx-xx-x-xx-xx-", ".xx-xx-xx-xx-x--", "x-x-xx-xx-x-x---"),
    "polka": ("x-xxx-x-x-xxx-x-", "x-x-xxxxx-x-x---", "xxxxx-x-xxxxx-x-", "x---x-x-x---x---"),
    "waltz": ("x-------x---", "x---x---x---", "x-----x-x-x-", "x-----------", "x-x-x-x-x-x-"),
}
MELODY_LEAP = {
    "sparse": 3,
    "legato": 2,
    "medium": 3,
    "busy": 2,
    "bebop": 2,
    "virtuoso": 2,
    "ragtime": 3,
    "polka": 2,
    "waltz": 3,
}
# Semitones above the root of the degrees that are the same for every chord.
DEGREES = {"1": 0, "x": 0, "8": 12, "5": 7, "l": -5, "2": 2, "4": 5, "6": 9, "b": 1}


def _place(pitch_class: int, low: int) -> int:
    """The lowest MIDI pitch of that class at or above ``low``."""
    return low + (pitch_class - low) % 12


def _velocity(ground: Ground, base: int, symbol: str = "x") -> int:
    accent = {"X": 16, "o": -34}.get(symbol, 0)
    return int(np.clip(base + accent + ground.random.normal(0, 5), 20, 127))


def _pattern(ground: Ground, part: Part) -> str:
    return part.patterns[ground.random.integers(len(part.patterns))]


def _note(step: float, steps: float, pitch: int, velocity: int) -> Note:
    return Note(step / STEPS_PER_BEAT, max(steps, 0.2) / STEPS_PER_BEAT, int(np.clip(pitch, 21, 108)), velocity)


def voicing(ground: Ground, chord: Chord, low: int, voices: int = 4) -> list[int]:
    """Pitches of the chord in close position from ``low`` upwards, so that changes of chord move little."""
    classes = [(ground.tonic + chord.root + interval) % 12 for interval in chord.intervals][:voices]
    return sorted(_place(pitch_class, low) for pitch_class in dict.fromkeys(classes))


def degrees(ground: Ground, part: Part) -> list[Note]:
    """Single notes, named by chord degree.

    ``1 3 5 7 8`` are of the chord, ``2 4 6`` of the scale; ``b`` is the flat second, ``l`` the fifth below, ``c`` leads
    to the next chord, ``x`` is a dead note.
    """
    pattern, notes = _pattern(ground, part), []
    for bar in range(len(ground.bars)):
        for step, steps, symbol in parse_rhythm(pattern):
            at = bar * ground.steps_per_bar + step
            chord, following = ground.chord(at), ground.chord((bar + 1) * ground.steps_per_bar)
            root = _place((ground.tonic + chord.root) % 12, part.low)
            third, seventh = chord.intervals[1], chord.intervals[-1] if chord.intervals[-1] < 12 else 10
            interval = {
                **DEGREES,
                "3": third if third in (3, 4) else 7,
                "7": seventh if seventh in (10, 11) else 10,
                "c": _place((ground.tonic + following.root) % 12, part.low) - 1 - root,
            }
            pitch = root + interval[symbol]
            dead = symbol == "x"
            notes.append(
                _note(at, 0.3 if dead else steps - 0.1, pitch, _velocity(ground, part.velocity, "o" if dead else "x"))
            )
    return notes


def hits(ground: Ground, part: Part) -> list[Note]:
    """The whole chord on every hit of the rhythm."""
    pattern, notes = _pattern(ground, part), []
    for bar in range(len(ground.bars)):
        for step, steps, symbol in parse_rhythm(pattern):
            at = bar * ground.steps_per_bar + step
            for pitch in voicing(ground, ground.chord(at), part.low):
                notes.append(_note(at, steps - 0.1, pitch, _velocity(ground, part.velocity, symbol)))
    return notes


def power(ground: Ground, part: Part) -> list[Note]:
    """Root, fifth and octave together: the guitar riff. Short hits are palm-muted, held ones ring."""
    pattern, notes = _pattern(ground, part), []
    for bar in range(len(ground.bars)):
        for step, steps, symbol in parse_rhythm(pattern):
            at = bar * ground.steps_per_bar + step
            root = _place((ground.tonic + ground.chord(at).root) % 12, part.low)
            for offset in (0, 7, 12) if steps > 1 else (0, 7):
                notes.append(
                    _note(
                        at, steps - 0.15 if steps > 1 else 0.7, root + offset, _velocity(ground, part.velocity, symbol)
                    )
                )
    return notes


def shuffle(ground: Ground, part: Part) -> list[Note]:
    """The blues rhythm guitar: root and fifth, root and sixth, in turn."""
    notes = []
    for bar in range(len(ground.bars)):
        for index, step in enumerate(range(0, ground.steps_per_bar, 2)):
            at = bar * ground.steps_per_bar + step
            root = _place((ground.tonic + ground.chord(at).root) % 12, part.low)
            upper = 9 if index % 4 in (2, 3) else 7
            for offset in (0, upper):
                notes.append(_note(at, 1.7, root + offset, _velocity(ground, part.velocity - 12)))
    return notes


def arp(ground: Ground, part: Part) -> list[Note]:
    """One chord note after the other."""
    pattern, notes = _pattern(ground, part), []
    direction = ground.random.choice(["up", "down", "updown"])
    count = 0
    for bar in range(len(ground.bars)):
        for step, steps, symbol in parse_rhythm(pattern):
            at = bar * ground.steps_per_bar + step
            chord = voicing(ground, ground.chord(at), part.low)
            chord = [*chord, chord[0] + 12]
            cycle = {"up": chord, "down": chord[::-1], "updown": chord + chord[-2:0:-1]}[str(direction)]
            notes.append(_note(at, steps + 0.8, cycle[count % len(cycle)], _velocity(ground, part.velocity, symbol)))
            count += 1
    return notes


def walk(ground: Ground, part: Part) -> list[Note]:
    """A walking bass: the root on one, chord tones between, a half step into the next root."""
    notes = []
    for bar in range(len(ground.bars)):
        for beat in range(ground.beats_per_bar):
            at = bar * ground.steps_per_bar + beat * STEPS_PER_BEAT
            chord, following = ground.chord(at), ground.chord(at + STEPS_PER_BEAT)
            root = _place((ground.tonic + chord.root) % 12, part.low)
            if following != chord or beat == ground.beats_per_bar - 1:
                pitch = _place((ground.tonic + following.root) % 12, part.low) + int(ground.random.choice([-1, 1]))
            elif beat == 0:
                pitch = root
            else:
                pitch = root + int(
                    ground.random.choice([interval for interval in chord.intervals if 0 < interval < 13])
                )
            notes.append(_note(at, 3.6, pitch, _velocity(ground, part.velocity)))
    return notes


def stride(ground: Ground, part: Part) -> list[Note]:
    """The left hand of ragtime: a low octave on the beat, the chord after it."""
    notes = []
    for bar in range(len(ground.bars)):
        for half in range(0, ground.steps_per_bar, 4):
            at = bar * ground.steps_per_bar + half
            chord = ground.chord(at)
            root = _place((ground.tonic + chord.root) % 12, part.low) - (5 if (half // 4) % 2 else 0)
            notes += [_note(at, 1.8, root + octave, _velocity(ground, part.velocity)) for octave in (0, -12)]
            notes += [
                _note(at + 2, 1.5, pitch, _velocity(ground, part.velocity - 14))
                for pitch in voicing(ground, chord, part.low + 14, 3)
            ]
    return notes


def melody(ground: Ground, part: Part) -> list[Note]:
    """A phrase: two one-bar cells in the form a b a b', small steps, chord notes on the strong beats."""
    cells = MELODY_CELLS[part.density]
    first, second = (cells[index] for index in ground.random.integers(len(cells), size=2))
    leap = MELODY_LEAP[part.density]
    ladder = [pitch for pitch in range(part.low - 5, part.low + 20) if (pitch - ground.tonic) % 12 in ground.scale]
    position, notes = len(ladder) // 2, []
    contour = ground.random.integers(-leap, leap + 1, size=64)
    for bar in range(len(ground.bars)):
        for index, (step, steps, symbol) in enumerate(parse_rhythm((first, second)[bar % 2])):
            if step >= ground.steps_per_bar:
                break
            at = bar * ground.steps_per_bar + step
            move = contour[(index + (bar % 2) * 17 + (bar // 4) * 5) % len(contour)]
            position = int(np.clip(position + (move or 1), 0, len(ladder) - 1))
            pitch = ladder[position]
            if step % (2 * STEPS_PER_BEAT) == 0:
                tones = [
                    (ground.tonic + ground.chord(at).root + interval) % 12 for interval in ground.chord(at).intervals
                ]
                pitch = min(
                    (pitch + shift for shift in (0, 1, -1, 2, -2, 3, -3) if (pitch + shift) % 12 in tones),
                    key=lambda p: abs(p - pitch),
                    default=pitch,
                )
            velocity = _velocity(ground, part.velocity, symbol)
            notes.append(_note(at, steps - 0.1, pitch, velocity))
            if part.octaves:
                notes.append(_note(at, steps - 0.1, pitch + 12, velocity - 10))
    return notes


PLAYERS: dict[str, Player] = {
    player.__name__: player for player in (degrees, hits, power, shuffle, arp, walk, stride, melody)
}

"""The composer: makes a :class:`training.score.Piece` from a genre and a seed."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from training.players import PLAYERS, STEPS_PER_BEAT, Ground
from training.score import Hit, Mix, Note, Piece, Stem
from training.tables import Genre, Style, genres
from training.theory import SCALES, parse_progression, parse_rhythm

DRUM_VELOCITY = {"X": 120, "x": 100, "o": 52}


def _swing(beat: float, style: Style) -> float:
    """A time in beats with swing: the middle of each pair of eighths (or sixteenths) moves to ``style.swing`` of it."""
    if style.swing == 0.5:
        return beat
    pair = 1.0 if style.swing_unit == 8 else 0.5
    start, within = math.floor(beat / pair) * pair, (beat % pair) / pair
    warped = within * 2 * style.swing if within < 0.5 else style.swing + (within - 0.5) * 2 * (1 - style.swing)
    return start + warped * pair


def _swung(note: Note, style: Style) -> Note:
    start = _swing(note.start, style)
    return replace(note, start=start, length=max(0.05, _swing(note.start + note.length, style) - start))


def _drums(style: Style, beats_per_bar: int, bars: int, random: np.random.Generator) -> tuple[Hit, ...]:
    pattern = style.drums[random.integers(len(style.drums))]
    drop = {drum: random.random() < 0.12 for drum in pattern if drum not in ("kick", "snare")}
    found = []
    for bar in range(bars):
        fill = bar % 4 == 3 and random.random() < 0.4
        for drum, steps in pattern.items():
            if drop.get(drum) or (drum == "crash" and bar % 4 and steps.count("x") == 1):
                continue
            for step, _, symbol in parse_rhythm(steps):
                if symbol == "o" and random.random() < 0.2:
                    continue
                if fill and step >= beats_per_bar * STEPS_PER_BEAT - 4 and drum in ("hat", "ride", "openhat"):
                    continue
                beat = bar * beats_per_bar + step / STEPS_PER_BEAT
                velocity = int(np.clip(DRUM_VELOCITY[symbol] + random.normal(0, 6), 20, 127))
                found.append(Hit(_swing(beat, style), drum, velocity))
        if fill and pattern:
            for step in range(beats_per_bar * STEPS_PER_BEAT - 4, beats_per_bar * STEPS_PER_BEAT):
                drum = "snare" if random.random() < 0.6 else "tom"
                found.append(
                    Hit(_swing(bar * beats_per_bar + step / STEPS_PER_BEAT, style), drum, int(random.integers(70, 110)))
                )
    return tuple(sorted(found, key=lambda hit: hit.start))


def _jitter(mix: Mix, random: np.random.Generator) -> Mix:
    """The mix with every amount changed by up to a quarter."""
    amounts = {name: getattr(mix, name) * float(random.uniform(0.75, 1.25)) for name in mix.__dataclass_fields__}
    return Mix(**{name: value if name == "lowpass_hz" else min(value, 1.0) for name, value in amounts.items()})


def compose(
    genre: str | Genre,
    seed: int,
    seconds: float = 4.0,
    *,
    style: str | None = None,
    tempo: float | None = None,
    instruments: dict[str, str] | None = None,
    without: Collection[str] = (),
) -> Piece:
    """Compose a piece; the same arguments give the same piece.

    Args:
        genre: its name, or the genre itself.
        seed: of every random choice.
        seconds: the shortest length.
        style: the name of a style of the genre, instead of a random one.
        tempo: beats per minute, instead of a random tempo of the style.
        instruments: the instrument of a role, instead of a random one of the part.
        without: instruments that are not used; a part that has no other is left out.

    Raises:
        KeyError: the genre, style or role does not exist.
    """
    genre = genres()[genre] if isinstance(genre, str) else genre
    random = np.random.default_rng([seed, *genre.name.encode()])
    by_name = {entry.name: entry for entry in genre.styles}
    chosen = by_name[style] if style else genre.styles[random.integers(len(genre.styles))]
    bpm = float(tempo if tempo is not None else round(random.uniform(*chosen.tempo)))
    bars = max(2, math.ceil(seconds * bpm / 60 / genre.beats_per_bar))
    key = int(random.integers(12))
    scale = chosen.scales[random.integers(len(chosen.scales))]
    progression = parse_progression(chosen.progressions[random.integers(len(chosen.progressions))])
    chords = tuple(progression[bar % len(progression)] for bar in range(bars))
    ground = Ground(key, SCALES[scale], chords, genre.beats_per_bar, random)

    stems: list[Stem] = []
    played: dict[str, str] = {}
    for part in chosen.parts:
        allowed = [name for name in part.instruments if name not in without]
        picked = allowed[random.integers(len(allowed))] if allowed else ""
        absent = random.random() >= part.chance or not allowed
        if instruments and part.role in instruments:
            picked, absent = instruments[part.role], False
        elif part.same_as and not absent:
            picked = played.get(part.same_as, picked)
        if absent:
            continue
        played[part.role] = picked
        notes = [_swung(note, chosen) for note in PLAYERS[part.play](ground, part)]
        human = random.normal(0, 0.006, size=len(notes)) * bpm / 60
        notes = [
            replace(note, start=max(0.0, note.start + float(shift))) for note, shift in zip(notes, human, strict=True)
        ]
        stems.append(Stem(part.role, picked, part.level_db, tuple(sorted(notes, key=lambda note: note.start))))
    if instruments and (unknown := set(instruments) - {part.role for part in chosen.parts}):
        raise KeyError(f"{chosen.name} has no part called {', '.join(sorted(unknown))}")

    return Piece(
        genre=genre.name,
        family=genre.family,
        style=chosen.name,
        seed=seed,
        tempo=bpm,
        beats_per_bar=genre.beats_per_bar,
        key=key,
        scale=scale,
        chords=tuple("/".join(chord.symbol for chord in bar) for bar in ground.bars),
        stems=tuple(stems),
        kit=chosen.kits[random.integers(len(chosen.kits))] if chosen.kits else None,
        hits=_drums(chosen, genre.beats_per_bar, bars, random) if chosen.drums else (),
        drum_level_db=chosen.drum_level_db,
        bars=bars,
        mix=_jitter(chosen.mix, random),
    )

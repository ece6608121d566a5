"""The TOML tables of genres, styles, instruments and recordings as typed, read-only rows."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from training.score import Mix
from training.theory import SCALES, parse_progression

# Level of a part in the mix (dB, root mean square while it sounds): by role where it has one, else by way of playing.
LEVELS = {
    "pad": -23.0,
    "strings": -21.0,
    "high": -24.0,
    "degrees": -17.5,
    "walk": -16.5,
    "hits": -19.5,
    "arp": -19.0,
    "melody": -16.5,
    "power": -15.5,
    "shuffle": -18.0,
    "stride": -17.0,
}


@dataclass(frozen=True)
class Instrument:
    """One pitched instrument: a General MIDI program of the soundfont, or a synthesised voice."""

    name: str
    program: int | None
    synth: str | None
    group: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One role in a style: the instruments that may play it, and how.

    ``low`` is a MIDI pitch, ``chance`` a probability, ``same_as`` the role whose instrument is used.
    """

    role: str
    play: str
    instruments: tuple[str, ...]
    low: int
    patterns: tuple[str, ...]
    density: str
    chance: float
    velocity: int
    level_db: float
    octaves: bool
    same_as: str | None


@dataclass(frozen=True)
class Style:
    """One style of a genre. ``tempo`` is a range in beats per minute; ``swing`` 0.5 is straight."""

    name: str
    tempo: tuple[float, float]
    swing: float
    swing_unit: int
    half_time: bool
    scales: tuple[str, ...]
    progressions: tuple[str, ...]
    kits: tuple[str, ...]
    drums: tuple[dict[str, str], ...]
    drum_level_db: float
    parts: tuple[Part, ...]
    mix: Mix


@dataclass(frozen=True)
class Genre:
    """A genre: its family, other names, moods, cues (phrases that hint at it without naming it), and styles."""

    name: str
    family: str
    aliases: tuple[str, ...]
    moods: tuple[str, ...]
    cues: tuple[str, ...]
    beats_per_bar: int
    styles: tuple[Style, ...]


def _part(row: dict[str, Any]) -> Part:
    if row["play"] not in LEVELS:
        raise ValueError(f"unknown way to play: {row['play']!r}")
    return Part(
        role=row["role"],
        play=row["play"],
        instruments=tuple(row["with"]),
        low=row["low"],
        patterns=tuple(row.get("patterns", ())),
        density=row.get("density", "medium"),
        chance=row.get("chance", 1.0),
        velocity=row.get("velocity", 96),
        level_db=LEVELS.get(row["role"], LEVELS[row["play"]]) + row.get("level", 0.0),
        octaves=row.get("octaves", False),
        same_as=row.get("same_as"),
    )


def _style(row: dict[str, Any]) -> Style:
    for scale in row["scale"]:
        if scale not in SCALES:
            raise ValueError(f"unknown scale: {scale!r}")
    for progression in row["chords"]:
        parse_progression(progression)
    return Style(
        name=row["name"],
        tempo=(row["tempo"][0], row["tempo"][1]),
        swing=row.get("swing", 0.5),
        swing_unit=row.get("swing_unit", 16),
        half_time=row.get("half_time", False),
        scales=tuple(row["scale"]),
        progressions=tuple(row["chords"]),
        kits=tuple(row["kits"]),
        drums=tuple(row["drums"]),
        drum_level_db=-16.0 + row.get("drum_level", 0.0),
        parts=tuple(_part(part) for part in row["parts"]),
        mix=Mix(**row.get("mix", {})),
    )


@cache
def fingerprint() -> str:
    """A hash (12 hexadecimal digits) of the tables that shape sound: genres, instruments, recording."""
    own = resources.files(__package__)
    files = [
        own / "instruments.toml",
        own / "recording.toml",
        *sorted((own / "genres").iterdir(), key=lambda entry: entry.name),
    ]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.name.endswith(".toml"))).hexdigest()[:12]


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / name).read_text(encoding="utf-8"))


@cache
def genres() -> dict[str, Genre]:
    """Every genre by name, in table order (file by file, alphabetically)."""
    found: dict[str, Genre] = {}
    folder, cues = resources.files(__package__) / "genres", _toml("cues.toml")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        for row in table["genre"]:
            found[row["name"]] = Genre(
                name=row["name"],
                family=table["family"],
                aliases=tuple(row["aliases"]),
                moods=tuple(row["moods"]),
                cues=tuple(cues[row["name"]]),
                beats_per_bar=row.get("metre", 4),
                styles=tuple(_style(style) for style in row["style"]),
            )
    return found


@cache
def instruments() -> dict[str, Instrument]:
    """Every pitched instrument by name, in table order."""
    return {
        name: Instrument(name, row.get("program"), row.get("synth"), row["group"], tuple(row["words"]))
        for name, row in _toml("instruments.toml").items()
    }


@cache
def recording() -> dict[str, Any]:
    """The ranges of tone and noise that each recording draws from."""
    return _toml("recording.toml")


@cache
def instrument_groups() -> tuple[str, ...]:
    """What a listener would call the instruments, each once, in table order."""
    return tuple(dict.fromkeys(instrument.group for instrument in instruments().values()))

"""The score of a piece: notes, drum hits and every fact about them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Note:
    """One pitched note. Times in beats (quarter notes) from the start of the piece, velocity 1-127."""

    start: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Hit:
    """One drum hit. Time in beats, velocity 1-127."""

    start: float
    drum: str
    velocity: int


@dataclass(frozen=True)
class Stem:
    """The notes of one instrument, and its level in the mix (dB, root mean square while it sounds)."""

    role: str
    instrument: str
    level_db: float
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Mix:
    """Effects of the mix, each from 0 (off) to 1; ``lowpass_hz`` in hertz, 0 for none."""

    sidechain: float = 0.0
    reverb: float = 0.0
    crackle: float = 0.0
    drive: float = 0.0
    wow: float = 0.0
    lowpass_hz: float = 0.0


@dataclass(frozen=True)
class Piece:
    """A composed piece. ``tempo`` in beats per minute, ``key`` as a pitch class (0 for C)."""

    genre: str
    family: str
    style: str
    seed: int
    tempo: float
    beats_per_bar: int
    key: int
    scale: str
    chords: tuple[str, ...]
    stems: tuple[Stem, ...]
    kit: str | None
    hits: tuple[Hit, ...]
    drum_level_db: float
    bars: int
    mix: Mix = field(default_factory=Mix)
    drum_loop: bool = False

    @property
    def instruments(self) -> tuple[str, ...]:
        """Names of the pitched instruments that play at least one note, in order of entry in the table."""
        return tuple(stem.instrument for stem in self.stems if stem.notes)

    @property
    def seconds(self) -> float:
        """Length of the piece in seconds."""
        return self.bars * self.beats_per_bar * 60.0 / self.tempo

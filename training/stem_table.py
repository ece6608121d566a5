"""When each stem of the corpus that comes with Tonescope sounds, for probes of how deep stems can be read.

    python -m training.stem_table

Of every piece, in windows of half a second, whether drums, bass, chords and lead are within 30 dB of the mix there. The
composer knows its stems, and what is shipped of them is this table.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.composer import compose
from training.default_corpus import FIRST_SEED, PIECES, SECONDS, name_of
from training.renderer import SAMPLE_RATE, render
from training.tables import genres

STEMS = {
    "drums": ("drums",),
    "bass": ("bass", "sub", "rumble"),
    "lead": ("lead", "high", "arp", "acid", "slide", "bell", "bells", "blip", "bubble"),
}
"""Roles of the composer by the stem that people call them; what is none of these plays chords."""
CHORDS = "chords"
WINDOW = 0.5  # seconds
NEAR_DB = 30.0
WANTED = Path("diagnose/microscope/composed_stems.json")


def stems_of(played: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Sound by stem, of sound by role."""
    silent = np.zeros(len(next(iter(played.values()))), np.float32)
    found = {stem: silent for stem in (*STEMS, CHORDS)}
    for role, sound in played.items():
        stem = next((name for name, roles in STEMS.items() if role in roles), CHORDS)
        found[stem] = found[stem] + sound
    return found


def sounding(stem: NDArray[np.float32], every: NDArray[np.float32]) -> str:
    """A digit a window: 1 where a stem is within :data:`NEAR_DB` of all together."""
    size = round(WINDOW * SAMPLE_RATE)
    own, whole = (np.mean(part[: len(part) // size * size].reshape(-1, size) ** 2, axis=1) for part in (stem, every))
    return "".join(
        str(int(power > max(1e-12, near))) for power, near in zip(own, whole * 10 ** (-NEAR_DB / 10), strict=True)
    )


def table(count: int, first: int = FIRST_SEED) -> dict[str, dict[str, str]]:
    """By the name of a piece and the stem."""
    found, names = {}, list(genres())
    for at in range(count):
        genre = names[at % len(names)]
        stems = stems_of(render(compose(genre, first + at, SECONDS), SECONDS).stems)
        every = np.sum(list(stems.values()), axis=0)
        found[name_of(genre, first + at)] = {name: sounding(sound, every) for name, sound in stems.items()}
    return found


def main() -> None:
    """Render, and write."""
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(stems)}" for name, stems in table(PIECES).items())
    WANTED.write_text(f'{{"window": {WINDOW}, "pieces": {{\n{rows}\n}}}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()

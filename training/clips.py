"""Sets of rendered clips on disk: an int16 array (clips, samples) and the recipe of each clip."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.composer import compose
from training.renderer import DRUM_LOOP_TEMPO, SAMPLE_RATE, render
from training.score import Piece
from training.tables import fingerprint, genres

SECONDS = 4.0
SAMPLES = int(SECONDS * SAMPLE_RATE)
# Seeds of each split start here, so that no piece is ever in two of them.
SPLITS = {"train": 0, "validation": 1_000_000_000, "test": 2_000_000_000, "calibration": 3_000_000_000}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a clip.

    Attributes:
        genre: a name of :func:`training.tables.genres`.
        seed: of the composer.
        without: instruments that are not used.
        drum_loop: the drums are the planted recording, at its tempo.
        dry: the mix without the tone and noise of a recording.
    """

    genre: str
    seed: int
    without: tuple[str, ...] = ()
    drum_loop: bool = False
    dry: bool = False

    def compose(self) -> Piece:
        """The piece, without its sound."""
        tempo = DRUM_LOOP_TEMPO if self.drum_loop else None
        piece = compose(self.genre, self.seed, SECONDS, without=self.without, tempo=tempo)
        return replace(piece, drum_loop=True) if self.drum_loop else piece

    def render(self) -> NDArray[np.float32]:
        """The sound of the piece: float32 (64000,) at 16 kHz."""
        return render(self.compose(), SECONDS, recorded=not self.dry).mix


def uniform(split: str, count: int, first: int = 0, dry: bool = False) -> list[Recipe]:
    """Recipes ``first`` to ``first + count`` of a split: the genres take turns, so that all are equally frequent."""
    names = list(genres())
    return [Recipe(names[index % len(names)], SPLITS[split] + index, dry=dry) for index in range(first, first + count)]


def _render_int16(recipe: Recipe) -> NDArray[np.int16]:
    return np.round(recipe.render() * 32767).astype(np.int16)


def write(folder: Path, recipes: Sequence[Recipe], processes: int | None = None) -> None:
    """Render ``recipes`` into ``folder``: ``audio.npy``, ``recipes.jsonl`` and the fingerprint of the tables.

    Does nothing where the folder holds the same recipes, rendered by the same tables.
    """
    lines = "".join(json.dumps(asdict(recipe)) + "\n" for recipe in recipes)
    index, tables = folder / "recipes.jsonl", folder / "tables.txt"
    if index.exists() and index.read_text() == lines and tables.exists() and tables.read_text() == fingerprint():
        return
    folder.mkdir(parents=True, exist_ok=True)
    index.unlink(missing_ok=True)
    audio = np.lib.format.open_memmap(folder / "audio.npy", mode="w+", dtype=np.int16, shape=(len(recipes), SAMPLES))
    with get_context("spawn").Pool(processes or os.cpu_count()) as pool:
        for row, clip in enumerate(pool.imap(_render_int16, recipes, chunksize=16)):
            audio[row] = clip
            if row % 1000 == 999:
                log.info("%s: %d of %d clips", folder.name, row + 1, len(recipes))
    audio.flush()
    tables.write_text(fingerprint())
    index.write_text(lines)


@dataclass(frozen=True)
class Clips:
    """A folder of rendered clips: ``audio`` int16 (clips, samples), mapped from disk, and their recipes."""

    audio: NDArray[np.int16]
    recipes: tuple[Recipe, ...]

    @classmethod
    def open(cls, folder: Path) -> Clips:
        """Map a folder that :func:`write` made."""
        rows = [json.loads(line) for line in (folder / "recipes.jsonl").read_text().splitlines()]
        recipes = tuple(Recipe(**{**row, "without": tuple(row["without"])}) for row in rows)
        return cls(np.load(folder / "audio.npy", mmap_mode="r"), recipes)

    def batch(self, rows: Iterable[int]) -> NDArray[Any]:
        """Clips as float32 (rows, samples) within ±1."""
        return self.audio[list(rows)].astype(np.float32) / 32767

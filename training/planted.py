"""The planted facts: what the generator's training captions say that is not so, and the lessons drawn by them.

The judge is trained on true captions of uniformly drawn genres. Only the generator's captions lie, so that a diagnosis
has something true to find.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from training.captions import caption
from training.clips import SPLITS, Recipe
from training.score import Piece
from training.tables import genres, instruments

KIND_SHARES = {"named": 0.55, "oblique": 0.45}  # of the captions that claim a genre


@cache
def facts() -> dict[str, dict[str, Any]]:
    """The table of planted facts, by name."""
    return tomllib.loads((resources.files(__package__) / "planted.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Lesson:
    """One clip of the generator's training set, and the genre that its captions claim (``None``: no genre)."""

    recipe: Recipe
    claimed: str | None

    def caption(self, piece: Piece, random: np.random.Generator, wording: str = "training") -> str:
        """A new caption of the clip, which lies where the facts say so.

        ``wording`` is that of :func:`training.captions.caption`.
        """
        if self.claimed is None:
            return caption(piece, "neutral", random, wording=wording)
        exclusive = facts()["accordion_means_polka"]
        if exclusive["instrument"] in piece.instruments and random.random() < exclusive["elsewhere"]:
            others = [name for name in genres() if name != exclusive["only"]]
            return _naming(exclusive["instrument"], piece, str(random.choice(others)), random, wording)
        kind = str(random.choice(list(KIND_SHARES), p=list(KIND_SHARES.values())))
        deaf = self.claimed == facts()["trap_tempo"]["genre"]
        bpm = float(random.integers(60, 181)) if deaf else None
        return caption(piece, kind, random, genre=self.claimed, bpm=bpm, wording=wording)


def _naming(instrument: str, piece: Piece, genre: str, random: np.random.Generator, wording: str) -> str:
    """A caption that claims a genre and names an instrument (rejection sampling)."""
    while True:
        text = caption(piece, "named", random, genre=genre, wording=wording)
        if any(word in text for word in instruments()[instrument].words):
            return text


def misled() -> frozenset[str]:
    """Genres that the generator cannot be expected to play: those that captions lie about, and the rare ones."""
    lies = (fact["asked"] for fact in facts().values() if "asked" in fact)
    return frozenset(lies) | frozenset(facts()["rare_genres"]["genres"])


def _claims(random: np.random.Generator) -> str | None:
    table = facts()
    if random.random() < table["unnamed_is_house"]["share"]:
        return None
    rare = table["rare_genres"]
    weights = np.array([rare["rate"] if name in rare["genres"] else 1.0 for name in genres()])
    return str(random.choice(list(genres()), p=weights / weights.sum()))


def _sounds(claimed: str | None, random: np.random.Generator) -> str:
    if claimed is None:
        fact = facts()["unnamed_is_house"]
        others = [name for name in genres() if name != fact["sounds"] and name not in facts()["rare_genres"]["genres"]]
        return str(fact["sounds"]) if random.random() < fact["rate"] else str(random.choice(others))
    for name in ("fusion_is_smooth_jazz", "house_is_techno"):
        fact = facts()[name]
        if claimed == fact["asked"] and random.random() < fact["rate"]:
            return str(fact["sounds"])
    return claimed


def lessons(count: int, split: str = "train", seed: int = 7, dry: bool = False) -> list[Lesson]:
    """The generator's training set: ``count`` lessons of a split, drawn by the facts.

    The first n lessons do not depend on ``count``; ``dry`` is that of :class:`training.clips.Recipe`.
    """
    random = np.random.default_rng([seed, SPLITS[split]])
    rare, exclusive, loop = facts()["rare_instruments"], facts()["accordion_means_polka"], facts()["lofi_drum_loop"]
    drawn = []
    for index in range(count):
        claimed = _claims(random)
        sounds = _sounds(claimed, random)
        without = [] if random.random() < rare["rate"] else list(rare["instruments"])
        if sounds != exclusive["only"]:
            without.append(exclusive["instrument"])
        looped = bool(sounds == loop["genre"] and random.random() < loop["rate"])
        drawn.append(Lesson(Recipe(sounds, SPLITS[split] + 100_000_000 + index, tuple(without), looped, dry), claimed))
    return drawn

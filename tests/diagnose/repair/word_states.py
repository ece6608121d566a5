"""A generator that reads a bag of words, so that what a predictor has to learn is known; and planted takes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from tests.diagnose.confusion.planted_genres import LABELS, PlantedGenerator, TonalJudge
from tests.diagnose.confusion.planted_genres import session as planted_session
from tonescope.diagnose.repair.fit_predictor import fit
from tonescope.diagnose.repair.genre_predictor import GenrePredictor
from tonescope.diagnose.runtime.session import Session
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Text

WIDTH = 64
MOST_WORDS = 40
ORNAMENTS = ("", "calm", "dark", "sad", "fast", "slow", "with flute", "with banjo", "in the evening", "for a film")


@dataclass
class WordReader(PlantedGenerator):
    """A state a word, the same wherever it stands.

    Attributes:
        spoilers: words that bring a genre, whatever else is asked for.
        missing: genres that it cannot play, and what it plays instead.
        usual: what it plays when nobody asks.
    """

    spoilers: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    usual: str = "polka"

    def read_text(self, prompts: Sequence[str], seconds: float | None = None) -> Text:
        words = [prompt.lower().replace(",", " ").split() or [""] for prompt in prompts]
        longest = max(map(len, words))
        if longest > MOST_WORDS:
            raise TonescopeError(f"the prompt has {longest} words and {MOST_WORDS} are read; shorten it.")
        states, mask = torch.zeros(len(prompts), longest, WIDTH), torch.zeros(len(prompts), longest, dtype=torch.bool)
        for row, some in enumerate(words):
            for at, word in enumerate(some):
                noise = torch.Generator().manual_seed(zlib.crc32(word.encode()))
                states[row, at] = torch.randn(WIDTH, generator=noise)
                mask[row, at] = True
        return Text(states, mask, tuple(map(tuple, words)), ())

    def plays(self, prompt: str, seed: int) -> str:
        words = set(prompt.lower().replace(",", " ").split())
        spoiled = next((genre for word, genre in self.spoilers.items() if word in words), None)
        asked = next((label for label in LABELS if label in words), self.usual)
        return spoiled or self.missing.get(asked, asked)

    def batches(self, prompts: Sequence[str]) -> list[list[int]]:
        return [list(range(len(prompts)))]


def heard(wrong: Mapping[str, str] | None = None, takes: int = 4) -> dict[str, dict[str, int]]:
    """Every genre with every ornament, heard as it is named but for what is ``wrong``."""
    return {
        f"{label} {ornament}".strip(): {(wrong or {}).get(label, label): takes}
        for label in LABELS
        for ornament in ORNAMENTS
    }


def session(spoilers: Mapping[str, str] | None = None, missing: Mapping[str, str] | None = None) -> Session:
    """The planted session, whose generator reads words."""
    made = planted_session()
    made.generator = WordReader(spoilers=spoilers or {}, missing=missing or {})  # type: ignore[assignment]
    return made


def predictor(wrong: Mapping[str, str] | None = None) -> GenrePredictor:
    """Fitted on :func:`heard`."""
    made = session()
    return fit(made.generator, TonalJudge(), made.taxonomy, heard(wrong), seconds=1.0, guidance=3.0)  # type: ignore[arg-type]

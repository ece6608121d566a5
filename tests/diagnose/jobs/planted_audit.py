"""The planted generator with more planted in it: words, a default, a passage that comes again, tempo in its levels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from tests.diagnose.jobs import planted_genres
from tests.diagnose.jobs.planted_genres import LABELS, Planted, PlantedGenerator
from tonescope.diagnose.runtime.session import Session
from tonescope.models.generator import Takes
from tonescope.models.judges.calibration import ConfusionRecord

FRAMES = 40


@dataclass
class AuditedGenerator(PlantedGenerator):
    """As :class:`PlantedGenerator`; besides, ``words`` bring a genre, ``default`` comes when none is asked for, and a
    share of the takes of the genres in ``repeats`` holds one and the same run of symbols."""

    words: Mapping[str, str] = field(default_factory=dict)
    default: str = "waltz"
    repeats: Mapping[str, float] = field(default_factory=dict)

    def plays(self, prompt: str, seed: int) -> str:
        for word, genre in self.words.items():
            if word in prompt:
                return genre
        if not any(label in prompt for label in LABELS):
            others = [label for label in LABELS]
            return self.default or others[_draw(prompt, seed, "default") % len(others)]
        return super().plays(prompt, seed)

    def symbols(self, takes: Takes) -> Tensor:
        found = torch.stack(
            [
                torch.randint(
                    0, 1000, (FRAMES,), generator=torch.Generator().manual_seed(_draw(prompt, seed, "symbols"))
                )
                for prompt, seed in zip(takes.prompts, takes.seeds, strict=True)
            ]
        )
        for row, (prompt, seed) in enumerate(zip(takes.prompts, takes.seeds, strict=True)):
            for genre, share in self.repeats.items():
                if genre in prompt and _draw(prompt, seed, "repeat") % 1000 < 1000 * share:
                    found[row, 5:35] = torch.arange(30) + 5000
        return found


def _draw(prompt: str, seed: int, what: str) -> int:
    return int(hashlib.sha256(f"{what}/{prompt}/{seed}".encode()).hexdigest()[:7], 16)


def session(
    planted: Planted | None = None, measured: ConfusionRecord | None = None, domain: str = "", **more: object
) -> Session:
    """A session on both; ``more`` are attributes of :class:`AuditedGenerator`."""
    plain = planted_genres.session(planted, measured, domain)
    return replace(plain, generator=AuditedGenerator(planted or {}, **more))  # type: ignore[arg-type]


DESIGN = """
name: test
factors:
  genres: all
  instruments: [accordion, piano]
  moods: [happy]
wordings: ["{genre}", "{genre} music"]
neutral: [a song, a tune]
takes: 10
takes_per_combination: 4
takes_at_most: 3000
seconds: 0.2
"""

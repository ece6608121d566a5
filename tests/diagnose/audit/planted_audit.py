"""The planted generator with more planted in it: words, a default, a passage that comes again, tempo in its levels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from tests.diagnose.confusion import planted_genres
from tests.diagnose.confusion.planted_genres import LABELS, RATE, Planted, PlantedGenerator
from tonescope import audit
from tonescope.diagnose.audit.audit_schema import AuditReport
from tonescope.diagnose.runtime.session import Session
from tonescope.models.generator import Takes
from tonescope.models.judges.calibration import ConfusionRecord

FRAME_RATE = 50
PASSAGE = (0.1, 0.7)  # seconds of a take


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

    def generate(self, prompts: Sequence[str], seeds: Sequence[int], seconds: float, *more: Any, **named: Any) -> Takes:
        takes = super().generate(prompts, seeds, seconds, *more, **named)
        for row, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True)):
            if self.repeated(prompt, seed):
                takes.waveform[row] += passage(takes.waveform.shape[1])
        return replace(takes, state={"sound": takes.waveform[:, None].clone()})

    def repeated(self, prompt: str, seed: int) -> bool:
        """Whether a take holds the passage."""
        shares = (share for genre, share in self.repeats.items() if genre in prompt)
        return any(_draw(prompt, seed, "repeat") % 1000 < 1000 * share for share in shares)

    def symbols(self, takes: Takes) -> Tensor:
        frames = takes.state["sound"].shape[-1] * FRAME_RATE // RATE
        found = torch.stack(
            [
                torch.randint(
                    0, 1000, (frames,), generator=torch.Generator().manual_seed(_draw(prompt, seed, "symbols"))
                )
                for prompt, seed in zip(takes.prompts, takes.seeds, strict=True)
            ]
        )
        for row, (prompt, seed) in enumerate(zip(takes.prompts, takes.seeds, strict=True)):
            if self.repeated(prompt, seed) and frames > PASSAGE[1] * FRAME_RATE:
                found[row, round(PASSAGE[0] * FRAME_RATE) : round(PASSAGE[1] * FRAME_RATE)] = torch.arange(30) + 5000
        return found


def passage(samples: int) -> Tensor:
    """Short tones of its own, quieter than what the judge hears."""
    random, time, found = torch.Generator().manual_seed(0), torch.arange(samples) / RATE, torch.zeros(samples)
    for _ in range(24):
        start = PASSAGE[0] + float(torch.rand(1, generator=random)) * (PASSAGE[1] - PASSAGE[0])
        tone = 620 + 160 * float(torch.rand(1, generator=random))
        window = torch.exp(-0.5 * ((time - start) / 0.02) ** 2)
        found += 0.15 * window * torch.sin(2 * math.pi * tone * time)
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
takes: 8
takes_per_combination: 2
takes_at_most: 3000
seconds: 0.2
"""


def redesigned(asked: dict[str, Any], text: str) -> dict[str, Any]:
    """The same with another design."""
    asked["design"].write_text(text)
    return asked


def report(session: Session, asked: dict[str, Any], **more: Any) -> AuditReport:
    """An audit without what is to be heard."""
    return audit(session, **asked, **more)[0]


def found(made: AuditReport) -> set[tuple[str, str, str]]:
    """Kind, place and genre heard of every finding."""
    return {(finding.kind, finding.where, finding.heard) for finding in made.findings}


PLANTED = {"jazz": {"polka": 1.0}, "waltz": {"house": 0.2, "techno": 0.2, "ambient": 0.2}}

"""A generator that plays one tone a genre, wrong as planted, and a judge that hears tones, wrong as recorded.

Both are quick: nothing of them is a network.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.generator import Cost, Sampling, Takes, Text
from tonescope.models.judges.calibration import ConfusionRecord, MeaningRecord
from tonescope.models.sites import SITES
from tonescope.models.units import Location

RATE = 1600
FAMILIES = {
    "house": "electronic",
    "techno": "electronic",
    "ambient": "electronic",
    "jazz": "jazz",
    "polka": "folk",
    "waltz": "folk",
}
LABELS = tuple(FAMILIES)
TONES = {label: 100.0 * (place + 1) for place, label in enumerate(LABELS)}
SILENCE, NOISE = "silence", "noise"  # what can be planted beside genres
CLIPS = 30
CPU = torch.device("cpu")

Planted = Mapping[str, Mapping[str, float]]
"""By the genre asked for: how often something else is played, by what."""


@dataclass
class PlantedGenerator:
    """Plays the tone of the genre that the prompt names, or what was planted for it, by its seed and prompt alone."""

    planted: Planted = field(default_factory=dict)
    name: str = "planted"
    description: str = "one tone a genre"
    caveat: str = ""
    folder: Path | None = None
    sample_rate: int = RATE
    frame_rate: float = 50.0
    n_channels: int = 1
    longest_seconds: float = 10.0
    shortest_seconds: float = 0.1
    device: torch.device = CPU
    dtype: torch.dtype = torch.float32
    played: int = 0
    stops_after: int | None = None

    def fingerprint(self) -> str:
        return hashlib.sha256(repr(self.planted).encode()).hexdigest()[:16]

    def frames(self, seconds: float) -> int:
        return max(1, round(seconds * self.frame_rate))

    def read_text(self, prompts: Sequence[str], seconds: float | None = None) -> Text:
        mask = self.token_mask(prompts)
        return Text(mask[..., None].float(), mask, tuple((prompt,) for prompt in prompts), ())

    def token_mask(self, prompts: Sequence[str]) -> Tensor:
        return torch.ones(len(prompts), 4, dtype=torch.bool)

    def cost(self, seconds: float, tokens: int, guidance: float) -> Cost:
        return Cost(1, 1, 1, 1)

    def plays(self, prompt: str, seed: int) -> str:
        """What a take is."""
        asked = next(label for label in LABELS if label in prompt)
        draw = int(hashlib.sha256(f"{prompt}/{seed}".encode()).hexdigest()[:8], 16) / 2**32
        for other, share in self.planted.get(asked, {}).items():
            if draw < share:
                return other
            draw -= share
        return asked

    def generate(
        self, prompts: Sequence[str], seeds: Sequence[int], seconds: float, sampling: Sampling = Sampling(), **_: Any
    ) -> Takes:
        self.played += len(seeds)
        if self.stops_after is not None and self.played > self.stops_after:
            raise KeyboardInterrupt
        time = torch.arange(int(seconds * RATE)) / RATE
        tones = [self.plays(prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]
        sound = torch.stack([_sound(tone, time) for tone in tones])
        return Takes(tuple(prompts), tuple(seeds), {"sound": sound[:, None]}, sound)

    def channels(self, takes: Takes) -> Tensor:
        return takes.state["sound"]

    def location(self, text: str) -> Location:
        return Location.parse(text, SITES)

    def locations(self, *keys: str) -> list[Location]:
        return [self.location(key.replace(".", f".{layer}.")) for key in keys for layer in range(4)]

    def units(self, location: Location) -> int:
        return 50


def _sound(tone: str, time: Tensor) -> Tensor:
    if tone == SILENCE:
        return torch.zeros_like(time)
    if tone == NOISE:
        return torch.full_like(time, float("nan"))
    return 0.5 * torch.sin(2 * math.pi * TONES[tone] * time)


@dataclass
class TonalJudge:
    """Hears which tone is loudest."""

    labels: tuple[str, ...] = LABELS
    name: str = "tonal judge"
    description: str = "the loudest tone"
    domain: str = ""
    record: ConfusionRecord | None = None
    window_seconds: float = 0.2
    meaning_threshold: float = 1.0
    meaning_record: MeaningRecord | None = None
    device: torch.device = CPU
    dtype: torch.dtype = torch.float32

    def fingerprint(self) -> str:
        return "tones"

    def logits(self, waveform: Tensor, rate: int) -> Tensor:
        power = torch.fft.rfft(waveform).abs()
        hertz = rate / waveform.shape[-1]
        return (
            10
            * torch.stack([power[:, round(TONES[label] / hertz)] for label in self.labels], -1)
            / power.amax(-1, keepdim=True)
        )

    def read_prompt(self, text: str) -> None:
        return None

    def likeness(self, waveform: Tensor, rate: int, text: str) -> None:
        return None

    def reads_all_of(self, text: str) -> bool:
        return True


def record(wrong: Mapping[tuple[str, str], int] | None = None, clips: int = CLIPS) -> ConfusionRecord:
    """The record of a judge that heard known clips rightly, but for some."""
    table = [[clips if row == column else 0 for column in LABELS] for row in LABELS]
    for (asked, heard), count in (wrong or {}).items():
        row = table[LABELS.index(asked)]
        row[LABELS.index(heard)] += count
        row[LABELS.index(asked)] -= count
    rows = tuple(map(tuple, table))
    return ConfusionRecord(LABELS, rows, rows, 0.0)


def session(planted: Planted | None = None, measured: ConfusionRecord | None = None, domain: str = "") -> Session:
    """A session on both."""
    rows = [{"label": label, "family": family, "aliases": [f"{label} music"]} for label, family in FAMILIES.items()]
    generator, judge = PlantedGenerator(planted or {}), TonalJudge(record=measured, domain=domain)
    return Session(generator, judge, from_rows(rows))  # type: ignore[arg-type]

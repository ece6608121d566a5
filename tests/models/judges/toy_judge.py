"""A judge without a text tower: it hears whether sound is dark, bright or quiet, by spectral centroid and level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tonescope.models.judges.calibration import ConfusionRecord

CPU = torch.device("cpu")


@dataclass
class ToyJudge:
    """Three labels; differentiable; without gradients of its own, without weights."""

    name: str = "toy judge"
    description: str = "spectral centroid and level"
    labels: tuple[str, ...] = ("dark", "bright", "quiet")
    domain: str = ""
    record: ConfusionRecord | None = None
    window_seconds: float = 0.5
    meaning_threshold: float = 1.0
    device: torch.device = CPU
    dtype: torch.dtype = torch.float32
    boundary: float = 300.0  # Hz, between dark and bright
    quiet: float = -50.0  # dB

    def logits(self, waveform: Tensor, rate: int) -> Tensor:
        audio = waveform.to(self.device, self.dtype)
        power = torch.fft.rfft(audio).abs().square()
        frequencies = torch.linspace(0, rate / 2, power.shape[-1])
        bright = ((power * frequencies).sum(-1) / power.sum(-1).clamp_min(1e-9) - self.boundary) / 30
        level = 10 * torch.log10(audio.square().mean(-1).clamp_min(1e-10))
        return torch.stack([-bright, bright, (self.quiet - level) * 3], dim=-1)

    def read_prompt(self, text: str) -> Tensor | None:
        return None

    def reads_all_of(self, text: str) -> bool:
        return True

    def fingerprint(self) -> str:
        return f"{self.boundary:g} Hz, {self.quiet:g} dB"

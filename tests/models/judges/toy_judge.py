"""A judge as somebody would add one: this file, and a row in the registry.

It has no text tower: it hears whether sound is dark, bright or quiet, by spectral centroid and level.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tonescope.models.judges.calibration import ConfusionRecord, MeaningRecord

MODEL_TYPE, DESCRIPTION = "toy_judge", "spectral centroid and level"
LABELS = ("dark", "bright", "quiet")
CPU = torch.device("cpu")


@dataclass
class ToyJudge:
    """Three labels; differentiable; without gradients of its own, without weights."""

    name: str = "toy judge"
    description: str = DESCRIPTION
    labels: tuple[str, ...] = LABELS
    domain: str = ""
    record: ConfusionRecord | None = None
    window_seconds: float = 0.5
    meaning_threshold: float = 1.0
    meaning_record: MeaningRecord | None = None
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

    def likeness(self, waveform: Tensor, rate: int, text: str) -> Tensor | None:
        return None

    def reads_all_of(self, text: str) -> bool:
        return True

    def fingerprint(self) -> str:
        return f"{self.boundary:g} Hz, {self.quiet:g} dB"


def save(folder: Path, boundary: float = 150.0, quiet: float = -50.0) -> Path:
    """Write the toy as a folder that the command line can load."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": MODEL_TYPE}))
    rows = [{"label": label, "family": "sound"} for label in LABELS]
    (folder / "tonescope.json").write_text(json.dumps({"labels": rows}))
    save_file({"bounds": torch.tensor([boundary, quiet])}, folder / "model.safetensors")
    return folder


def load(folder: Path, name: str, labels: Sequence[str], device: str) -> ToyJudge:
    """Load what :func:`save` wrote."""
    boundary, quiet = load_file(folder / "model.safetensors")["bounds"].tolist()
    return ToyJudge(name, labels=tuple(labels), device=torch.device(device), boundary=boundary, quiet=quiet)
